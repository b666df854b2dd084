"""The templates of the real site on a tiny one: navigation, head, policy, home page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seqdocs.sphinxext.look import POLICY
from tests.sphinxext.conftest import Site, record

DOCS = Path(__file__).parents[2] / "docs"


def dress(site: Site, more: str = "") -> Site:
    """Give a tiny site the real site's clothes."""
    conf = site.root / "docs" / "conf.py"
    look = (
        '\nextensions += ["seqdocs.sphinxext.look", "seqdocs.sphinxext.widgets"]\nhtml_theme = "furo"\n'
        f'templates_path = [r"{DOCS / "_templates"}"]\nhtml_static_path = [r"{DOCS / "_static"}"]\n'
    )
    conf.write_text(conf.read_text("utf8") + look + more, "utf8")
    return site


@pytest.fixture
def dressed(quick: Site) -> Site:
    """A tiny site that looks like the real one."""
    return dress(quick)


def test_no_page_has_an_inline_script_or_style(dressed: Site) -> None:
    assert dressed.build() == ""
    for page in ("index.html", "glossary/alpha.html", "guide/page.html", "genindex.html", "search.html"):
        html = dressed.html(page)
        inline = [tag for tag in html.find_all("script", src=False) if "json" not in tag.get("type", "")]
        assert inline == [] and html.find_all("style") == []
        assert html.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"] == POLICY


def test_the_policy_lets_in_nothing_from_elsewhere() -> None:
    assert "default-src 'none'" in POLICY and "script-src 'self' file:" in POLICY
    assert not re.search(r"https?:|\*|unsafe-eval", POLICY)


def test_the_navigation_lists_areas_and_marks_the_page(dressed: Site) -> None:
    dressed.build()
    nav = dressed.html("glossary/alpha.html").find("nav", id="site-nav")
    assert [link.text for link in nav.find_all("a", attrs={"aria-current": "page"})] == ["Alpha"]
    assert "Foundations" in [title.text for title in nav.find_all(class_="nav-title")]
    assert len(nav.find_all("a", string="Beta")) == 1


def test_an_entry_begins_with_its_summary(dressed: Site) -> None:
    dressed.build()
    lead = dressed.html("glossary/beta.html").find("h1").find_next_sibling()
    assert lead["class"] == ["lead"] and lead.text == "Beta follows alpha."


def test_a_page_describes_itself_to_others(quick: Site) -> None:
    dress(quick, 'html_baseurl = "https://example.org/docs/"\n').build()
    head = quick.html("glossary/beta.html").head
    said = {tag.get("property") or tag.get("name"): tag.get("content") for tag in head.find_all("meta")}
    assert said["description"] == said["og:description"] == "Beta follows alpha."
    assert said["og:image"] == "https://example.org/docs/_static/brand/social-card.png"
    assert said["og:url"] == "https://example.org/docs/glossary/beta.html"
    assert said["og:title"] == "Beta"


def test_the_home_page_counts_what_was_measured_and_is_drawn_again_when_that_changes(dressed: Site) -> None:
    dressed.build()
    rows = dressed.html("index.html").find(class_="home-facts").find_all("div")
    facts = {row.dt.text: row.dd.text for row in rows}
    assert facts == {"Entries": "3", "Experiments": "1", "Measured on": "Toy cpu, 2026-01-02"}
    dressed.shown(record(), record(device="cuda"))
    pages, _ = dressed.redrawn()
    assert "index.html" in pages
    assert "Toy cuda, 2026-01-02" in dressed.text("index.html")


def test_the_home_page_without_records_makes_no_claim(dressed: Site) -> None:
    (dressed.root / "shown.json").unlink()
    dressed.build()
    assert dressed.html("index.html").find(class_="home-facts") is None
