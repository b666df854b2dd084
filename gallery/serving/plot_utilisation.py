"""
Utilisation
===========

How busy a server is decides how long its line is, and not in proportion: from half busy to 95 % the mean wait
grows nineteenfold. Beyond 100 % it has no mean at all and grows for as long as the load lasts.
"""

# %%
# The hyperbola
# -------------
# The same server under ever more load, with three kinds of traffic. Equal service times wait least,
# exponential ones twice as long, and a mix of many short and a few long requests longer again. The shape is
# always that of :math:`\rho / (1 - \rho)`; how uneven the traffic is only sets its height.

import statistics

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.queues.arrivals import bursty, exponential, hyperexponential, poisson
from seqdocs.queues.intervals import independent_runs
from seqdocs.queues.lindley import waits
from seqdocs.queues.theory.heavy import kingman_bound, kingman_wait, overload_wait
from seqdocs.queues.theory.laws import utilisation
from seqdocs.queues.theory.mg1 import mg1_wait
from seqdocs.queues.theory.mm1 import mm1_wait

# Squared coefficient of variation of the service times, and how to draw them with a mean of one.
KINDS = {
    "equal": (0.0, lambda count, seed: torch.ones(count, dtype=torch.float64)),
    "exponential": (1.0, lambda count, seed: exponential(1.0, count, seed)),
    "few long ones": (4.0, lambda count, seed: hyperexponential(1.0, 4.0, count, seed)),
}
COLOURS = {"equal": figures.BLUE, "exponential": figures.VERMILION, "few long ones": figures.PURPLE}


def repeated(arrivals, services, count, runs):
    """Mean wait with its interval over independent runs."""
    runs = (waits(arrivals(count, 2 * s), services(count, 2 * s + 1), "cumulative") for s in range(runs))
    return independent_runs([float(run.mean()) for run in runs])


# Queues on paper have no device; the recursion runs on the CPU.
@experiment(small={"loads": (0.5, 0.9), "count": 4000, "runs": 4}, seconds=60, memory_gb=1, devices=("cpu",))
def hyperbola(device, *, loads=(0.5, 0.7, 0.8, 0.9, 0.95), count=400_000, runs=8):
    """Mean wait of simulated queues at each load, in service times, for three kinds of service times."""
    torch.set_num_threads(1)
    found = {
        kind: [
            repeated(lambda n, seed, load=load: poisson(load, n, seed), draw, count, runs) for load in loads
        ]
        for kind, (_, draw) in KINDS.items()
    }
    rows = [
        [
            quantity(utilisation(load, 1.0), ""),
            quantity(mm1_wait(load, 1.0), ""),
            quantity(found["exponential"][at].value, "", *found["exponential"][at].interval),
        ]
        for at, load in enumerate(loads)
    ]
    return {
        "loads": list(loads),
        "found": {kind: [list(one) for one in column] for kind, column in found.items()},
        "growth": quantity(mm1_wait(loads[-1], 1.0) / mm1_wait(loads[0], 1.0), "×"),
        "table": table(["load", ("M/M/1, theory", "service times"), ("simulated", "service times")], rows),
    }


GRID = [step / 200 for step in range(2, 193)]

for run in hyperbola():
    words = "; ".join(
        f"{kind}: "
        + ", ".join(f"{wait[0]:.3g} at {load}" for load, wait in zip(run["loads"], col, strict=True))
        for kind, col in run["found"].items()
    )
    fig, axes = figures.figure(
        alt=f"Mean wait in service times against load, a hyperbola for each kind of service time. {words}.",
        caption="Mean wait against load: Pollaczek–Khinchine (lines), simulated (points with intervals).",
        run=run,
    )
    for kind, (variation, _) in KINDS.items():
        axes.plot(
            GRID, [mg1_wait(load, 1.0, 1 + variation) for load in GRID], color=COLOURS[kind], label=kind
        )
        middle, low, high = zip(*run["found"][kind], strict=True)
        reach = [[m - e for m, e in zip(middle, low, strict=True)],
                 [e - m for m, e in zip(middle, high, strict=True)]]  # fmt: skip
        axes.errorbar(run["loads"], middle, reach, fmt="o", color=COLOURS[kind], markersize=4, capsize=3)
    axes.set(xlabel="load $\\rho$", ylabel="mean wait, service times", ylim=(0, 25))
    axes.legend(title="service times")

# %%
# More than it can do
# -------------------
# At a load above 1 more work comes in every second than is done. The line grows, and with it the wait of who
# comes next: in a straight line, :math:`(\rho - 1)\,t` after t seconds. Below 1 the wait levels off. We
# average many runs, each of which begins with an empty line.


@experiment(small={"runs": 20, "horizon": 100}, seconds=60, memory_gb=1, devices=("cpu",))
def overload(device, *, loads=(0.9, 1.1, 1.25, 1.5), runs=400, horizon=1000, points=21):
    """Mean wait of who arrives t service times after the start, over many runs."""
    torch.set_num_threads(1)
    times = [horizon * at / (points - 1) for at in range(points)]
    curves = []
    for load in loads:
        count = round(1.4 * load * horizon)  # enough to reach the end in every run
        sums = torch.zeros(points, dtype=torch.float64)
        for seed in range(runs):
            arrivals, work = poisson(load, count, seed), exponential(1.0, count, seed + runs)
            wait = waits(arrivals, work, "cumulative")
            sums += wait[torch.searchsorted(arrivals, torch.tensor(times, dtype=torch.float64))]
        mean = (sums / runs).tolist()
        half = points // 2
        slope = (mean[-1] - mean[half]) / (times[-1] - times[half])
        said = overload_wait(load, 1.0, 1.0) if load > 1 else 0.0
        curves.append({"load": load, "mean": mean, "slope": slope, "said": said})
    grown = [curve for curve in curves if curve["load"] >= 1]
    return {
        "times": times,
        "curves": curves,
        "runs": quantity(runs, "runs"),
        "off": quantity(100 * max(abs(c["slope"] / c["said"] - 1) for c in grown), "%"),
        "slope": quantity(grown[-1]["slope"], "s per second"),
        "highest": quantity(grown[-1]["load"], ""),
    }


for run in overload():
    slopes = ", ".join(
        f"{c['slope']:.3f} at load {c['load']} (formula {c['said']:.3g})" for c in run["curves"]
    )
    fig, axes = figures.figure(
        alt=f"Mean wait against time since the line was empty, both in service times. Slopes: {slopes}.",
        caption="Wait of who arrives at t, mean of many runs (lines); what the formula says (dashed).",
        run=run,
    )
    shades = (figures.GREY, figures.BLUE, figures.GREEN, figures.VERMILION)
    for curve, colour in zip(run["curves"], shades, strict=True):
        axes.plot(run["times"], curve["mean"], color=colour, label=f"load {curve['load']}")
        if curve["load"] >= 1:
            axes.plot(
                run["times"], [curve["said"] * t for t in run["times"]], "--", color=colour, linewidth=1
            )
    axes.set(xlabel="time since the line was empty, service times", ylabel="mean wait, service times")
    axes.legend()

# %%
# Traffic that is not Poisson
# ---------------------------
# Real requests come in bursts. No formula gives the mean wait for any gaps and any service times, but
# Kingman's bound is never exceeded, and near load 1 his approximation comes close. Both depend on three
# things alone: how full, how uneven, how long.

TRAFFIC = {"like a clock": 0.1, "Poisson": 1.0, "bursts": 4.0, "heavy bursts": 16.0}


@experiment(small={"loads": (0.5, 0.9), "count": 4000, "runs": 4}, seconds=60, memory_gb=1, devices=("cpu",))
def kingman(device, *, loads=(0.5, 0.7, 0.9), count=400_000, runs=6):
    """Simulated mean wait over Kingman's bound and approximation, for gaps of any unevenness."""
    torch.set_num_threads(1)
    _, draw = KINDS["exponential"]
    rows, points = [], []
    for name, variation in TRAFFIC.items():
        for load in loads:
            found = repeated(
                lambda n, seed, load=load, v=variation: bursty(load, v, n, seed), draw, count, runs
            )
            bound, about = (say(load, 1.0, variation, 1.0) for say in (kingman_bound, kingman_wait))
            points.append({"load": load, "traffic": name, "found": found.value, "bound": bound})
            rows.append([f"{name}, load {load:g}", quantity(found.value, "", *found.interval), about, bound])
    return {
        "points": points,
        "nearest": quantity(max(point["found"] / point["bound"] for point in points), "×"),
        "usual": quantity(statistics.median(point["found"] / point["bound"] for point in points), "×"),
        "bursts": quantity(rows[-1][1]["value"] / mm1_wait(loads[-1], 1.0), "×"),
        "table": table(
            ["arrivals", ("simulated", "service times"), ("approximation", "service times"),
             ("bound", "service times")], rows
        ),
    }  # fmt: skip


for run in kingman():
    fig, axes = figures.figure(
        alt="Simulated mean wait against Kingman's bound, on logarithmic scales. The nearest point reaches"
        f" {run['nearest']['value']:.2f} of the bound.",
        caption="Mean wait with gaps of four kinds against Kingman's bound; the diagonal is the bound.",
        run=run,
        height=4.2,
    )
    shades = (figures.BLUE, figures.VERMILION, figures.GREEN, figures.PURPLE)
    for name, colour in zip(TRAFFIC, shades, strict=True):
        own = [point for point in run["points"] if point["traffic"] == name]
        axes.plot([p["bound"] for p in own], [p["found"] for p in own], "o", color=colour, label=name)
    ends = [0.4, 1.5 * max(point["bound"] for point in run["points"])]
    axes.plot(ends, ends, color=figures.COLOURS["theory"], label="the bound")
    axes.set(xscale="log", yscale="log", xlabel="bound, service times", ylabel="mean wait, service times")
    axes.legend()

# %%
# What to take away
# -----------------
# The last tenth of a server's capacity costs as much waiting as all before it, several times over. Plan for a
# load at which the wait is still bearable, and count unevenness as well as load. Read on at
# :term:`utilisation` and :term:`M/M/1 queue`.

if __name__ == "__main__":
    figures.show()
