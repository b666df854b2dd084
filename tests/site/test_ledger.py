"""The ledger's menus choose rows, say how many are left, and keep the choice in the address."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Open = Callable[..., Any]
PAGE = "claims.html"
SHOWN = "(all) => all.filter((one) => one.checkVisibility())"
IDS = f"rows => ({SHOWN})(rows).map((row) => row.querySelector('.claim-id').textContent)"


@pytest.fixture
def claims(site: Path) -> list[dict[str, Any]]:
    """The claims of the built site."""
    return list(json.loads(site.joinpath("claims.json").read_text("utf8"))["claims"])


def seen(page: Any) -> list[str]:
    """Ids of the rows one sees."""
    return list(page.locator(".ledger-claims tbody tr").evaluate_all(IDS))


def said(page: Any) -> str:
    """What is announced."""
    return str(page.locator(".ledger-filter output").inner_text())


def test_it_begins_with_all_claims(visit: Open, claims: list[dict[str, Any]]) -> None:
    opened = visit(PAGE)
    assert seen(opened.page) == [claim["id"] for claim in claims]
    assert said(opened.page) == f"{len(claims)} claims"
    assert opened.errors == []


@pytest.mark.parametrize("key", ["source", "verdict", "area"])
def test_a_menu_leaves_what_it_names(visit: Open, claims: list[dict[str, Any]], key: str) -> None:
    page = visit(PAGE).page
    for value in sorted({claim[key] or "none" for claim in claims}):
        page.select_option(f"select[name={key}]", value)
        left = [claim["id"] for claim in claims if (claim[key] or "none") == value]
        assert seen(page) == left
        assert said(page) == (
            f"{len(left)} of {len(claims)} claims" if len(left) < len(claims) else f"{len(left)} claims"
        )
        headings = page.locator(".ledger-source").evaluate_all(f"all => ({SHOWN})(all).length")
        assert headings == len({claim["source"] for claim in claims if claim["id"] in left})


def test_the_address_keeps_the_choice(visit: Open, claims: list[dict[str, Any]]) -> None:
    page = visit(PAGE).page
    page.select_option("select[name=verdict]", "refuted")
    page.select_option("select[name=source]", "s1")
    left = seen(page)
    assert left == [
        claim["id"] for claim in claims if (claim["source"], claim["verdict"]) == ("s1", "refuted")
    ]
    page.reload()
    assert seen(page) == left
    assert page.locator("select[name=verdict]").input_value() == "refuted"
    page.get_by_role("button", name="Show all").click()
    assert len(seen(page)) == len(claims)
    assert "#" not in page.url


def test_an_address_that_chooses_nothing_known_shows_all(visit: Open, claims: list[dict[str, Any]]) -> None:
    for address in (f"{PAGE}#verdict=perhaps", f"{PAGE}#ledger-s1"):
        assert len(seen(visit(address).page)) == len(claims)


def test_the_keyboard_reaches_and_changes_a_menu(visit: Open, claims: list[dict[str, Any]]) -> None:
    page = visit(PAGE).page
    page.locator("select[name=verdict]").focus()
    page.keyboard.press("r")  # the native menu takes the first letter
    assert seen(page) == [claim["id"] for claim in claims if claim["verdict"] == "refuted"]


def test_without_script_all_claims_stand_there_and_no_menu(visit: Open, claims: list[dict[str, Any]]) -> None:
    page = visit(PAGE, java_script_enabled=False).page
    assert page.locator(".ledger-claims tbody tr").count() == len(claims)
    assert not page.locator(".ledger-filter").is_visible()


def test_it_works_from_a_folder(visit: Open, site: Path, claims: list[dict[str, Any]]) -> None:
    page = visit(f"file://{site / PAGE}").page
    page.select_option("select[name=verdict]", "refuted")
    assert len(seen(page)) < len(claims)
    assert page.url.endswith("#verdict=refuted")
