"""The home page: the instrument shows the record's numbers and nothing else; all of it fits one screen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqdocs.bench.run import Run

Open = Callable[..., Any]

EXPERIMENT = ("recurrence/plot_vanishing_gradient", "decay")


@pytest.fixture
def record(site: Path) -> Run:
    """The run the home page shows."""
    experiments = json.loads(site.joinpath("records.json").read_text("utf8"))["experiments"]
    found = next(row for row in experiments if (row["example"], row["experiment"]) == EXPERIMENT)
    return Run(found["runs"][0]["record"], found["runs"][0]["stale"])


def bars(page: Any) -> dict[str, float]:
    """The number behind every bar."""
    rows = page.locator(".fade-table tr:has(th)")
    names = rows.locator("th").all_inner_texts()
    values = rows.locator(".fade-value").evaluate_all(
        "cells => cells.map((cell) => Number(cell.dataset.value))"
    )
    return dict(zip(names, values, strict=True))


def embedded(page: Any) -> dict[str, Any]:
    """The block of data in the page."""
    return json.loads(page.locator("seq-fade script").text_content())


def test_the_instrument_shows_the_numbers_of_the_record(visit: Open, record: Run) -> None:
    page = visit("index.html").page
    slider = page.locator("seq-fade input[type=range]")
    lags = record["lags"]
    for position in (0, len(lags) // 2, len(lags) - 1):
        slider.fill(str(position))
        assert page.locator("seq-fade output").inner_text() == str(lags[position])
        shown = sorted(bars(page).values())
        of_record = sorted(curve[position] for curve in record["curves"].values())
        for value in shown:
            assert any(value == pytest.approx(true, rel=1e-5, abs=1e-300) for true in of_record)
        assert len(shown) >= 3


def test_the_page_carries_the_record_and_its_origin(visit: Open, record: Run) -> None:
    data = embedded(visit("index.html").page)
    assert data["lags"] == record["lags"]
    assert data["caption"] == record.caption


def test_the_instrument_begins_where_the_page_says(visit: Open, record: Run) -> None:
    page = visit("index.html").page
    wanted = int(page.locator("seq-fade").get_attribute("start"))
    shown = int(page.locator("seq-fade output").inner_text())
    assert shown == max(lag for lag in record["lags"] if lag <= wanted)


def test_no_bar_leaves_its_track(visit: Open) -> None:
    page = visit("index.html").page
    page.locator("seq-fade input[type=range]").focus()
    page.keyboard.press("End")
    page.wait_for_timeout(300)  # the bars move
    width = "boxes => boxes.map((box) => box.getBoundingClientRect().width)"
    bars_, tracks = (page.locator(name).evaluate_all(width) for name in (".fade-bar", ".fade-track"))
    lengths = [bar / track for bar, track in zip(bars_, tracks, strict=True)]
    assert lengths and all(0 <= length <= 1.001 for length in lengths)


def test_the_instrument_obeys_the_keyboard(visit: Open) -> None:
    page = visit("index.html").page
    slider = page.locator("seq-fade input[type=range]")
    slider.focus()
    before = bars(page)
    page.keyboard.press("End")
    assert slider.get_attribute("aria-valuetext").endswith("steps back")
    assert bars(page) != before


def test_without_script_a_figure_stands_in_its_place(visit: Open) -> None:
    page = visit("index.html", java_script_enabled=False).page
    assert page.locator("seq-fade img").first.is_visible()
    assert page.locator("seq-fade input").count() == 0


def test_one_screen_says_what_this_is(visit: Open) -> None:
    page = visit("index.html", viewport={"width": 1440, "height": 900}).page
    for what in ("h1", "article input[name=q]", ".home-doors", "seq-fade", ".claim .verdict", ".home-facts"):
        box = page.locator(what).first.bounding_box()
        assert box["y"] + box["height"] <= 900, f"{what} ends below the first screen"
