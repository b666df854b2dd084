"""What several seeds gave, as one quantity."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from seqdocs.bench.quantity import Quantity, quantity


def over_seeds(values: Sequence[float], unit: str = "") -> Quantity:
    """Return the median over the seeds, between the least and the most.

    The range of a few seeds is no interval of confidence: it is what a claim about all of them must hold for.

    Args:
        values: one number for each seed.
        unit: as in :func:`seqdocs.bench.quantity.quantity`.

    Raises:
        ValueError: if there is none, or one is not finite.

    >>> over_seeds([0.5, 0.25, 1.0], "numbers")
    {'value': 0.5, 'unit': 'numbers', 'low': 0.25, 'high': 1.0}
    """
    if not len(values):
        raise ValueError("`values` is empty; a median needs at least one seed")
    return quantity(statistics.median(values), unit, low=min(values), high=max(values))
