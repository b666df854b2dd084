"""Time competitors so that the difference deserves belief.

Answers are compared before anything is timed. Then every round times each competitor once, in random order,
and the ratio of two competitors is taken within a round: what slows the machine for a while slows both. The
clock is the one of ``torch.utils.benchmark`` (it waits for the GPU), garbage collection is off inside a
sample, and every raw sample is kept. Timed is the call alone: what it builds inside counts, what was built
before does not.
"""

from __future__ import annotations

import random
import time
import timeit
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils import benchmark

from seqdocs.bench.agreement import check_agreement
from seqdocs.bench.quantity import Quantity, quantity
from seqdocs.bench.witness import report

Call = Callable[[], object]

SAMPLE_SECONDS = 5e-3  # a sample lasts at least this long: the clock's grain and its call vanish in it
FEWEST_ROUNDS = 3  # even when one round takes longer than the whole budget
MOST_ROUNDS = 15
SPREAD = 0.15  # interquartile range over median, above which a timing says that it is noisy


@contextmanager
def _threads(count: int | None) -> Iterator[int]:
    """Pin torch to ``count`` threads for a while; by default to as many as it is set to."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield count or before
    finally:
        torch.set_num_threads(before)


def _inner_loops(timer: timeit.Timer) -> int:
    """Warm up, and find how many calls make a sample of at least ``SAMPLE_SECONDS``."""
    timer.timeit(1)  # the first call allocates, compiles and picks kernels
    loops = 1
    while True:
        seconds = timer.timeit(loops)
        if seconds < 10 * SAMPLE_SECONDS:  # again: a stall must not pass for a slow call
            seconds = min(seconds, timer.timeit(loops))
        if seconds >= SAMPLE_SECONDS:
            return loops
        loops = max(loops + 1, min(10 * loops, round(1.2 * loops * SAMPLE_SECONDS / max(seconds, 1e-9))))


def _bootstrap(samples: Sequence[float], resamples: int = 1000) -> tuple[float, float]:
    """Return a 95 % percentile-bootstrap interval of the median, widened to hold the median itself."""
    values = np.asarray(samples)
    picks = np.random.default_rng(0).integers(len(values), size=(resamples, len(values)))
    low, high = np.quantile(np.median(values[picks], axis=1), [0.025, 0.975])
    middle = float(np.median(values))
    return min(float(low), middle), max(float(high), middle)


def median_of(samples: Sequence[float], unit: str) -> Quantity:
    """Return the median of raw samples with its 95 % bootstrap interval.

    Raises:
        ValueError: if there is no sample.

    >>> median_of([3.0, 1.0, 2.0], "s")["value"]
    2.0
    """
    if not samples:
        raise ValueError("`samples` is empty; a median needs at least one")
    return quantity(float(np.median(samples)), unit, *_bootstrap(samples))


def _doubts(times: Mapping[str, Sequence[float]], min_rounds: int, max_seconds: float) -> list[str]:
    """Say what a reader should hold against these timings."""
    notes = []
    rounds = len(next(iter(times.values())))
    if rounds < min_rounds:
        notes.append(f"only {rounds} rounds within {max_seconds:g} s; {min_rounds} were wanted")
    for name, seconds in times.items():
        first, middle, third = np.quantile(seconds, [0.25, 0.5, 0.75])
        if third - first > SPREAD * middle:
            notes.append(
                f"{name}: the middle half of the samples spreads over {(third - first) / middle:.0%}"
            )
    return notes


def compare(
    candidates: Mapping[str, Call],
    *,
    agree: bool = True,
    baseline: str | None = None,
    tolerance: float | None = None,
    min_rounds: int = 7,
    max_seconds: float = 1.0,
    threads: int | None = None,
) -> dict[str, Any]:
    """Time competitors in randomised interleaved rounds.

    Args:
        candidates: name → call without arguments; what it returns is its answer.
        agree: compare the answers first; False for competitors that compute different things.
        baseline: what the ratios are taken against; the first name if omitted.
        tolerance: largest relative difference of answers; by default what the dtype allows.
        min_rounds: with fewer than that, the result says so.
        max_seconds: no round starts after that, but at least three are run. Small things take about 0.1 s
            each.
        threads: torch threads; as many as torch is set to if omitted.

    Returns:
        Plain data::

            {"baseline": name, "rounds": n, "threads": n, "notes": [doubts],
             "times": {name: {"median": quantity in s, "ratio": quantity in ×, "speedup": quantity in ×,
                              "seconds": [per call, one for each round], "loops": calls in a sample}}}

        ``ratio`` is the time in units of the baseline's (2× is slower), ``speedup`` its inverse; both are
        medians over rounds with a 95 % bootstrap interval.

    Raises:
        DisagreementError: if answers differ, naming who and by how much.
        ValueError: if there is no candidate, or ``baseline`` is none of them.
    """
    if not candidates:
        raise ValueError("`candidates` is empty; name at least one call to time")
    base = next(iter(candidates)) if baseline is None else baseline
    if base not in candidates:
        raise ValueError(f"`baseline` is {base!r}; it must be one of {', '.join(candidates)}")
    with _threads(threads) as used:
        if agree:
            check_agreement({name: call() for name, call in candidates.items()}, base, tolerance)
        timers = {name: timeit.Timer(call, timer=benchmark.timer) for name, call in candidates.items()}
        loops = {name: _inner_loops(timer) for name, timer in timers.items()}
        times = _rounds(timers, loops, max_seconds)
    result: dict[str, Any] = {}
    for name, seconds in times.items():
        ratio = median_of([own / other for own, other in zip(seconds, times[base], strict=True)], "×")
        result[name] = {"median": median_of(seconds, "s"), "ratio": ratio, "speedup": inverse(ratio)}
        result[name] |= {"seconds": seconds, "loops": loops[name]}
    notes = _doubts(times, min_rounds, max_seconds)
    rounds = len(times[base])
    timing = {"baseline": base, "rounds": rounds, "threads": used, "notes": notes, "times": result}
    report(timing)
    return timing


def _rounds(
    timers: Mapping[str, timeit.Timer], loops: Mapping[str, int], limit: float
) -> dict[str, list[float]]:
    """Time everyone once a round, in an order drawn anew, until the time or the rounds are up."""
    order = random.Random(0)
    times: dict[str, list[float]] = {name: [] for name in timers}
    start = time.perf_counter()
    for number in range(MOST_ROUNDS):
        if number >= FEWEST_ROUNDS and time.perf_counter() - start > limit:
            break
        for name in order.sample(list(timers), len(timers)):
            times[name].append(timers[name].timeit(loops[name]) / loops[name])
    return times


def measure(call: Call, **options: Any) -> dict[str, Any]:
    """Time one call.

    Args:
        call: a call without arguments.
        options: ``min_rounds``, ``max_seconds`` and ``threads`` of :func:`compare`.

    Returns:
        ``{"median": quantity in s, "seconds": [...], "loops", "rounds", "threads", "notes"}``.
    """
    result = compare({"call": call}, agree=False, **options)
    own = result["times"]["call"]
    kept = {name: own[name] for name in ("median", "seconds", "loops")}
    return kept | {name: result[name] for name in ("rounds", "threads", "notes")}


def inverse(leaf: Quantity, unit: str = "×", count: float = 1.0) -> Quantity:
    """Return ``count`` over a positive quantity: a speed-up from a ratio, a rate from a time.

    >>> inverse(quantity(0.5, "s", 0.25, 1.0), "tokens/s", count=8)
    {'value': 16.0, 'unit': 'tokens/s', 'low': 8.0, 'high': 32.0}
    """
    ends = () if leaf["low"] is None else (count / leaf["high"], count / leaf["low"])
    return quantity(count / leaf["value"], unit, *ends)


def rate(measured: Mapping[str, Any], count: float, unit: str) -> Quantity:
    """Return how many per second, from one call's entry in the times of :func:`measure` or ``compare``.

    Args:
        measured: has the ``median`` of one call.
        count: how many things (tokens, customers) one call does.
        unit: such as "tokens/s".
    """
    return inverse(measured["median"], unit, count)


def with_backward(
    forward: Callable[[], torch.Tensor], wrt: Sequence[torch.Tensor]
) -> Callable[[], tuple[torch.Tensor, ...]]:
    """Return a call that runs ``forward`` and the gradient of the sum of its output.

    Args:
        forward: returns one tensor of any shape.
        wrt: tensors that require a gradient; nothing is added to their ``.grad``.

    Returns:
        a call that returns the output, detached, and one gradient per tensor, so that answers can be
        compared.
    """

    def both() -> tuple[torch.Tensor, ...]:
        output = forward()
        return output.detach(), *torch.autograd.grad(output.sum(), list(wrt))

    return both
