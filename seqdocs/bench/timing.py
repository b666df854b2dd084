"""Time competitors so that the difference deserves belief.

Answers are compared before anything is timed. Everyone is warmed up until nothing gets faster. Then every
round times each competitor once, in random order, and the ratio of two competitors is taken within a round:
what slows the machine for a while slows both. Rounds go on until the ratio is as precise as was wanted, or
the time is up, and then the result says so. Every raw sample is kept. Timed is the call alone: what it
builds inside counts, what was built before does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from seqdocs.bench import doubts, machine
from seqdocs.bench.agreement import check_agreement
from seqdocs.bench.clock import Call, Clock, wall
from seqdocs.bench.interval import bootstrap_median
from seqdocs.bench.quantity import Quantity, quantity
from seqdocs.bench.sampling import Effort, Sampler, calibrate, interleave, ratios, reached, warm_up
from seqdocs.bench.witness import report

SURE = 0.99  # level of the interval that must leave 1 out before two competitors are said to differ
WARM_UP = 0.2  # part of the time that warming all up may take


@contextmanager
def _threads(count: int | None) -> Iterator[int]:
    """Pin torch to ``count`` threads for a while; by default to as many as it is set to."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield count or before
    finally:
        torch.set_num_threads(before)


def median_of(samples: Sequence[float], unit: str) -> Quantity:
    """Return the median of raw samples with its 95 % bootstrap interval.

    Raises:
        ValueError: if there is no sample.

    >>> median_of([3.0, 1.0, 2.0], "s")["value"]
    2.0
    """
    low, high = bootstrap_median(samples)
    return quantity(float(np.median(samples)), unit, low, high)


def compare(
    candidates: Mapping[str, Call],
    *,
    agree: bool = True,
    baseline: str | None = None,
    tolerance: float | None = None,
    precision: float = 0.02,
    min_rounds: int = 15,
    max_seconds: float = 1.0,
    threads: int | None = None,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Time competitors in randomised interleaved rounds.

    Args:
        candidates: name → call without arguments; what it returns is its answer.
        agree: compare the answers first; False for competitors that compute different things.
        baseline: what the ratios are taken against; the first name if omitted.
        tolerance: largest relative difference of answers; by default what the dtype allows.
        precision: half-width of the interval of every ratio that is wanted, as a part of the ratio. To tell
            2 % from nothing, want half of that.
        min_rounds: with fewer than that, the result says so.
        max_seconds: no round starts after that, but at least three are run.
        threads: torch threads; as many as torch is set to if omitted.
        clock: :func:`seqdocs.bench.clock.wall` if omitted.

    Returns:
        Plain data::

            {"baseline": name, "rounds": n, "threads": n, "clock": name, "notes": [doubts],
             "precision": {"wanted": half-width, "reached": half-width or None if unknown},
             "times": {name: {"median": quantity in s, "ratio": quantity in ×, "speedup": quantity in ×,
                              "differs": bool, "seconds": [per call, one for each round],
                              "loops": calls in a sample}}}

        ``ratio`` is the time in units of the baseline's (2× is slower), ``speedup`` its inverse; both are
        medians over rounds with a 95 % bootstrap interval. ``differs`` says that the 99 % interval of the
        ratio leaves 1 out.

    Raises:
        DisagreementError: if answers differ, naming who and by how much.
        ValueError: if there is no candidate, ``baseline`` is none of them, or ``precision`` is not positive.
    """
    base = _checked(candidates, baseline, precision)
    effort, clock = Effort(precision, min_rounds, max_seconds), clock or wall()
    with _threads(threads) as used:
        if agree:
            check_agreement({name: call() for name, call in candidates.items()}, base, tolerance)
        loops = {name: calibrate(clock, call) for name, call in candidates.items()}
        samplers = {name: _sampler(clock, call, loops[name]) for name, call in candidates.items()}
        limit = WARM_UP * max_seconds / len(samplers)
        settled = {name: warm_up(sample, limit, time.perf_counter) for name, sample in samplers.items()}
        with doubts.watching() as company:
            times = interleave(samplers, base, effort, time.perf_counter)
    got, rounds = reached(times, base), len(times[base])
    notes = [
        *doubts.effort_missed(rounds, effort, got),
        *(
            f"{name}: it still got faster when its warm-up ended"
            for name, well in settled.items()
            if not well
        ),
        *doubts.spread(times),
        *doubts.drift(times),
        *doubts.grain(times, loops, clock.resolution),
        *doubts.company(company),
        *doubts.crowded(used, machine.threads()),
    ]
    timing = {"baseline": base, "rounds": rounds, "threads": used, "clock": clock.name, "notes": notes}
    timing["precision"] = {"wanted": precision, "reached": got if np.isfinite(got) else None}
    timing["times"] = {name: _result(times, name, base) | {"loops": loops[name]} for name in times}
    report(timing)
    return timing


def _checked(candidates: Mapping[str, Call], baseline: str | None, precision: float) -> str:
    """Return the baseline's name, having refused what cannot be timed."""
    if not candidates:
        raise ValueError("`candidates` is empty; name at least one call to time")
    if baseline is not None and baseline not in candidates:
        raise ValueError(f"`baseline` is {baseline!r}; it must be one of {', '.join(candidates)}")
    if not precision > 0:
        raise ValueError(f"`precision` is {precision!r}; it must be above zero, such as 0.02 for ±2 %")
    return next(iter(candidates)) if baseline is None else baseline


def _sampler(clock: Clock, call: Call, loops: int) -> Sampler:
    """Return what draws one sample: seconds per call over ``loops`` calls."""
    return lambda: clock.seconds(call, loops) / loops


def _result(times: Mapping[str, list[float]], name: str, base: str) -> dict[str, Any]:
    """Return what the samples of one competitor say."""
    own = ratios(times, name, base)
    ratio = median_of(own, "×")
    low, high = bootstrap_median(own, SURE)
    return {
        "median": median_of(times[name], "s"),
        "ratio": ratio,
        "speedup": inverse(ratio),
        "differs": not low <= 1.0 <= high,
        "seconds": times[name],
    }


def measure(call: Call, **options: Any) -> dict[str, Any]:
    """Time one call.

    Args:
        call: a call without arguments.
        options: ``precision``, ``min_rounds``, ``max_seconds``, ``threads`` and ``clock`` of
            :func:`compare`.

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
