"""Percentiles of latencies, with an interval that assumes nothing about their distribution; or a refusal.

n samples · q share of requests below the percentile (0.99 for the p99) · α = 1 − level

Of n independent samples, the number B that fall below the true q-quantile is binomial, whatever the
distribution. So the l-th smallest sample lies above the quantile with probability P(B < l), and the u-th
smallest below it with P(B ≥ u). Take the largest l and the smallest u for which neither exceeds α/2: from the
l-th to the u-th sample is an interval that holds the quantile with probability 1 − α or more.

Its upper end must be one of the samples. Even the largest lies below the quantile with probability qⁿ, when
all n do. So there is such an interval only if qⁿ ≤ α/2, that is

    n ≥ ln(α/2) / ln q        and for the lower end        n ≥ ln(α/2) / ln(1 − q)

which makes 368 samples for a p99 at 95 %. From fewer, the largest of all may well be smaller than the p99.

**Independent** samples: waits in a queue are not, since a long line is found by everybody who comes while it
lasts. For those the interval comes from :mod:`seqdocs.queues.intervals`.

Sources: the intervals are section 7.1 of David and Nagaraja 2003, *Order Statistics*, 3rd edition (not
checked against the original); the derivation above is complete without it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from seqdocs.queues.checks import series
from seqdocs.queues.estimate import Estimate, TooFewSamplesError, between


def fewest_samples(q: float, level: float = 0.95) -> int:
    """The smallest number of samples from which the q-quantile can be known at all.

    Args:
        q: the quantile, between 0 and 1; 0.99 for the p99.
        level: share of cases in which the interval must hold the truth, each side missing half of the rest.

    Returns:
        n, the least for which max(q, 1 − q)ⁿ ≤ (1 − level) / 2.

    Raises:
        ValueError: if an argument does not lie between 0 and 1.

    >>> [fewest_samples(q) for q in (0.5, 0.9, 0.99, 0.999)]
    [6, 36, 368, 3688]
    """
    further = max(between("q", q), 1 - q)  # the end that is harder to reach
    return math.ceil(math.log((1 - between("level", level)) / 2) / math.log(further))


def require(count: int, q: float, level: float = 0.95) -> None:
    """Refuse a percentile that ``count`` samples do not hold.

    Raises:
        TooFewSamplesError: if there are fewer than :func:`fewest_samples`.
    """
    fewest = fewest_samples(q, level)
    if count < fewest:
        raise TooFewSamplesError(
            f"the p{100 * q:.6g} of {count} samples is not known: it needs at least {fewest}"
        )


def percentile(samples: Tensor, q: float, level: float = 0.95) -> Estimate:
    """A quantile of independent samples, with its interval from their order alone.

    Args:
        samples: (N,), in any unit and order.
        q: the quantile, between 0 and 1; 0.99 for the p99.
        level: probability with which the interval holds the truth, at least.

    Returns:
        the ⌈q N⌉-th smallest sample, and the samples at both ends of the interval.

    Raises:
        ValueError: if ``samples`` is not (N,) of finite numbers, or ``q`` or ``level`` not between 0 and 1.
        TooFewSamplesError: if there are fewer than :func:`fewest_samples`.

    >>> percentile(torch.arange(1000.0), 0.99)
    Estimate(value=989.0, low=982.0, high=996.0)
    """
    values = series("samples", samples)
    require(len(values), q, level)
    ordered = values.sort().values
    low, high = _ranks(len(ordered), q, (1 - level) / 2)
    return Estimate(*(float(ordered[rank - 1]) for rank in (nearest_rank(len(ordered), q), low, high)))


def nearest_rank(count: int, q: float) -> int:
    """The rank, from 1, of the sample that stands for the q-quantile: ⌈q N⌉, so it is one that occurred."""
    return max(1, math.ceil(q * count * (1 - 1e-12)))  # 0.55 · 100 is 55.000000000000007


def _ranks(count: int, q: float, tail: float) -> tuple[int, int]:
    """l and u of the module's text; both exist, since ``count`` is large enough."""
    below = torch.arange(count + 1, dtype=torch.float64)
    ways = torch.lgamma(torch.tensor(count + 1.0, dtype=torch.float64))
    ways = ways - torch.lgamma(below + 1) - torch.lgamma(count - below + 1)
    chance = (ways + below * math.log(q) + (count - below) * math.log1p(-q)).exp()  # P(B = 0 … N)
    less = chance.cumsum(0)  # P(B ≤ b): P(B < l) is entry l − 1
    more = chance.flip(0).cumsum(0)  # P(B ≥ N − i) is entry i
    return int((less <= tail).sum()), count + 1 - int((more <= tail).sum())
