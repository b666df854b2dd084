"""Intervals hold the truth as often as they say, on clocks whose ratio is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from seqdocs.bench.interval import bootstrap_median
from seqdocs.bench.sampling import Effort, interleave, ratios
from seqdocs.bench.synthetic import KINDS, World

CLOCKS = 500


def intervals(draw: Random) -> Iterator[tuple[float, tuple[float, float]]]:
    """The true ratio and its interval, for every kind of disturbance, quiet and noisy."""
    for number in range(CLOCKS):
        ratio, noise = draw.uniform(0.5, 2.0), 10 ** draw.uniform(-2.3, -1.0)
        effort = Effort(10 ** draw.uniform(-2.3, -1.7), 15, draw.choice((0.3, 1.0, 5.0)))
        world = World(KINDS[number % len(KINDS)], ratio, seed=draw.getrandbits(32), noise=noise)
        times = interleave(world.samplers(), "first", effort, world.now, seed=number)
        yield ratio, bootstrap_median(ratios(times, "second", "first"))


def test_the_interval_of_a_ratio_covers_the_truth_on_500_synthetic_clocks(
    draw: Random, proven: Callable[[str], None]
) -> None:
    covered = sum(low <= ratio <= high for ratio, (low, high) in intervals(draw)) / CLOCKS
    proven(f"coverage on {CLOCKS} synthetic clocks: {covered:.1%} (92 % to 98 %)")
    assert 0.92 <= covered <= 0.98
