"""A column of a table becomes numbers, and a series becomes pieces with their next values."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest
import torch

from seqdocs.tasks.series import column, next_value

TABLE = 'YEAR,"SUN, SPOTS"\n1700,5\n1701,11.5\n1702,-1e2\n'


def test_a_column_is_read_by_its_name() -> None:
    assert column(TABLE, "YEAR").tolist() == [1700.0, 1701.0, 1702.0]
    assert column(TABLE, "SUN, SPOTS").tolist() == [5.0, 11.5, -100.0]
    assert column(TABLE, "YEAR").dtype == torch.float64


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TABLE, "the table has no column 'MONTH'; it has YEAR, SUN, SPOTS"),
        ("", "the table has no column 'MONTH'; it has none"),
        ("MONTH,x\n1,2\nmay,2\n", "line 3: MONTH is 'may'; it is a number"),
        ("x,MONTH\n1\n", "line 2: MONTH is None; it is a number"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        column(text, "MONTH")


def test_the_answer_to_each_value_is_the_one_after_it() -> None:
    batch = next_value(torch.arange(7.0), 200, 3, seed=0)
    assert batch.x.shape == (200, 3, 1)
    assert torch.equal(batch.y, batch.x[..., 0] + 1)
    assert set(batch.x[:, 0, 0].tolist()) == {0.0, 1.0, 2.0, 3.0}
    assert batch.scored.all()


def test_a_series_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^`series` has shape \(3,\); pieces of 3 need \(N,\) with N > 3$"):
        next_value(torch.zeros(3), 1, 3, seed=0)
    with pytest.raises(ValueError, match=r"^`series` has shape \(3, 1\); "):
        next_value(torch.zeros(3, 1), 1, 1, seed=0)


def test_the_sunspots_are_the_published_counts() -> None:
    """Yule's series, as far as he had it: its length, its ends, and the years of two maxima he names."""
    try:
        wheel = metadata.distribution("statsmodels")
    except metadata.PackageNotFoundError:
        pytest.skip("statsmodels is not installed")
    text = Path(str(wheel.locate_file("statsmodels/datasets/sunspots/sunspots.csv"))).read_text("utf8")
    years, counts = column(text, "YEAR"), column(text, "SUNACTIVITY")
    assert years.tolist() == list(range(1700, 2009))
    assert counts[0] == 5.0
    assert years[counts.argmax()] == 1957  # the greatest of all
    assert (counts >= 0).all()
