"""
A first, then B
===============

Time A a few times, then B a few times, compare. Everyone does it, and it compares two moments of the machine
as much as two programs. We time one call against itself, and see how often it "wins".
"""

# %%
# One call under two names
# ------------------------
# A and B are the very same call, so every difference found is a false alarm. In each trial we draw the same
# number of samples of both in two orders: *in blocks*, first all of A and then all of B, and *interleaved*,
# one of each per round and by lot who goes first. Clock, warm-up and statistics are the same.
#
# A difference is seen when the 95 % interval of the ratio, the n-th sample of B over the n-th of A, leaves
# out one. We also count how often the intervals of the two medians do not touch, which is what people look
# for in a bar chart.

import math
import time
from functools import partial

import numpy as np
import torch

from seqdocs.bench import figures
from seqdocs.bench.clock import wall
from seqdocs.bench.experiment import experiment
from seqdocs.bench.interval import bootstrap_median
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.sampling import Effort, interleave, warm_up
from seqdocs.bench.synthetic import KINDS, World
from seqdocs.bench.timing import median_of

ORDERS = {"blocks": "in blocks", "interleaved": "interleaved"}
COUNTED = ("furthest", "alarms", "apart")


def draw(order, samplers, rounds, now, seed):
    """As many samples of everyone, in one of two orders."""
    if order == "blocks":
        return {name: [sample() for _ in range(rounds)] for name, sample in samplers.items()}
    exactly = Effort(precision=math.inf, min_rounds=rounds, max_seconds=math.inf)
    return interleave(samplers, next(iter(samplers)), exactly, now, seed)


def ratio_of(times):
    """Time of the second over time of the first: the median over rounds, with its 95 % interval."""
    first, second = times.values()
    return median_of([late / early for early, late in zip(first, second, strict=True)], "×")


def leaves_out_one(ratio):
    """Whether someone would see a difference."""
    return not ratio["low"] <= 1 <= ratio["high"]


def apart(times):
    """Whether the intervals of the two medians do not touch."""
    (low, high), (other_low, other_high) = (bootstrap_median(own) for own in times.values())
    return high < other_low or other_high < low


def percent(seen):
    """How many of all, in percent."""
    return quantity(100 * sum(seen) / len(seen), "%")


def in_time(samplers, now, log):
    """The same samplers; each notes when it was asked, who it is and what it said."""

    def noted(name, sample):
        log.append([now(), name, sample()])
        return log[-1][2]

    return {name: partial(noted, name, sample) for name, sample in samplers.items()}


@experiment(small={"trials": 2, "rounds": 5}, seconds=60, memory_gb=2)
def twins(device, *, trials=20, rounds=60, sample_seconds=1e-3, width=128):
    """One step of a recurrence timed against itself, in both orders, many times."""
    torch.set_num_threads(1)
    h, weight = torch.randn(64, width, device=device), torch.randn(width, width, device=device) / width**0.5
    clock = wall()

    def step():
        return torch.tanh(h @ weight)

    fastest = min(clock.seconds(step, 100) / 100 for _ in range(5))
    loops = max(1, round(sample_seconds / fastest))
    samplers = dict.fromkeys("AB", lambda: clock.seconds(step, loops) / loops)
    warm_up(samplers["A"], limit=0.5, now=time.perf_counter)
    found = {order: {"ratios": [], "apart": [], "logs": []} for order in ORDERS}
    for trial in range(trials):
        for order, own in found.items():  # by turns, so that both meet the same machine
            start, log = time.perf_counter(), []
            times = draw(order, in_time(samplers, time.perf_counter, log), rounds, time.perf_counter, trial)
            own["ratios"].append(ratio_of(times))
            own["apart"].append(apart(times))
            own["logs"].append([[when - start, name, seconds] for when, name, seconds in log])
    result = {"trials": quantity(trials, "trials"), "samples": quantity(rounds, "samples")}
    for order, own in found.items():
        off = [abs(ratio["value"] - 1) for ratio in own["ratios"]]
        result[order] = {
            "ratios": own["ratios"],
            "furthest": quantity(float(f"{100 * max(off):.2g}"), "%"),
            "alarms": percent([leaves_out_one(ratio) for ratio in own["ratios"]]),
            "apart": percent(own["apart"]),
            "worst": off.index(max(off)),
            "samples_of_worst": own["logs"][off.index(max(off))],
        }
    head = ["order", "furthest from one", "interval of the ratio leaves out one", "intervals do not touch"]
    rows = [[name, *(result[order][key] for key in COUNTED)] for order, name in ORDERS.items()]
    return result | {"table": table(head, rows)}


NAMED = {"A": figures.BLUE, "B": figures.VERMILION}


def over_time(axes, log, unit):
    """Every sample at its moment, slow ones on the upper edge; the median of each name as a line."""
    top = 1.4 * float(np.median([seconds for _, _, seconds in log]))
    for name, colour in NAMED.items():
        when, seconds = np.array([[when, seconds] for when, who, seconds in log if who == name]).T
        axes.plot(when, unit * np.minimum(seconds, top), "o", markersize=4, color=colour, label=name)
        axes.hlines(unit * np.median(seconds), when.min(), when.max(), color=colour, linewidth=1.2, zorder=3)


found = twins()
for run in found:
    ratio = {order: run[order]["ratios"][run[order]["worst"]]["value"] for order in ORDERS}
    fig, panels = figures.figure(
        alt="Samples of one call under the names A and B over time, in the trial that went worst. "
        f"In blocks, B seems to take {ratio['blocks']:.3f} times as long as A, interleaved "
        f"{ratio['interleaved']:.3f} times.",
        caption="One call under two names: the worst trial of each order, slow samples on the upper edge.",
        run=run,
        columns=2,
        sharey=True,
    )
    for axes, (order, title) in zip(panels, ORDERS.items(), strict=True):
        over_time(axes, run[order]["samples_of_worst"], 1e6)
        axes.set(xlabel="time, s", title=f"{title}: B/A = {ratio[order]:.3f}")
    panels[0].set(ylabel="time of a call, µs")
    panels[0].legend()

# %%
# All trials
# ----------
# Each line is a trial: the ratio B/A with its 95 % interval, sorted. Squares in red leave out one: each could
# have been announced as a result.

for run in found:
    said = (f"{title} {run[order]['alarms']['value']:.0f} %" for order, title in ORDERS.items())
    fig, panels = figures.figure(
        alt=f"Ratio B/A of {run['trials']['value']} trials in both orders, with intervals. "
        f"Those that leave out one: {'; '.join(said)}.",
        caption="The ratio of a call to itself; red squares: a difference is seen where there is none.",
        run=run,
        columns=2,
        sharey=True,
    )
    for axes, (order, title) in zip(panels, ORDERS.items(), strict=True):
        ratios = sorted(run[order]["ratios"], key=lambda ratio: ratio["value"])
        for number, ratio in enumerate(ratios, 1):
            colour, mark = (figures.VERMILION, "s") if leaves_out_one(ratio) else (figures.GREY, "o")
            axes.vlines(number, ratio["low"], ratio["high"], color=colour)
            axes.plot(number, ratio["value"], mark, color=colour, markersize=4)
        axes.axhline(1, color="0.5", linewidth=1)
        reach = max(0.02, *(1.5 * run[one]["furthest"]["value"] / 100 for one in ORDERS))
        axes.set(xlabel="trial, sorted", title=title, ylim=(1 - reach, 1 + reach))
    panels[0].set(ylabel="time of B over time of A")

# %%
# The same on a machine we know
# -----------------------------
# How bad it is depends on how busy your machine is today. So here are machines that we made up: synthetic
# clocks, seeded, whose truth is known (:class:`seqdocs.bench.synthetic.World`). *Lognormal*: every sample is
# disturbed by itself. *Drift*: the machine steadily gets faster or slower. *Bursts*: a neighbour comes and
# goes. The two competitors take exactly the same time. Surely more samples help?


@experiment(small={"trials": 10, "samples": (7, 15)}, devices=("cpu",), seconds=60, memory_gb=2)
def planted(device, *, trials=100, samples=(7, 15, 30, 60, 120)):
    """False alarms on synthetic machines, in percent of the trials, against samples of each competitor."""
    found = {order: {} for order in ORDERS}
    for order, rates in found.items():
        for kind in KINDS:
            rates[kind] = []
            for rounds in samples:
                worlds = [World(kind, ratio=1.0, seed=seed) for seed in range(trials)]
                times = (draw(order, w.samplers(), rounds, w.now, seed) for seed, w in enumerate(worlds))
                rates[kind].append(percent([leaves_out_one(ratio_of(one)) for one in times]))
    log, world = [], World("drift", ratio=1.0, seed=1)
    both = {"A": world.first, "B": world.second}
    draw("blocks", in_time(both, world.now, log), samples[-1], world.now, 0)
    return {
        "samples": list(samples),
        "most": quantity(samples[-1], "samples"),
        "alarms": found,
        "first": {order: {kind: rates[kind][0] for kind in KINDS} for order, rates in found.items()},
        "last": {order: {kind: rates[kind][-1] for kind in KINDS} for order, rates in found.items()},
        "log": log,
    }


COLOURS = {"lognormal": figures.GREY, "drift": figures.VERMILION, "bursts": figures.PURPLE}

for run in planted():
    ends = (
        f"{kind} {title}: {run['first'][order][kind]['value']:g} to {run['last'][order][kind]['value']:g}."
        for kind in KINDS
        for order, title in ORDERS.items()
    )
    fig, (left, right) = figures.figure(
        alt="Left: samples of A, then of B, on a made-up machine that drifts; both follow one slanted line. "
        f"Right: percent of trials with a false alarm, from {run['samples'][0]} samples to "
        f"{run['samples'][-1]}. {' '.join(ends)}",
        caption="Made-up machines of known truth: a drift, and false alarms against samples.",
        run=run,
        columns=2,
    )
    over_time(left, run["log"], 1e3)
    left.set(xlabel="time, s", ylabel="time of a call, ms", title="drift, in blocks")
    left.legend()
    for order, style in (("blocks", "o-"), ("interleaved", "o:")):
        for kind in KINDS:
            rates = [rate["value"] for rate in run["alarms"][order][kind]]
            label = f"{kind}, {ORDERS[order]}"
            right.plot(run["samples"], rates, style, color=COLOURS[kind], markersize=3, label=label)
    right.set(xlabel="samples of each", ylabel="false alarms, % of trials", xscale="log", ylim=(0, 100))
    right.set_xticks(run["samples"], [str(count) for count in run["samples"]])
    right.minorticks_off()
    right.legend(fontsize="x-small")

# %%
# While samples are disturbed one by one, the order does not matter. As soon as the machine itself changes,
# blocks compare early with late, and more samples only make the wrong answer surer. Interleaving cannot stop
# the machine from changing; it lets both meet the same changes, and the ratio within a round divides them
# out.
#
# What to take away
# -----------------
# Never compare with a number from a minute ago: measure both again, by turns.
# :func:`seqdocs.bench.timing.compare` does, and before it says *differs* it wants the 99 % interval of the
# ratio to leave out one.

if __name__ == "__main__":
    figures.show()
