"""
Tail latency
============

A mean latency describes nobody. What users meet is the tail, and whoever asks many servers at once meets it
nearly every time. We count how fast the tail takes over, and what looking at a second line does against it.
"""

# %%
# The tail of one server
# ----------------------
# Percentiles of the time from arrival to answer in an M/M/1 queue, from a million simulated customers. Mean
# and percentiles grow together as the load grows, but they do not stay close: the p99 is many times the mean
# service time long before the server is full. The interval of each percentile comes from batches of the run.

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.queues.arrivals import exponential, hyperexponential, poisson
from seqdocs.queues.estimate import TooFewSamplesError
from seqdocs.queues.intervals import batch_percentile, independent_runs
from seqdocs.queues.lindley import waits
from seqdocs.queues.percentiles import fewest_samples, nearest_rank
from seqdocs.queues.theory.disciplines import choices_latency

QS = (0.5, 0.9, 0.99, 0.999)


def latency(load, count, seed, services=None):
    """Times from arrival to answer of one run, in mean service times."""
    work = exponential(1.0, count, seed + 1) if services is None else services
    return waits(poisson(load, count, seed), work, "cumulative") + work


def quantile(samples, q):
    """The q-quantile, one of the samples."""
    return float(samples.kthvalue(nearest_rank(len(samples), q)).values)


# Queues on paper have no device; the recursion runs on the CPU.
@experiment(
    small={"loads": (0.5, 0.8), "count": 30_000, "shown": 0.8}, seconds=60, memory_gb=1, devices=("cpu",)
)
def percentiles(device, *, loads=(0.5, 0.6, 0.7, 0.8, 0.9), count=1_000_000, shown=0.8):
    """Percentiles of latency against load, with intervals."""
    torch.set_num_threads(1)
    points, rows = [], []
    for at, load in enumerate(loads):
        took = latency(load, count, 2 * at)
        point = {"load": load, "mean": float(took.mean())}
        for q in QS:
            try:
                found = batch_percentile(took, q)
                point[f"p{100 * q:g}"] = quantity(found.value, "service times", *found.interval)
            except TooFewSamplesError:  # the run was too short to know it, and says so
                point[f"p{100 * q:g}"] = quantity(quantile(took, q), "service times")
        points.append(point)
        rows.append([load, quantity(point["mean"], ""), *(point[f"p{100 * q:g}"] | {"unit": ""} for q in QS)])
    at = points[loads.index(shown)]
    return {
        "points": points,
        "p99_over_mean": quantity(at["p99"]["value"] / at["mean"], "×"),
        "p99_over_median": quantity(at["p99"]["value"] / at["p50"]["value"], "×"),
        "shown": quantity(shown, ""),
        "fewest": quantity(fewest_samples(0.99), "samples"),
        "table": table(
            ["load", ("mean", "service times"), *((f"p{100 * q:g}", "service times") for q in QS)], rows
        ),
    }


for run in percentiles():
    points = run["points"]
    last = points[-1]
    fig, axes = figures.figure(
        alt="Mean and percentiles of latency against load, on a logarithmic scale. At load"
        f" {last['load']}: mean {last['mean']:.1f} service times, "
        + ", ".join(f"p{100 * q:g} {last[f'p{100 * q:g}']['value']:.1f}" for q in QS)
        + ".",
        caption="Latency in an M/M/1 queue: mean and percentiles against load.",
        run=run,
    )
    loads = [point["load"] for point in points]
    axes.plot(loads, [p["mean"] for p in points], "--", color=figures.GREY, label="mean")
    for q, colour in zip(QS, (figures.BLUE, figures.GREEN, figures.ORANGE, figures.VERMILION), strict=True):
        name = f"p{100 * q:g}"
        axes.plot(loads, [p[name]["value"] for p in points], "o-", color=colour, label=name)
    axes.set(yscale="log", xlabel="load $\\rho$", ylabel="latency, service times")
    axes.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    axes.minorticks_off()
    axes.legend()

# %%
# Asking many at once
# -------------------
# A search asks a hundred servers and answers when the slowest has. If one answer in a hundred is slow, the
# chance that none of n is slow is :math:`0.99^n`. With a hundred servers most searches meet a p99. We draw n
# latencies of different servers, take the largest, and count how often it is beyond the p99 of a single one.


@experiment(
    small={"fans": (1, 10), "count": 2000, "samples": 20_000}, seconds=60, memory_gb=1, devices=("cpu",)
)
def fan_out(device, *, fans=(1, 2, 5, 10, 20, 50, 100, 200), load=0.5, count=20_000, samples=2_000_000):
    """Share of fan-outs that are slower than a single server's p99, and their median."""
    torch.set_num_threads(1)
    pool = latency(load, samples, 11)
    p99, median = quantile(pool, 0.99), quantile(pool, 0.5)
    draw = torch.Generator().manual_seed(0)
    points, rows = [], []
    for fan in fans:
        # Drawn from all over a long run, so that the servers are independent, as separate machines are.
        slowest = torch.cat([
            pool[torch.randint(samples, (1000, fan), generator=draw)].max(1).values
            for _ in range(count // 1000)
        ])  # fmt: skip
        share = float((slowest > p99).double().mean())
        points.append({"fan": fan, "share": share, "said": 1 - 0.99**fan, "median": quantile(slowest, 0.5)})
        rows.append(
            [fan, quantity(100 * share, ""), 100 * (1 - 0.99**fan), quantity(points[-1]["median"], "")]
        )
    many = points[[point["fan"] for point in points].index(100)] if 100 in fans else points[-1]
    return {
        "points": points,
        "p99": quantity(p99, "service times"),
        "median": quantity(median, "service times"),
        "slow_at_100": quantity(100 * many["share"], "%"),
        "median_at_100": quantity(many["median"] / median, "×"),
        "table": table(
            ["servers asked", ("beyond the p99, counted", "%"), ("theory", "%"),
             ("median latency", "service times")], rows
        ),
    }  # fmt: skip


for run in fan_out():
    points = run["points"]
    fan = [point["fan"] for point in points]
    fig, (left, right) = figures.figure(
        alt="Left: share of answers slower than a single server's p99 against the number of servers asked: "
        + ", ".join(f"{100 * p['share']:.0f} % at {p['fan']}" for p in points)
        + f". Right: the median of the slowest, from {points[0]['median']:.2f} to {points[-1]['median']:.1f}"
        " service times.",
        caption="Fan-out: how often the slowest of n answers is beyond one server's p99, and its median.",
        run=run,
        columns=2,
    )
    grid = torch.logspace(0, torch.tensor(float(fan[-1])).log10().item(), 80)
    left.plot(grid, 100 * (1 - 0.99**grid), color=figures.COLOURS["theory"], label="$1 - 0.99^n$")
    left.plot(fan, [100 * point["share"] for point in points], "o", color=figures.BLUE, label="counted")
    left.set(ylabel="slower than one server's p99, %", ylim=(0, 100))
    left.legend()
    right.plot(
        fan, [point["median"] for point in points], "o-", color=figures.BLUE, label="median of the slowest"
    )
    right.axhline(run["p99"]["value"], color=figures.VERMILION, linewidth=1, label="p99 of one")
    right.set(ylabel="latency, service times", ylim=(0, None))
    right.legend()
    for axes in (left, right):
        axes.set(xscale="log", xlabel="servers asked, n")
        axes.set_xticks(fan, [str(n) for n in fan])
        axes.minorticks_off()

# %%
# Ask twice
# ---------
# A remedy for the tail: if there is no answer by the time that nineteen in twenty have come, ask a second
# server, and take whichever is first. It costs one request in twenty more and cuts off what a single unlucky
# server adds. The second answer is drawn independently, so this shows what hedging can do at best.


@experiment(small={"samples": 20_000}, seconds=60, memory_gb=1, devices=("cpu",))
def hedged(device, *, load=0.5, samples=2_000_000, after=0.95, variation=4.0):
    """Percentiles with and without a second request for those who wait too long."""
    torch.set_num_threads(1)
    took = latency(load, samples, 21, hyperexponential(1.0, variation, samples, 22))
    draw = torch.Generator().manual_seed(1)
    first, second = (took[torch.randint(samples, (samples,), generator=draw)] for _ in range(2))
    limit = quantile(took, after)
    both = torch.where(first > limit, torch.minimum(first, limit + second), first)
    qs = (0.5, 0.9, 0.95, 0.99, 0.999)
    curves = {"once": [quantile(first, q) for q in qs], "a second one": [quantile(both, q) for q in qs]}
    return {
        "qs": list(qs),
        "curves": curves,
        "extra": quantity(100 * float((first > limit).double().mean()), "%"),
        "p999": quantity(curves["once"][-1] / curves["a second one"][-1], "×"),
    }


for run in hedged():
    names = [f"p{100 * q:g}" for q in run["qs"]]
    fig, axes = figures.figure(
        alt="Percentiles of latency in service times, asking once and asking a second server after the p95. "
        + "; ".join(
            f"{name}: {once:.1f} and {twice:.1f}"
            for name, once, twice in zip(names, *run["curves"].values(), strict=True)
        )
        + f". {run['extra']['value']:.1f} % more requests.",
        caption="Percentiles of latency with and without a second request for the slowest.",
        run=run,
        height=3.0,
    )
    colours = (figures.VERMILION, figures.BLUE)
    for shift, (name, curve), colour in zip((-0.2, 0.2), run["curves"].items(), colours, strict=True):
        axes.bar([place + shift for place in range(len(names))], curve, 0.4, color=colour, label=name)
    axes.set_xticks(range(len(names)), names)
    axes.set(xlabel="percentile", ylabel="latency, service times")
    axes.legend()

# %%
# The power of two choices
# ------------------------
# Better than to repair the tail is not to join the long line. Many servers with a line each: a request sent
# to a random one may meet a long line while others idle. Looking at two random lines and joining the shorter
# takes most of that away; looking at more adds little. The formula is for very many servers; SimPy simulates
# a few.


@experiment(
    small={"choices": (1, 2), "count": 600, "runs": 2},
    seconds=90,
    memory_gb=1,
    packages=("simpy",),
    devices=("cpu",),
)
def two_choices(device, *, choices=(1, 2, 3, 5), load=0.8, servers=20, count=25_000, runs=4):
    """Latency when the shortest of d random lines is joined: mean, formula, p50 and p99."""
    try:
        from seqdocs.queues.simulation.dispatch import shortest_of
        from seqdocs.queues.trace import latencies

        found = {
            d: [
                latencies(
                    shortest_of(
                        poisson(load * servers, count, 2 * s),
                        exponential(1.0, count, 2 * s + 1),
                        servers,
                        d,
                        s,
                    )
                )[count // 10 :]  # the start from empty lines is left out
                for s in range(runs)
            ]
            for d in choices
        }
    except ModuleNotFoundError:
        return {"missing": "not measured: simpy is not installed here"}
    points, rows = [], []
    for d, samples in found.items():
        mean = independent_runs([float(one.mean()) for one in samples])
        p50, p99 = (quantile(torch.cat(samples), q) for q in (0.5, 0.99))
        points.append(
            {"choices": d, "mean": mean.value, "p50": p50, "p99": p99, "said": choices_latency(load, d)}
        )
        cells = quantity(mean.value, "", *mean.interval), choices_latency(load, d), p50, p99
        rows.append([d, *cells])
    unit = "service times"
    return {
        "missing": "",
        "points": points,
        "servers": quantity(servers, "servers"),
        "load": quantity(load, ""),
        "gain": quantity(points[0]["p99"] / points[1]["p99"], "×"),
        "table": table(["lines looked at", *((n, unit) for n in ("mean", "formula", "p50", "p99"))], rows),
    }


for run in two_choices():
    if run["missing"]:
        print(run["missing"])
        continue
    points = run["points"]
    looked = [point["choices"] for point in points]
    fig, axes = figures.figure(
        alt="Latency in service times against the number of lines looked at: "
        + "; ".join(f"{p['choices']}: mean {p['mean']:.2f}, p99 {p['p99']:.1f}" for p in points)
        + ".",
        caption=f"Shortest of d random lines, {run['servers']['value']} servers: mean and p99.",
        run=run,
    )
    axes.plot(looked, [point["p99"] for point in points], "o-", color=figures.VERMILION, label="p99")
    axes.plot(looked, [point["mean"] for point in points], "o-", color=figures.BLUE, label="mean")
    axes.plot(
        looked, [p["said"] for p in points], "x", color=figures.GREY, label="mean, formula", markersize=8
    )
    axes.set(xlabel="lines looked at, d", ylabel="latency, service times", yscale="log")
    axes.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    axes.minorticks_off()
    axes.set_xticks(looked, [str(d) for d in looked])
    axes.legend()

# %%
# What to take away
# -----------------
# Report percentiles, not means, and as many samples as a percentile needs
# (:doc:`/gallery/measuring/plot_tail_samples`). What asks many servers is as slow as their tail. Spread
# requests by looking at two lines. Read on at :term:`tail latency` and :term:`latency`.

if __name__ == "__main__":
    figures.show()
