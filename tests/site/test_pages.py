"""What holds on every page: no error, no other host, room on a phone, words for pictures, script optional."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Open = Callable[..., Any]
Pages = dict[str, str]

KINDS = ["home", "entry", "example", "gallery", "glossary", "api", "search"]
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2}
# An element that is wider than the window, and no ancestor of it scrolls or clips.
TOO_WIDE = """() => [...document.querySelectorAll("body *")].filter((element) => {
  if (element.getBoundingClientRect().right <= innerWidth + 1 || !element.checkVisibility()) return false;
  const held = (up) => up && (getComputedStyle(up).overflowX !== "visible" || held(up.parentElement));
  return !held(element);
}).map((element) => element.tagName + "." + element.className).slice(0, 5)"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_no_error_and_asks_no_other_host(kind: str, visit: Open, pages: Pages) -> None:
    seen = visit(pages[kind])
    if kind == "search":
        seen.page.locator("#search-results li").first.wait_for()
    assert (seen.errors, seen.outside) == ([], [])


@pytest.mark.parametrize("kind", ["home", "entry", "search"])
def test_a_page_works_below_a_sub_path(kind: str, visit: Open, server: str, pages: Pages) -> None:
    seen = visit(f"docs/latest/{pages[kind]}")
    assert (seen.errors, seen.outside) == ([], [])
    home = seen.page.locator(".brand").evaluate("link => link.href.split('#')[0]")
    assert home == f"{server}/docs/latest/index.html"


@pytest.mark.parametrize("kind", ["home", "entry"])
def test_a_page_works_from_a_folder(kind: str, visit: Open, site: Path, pages: Pages) -> None:
    seen = visit(site.joinpath(pages[kind]).as_uri())
    assert (seen.errors, seen.outside) == ([], [])
    font = "document.fonts.ready.then(() => document.fonts.check('16px \"Source Serif\"'))"
    assert seen.page.evaluate(font), "the policy keeps the fonts out"
    assert seen.page.evaluate("document.body.dataset.theme") == "auto", "the policy keeps the scripts out"


@pytest.mark.parametrize("kind", KINDS)
def test_a_phone_needs_no_sideways_scrolling(kind: str, visit: Open, pages: Pages) -> None:
    page = visit(pages[kind], **PHONE).page
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(TOO_WIDE) == []


@pytest.mark.parametrize("kind", ["home", "entry", "example", "gallery"])
def test_every_picture_says_what_it_shows(kind: str, visit: Open, pages: Pages) -> None:
    page = visit(pages[kind]).page
    silent = "images => images.filter((image) => !image.alt.trim()).map((image) => image.src)"
    named_by_its_link = ":not(.sphx-glr-thumbcontainer *)"  # a thumbnail stands beside its title
    assert page.locator(f"img{named_by_its_link}").evaluate_all(silent) == []
    assert (
        page.evaluate("() => [...document.images].filter((i) => i.complete && !i.naturalWidth).length") == 0
    )


@pytest.mark.parametrize("kind", ["home", "entry", "example"])
def test_a_page_reads_without_script(kind: str, visit: Open, pages: Pages) -> None:
    seen = visit(pages[kind], java_script_enabled=False, **PHONE)
    assert seen.errors == []
    assert seen.page.locator("h1").is_visible()
    seen.page.locator(".nav-button").click()
    assert seen.page.locator(".site-nav").is_visible()


def test_one_picture_of_two_is_shown_whatever_the_colours(visit: Open, pages: Pages) -> None:
    for scheme, other in (("light", "dark"), ("dark", "light")):
        page = visit(pages["entry"], color_scheme=scheme).page
        assert page.locator(f"img.only-{scheme}").first.is_visible()
        assert not page.locator(f"img.only-{other}").first.is_visible()


def test_paper_has_the_text_and_the_facts_and_not_the_frame(visit: Open, pages: Pages) -> None:
    page = visit(pages["entry"], color_scheme="dark").page
    page.emulate_media(media="print")
    assert page.locator("h1").is_visible() and page.locator(".facts").is_visible()
    assert not page.locator(".masthead").is_visible() and not page.locator(".site-nav").is_visible()
    ink: Any = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ink == "rgb(252, 252, 250)", "dark pages print light"
