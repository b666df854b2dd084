"""Intervals of a median: how far it may be from what endless sampling would give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

RESAMPLES = 1000


def enclosing(samples: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Return two samples that enclose the median with about this probability, whatever the distribution.

    How many samples fall below the true median is binomial; its normal approximation says how far from the
    middle of the sorted samples the two must stand.

    Raises:
        ValueError: if there is no sample.

    >>> enclosing([5.0, 1.0, 4.0, 2.0, 3.0])
    (1.0, 5.0)
    """
    if not len(samples):
        raise ValueError("`samples` is empty; a median needs at least one")
    ordered = np.sort(samples)
    last = len(ordered) - 1
    reach = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(len(ordered)) / 2
    low, high = math.floor(last / 2 - reach), math.ceil(last / 2 + reach)
    return float(ordered[max(low, 0)]), float(ordered[min(high, last)])


def bootstrap_median(
    samples: Sequence[float], level: float = 0.95, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Return the bootstrap interval of the median, widened to the samples that enclose it.

    The samples are drawn from themselves again and again, and the median is taken each time; the interval
    holds the middle ``level`` of those medians. For few samples that alone is too short, so it is widened to
    what :func:`enclosing` says; ``gallery/measuring/plot_coverage.py`` shows how often each holds the truth.
    Seeded: the same samples give the same interval.

    Source: Efron 1979.

    Raises:
        ValueError: if there is no sample.

    >>> bootstrap_median([2.0, 2.0, 2.0])
    (2.0, 2.0)
    """
    outer = enclosing(samples, level)
    values = np.asarray(samples)
    picks = np.random.default_rng(0).integers(len(values), size=(resamples, len(values)))
    tail = (1 - level) / 2
    low, high = np.quantile(np.median(values[picks], axis=1), [tail, 1 - tail])
    return min(float(low), outer[0]), max(float(high), outer[1])


def half_width(samples: Sequence[float]) -> float:
    """Return half the width of the 95 % interval of the median, as a part of the median.

    That of :func:`enclosing`: a hundredth of the bootstrap's work, to decide while sampling whether to go on.

    >>> half_width([1.0, 1.0, 1.0]), half_width([1.0])
    (0.0, inf)
    """
    if len(samples) < 3:
        return math.inf
    low, high = enclosing(samples)
    middle = float(np.median(samples))
    return (high - low) / 2 / middle if middle > 0 else math.inf
