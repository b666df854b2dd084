"""The search finds an entry by its other names, from the home page's field and from a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Open = Callable[..., Any]


@pytest.fixture
def alias(site: Path) -> tuple[str, str]:
    """Another name of an entry, and the entry's page."""
    entries: list[dict[str, Any]] = json.loads(site.joinpath("glossary.json").read_text("utf8"))["entries"]
    entry = next(entry for entry in entries if entry["aliases"])
    return entry["aliases"][0], entry["url"].partition("#")[0]


def found(page: Any) -> list[str]:
    """Addresses of the results, best first."""
    page.locator("#search-results li a").first.wait_for()
    return page.locator("#search-results li a").evaluate_all("links => links.map((link) => link.href)")


def test_an_alias_leads_to_its_entry(visit: Open, alias: tuple[str, str]) -> None:
    name, goal = alias
    seen = visit("index.html")
    field = seen.page.locator("article input[name=q]")
    field.fill(name)
    field.press("Enter")
    assert any(goal in address for address in found(seen.page)[:3])
    assert (seen.errors, seen.outside) == ([], [])


def test_the_search_works_from_a_folder(visit: Open, site: Path, alias: tuple[str, str]) -> None:
    name, goal = alias
    page = visit(f"{site.joinpath('search.html').as_uri()}?q={name.replace(' ', '+')}").page
    assert any(goal in address for address in found(page)[:3])
