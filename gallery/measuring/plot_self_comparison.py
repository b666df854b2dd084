"""
Comparing a thing with itself
=============================

A benchmark that cannot tell a thing from itself finds differences everywhere. Ours is put to the test on this
machine: the same work twice, then with two and five per cent more of it.
"""

# %%
# A difference of known size
# --------------------------
# The work is a loop over a small addition. Making the loop :given:`2 % longer` makes it take as much longer,
# on any machine: that is a planted difference. With nothing planted, every difference found is a false alarm.
# A comparison says that two things differ when the 99 % interval of their ratio leaves 1 out.

import time

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import compare


def work(loops, device):
    """A call that adds the same two vectors ``loops`` times."""
    x = torch.ones(256, device=device)

    def call():
        for _ in range(loops):
            y = x + x
        return y

    return call


def one_comparison(percent, device, loops, precision, max_seconds):
    """Ratio, verdict and effort of one comparison in which the second works ``percent`` more."""
    begin = time.perf_counter()
    calls = {"plain": work(loops, device), "more": work(loops + loops * percent // 100, device)}
    found = compare(calls, precision=precision, max_seconds=max_seconds, threads=1)
    own = found["times"]["more"]
    return {
        "ratio": own["ratio"],
        "differs": own["differs"],
        "rounds": found["rounds"],
        "noted": bool(found["notes"]),
        "seconds": time.perf_counter() - begin,
    }


def share(outcomes):
    """How many of them, in per cent."""
    return quantity(100.0 * sum(outcomes) / len(outcomes), "%")


@experiment(small={"comparisons": 2, "precision": 0.2}, seconds=2400, memory_gb=2)
def planted(device, *, percents=(0, 2, 5), comparisons=5, loops=100, precision=0.005, max_seconds=4.0):
    """Comparisons of a thing with itself, and with itself and a little more."""
    every = {
        str(percent): [
            one_comparison(percent, device, loops, precision, max_seconds) for _ in range(comparisons)
        ]
        for percent in percents
    }
    rows = []
    for percent, ones in every.items():
        truth = 1 + int(percent) / 100
        flagged = share([one["differs"] for one in ones])
        near = share([abs(one["ratio"]["value"] / truth - 1) <= 0.02 for one in ones])
        covered = share([one["ratio"]["low"] <= truth <= one["ratio"]["high"] for one in ones])
        longest = quantity(max(one["seconds"] for one in ones), "s")
        rows.append([f"+{percent} %", flagged, near, covered, longest])
    heads = [
        "planted",
        "said to differ",
        "median within 2 % of the truth",
        "interval holds the truth",
        "longest",
    ]
    return {
        "comparisons": quantity(comparisons, "comparisons"),
        "precision": quantity(100 * precision, "%"),
        "every": every,
        "flagged": {percent: row[1] for percent, row in zip(every, rows, strict=True)},
        "table": table(heads, rows),
    }


# %%
# What it found
# -------------
# Each bar is one comparison: the dot is the median ratio, the bar its 95 % interval. The dashed lines are
# the truth. Bars of the first group should cross 1, and bars of the others should leave it out.

runs = planted()
for run in runs:
    fig, axes = figures.figure(
        alt="Ratios with intervals of repeated comparisons. "
        + "; ".join(
            f"planted {percent} %: {run['flagged'][percent]['value']:.0f} % of {len(ones)} said to differ,"
            f" medians from {min(one['ratio']['value'] for one in ones):.4f}"
            f" to {max(one['ratio']['value'] for one in ones):.4f}"
            for percent, ones in run["every"].items()
        )
        + ".",
        caption="The same work compared with itself, and with 2 % and 5 % more of it.",
        run=run,
    )
    colours = (figures.GREY, figures.BLUE, figures.VERMILION)
    for (percent, ones), colour in zip(run["every"].items(), colours, strict=False):
        truth = 1 + int(percent) / 100
        ratios = [one["ratio"] for one in ones]
        places = range(len(ones))
        below = [ratio["value"] - ratio["low"] for ratio in ratios]
        above = [ratio["high"] - ratio["value"] for ratio in ratios]
        axes.errorbar(
            places,
            [ratio["value"] for ratio in ratios],
            [below, above],
            fmt="o",
            markersize=4,
            color=colour,
            label=f"+{percent} %",
        )
        axes.axhline(truth, linestyle="--", linewidth=1, color=colour)
    axes.set(xlabel="comparison", ylabel="ratio of times", xticks=[])
    axes.legend(loc="upper left", ncols=3)

# %%
# How much work that took
# -----------------------
# A comparison goes on until the ratio is as precise as was wanted. On a quiet machine that takes a few
# rounds, on a busy one many, and when the time is up first, the result says so.

for run in runs:
    rounds = [one["rounds"] for ones in run["every"].values() for one in ones]
    seconds = [one["seconds"] for ones in run["every"].values() for one in ones]
    print(f"{run.caption}: {min(rounds)} to {max(rounds)} rounds, at most {max(seconds):.1f} s a comparison")

figures.show()
