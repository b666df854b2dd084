"""Light and dark: as the system says, until the reader chooses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Open = Callable[..., Any]
Pages = dict[str, str]

PAPER = "getComputedStyle(document.body).backgroundColor"
LIGHT, DARK = "rgb(252, 252, 250)", "rgb(19, 23, 26)"


def test_colours_follow_the_system(visit: Open) -> None:
    assert visit("index.html", color_scheme="light").page.evaluate(PAPER) == LIGHT
    assert visit("index.html", color_scheme="dark").page.evaluate(PAPER) == DARK


def test_a_choice_stays_on_the_next_page_and_can_be_taken_back(visit: Open, pages: Pages) -> None:
    page = visit("index.html", color_scheme="light").page
    page.locator(".theme-toggle").click()
    assert page.evaluate(PAPER) == DARK
    page.goto(page.url.replace("index.html", pages["entry"]))
    assert page.evaluate(PAPER) == DARK
    page.locator(".theme-toggle").click()
    page.locator(".theme-toggle").click()
    assert page.evaluate("document.body.dataset.theme") == "auto"
    page.reload()
    assert page.evaluate(PAPER) == LIGHT


def test_the_choice_is_made_before_anything_is_drawn(visit: Open) -> None:
    page = visit("index.html", color_scheme="light").page
    page.evaluate("localStorage.setItem('theme', 'dark')")
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => { window.early = document.body.dataset.theme; }, true);"
    )
    page.reload()
    assert page.evaluate("window.early") == "dark"
