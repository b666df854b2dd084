"""Several seeds become one quantity: the median between the least and the most."""

from __future__ import annotations

import pytest

from seqdocs.bench.quantity import quantity
from seqdocs.bench.seeds import over_seeds


@pytest.mark.parametrize(
    ("values", "median"),
    [([3.0], 3.0), ([4.0, 1.0], 2.5), ([9.0, 1.0, 2.0], 2.0), ([0.1, 0.1, 0.1], 0.1)],
)
def test_the_median_stands_between_the_least_and_the_most(values: list[float], median: float) -> None:
    assert over_seeds(values, "×") == quantity(median, "×", low=min(values), high=max(values))


def test_no_seed_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^`values` is empty; a median needs at least one seed$"):
        over_seeds([])


def test_a_seed_that_came_apart_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^`value` is inf; a quantity is finite$"):
        over_seeds([float("inf")])
