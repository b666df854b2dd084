"""A table's columns can be sorted, by mouse and keyboard; the script alone, on a page of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "seqdocs" / "sphinxext" / "static" / "sort.js"
# What the page shows of a time is not what decides: 1.5 ms is less than 20 µs in words, not in numbers.
ROWS = [
    ("GRU", "1.5 ms", 1.5e-3),
    ("attention", "20 µs", 2e-5),
    ("LSTM", "not measured", None),
    ("Elman", "2 ms", 2e-3),
]
BODY = "".join(
    f"<tr class='row-{'odd' if index % 2 else 'even'}'><td><p>{name}</p></td>"
    f"<td{'' if value is None else f' data-value={value!r}'}><p>{words}</p></td></tr>"
    for index, (name, words, value) in enumerate(ROWS)
)
TABLE = f"<thead><tr><th><p>model</p></th><th><p>time</p></th></tr></thead><tbody>{BODY}</tbody></table>"
PAGE = f"<table class='sortable'>{TABLE}<table id='plain'>{TABLE}"
ORDER = "rows => rows.map((row) => row.cells[0].textContent)"


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """The page with its script."""
    opened = browser.new_page()
    opened.set_content(PAGE)
    opened.add_script_tag(path=SCRIPT)
    yield opened
    opened.close()


def order(page: Any) -> list[str]:
    """The first cells, from top to bottom."""
    return list(page.locator(".sortable tbody tr").evaluate_all(ORDER))


def ways(page: Any) -> list[str]:
    """What the heads say."""
    return list(page.locator(".sortable th").evaluate_all("heads => heads.map((head) => head.ariaSort)"))


def test_numbers_sort_by_their_value_and_what_is_missing_stays_below(page: Any) -> None:
    button = page.get_by_role("button", name="time")
    button.click()
    assert (order(page), ways(page)) == (["attention", "GRU", "Elman", "LSTM"], ["none", "ascending"])
    button.click()
    assert (order(page), ways(page)) == (["Elman", "GRU", "attention", "LSTM"], ["none", "descending"])
    button.click()
    assert (order(page), ways(page)) == ([name for name, *_ in ROWS], ["none", "none"])


def test_words_sort_as_words_whatever_their_case(page: Any) -> None:
    page.get_by_role("button", name="model").click()
    assert (order(page), ways(page)) == (["attention", "Elman", "GRU", "LSTM"], ["ascending", "none"])


def test_one_column_sorts_at_a_time(page: Any) -> None:
    page.get_by_role("button", name="time").click()
    page.get_by_role("button", name="model").click()
    assert ways(page) == ["ascending", "none"]


def test_the_keyboard_reaches_every_head_and_sorts(page: Any) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert order(page) == ["attention", "GRU", "Elman", "LSTM"]
    page.keyboard.press("Space")
    assert ways(page) == ["none", "descending"]
    assert page.evaluate("document.activeElement.textContent") == "time"


def test_stripes_follow_the_rows(page: Any) -> None:
    page.get_by_role("button", name="time").click()
    stripes = page.locator(".sortable tbody tr").evaluate_all("rows => rows.map((row) => row.className)")
    assert stripes == ["row-even", "row-odd", "row-even", "row-odd"]


def test_a_table_that_does_not_say_so_is_left_alone(page: Any) -> None:
    assert page.locator("#plain button").count() == 0
