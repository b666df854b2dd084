"""
What an interval promises
=========================

"95 %" is a promise about the method: of a hundred such intervals about ninety-five hold the truth. Whether it
is kept can be counted, on machines whose truth we know.
"""

# %%
# Machines of known truth
# -----------------------
# On a synthetic machine B takes exactly :given:`1.1 times` as long as A. We measure that as always, in
# interleaved rounds, take the median ratio and its interval, and look whether 1.1 lies inside. Again and
# again, on hundreds of machines that are disturbed by noise alone (*lognormal*), by a *drift*, or by *bursts*
# of other people's work.
#
# As a warning, the same on a drifting machine with samples drawn in blocks, all of A before all of B.

import math

import numpy as np

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.interval import bootstrap_median, enclosing
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.sampling import Effort, interleave, ratios
from seqdocs.bench.synthetic import KINDS, World

RATIO = 1.1
NAMES = {
    "lognormal": "lognormal",
    "drift": "drift",
    "bursts": "bursts",
    "plain": "lognormal, bootstrap alone",
    "blocks": "drift, in blocks",
}


def in_rounds(kind, ratio, seed, effort):
    """The ratio B over A of each round, drawn as ``compare`` draws them."""
    world = World(kind, ratio, seed)
    return ratios(interleave(world.samplers(), "first", effort, world.now, seed), "second", "first")


def in_blocks(kind, ratio, seed, rounds):
    """As many ratios of samples drawn in blocks."""
    world = World(kind, ratio, seed)
    first = [world.first() for _ in range(rounds)]
    return [world.second() / early for early in first]


def exactly(rounds):
    """So many rounds, whatever they say."""
    return Effort(precision=math.inf, min_rounds=rounds, max_seconds=math.inf)


def plain_bootstrap(samples):
    """The middle 95 % of the medians of resampled samples, and nothing more."""
    picks = np.random.default_rng(0).integers(len(samples), size=(400, len(samples)))
    return np.quantile(np.median(np.asarray(samples)[picks], axis=1), [0.025, 0.975])


def promise_kept(all_samples, interval):
    """How many percent of the intervals hold the truth, and half their median width in percent of it."""
    low, high = np.array([interval(samples) for samples in all_samples]).T
    holds = np.mean((low <= RATIO) & (high >= RATIO))
    return 100 * float(holds), 50 * float(np.median(high - low)) / RATIO


@experiment(small={"machines": 20, "rounds": (3, 7)}, devices=("cpu",), seconds=90, memory_gb=2)
def coverage(device, *, machines=200, rounds=(3, 5, 7, 15, 30, 60)):
    """Percent of intervals that hold the truth, and how wide they are, against the number of rounds."""
    holds, widths = {name: [] for name in NAMES}, {name: [] for name in NAMES}
    for count in rounds:
        drawn = {
            kind: [in_rounds(kind, RATIO, seed, exactly(count)) for seed in range(machines)] for kind in KINDS
        }
        drawn["plain"] = drawn["lognormal"]
        drawn["blocks"] = [in_blocks("drift", RATIO, seed, count) for seed in range(machines)]
        for name in NAMES:
            kept = promise_kept(drawn[name], plain_bootstrap if name == "plain" else bootstrap_median)
            holds[name].append(kept[0])
            widths[name].append(kept[1])
    rows = [[n, *(quantity(holds[name][i], "") for name in NAMES)] for i, n in enumerate(rounds)]
    return {
        "rounds": list(rounds),
        "holds": holds,
        "widths": widths,
        "machines": quantity(machines, "machines"),
        "luck": quantity(196 * math.sqrt(0.95 * 0.05 / machines), "percentage points"),
        "fewest": quantity(rounds[0], "rounds"),
        "most": quantity(rounds[-1], "rounds"),
        "first": {name: quantity(own[0], "%") for name, own in holds.items()},
        "last": {name: quantity(own[-1], "%") for name, own in holds.items()},
        "table": table(["rounds", *((name, "%") for name in NAMES.values())], rows),
    }


STYLES = {
    "lognormal": (figures.GREY, "o-"),
    "drift": (figures.BLUE, "o-"),
    "bursts": (figures.PURPLE, "o-"),
    "plain": (figures.ORANGE, "s--"),
    "blocks": (figures.VERMILION, "s--"),
}


def counted(axes, values):
    """A logarithmic axis that names the numbers that were tried."""
    axes.set(xscale="log")
    axes.set_xticks(values, [str(value) for value in values])
    axes.minorticks_off()


covered = coverage()
for run in covered:
    ends = (f"{NAMES[name]} {own[0]:.0f} to {own[-1]:.0f}" for name, own in run["holds"].items())
    fig, axes = figures.figure(
        alt=f"Percent of intervals that hold the truth, {run['rounds'][0]} to {run['rounds'][-1]} rounds: "
        f"{'; '.join(ends)}. Below six rounds none can reach 95.",
        caption=f"How many of {run['machines']['value']} nominal 95 % intervals hold the truth.",
        run=run,
    )
    luck = run["luck"]["value"]
    axes.axhspan(95 - luck, min(100, 95 + luck), color="0.5", alpha=0.2, linewidth=0)
    few = [n for n in run["rounds"] if n <= 7]
    most = [100 * (1 - 2 ** (1 - n)) for n in few]
    axes.plot(few, most, "_", color="0.5", markersize=18, label="most there can be")
    for name, (colour, style) in STYLES.items():
        axes.plot(run["rounds"], run["holds"][name], style, markersize=4, color=colour, label=NAMES[name])
    axes.set(xlabel="rounds", ylabel="intervals that hold the truth, %", ylim=(0, 102))
    counted(axes, run["rounds"])
    axes.legend(fontsize="small")

# %%
# The grey band is 95 % give or take the luck of so many machines.
#
# With a few rounds every interval is too short, and no cleverness helps. Each round lies below or above the
# truth, like a coin; with three coins all fall on one side in a quarter of the cases, and then the truth lies
# outside of everything that was seen. The short grey strokes are this limit, :math:`1 - 2^{1-n}`.
#
# The bootstrap alone stays too short for longer: it imagines the future from the samples it has. Ours is
# widened to two samples that enclose the median by the law of coins (:mod:`seqdocs.bench.interval`).
#
# And blocks: more samples make it *worse*. The interval shrinks around a wrong value. An interval speaks of
# chance, never of a mistake in how the samples were drawn.
#
# What certainty costs
# --------------------
# The width shrinks with the root of the number of rounds: half the width costs four times the time. That is
# why a comparison names the precision it wants, and says so when time ran out before. With three rounds the
# interval looks better than with seven, because it cannot get as wide as it should be.

for run in covered:
    rounds, widths = run["rounds"], run["widths"]["lognormal"]
    fig, axes = figures.figure(
        alt="Half-width of the interval, in percent of the ratio, against rounds: "
        + ", ".join(f"{width:.2g} at {n}" for n, width in zip(rounds, widths, strict=True))
        + ". From seven on it follows the root law.",
        caption="Half of the median width of an interval; dotted: one over the root of the number of rounds.",
        run=run,
        height=3.0,
    )
    axes.plot(rounds, [widths[-1] * math.sqrt(rounds[-1] / n) for n in rounds], ":", color="0.5")
    axes.plot(rounds, widths, "o-", color=figures.BLUE, markersize=4)
    axes.set(xlabel="rounds", ylabel="half-width, % of the ratio", ylim=(0, None))
    counted(axes, rounds)

# %%
# Looking until it differs
# ------------------------
# The promise is for one look. Who looks after every round, and stops as soon as the interval leaves out one,
# gives chance many chances. Here A and B are equal. We count how many comparisons would have been called
# different by then, and how many with a single look at that round.


@experiment(small={"machines": 20, "most": 20}, devices=("cpu",), seconds=60, memory_gb=2)
def peeking(device, *, machines=300, first=7, most=100, precision=0.01):
    """False alarms of many looks, of one look, and of the rule by which ``compare`` stops."""
    alarms = np.zeros((machines, most - first + 1), dtype=bool)
    ours = []
    for seed in range(machines):
        samples = in_rounds("lognormal", 1.0, seed, exactly(most))
        for look in range(first, most + 1):
            low, high = enclosing(samples[:look])
            alarms[seed, look - first] = not low <= 1 <= high
        until = Effort(precision=precision, min_rounds=15, max_seconds=math.inf)
        low, high = bootstrap_median(in_rounds("lognormal", 1.0, seed, until), level=0.99)
        ours.append(not low <= 1 <= high)
    many = 100 * np.logical_or.accumulate(alarms, axis=1).mean(axis=0)
    return {
        "looks": list(range(first, most + 1)),
        "many": many.tolist(),
        "once": (100 * alarms.mean(axis=0)).tolist(),
        "most": quantity(most, "rounds"),
        "many_last": quantity(float(many[-1]), "%"),
        "once_last": quantity(100 * float(alarms[:, -1].mean()), "%"),
        "ours": quantity(100 * sum(ours) / machines, "%"),
    }


for run in peeking():
    fig, axes = figures.figure(
        alt="False alarms against rounds. With a look after every round they climb to "
        f"{run['many'][-1]:.0f} %, with a single look there are {run['once'][-1]:.0f} % at the end.",
        caption="Comparisons of equals that were called different, by number of rounds.",
        run=run,
        height=3.0,
    )
    axes.plot(run["looks"], run["many"], color=figures.VERMILION, label="a look after every round")
    axes.plot(run["looks"], run["once"], color=figures.BLUE, label="one look, at this round")
    axes.axhline(5, color="0.5", linewidth=1)
    axes.set(xlabel="rounds", ylabel="false alarms, %", ylim=(0, None))
    axes.legend()

# %%
# What to take away
# -----------------
# Fix when to stop before you look. :func:`seqdocs.bench.timing.compare` stops when the interval is *narrow*,
# wherever it lies, asks that seldom, and calls two things different only by a 99 % interval.

if __name__ == "__main__":
    figures.show()
