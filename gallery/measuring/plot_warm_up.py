"""
The first call
==============

The first call of anything is the slowest: memory is asked for, libraries wake up, code for these shapes is
chosen. Time it together with the others and the mean never forgets it.
"""

# %%
# How slow is the first call?
# ---------------------------
# One training step of a small LSTM, forward and backward, timed call by call. Three kinds of first call:
#
# - *first of the process*: nothing of torch has run yet. There is only one such call in a process, so this
#   is a single curve, drawn as it came;
# - *first of a shape*: a new LSTM of a width that the process has not seen;
# - *first of a module*: a new LSTM again, but of a width that has been seen.
#
# Each curve is in units of its own steady state: the median over the second half of its calls.

import time

import numpy as np
import torch

from seqdocs.bench import figures
from seqdocs.bench.clock import wall
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity
from seqdocs.bench.sampling import warm_up
from seqdocs.bench.timing import median_of


def training_step(width, device):
    """A new LSTM and its input; the call is one step forward and back."""
    net = torch.nn.LSTM(width, width, batch_first=True).to(device)
    x = torch.randn(4, 32, width, device=device)
    return lambda: net(x)[0].sum().backward()


def by_call(step, calls):
    """Seconds of each of the first calls."""
    clock = wall()  # waits for a GPU
    return [clock.seconds(step, 1) for _ in range(calls)]


def steady(seconds):
    """What a call takes in the end: the median over the second half."""
    return float(np.median(seconds[len(seconds) // 2 :]))


def running(values):
    """Mean and median of the first n values, for n = 1, 2, 3, ..."""
    parts = [values[:n] for n in range(1, len(values) + 1)]
    return {
        "mean": [float(np.mean(part)) for part in parts],
        "median": [float(np.median(part)) for part in parts],
    }


@experiment(small={"fresh": 3, "calls": 8}, seconds=60, memory_gb=4)
def first_calls(device, *, fresh=40, calls=30, width=64):
    """Calls 1, 2, 3, ... of the process's first module, of modules of new shapes, and of seen shapes."""
    torch.set_num_threads(1)
    first = by_call(training_step(width, device), calls)
    widths = [width + 1 + number for number in range(fresh)]
    seconds = {
        "process": [first],
        "shape": [by_call(training_step(w, device), calls) for w in widths],
        "module": [by_call(training_step(w, device), calls) for w in widths],
    }
    relative = {
        kind: np.array([np.array(own) / steady(own) for own in all_]) for kind, all_ in seconds.items()
    }
    summed = running(relative["process"][0])
    return {
        "calls": list(range(1, calls + 1)),
        "median": {kind: np.median(all_, axis=0).tolist() for kind, all_ in relative.items()},
        "low": {kind: np.quantile(all_, 0.25, axis=0).tolist() for kind, all_ in relative.items()},
        "high": {kind: np.quantile(all_, 0.75, axis=0).tolist() for kind, all_ in relative.items()},
        "running": summed,
        "first_ever": quantity(first[0], "s"),
        "steady": median_of(first[calls // 2 :], "s"),
        "times_shape": median_of(relative["shape"][:, 0].tolist(), "×"),
        "times_module": median_of(relative["module"][:, 0].tolist(), "×"),
        "count": quantity(calls, "calls"),
        "mean_of_all": quantity(summed["mean"][-1], "×"),
        "median_of_all": quantity(summed["median"][-1], "×"),
        "seconds": {
            kind: [[float(f"{x:.4g}") for x in own] for own in all_] for kind, all_ in seconds.items()
        },
    }


KINDS = {
    "process": ("first of the process", figures.VERMILION),
    "shape": ("first of a shape", figures.BLUE),
    "module": ("first of a module", figures.GREEN),
}

measured = first_calls()
for run in measured:
    fig, axes = figures.figure(
        alt="Time of a call over its steady state against the number of the call, on a logarithmic scale. "
        + " ".join(
            f"{label}: {run['median'][kind][0]:.3g}, then {run['median'][kind][1]:.3g},"
            f" and {run['median'][kind][9 % len(run['calls'])]:.3g} at the tenth."
            for kind, (label, _) in KINDS.items()
        ),
        caption="Training steps of a small LSTM, call by call: median, and the middle half as a band.",
        run=run,
    )
    for kind, (label, colour) in KINDS.items():
        axes.fill_between(
            run["calls"], run["low"][kind], run["high"][kind], color=colour, alpha=0.2, linewidth=0
        )
        axes.plot(run["calls"], run["median"][kind], "o-", markersize=3, color=colour, label=label)
    axes.set(xlabel="number of the call", ylabel="time, in units of the steady state", yscale="log")
    axes.legend()

# %%
# What does the mean make of it?
# ------------------------------
# Take the process's first calls as one measurement that nobody warmed up. The mean carries the first call for
# ever, only diluted: after n calls it is still wrong by the n-th part of the excess. The median forgets a few
# bad calls as soon as the good ones are in the majority. That is one reason why we report medians; but a
# median of three is as wrong as its middle call.

for run in measured:
    mean, median = run["running"]["mean"], run["running"]["median"]
    fig, axes = figures.figure(
        alt="Mean and median of the first n calls over the steady state, on a logarithmic scale. After "
        f"{len(mean)} calls the mean is still {mean[-1]:.3g} times it, the median {median[-1]:.3g}.",
        caption="Mean and median of the first n calls of a process, without warm-up.",
        run=run,
    )
    axes.axhline(1, color="0.5", linewidth=1)
    axes.plot(
        run["calls"], mean, "o-", markersize=3, color=figures.VERMILION, label="mean of the first n calls"
    )
    axes.plot(
        run["calls"], median, "o-", markersize=3, color=figures.BLUE, label="median of the first n calls"
    )
    axes.set(xlabel="n, calls", ylabel="in units of the steady state", yscale="log")
    axes.legend()

# %%
# How long to warm up?
# --------------------
# "Three times" is a habit, no answer. We go on until three samples in a row are no longer faster than the
# best so far by more than a twentieth (:func:`seqdocs.bench.sampling.warm_up`), and throw them all away. How
# many calls is that for a module of a new shape, and what is left of the slow start in the next ten?


@experiment(small={"fresh": 3, "after": 5}, seconds=60, memory_gb=4)
def warmed(device, *, fresh=40, after=10, width=128):
    """Calls that our warm-up throws away, and the ten after it over the steady state that follows."""
    torch.set_num_threads(1)
    by_call(training_step(width, device), 10)  # the process itself is warm
    clock, counts, left, unwarmed = wall(), [], [], []
    for number in range(fresh):
        step, thrown = training_step(width + 1 + number, device), []

        def sample(step=step, thrown=thrown):
            thrown.append(clock.seconds(step, 1))
            return thrown[-1]

        warm_up(sample, limit=1.0, now=time.perf_counter)
        next_ones, later = by_call(step, after), steady(by_call(step, 2 * after))
        counts.append(len(thrown))
        left.append(float(np.mean(next_ones)) / later)
        unwarmed.append(float(np.mean(thrown[:after])) / later)
    return {
        "counts": counts,
        "thrown": quantity(float(np.median(counts)), "calls"),
        "after": quantity(after, "calls"),
        "left": median_of(left, "×"),
        "unwarmed": median_of(unwarmed, "×"),
    }


for run in warmed():
    counts = run["counts"]
    fig, axes = figures.figure(
        alt=f"How many calls the warm-up of {len(counts)} new modules took: {min(counts)} to {max(counts)}, "
        f"half of them at most {run['thrown']['value']:g}.",
        caption=f"Calls thrown away by our warm-up, for {len(counts)} modules of new shapes.",
        run=run,
        height=2.6,
    )
    numbers = range(min(counts), max(counts) + 1)
    axes.bar(numbers, [counts.count(number) for number in numbers], color=figures.BLUE)
    axes.set(xlabel="calls thrown away", ylabel="modules")
    axes.grid(visible=False, axis="x")

# %%
# What to take away
# -----------------
# Decide whether the first call is what you want to know. A user who waits for a model to load does; a
# comparison of two kernels does not. Then measure that, and say which. The preparation sticks to the *shape*
# more than to the module, so a warm-up with other shapes than the measurement's warms little.

if __name__ == "__main__":
    figures.show()
