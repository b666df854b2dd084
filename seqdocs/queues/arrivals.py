"""When requests come and how much they ask for.

N requests; times in seconds from the start of the run, fp64, in order of arrival.

Sources: Erlang 1909 (calls from many independent callers are a Poisson process);
Kleinrock 1975, *Queueing Systems* volume 1, chapter 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seqdocs.queues.checks import positive


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
