"""Cards of other entries, and where a number comes from: by pointer, keyboard and finger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Open = Callable[..., Any]
Pages = dict[str, str]

CARD = "#term-card"


def linked(page: Any) -> Any:
    """The first link of the text that has a card."""
    return page.locator("article a.has-card:visible").first


def test_a_card_appears_under_the_pointer_and_goes_with_it(visit: Open, pages: Pages) -> None:
    page = visit(pages["entry"]).page
    link = linked(page)
    link.scroll_into_view_if_needed()
    link.hover()
    page.locator(CARD).wait_for(state="visible")
    assert page.locator(f"{CARD} .card-summary").inner_text().strip()
    assert link.get_attribute("aria-describedby") == "term-card"
    page.locator("h1").hover()
    page.locator(CARD).wait_for(state="hidden")


def test_the_keyboard_opens_a_card_and_escape_closes_it(visit: Open, pages: Pages) -> None:
    page = visit(pages["entry"]).page
    linked(page).focus()
    page.locator(CARD).wait_for(state="visible")
    page.keyboard.press("Escape")
    page.locator(CARD).wait_for(state="hidden")


def test_a_first_tap_shows_the_card_and_a_second_follows(visit: Open, pages: Pages) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = visit(pages["entry"], **phone).page
    link = linked(page)
    goal = link.evaluate("link => link.href")
    link.tap()
    page.locator(CARD).wait_for(state="visible")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.locator(CARD).bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    link.tap()
    page.wait_for_url(goal)


@pytest.mark.parametrize("width", [360, 1280])
def test_a_number_says_where_it_was_measured(width: int, visit: Open, pages: Pages) -> None:
    page = visit(pages["entry"], viewport={"width": width, "height": 800}).page
    number = page.locator(".measured[data-provenance]").first
    assert "measured" in number.get_attribute("data-provenance")
    shown = "number => getComputedStyle(number, '::after').content"
    number.focus()
    assert "measured" in number.evaluate(shown)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.keyboard.press("Escape")
    assert number.evaluate("number => getComputedStyle(number, '::after').display") == "none"
