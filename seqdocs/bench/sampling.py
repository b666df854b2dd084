"""Draw samples until they say enough: warm up until nothing gets faster, then interleave in random order.

A *sampler* is a call without arguments that returns seconds per call of what it times. Where the seconds
come from, a real clock or a synthetic one of known ratio, is not the business of this module.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from seqdocs.bench.clock import Call, Clock
from seqdocs.bench.interval import half_width

Sampler = Callable[[], float]

FEWEST_ROUNDS = 3  # even when one round takes longer than the whole budget
MOST_ROUNDS = 3000
FASTER = 0.95  # a sample below this part of the fastest before it says that things still get faster
PATIENCE = 3  # samples in a row that are not faster: warm


def calibrate(clock: Clock, call: Call) -> int:
    """Return how many calls make a sample that is long enough for the clock; the first is not counted."""
    clock.seconds(call, 1)  # it allocates, compiles and picks kernels
    loops = 1
    while True:
        seconds = clock.seconds(call, loops)
        if seconds < 10 * clock.sample:  # again: a stall must not pass for a slow call
            seconds = min(seconds, clock.seconds(call, loops))
        if seconds >= clock.sample:
            return loops
        loops = max(loops + 1, min(10 * loops, round(1.2 * loops * clock.sample / max(seconds, 1e-9))))


def warm_up(sample: Sampler, limit: float, now: Callable[[], float]) -> bool:
    """Sample until nothing gets faster any more, and throw the samples away.

    Args:
        sample: what to warm up.
        limit: seconds after which it must do; at least two samples are drawn.
        now: the time in seconds.

    Returns:
        whether it settled: False if the limit came while samples still got faster.
    """
    start, best, patience = now(), sample(), 0
    while patience < PATIENCE:
        seconds = sample()
        patience = 0 if seconds < FASTER * best else patience + 1
        best = min(best, seconds)
        if now() - start > limit:
            return patience > 0
    return True


@dataclass(frozen=True)
class Effort:
    """When to stop: the relative half-width that is wanted, and what it may cost."""

    precision: float
    min_rounds: int
    max_seconds: float


def ratios(times: Mapping[str, Sequence[float]], name: str, baseline: str) -> list[float]:
    """Return the ratio of two competitors in each round; of the baseline to its own median by itself."""
    return [own / other for own, other in zip(times[name], times[baseline], strict=True)]


def reached(times: Mapping[str, Sequence[float]], baseline: str) -> float:
    """Return the relative half-width of the least certain ratio; of the time itself if there is only one."""
    others = [name for name in times if name != baseline]
    if not others:
        return half_width(times[baseline])
    return max(half_width(ratios(times, name, baseline)) for name in others)


def interleave(
    samplers: Mapping[str, Sampler], baseline: str, effort: Effort, now: Callable[[], float], seed: int = 0
) -> dict[str, list[float]]:
    """Draw one sample of everyone in each round, in an order drawn anew, until it is enough.

    What slows the machine for a while slows all of a round; who comes first in it is random, so that nobody
    gains from it. It is enough when ``effort.precision`` is reached after ``effort.min_rounds``, or the time
    is up. The precision is asked after 1.25 times as many rounds as before, not after each: who stops at the
    first lucky moment believes too much.

    Returns:
        name → seconds per call, one for each round.
    """
    order = random.Random(seed)
    times: dict[str, list[float]] = {name: [] for name in samplers}
    start, ask = now(), effort.min_rounds
    for number in range(MOST_ROUNDS):
        if number >= FEWEST_ROUNDS and now() - start > effort.max_seconds:
            break
        if number >= ask:
            if reached(times, baseline) <= effort.precision:
                break
            ask = math.ceil(1.25 * number)
        for name in order.sample(list(samplers), len(samplers)):
            times[name].append(samplers[name]())
    return times
