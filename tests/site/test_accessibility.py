"""No serious fault that axe-core can find, in light, in dark and on a phone; the keyboard's way in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Open = Callable[..., Any]
Pages = dict[str, str]

KINDS = ["home", "entry", "example", "gallery", "glossary", "api"]
VIEWS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}},
}
CASES = [(kind, view) for kind in KINDS for view in VIEWS if view != "phone" or kind in ("home", "entry")]


def faults(page: Any) -> list[str]:
    """What axe-core calls serious or critical, one line per rule with its first places."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    result = axe.run(page, options={"resultTypes": ["violations"]}).response
    return [
        f"{found['id']}, {found['impact']}: " + "; ".join(node["html"][:120] for node in found["nodes"][:4])
        for found in result["violations"]
        if found["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize(("kind", "view"), CASES)
def test_axe_finds_nothing_serious(kind: str, view: str, visit: Open, pages: Pages) -> None:
    page = visit(pages[kind], reduced_motion="reduce", **VIEWS[view]).page
    assert faults(page) == []


def test_axe_sees_a_planted_fault(visit: Open) -> None:
    page = visit("index.html").page
    page.evaluate("document.querySelector('article').insertAdjacentHTML('beforeend', '<a href=\"x\"></a>')")
    assert any(line.startswith("link-name") for line in faults(page))


def test_the_first_tab_leads_to_the_text(visit: Open, pages: Pages) -> None:
    page = visit(pages["entry"]).page
    page.keyboard.press("Tab")
    skip = page.locator(".skip-to-content")
    assert skip.evaluate("link => link === document.activeElement")
    page.wait_for_timeout(400)
    assert skip.bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    page.wait_for_url("**#furo-main-content")


def test_what_has_the_focus_can_be_seen(visit: Open, pages: Pages) -> None:
    page = visit(pages["entry"]).page
    for _ in range(12):
        page.keyboard.press("Tab")
        style = page.evaluate("""() => { const s = getComputedStyle(document.activeElement);
            return [s.outlineStyle, parseFloat(s.outlineWidth)]; }""")
        assert style[0] != "none" and style[1] >= 1
