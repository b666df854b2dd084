"""When requests come and how much they ask for.

N requests; times in seconds from the start of the run, fp64, in order of arrival.

Sources: Erlang 1909 (calls from many independent callers are a Poisson process);
Kleinrock 1975, *Queueing Systems* volume 1, chapter 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from seqdocs.queues.checks import positive, rising


def _count(count: int) -> int:
    if count < 0:
        raise ValueError(f"`count` is {count} requests but must be at least 0")
    return count


def exponential(mean: float, count: int, seed: int) -> Tensor:
    """Draw independent exponential times.

    Args:
        mean: mean time, seconds.
        count: how many to draw, N.
        seed: of the generator; the same seed gives the same times on every machine with this torch.

    Returns:
        times, (N,), seconds.

    Raises:
        ValueError: if ``mean`` is not above zero or ``count`` is negative.
    """
    positive("mean", mean, "seconds")
    draw = torch.Generator().manual_seed(seed)
    uniform = torch.rand(_count(count), generator=draw, dtype=torch.float64)
    return -mean * torch.log1p(-uniform)  # 1 − u is never 0, so the logarithm is finite


def erlang(mean: float, stages: int, count: int, seed: int) -> Tensor:
    """Draw times made of equal exponential stages, one after the other: steadier than one exponential.

    Args:
        mean: mean time of all stages together, seconds.
        stages: k, at least 1; the variance is mean² / k.
        count: how many to draw, N.
        seed: of the generator.

    Returns:
        times, (N,), seconds.

    Raises:
        ValueError: if ``mean`` is not above zero, ``stages`` below one or ``count`` negative.
    """
    if stages < 1:
        raise ValueError(f"`stages` is {stages} but must be at least 1")
    stage = exponential(positive("mean", mean, "seconds") / stages, stages * _count(count), seed)
    return stage.reshape(count, stages).sum(1)


def hyperexponential(mean: float, variation: float, count: int, seed: int) -> Tensor:
    """Draw times that are exponential with one of two means: many short ones, a few long ones.

    Both kinds bring the same share of the work ("balanced means"), which leaves the mean and the variation
    to be chosen.

    Args:
        mean: mean time, seconds.
        variation: squared coefficient of variation, variance / mean², at least 1 (exponential).
        count: how many to draw, N.
        seed: of the generator.

    Returns:
        times, (N,), seconds.

    Raises:
        ValueError: if ``mean`` is not above zero, ``variation`` below one or ``count`` negative.
    """
    if not 1 <= variation < math.inf:
        raise ValueError(
            f"`variation` is {variation} but two exponentials give no less than 1, and no infinity"
        )
    positive("mean", mean, "seconds")
    share = (1 + math.sqrt((variation - 1) / (variation + 1))) / 2  # of the short ones
    draw = torch.Generator().manual_seed(seed)
    short = torch.rand(_count(count), generator=draw, dtype=torch.float64) < share
    uniform = torch.rand(count, generator=draw, dtype=torch.float64)
    means = torch.where(short, mean / (2 * share), mean / (2 * (1 - share)))
    return -means * torch.log1p(-uniform)


def poisson(rate: float, count: int, seed: int) -> Tensor:
    """Arrival times of a Poisson process: exponential gaps, the next arrival forgets the last one.

    Args:
        rate: mean arrivals per second, λ.
        count: number of arrivals, N.
        seed: of the generator.

    Returns:
        arrival times, (N,), seconds, never going down; the first is one gap after 0.

    Raises:
        ValueError: if ``rate`` is not above zero or ``count`` is negative.

    >>> poisson(10.0, 3, seed=0).shape
    torch.Size([3])
    """
    positive("rate", rate, "per second")
    return exponential(1 / rate, count, seed).cumsum(0)


def bursty(rate: float, variation: float, count: int, seed: int) -> Tensor:
    """Arrival times with gamma gaps: the rate of a Poisson process, but in bursts (or steadier).

    Args:
        rate: mean arrivals per second, λ.
        variation: squared coefficient of variation of the gaps, variance / mean²; 1 is Poisson, above 1
            come bursts and long pauses, below 1 it goes towards the beat of a clock.
        count: number of arrivals, N.
        seed: of the generator.

    Returns:
        arrival times, (N,), seconds, never going down.

    Raises:
        ValueError: if ``rate`` or ``variation`` is not above zero or ``count`` is negative.
    """
    positive("rate", rate, "per second")
    shape = 1 / positive("variation", variation, "times the square of the mean")
    gaps = np.random.default_rng(seed).gamma(shape, 1 / (rate * shape), _count(count))
    return torch.from_numpy(gaps).cumsum(0)


def deterministic(rate: float, count: int) -> Tensor:
    """Arrival times at equal gaps of ``1 / rate`` seconds; the first is at 0.

    Args:
        rate: arrivals per second.
        count: number of arrivals, N.

    Returns:
        arrival times, (N,), seconds.

    Raises:
        ValueError: if ``rate`` is not above zero or ``count`` is negative.

    >>> deterministic(4.0, 3).tolist()
    [0.0, 0.25, 0.5]
    """
    positive("rate", rate, "per second")
    return torch.arange(_count(count), dtype=torch.float64) / rate


def replay(times: Tensor, speed: float = 1.0) -> Tensor:
    """Arrival times of a logged run, once more: counted from its first arrival, faster or slower.

    Args:
        times: when requests came, (N,), seconds on any clock, never going down.
        speed: 2 is twice as fast.

    Returns:
        arrival times, (N,), seconds; the first is 0.

    Raises:
        ValueError: if ``times`` go down or ``speed`` is not above zero.

    >>> replay(torch.tensor([100.0, 101.0, 104.0]), speed=2.0).tolist()
    [0.0, 0.5, 2.0]
    """
    logged = rising("times", times)
    return (logged - logged[:1]) / positive("speed", speed, "times the speed of the log")


def mix(sizes: Sequence[float], shares: Sequence[float], count: int, seed: int) -> Tensor:
    """Draw what each request asks for from a few kinds, such as 95 % short answers and 5 % long ones.

    Args:
        sizes: service requirement of each kind (tokens, or seconds of work).
        shares: how often each kind comes; positive, scaled to add up to one.
        count: number of requests, N.
        seed: of the generator.

    Returns:
        the requirement of each request, (N,), in the unit of ``sizes``.

    Raises:
        ValueError: if there are no kinds, the lengths differ, or a size or share is not above zero.

    >>> sorted(set(mix([16, 160], [0.9, 0.1], 200, seed=0).tolist()))
    [16.0, 160.0]
    """
    if not sizes or len(sizes) != len(shares):
        raise ValueError(
            f"`sizes` has {len(sizes)} kinds but `shares` has {len(shares)}; both need one per kind"
        )
    for size, share in zip(sizes, shares, strict=True):
        positive("sizes", size, "in one of its places")
        positive("shares", share, "in one of its places")
    draw = torch.Generator().manual_seed(seed)
    edges = torch.tensor(shares, dtype=torch.float64).cumsum(0)
    uniform = torch.rand(_count(count), generator=draw, dtype=torch.float64) * edges[-1]
    kind = torch.searchsorted(edges, uniform, right=True).clamp(max=len(sizes) - 1)
    return torch.tensor(sizes, dtype=torch.float64)[kind]
