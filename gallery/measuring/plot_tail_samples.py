"""
How many samples has a p99?
===========================

One request in a hundred takes longer than the p99. From a few dozen samples nobody can know it: most likely
the slowest of them all is still too fast. We guess it thousands of times and compare with the truth.
"""

# %%
# Guesses
# -------
# The latencies are drawn from an exponential distribution with a mean of one, so the true p99 is known:
# :math:`\ln 100`. We draw n of them, read off the p99 as any tool does, and do it again, many times over. A
# guess may be wrong by chance; the question is how far.

import math

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.queues.arrivals import exponential, poisson
from seqdocs.queues.estimate import Estimate, TooFewSamplesError
from seqdocs.queues.intervals import batch_percentile
from seqdocs.queues.lindley import waits
from seqdocs.queues.percentiles import fewest_samples, nearest_rank, percentile
from seqdocs.queues.theory.mm1 import mm1_wait_percentile

Q = 0.99


def guess(samples):
    """The p99 with its interval; from too few samples, with the widest interval that they have to offer."""
    try:
        return percentile(samples, Q)
    except TooFewSamplesError:
        ordered = samples.sort().values.tolist()
        return Estimate(ordered[nearest_rank(len(ordered), Q) - 1], ordered[0], ordered[-1])


@experiment(small={"sizes": (50, 368), "repetitions": 50}, seconds=60, memory_gb=2, devices=("cpu",))
def guesses(device, *, sizes=(50, 100, 200, 368, 700, 1500, 4000), repetitions=2000):
    """The p99 of n independent samples, guessed again and again."""
    torch.set_num_threads(1)  # tensors this short gain nothing from a second one
    truth, points, rows = math.log(1 / (1 - Q)), [], []
    for size in sizes:
        drawn = exponential(1.0, size * repetitions, seed=size).reshape(repetitions, size)
        found = [guess(samples) for samples in drawn]
        values = torch.tensor([one.value / truth for one in found], dtype=torch.float64)
        low, middle, high = values.quantile(torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)).tolist()
        unseen = float((drawn.max(1).values < truth).double().mean())
        holds = sum(one.low <= truth <= one.high for one in found) / repetitions
        points.append({"size": size, "low": low, "middle": middle, "high": high, "unseen": unseen})
        cells = (quantity(100 * share, "") for share in (low, high, unseen, holds))
        rows.append([size, *cells])
    return {
        "points": points,
        "repetitions": quantity(repetitions, "repetitions"),
        "fewest": quantity(fewest_samples(Q), "samples"),
        "fewest_999": quantity(fewest_samples(0.999), "samples"),
        "first_unseen": quantity(100 * points[0]["unseen"], "%"),
        "table": table(
            [
                "samples",
                ("lowest guess", "% of truth"),
                ("highest guess", "% of truth"),
                ("all below the p99", "%"),
                ("interval holds it", "%"),
            ],
            rows,
        ),
    }


runs = guesses()
for run in runs:
    points, fewest = run["points"], run["fewest"]["value"]
    size = [point["size"] for point in points]
    fig, axes = figures.figure(
        alt="Guessed p99 over true p99 against the number of samples: the range of nine guesses in ten. "
        + "; ".join(f"{p['size']} samples: {p['low']:.2f} to {p['high']:.2f}" for p in points)
        + ".",
        caption="The p99 guessed from n samples: nine guesses in ten lie in the band, half above the line.",
        run=run,
    )
    low, middle, high = ([point[name] for point in points] for name in ("low", "middle", "high"))
    axes.fill_between(size, low, high, color=figures.BLUE, alpha=0.25, linewidth=0)
    axes.plot(size, middle, "o-", color=figures.BLUE)
    axes.axhline(1, color=figures.GREY, linewidth=1, linestyle="--")
    axes.axvline(fewest, color=figures.VERMILION, linewidth=1)
    axes.annotate(f"{fewest}", (fewest, 1), (4, -12), color=figures.VERMILION,
                  xycoords=("data", "axes fraction"), textcoords="offset points")  # fmt: skip
    axes.set(xscale="log", xlabel="samples", ylabel="guessed over true p99")
    axes.set_xticks(size, [str(n) for n in size])
    axes.minorticks_off()

# %%
# Why 368
# -------
# A guess without an interval is worth little, and an interval needs an upper end. It must be one of the
# samples, since of what lies beyond them nothing is known. But each sample is below the p99 with probability
# 0.99, so *all* n of them are with probability :math:`0.99^n`. In those cases even the slowest sample is too
# low for an upper end. An interval that is to hold the truth in 95 % of cases may miss it in 2.5 % on either
# side, and :math:`0.99^n \le 0.025` from 368 samples on. For a p99.9 it takes 3,688.
#
# No distribution was assumed, and no method, however clever, gets around it without assuming one.

for run in runs:
    points, fewest = run["points"], run["fewest"]["value"]
    size = [point["size"] for point in points]
    unseen = [100 * point["unseen"] for point in points]
    fig, axes = figures.figure(
        alt="Share of repetitions in which the true p99 lies above every sample: "
        + "; ".join(f"{n} samples {share:.1f} %" for n, share in zip(size, unseen, strict=True))
        + f". It follows 0.99 to the power n and falls below 2.5 % at {fewest} samples.",
        caption="How often the p99 lies above all that was seen.",
        run=run,
    )
    grid = torch.logspace(math.log10(size[0]), math.log10(1000), 100, dtype=torch.float64)
    axes.plot(grid, 100 * Q**grid, color=figures.COLOURS["theory"], label="$0.99^n$")
    axes.plot(size, unseen, "o", color=figures.COLOURS["measured"], label="counted")
    axes.axhline(2.5, color=figures.GREY, linewidth=1, linestyle="--")
    axes.axvline(fewest, color=figures.VERMILION, linewidth=1)
    axes.annotate(f"{fewest} samples: 2.5 %", (fewest, 2.5), (6, 8), textcoords="offset points")
    axes.set(xlabel="samples", ylabel="p99 above all samples, %", ylim=(0, None), xlim=(0, 1000))
    axes.legend()

# %%
# Samples that know each other
# ----------------------------
# All this is for *independent* samples. Waits in a queue are not: who comes behind a long line waits long,
# and so does the next. We let requests wait in a queue with a load of 0.7 and ask for the p99 in two ways:
# counting the waits as if they were independent, and by batches, which judge from the run itself whether it
# was long enough, and refuse it otherwise.

METHODS = {"as if independent": percentile, "by batches": batch_percentile}


@experiment(small={"lengths": (500, 4000), "repetitions": 10}, seconds=60, memory_gb=2, devices=("cpu",))
def in_line(device, *, load=0.7, lengths=(1000, 10_000, 100_000), repetitions=100):
    """Outcomes of two intervals for the p99 of waits, at several lengths of the run."""
    torch.set_num_threads(1)
    truth = mm1_wait_percentile(load, 1.0, Q)
    shares = {method: [] for method in METHODS}
    for length in lengths:
        counts = {method: {"right": 0, "wrong": 0, "refused": 0} for method in METHODS}
        for seed in range(repetitions):
            times, work = poisson(load, length, seed), exponential(1.0, length, seed + repetitions)
            run = waits(times, work, "cumulative")
            for method, make in METHODS.items():
                try:
                    found = make(run, Q)
                except TooFewSamplesError:
                    counts[method]["refused"] += 1
                else:
                    counts[method]["right" if found.low <= truth <= found.high else "wrong"] += 1
        for method in METHODS:
            shares[method].append({name: 100 * n / repetitions for name, n in counts[method].items()})
    return {
        "lengths": list(lengths),
        "shares": shares,
        "load": quantity(load, ""),
        "independent_right": quantity(shares["as if independent"][-1]["right"], "%"),
        "batches_right": quantity(shares["by batches"][-1]["right"], "%"),
    }


for run in in_line():
    outcomes = {"right": figures.BLUE, "wrong": figures.VERMILION, "refused": figures.GREY}
    bars = [(method, at) for method in METHODS for at in range(len(run["lengths"]))]
    names = [f"{method}, {run['lengths'][at]:,}" for method, at in bars]
    fig, axes = figures.figure(
        alt="Outcomes of the interval of the p99 of waits. "
        + "; ".join(
            f"{name} waits: {run['shares'][method][at]['right']:.0f} % right,"
            f" {run['shares'][method][at]['wrong']:.0f} % wrong,"
            f" {run['shares'][method][at]['refused']:.0f} % refused"
            for name, (method, at) in zip(names, bars, strict=True)
        )
        + ".",
        caption="The p99 of waits in a queue: whether its interval holds the truth, by length of the run.",
        run=run,
        height=3.2,
    )
    left = [0.0] * len(bars)
    for outcome, colour in outcomes.items():
        share = [run["shares"][method][at][outcome] for method, at in bars]
        axes.barh(names, share, left=left, color=colour, label=outcome)
        left = [before + own for before, own in zip(left, share, strict=True)]
    axes.invert_yaxis()
    axes.axvline(95, color="0.2", linewidth=1, linestyle="--")
    axes.set(xlabel="runs, %", ylabel="method, waits", xlim=(0, 100))
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, 1.16), ncols=3)

# %%
# What to take away
# -----------------
# Below 368 samples there is no p99, below 3,688 no p99.9:
# :func:`~seqdocs.queues.percentiles.percentile` refuses them. From one run of a queue, take batches, and take
# the refusal for an answer: run longer. Or repeat the run, and treat each p99 as one number. The intervals
# are in :cite:t:`david2003`, the judging of a run by its own batches goes back to :cite:t:`law1979`. What a
# load test may do wrong before a percentile is even taken is told in
# :doc:`/gallery/measuring/plot_coordinated_omission`.

if __name__ == "__main__":
    figures.show()
