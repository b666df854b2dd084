"""The ratio of two medians whose samples were not drawn together, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from seqdocs.bench.interval import bootstrap_median
from seqdocs.bench.quantity import Quantity, quantity

LEAST = 1e-15  # seconds; no clock sees less


def ratio_of_medians(first: Sequence[float], second: Sequence[float], level: float = 0.95) -> Quantity:
    """Return the median of ``second`` over that of ``first`` with its interval, in ×.

    The interval is put together from the bootstrap intervals of the two medians: on the logarithms, the
    distances from median to end are added in squares, each on its own side. It knows the scatter within each
    set of samples and nothing about what differed between the two.

    Source: Zou and Donner 2008, "Construction of confidence limits about effect measures".

    Args:
        first: seconds, each above zero.
        second: likewise; as many or as few as there are.
        level: how often the interval shall hold the truth.

    Raises:
        ValueError: if a set is empty, or a sample is zero.

    >>> ratio_of_medians([2.0, 2.0], [3.0, 3.0])
    {'value': 1.5, 'unit': '×', 'low': 1.5, 'high': 1.5}
    """
    if min((*first, *second), default=1.0) < LEAST:
        raise ValueError("a sample is zero, shorter than its clock can see")
    below, above = [], []
    for samples, sign in ((second, 1), (first, -1)):
        low, high = (math.log(end) for end in bootstrap_median(samples, level))
        middle = math.log(float(np.median(samples)))
        ends = (middle - low, high - middle)
        below.append(ends[0] if sign > 0 else ends[1])
        above.append(ends[1] if sign > 0 else ends[0])
    ratio = float(np.median(second)) / float(np.median(first))
    return quantity(ratio, "×", ratio * math.exp(-math.hypot(*below)), ratio * math.exp(math.hypot(*above)))
