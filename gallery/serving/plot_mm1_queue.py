"""
M/M/1 queue
===========

The simplest queue with random arrivals and random service times is solved to the last decimal: its mean wait,
its distribution, its percentiles. We simulate millions of customers and see whether they know the formulas.
"""

# %%
# A few seconds of the queue
# --------------------------
# Gaps between arrivals and service times are both exponential. Given those two lists nothing is random any
# more: Lindley's recursion says who waits how long. The loop is the definition; the running sum that we use
# for millions of customers must agree with it.

import math

import numpy as np
import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.queues import multiserver
from seqdocs.queues.arrivals import exponential, poisson
from seqdocs.queues.intervals import independent_runs
from seqdocs.queues.lindley import waits
from seqdocs.queues.theory.erlang import erlang_c, mmc_wait
from seqdocs.queues.theory.mg1 import md1_wait, wait_given_ahead
from seqdocs.queues.theory.mm1 import mm1_wait, mm1_wait_percentile, mm1_wait_tail
from seqdocs.queues.trace import ahead_on_arrival, fifo

times, work = poisson(0.9, 2000, seed=1), exponential(1.0, 2000, seed=2)
torch.testing.assert_close(waits(times, work, "cumulative"), waits(times, work, "loop"))

# %%
# Mean wait against load
# ----------------------
# One mean service time is the unit of time, so the arrival rate is the load :math:`\rho`. Several independent
# runs give each point its interval. M/D/1 has equal service times, M/M/c has c servers on one line. How many
# have to wait at all, :math:`P(W > 0)`, is Erlang's second formula, Erlang-C: with one server it is the load,
# with more it is less, since some server may be free.


def mm1(load, count, seed):
    """Waits of one run."""
    return waits(poisson(load, count, seed), exponential(1.0, count, seed + 1), "cumulative")


def md1(load, count, seed):
    """Waits of one run with equal service times."""
    return waits(poisson(load, count, seed), torch.ones(count, dtype=torch.float64), "cumulative")


def mean_of_runs(make, load, count, runs):
    """Mean wait with its interval; each run has arrivals of its own."""
    return independent_runs([float(make(load, count, 2 * seed).mean()) for seed in range(runs)])


def many_servers(loads, servers, count, runs):
    """Mean waits of M/M/c and shares who wait at all, at all loads, the runs side by side."""
    draw = np.random.default_rng(servers)
    rates = np.repeat(np.array(loads) * servers, runs)
    arrivals = (draw.exponential(size=(count, len(rates))) / rates).cumsum(0)
    services = draw.exponential(size=arrivals.shape)
    waited = multiserver.walk(np.zeros((servers, len(rates))), arrivals, services)
    both = waited.mean(0), (waited > 0).mean(0)
    return [[independent_runs(one) for one in column.reshape(len(loads), runs).tolist()] for column in both]


# The queue is a model on paper: it has no device, and its recursion runs on the CPU.
@experiment(
    small={"loads": (0.5, 0.9), "count": 4000, "steps": 500, "runs": 4},
    seconds=60,
    memory_gb=1,
    devices=("cpu",),
)
def means(device, *, loads=(0.5, 0.7, 0.8, 0.9, 0.95), servers=(2, 8), count=400_000, steps=120_000, runs=10):
    """Mean waits of simulated queues, with intervals, and what the formulas say."""
    torch.set_num_threads(1)
    found = {
        "M/M/1": [mean_of_runs(mm1, load, count, runs) for load in loads],
        "M/D/1": [mean_of_runs(md1, load, count, runs) for load in loads],
    }
    many = {f"M/M/{c}": many_servers(loads, c, steps, runs) for c in servers}
    found |= {name: waited for name, (waited, _) in many.items()}
    theory = {
        "M/M/1": [mm1_wait(load, 1.0) for load in loads],
        "M/D/1": [md1_wait(load, 1.0) for load in loads],
    } | {f"M/M/{c}": [mmc_wait(c * load, 1.0, c) for load in loads] for c in servers}
    rows = [
        [f"{name}, load {load:g}", quantity(said[at], ""), quantity(one.value, "", *one.interval)]
        for name, said in theory.items()
        for at, (load, one) in enumerate(zip(loads, found[name], strict=True))
    ]
    pairs = [(theory[name][at], found[name][at]) for name in theory for at in range(len(loads))]
    delayed = [
        [f"M/M/{c}, load {load:g}", erlang_c(c * load, 1.0, c), many[f"M/M/{c}"][1][at]]
        for c in servers
        for at, load in enumerate(loads)
    ]
    held = sum(one.low <= said <= one.high for said, one in pairs)
    return {
        "loads": list(loads),
        "found": {name: [list(one) for one in column] for name, column in found.items()},
        "customers": quantity(count * runs, "customers"),
        "held": quantity(held, ""),
        "points": quantity(len(pairs), "points"),
        "delayed": quantity(100 * delayed[-2][1], "%"),
        "delayed_seen": quantity(
            100 * delayed[-2][2].value, "%", *(100 * e for e in delayed[-2][2].interval)
        ),
        "delayed_at": quantity(100 * loads[-2], "%"),
        "delayed_servers": quantity(servers[-1], "servers"),
        "who_waits": table(
            ["queue", ("Erlang-C", "%"), ("simulated", "%")],
            [
                [
                    name,
                    quantity(100 * said, ""),
                    quantity(100 * one.value, "", *(100 * e for e in one.interval)),
                ]
                for name, said, one in delayed
            ],
        ),
        "worst": quantity(100 * max(abs(one.value / said - 1) for said, one in pairs), "%"),
        "table": table(["queue", ("theory", "service times"), ("simulated", "service times")], rows),
    }


GRID = [step / 200 for step in range(2, 192)]
CURVES = {
    "M/M/1": (lambda load: mm1_wait(load, 1.0), figures.VERMILION),
    "M/D/1": (lambda load: md1_wait(load, 1.0), figures.BLUE),
    "M/M/2": (lambda load: mmc_wait(2 * load, 1.0, 2), figures.GREEN),
    "M/M/8": (lambda load: mmc_wait(8 * load, 1.0, 8), figures.PURPLE),
}

for run in means():
    last = {name: column[-1][0] for name, column in run["found"].items()}
    fig, axes = figures.figure(
        alt=f"Mean wait in service times against load. At load {run['loads'][-1]}: "
        + ", ".join(f"{name} {value:.3g}" for name, value in last.items())
        + f". {run['held']['value']} of {run['points']['value']} simulated intervals hold the formula.",
        caption="Mean wait against load: formulas (lines) and simulated customers (points with intervals).",
        run=run,
    )
    for name, (curve, colour) in CURVES.items():
        axes.plot(GRID, [curve(load) for load in GRID], color=colour, label=name)
        middle, low, high = zip(*run["found"][name], strict=True)
        reach = [[m - e for m, e in zip(middle, low, strict=True)],
                 [e - m for m, e in zip(middle, high, strict=True)]]  # fmt: skip
        axes.errorbar(run["loads"], middle, reach, fmt="o", color=colour, markersize=4, capsize=3)
    axes.set(xlabel="load $\\rho$", ylabel="mean wait, service times", ylim=(0, 22))
    axes.legend()

# %%
# How long the unlucky wait
# -------------------------
# A mean says little about a single customer. How many wait longer than t falls as an exponential *of t*,
# a straight line on this scale. Here, and only here, the word exponential belongs to a wait. The last points
# of each line come from a few crowded spells of a single run, so they scatter more than so many would.


@experiment(
    small={"loads": (0.5, 0.9), "count": 20_000, "points": 5}, seconds=60, memory_gb=1, devices=("cpu",)
)
def tails(device, *, loads=(0.5, 0.8, 0.9), count=2_000_000, points=13, q=0.99):
    """Share of simulated customers who wait longer than t, against the formula, and the p99."""
    torch.set_num_threads(1)
    curves, rows = [], []
    for seed, load in enumerate(loads):
        run = mm1(load, count, 100 + 2 * seed)
        longest = math.log(load / 1e-4) / (1 - load)  # the formula's share is 1e-4 there
        times = [longest * at / (points - 1) for at in range(points)]
        counted = [float((run > time).double().mean()) for time in times]
        said = [mm1_wait_tail(load, 1.0, time) for time in times]
        curves.append({"load": load, "times": times, "counted": counted, "said": said})
        p99 = float(run.kthvalue(math.ceil(q * count)).values)
        rows.append(
            [load, quantity(mm1_wait(load, 1.0), ""), mm1_wait_percentile(load, 1.0, q), quantity(p99, "")]
        )
    return {
        "curves": curves,
        "p99_over_mean": quantity(rows[-1][2] / rows[-1][1]["value"], "×"),
        "table": table(
            ["load", ("mean", "service times"), ("p99, theory", "service times"),
             ("p99, simulated", "service times")], rows
        ),
    }  # fmt: skip


for run in tails():
    fig, axes = figures.figure(
        alt="Share of customers who wait longer than t, on a logarithmic scale: straight lines. "
        + "; ".join(
            f"load {curve['load']}: {curve['counted'][0]:.2f} wait at all, one in ten thousand longer than"
            f" {curve['times'][-1]:.0f} service times"
            for curve in run["curves"]
        )
        + ".",
        caption="How many wait longer than t: formula (lines) and simulated customers (points).",
        run=run,
    )
    for curve, colour in zip(run["curves"], (figures.BLUE, figures.GREEN, figures.VERMILION), strict=False):
        axes.plot(curve["times"], curve["said"], color=colour, label=f"load {curve['load']}")
        shown = [(t, share) for t, share in zip(curve["times"], curve["counted"], strict=True) if share]
        axes.plot(*zip(*shown, strict=True), "o", color=colour, markersize=4)
    axes.set(yscale="log", xlabel="t, service times", ylabel="share that waits longer")
    axes.legend()

# %%
# Given that n are ahead
# ----------------------
# Who sees n others when he comes waits n service times on average, the one being served included, because an
# exponential service time forgets how long it has lasted. Linear in n, whatever the load.


@experiment(small={"count": 4000}, seconds=60, memory_gb=1, devices=("cpu",))
def ahead(device, *, load=0.9, count=1_000_000, deepest=40, enough=500):
    """Mean wait of those who found n ahead, for each n that at least ``enough`` of them found."""
    torch.set_num_threads(1)
    run = fifo(poisson(load, count, 7), exponential(1.0, count, 8), "cumulative")
    wait, found = run.start - run.scheduled, ahead_on_arrival(run)
    depths = [n for n in range(deepest + 1) if int((found == n).sum()) >= min(enough, count // 200)]
    mean = [float(wait[found == n].mean()) for n in depths]
    spread = [float(wait[found == n].std()) for n in depths]
    off = [abs(value / wait_given_ahead(n, 1.0) - 1) for n, value in zip(depths, mean, strict=True) if n]
    return {
        "depths": depths,
        "mean": mean,
        "spread": spread,
        "deepest": quantity(depths[-1], "others"),
        "off": quantity(100 * max(off), "%"),
    }


for run in ahead():
    n, mean, spread = run["depths"], run["mean"], run["spread"]
    fig, axes = figures.figure(
        alt=f"Mean wait against the number found ahead, 0 to {n[-1]}: a straight line, {mean[-1]:.1f} service"
        f" times behind {n[-1]}. The band of one standard deviation is {spread[-1]:.1f} wide to either side.",
        caption="Wait of those who found n ahead at load 0.9: mean (points), one deviation, n (line).",
        run=run,
    )
    low, high = ([m + sign * s for m, s in zip(mean, spread, strict=True)] for sign in (-1, 1))
    axes.fill_between(n, low, high, color=figures.BLUE, alpha=0.2, linewidth=0)
    axes.plot(n, n, color=figures.COLOURS["theory"], label="n service times")
    axes.plot(n, mean, "o", color=figures.BLUE, markersize=4, label="simulated")
    axes.set(xlabel="found ahead, n", ylabel="wait, service times")
    axes.legend()

# %%
# What to take away
# -----------------
# The mean wait is a hyperbola of the load, the distribution an exponential of time, the wait behind n a
# straight line: three shapes of one queue, often confused. Real service times are seldom exponential, and the
# mean then needs their second moment. Read on at :term:`M/M/1 queue`.

if __name__ == "__main__":
    figures.show()
