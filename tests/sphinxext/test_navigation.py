"""What templates get, and how one page leads to the next."""

from __future__ import annotations

from typing import Any

import pytest

from seqdocs.sphinxext.navigation import add_navigation
from tests.sphinxext.conftest import Site


def test_templates_get_areas_doors_pages_and_the_entry(site: Site) -> None:
    site.build()
    context: dict[str, Any] = {}
    add_navigation(site.app, "glossary/beta", "page.html", context, None)
    data = context["seqdocs"]
    assert [(area["key"], [row["stem"] for row in area["entries"]]) for area in data["areas"]] == [
        ("foundations", ["alpha", "beta"]),
        ("serving", ["gamma"]),
    ]
    assert [page["docname"] for page in data["pages"]][:3] == ["glossary", "gallery/index", "guide/page"]
    assert {door["title"]: [area["key"] for area in door["areas"]] for door in data["doors"]} == {
        "Foundations": ["foundations"],
        "Recurrence and scans": [],
        "Attention and generation": [],
        "Queues and serving": ["serving"],
    }
    assert data["entry"]["term"] == "Beta"
    assert (context["prev"]["link"], context["next"]["link"]) == ("alpha.html", "gamma.html")
    add_navigation(site.app, "index", "page.html", context, None)
    assert context["seqdocs"]["entry"] is None


@pytest.mark.parametrize(("stem", "before", "after"), [("alpha", None, "Beta"), ("gamma", "Beta", None)])
def test_entries_follow_each_other(built: Site, stem: str, before: str | None, after: str | None) -> None:
    page = built.html(f"glossary/{stem}.html")
    for rel, wanted in (("prev", before), ("next", after)):
        link = page.find("link", rel=rel)
        assert (link["title"] if link else None) == wanted


def test_the_tree_is_one_level_deep(site: Site) -> None:
    site.build()
    context: dict[str, Any] = {}
    add_navigation(site.app, "gallery/one/plot_alpha", "page.html", context, None)
    tree = context["toctree"](maxdepth=-1, collapse=False)
    assert tree.count("<ul") == 1
    assert 'current" href="../index.html">Gallery' in tree
    assert "plot_alpha" not in tree
