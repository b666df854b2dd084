"""Terms and aliases are targets everywhere, in any case, and the search knows them."""

from __future__ import annotations

import json

import pytest
from sphinx.util.inventory import InventoryFile

from tests.sphinxext.conftest import Site

LINKS = [
    # page, text of the link, where it leads
    ("index.html", "first letter", "glossary/alpha.html#term-alpha"),
    ("guide/page.html", "BETA", "../glossary/beta.html#term-beta"),
    ("glossary/alpha.html", "beta", "beta.html#term-beta"),
    ("gallery/one/plot_alpha.html", "Beta", "../../glossary/beta.html#term-beta"),
    ("reference/api/seqdocs.toy.html", "Alpha", "../../glossary/alpha.html#term-alpha"),
]


@pytest.mark.parametrize(("page", "text", "target"), LINKS)
def test_a_term_links_from_everywhere(built: Site, page: str, text: str, target: str) -> None:
    body = built.html(page).find(class_="body")
    assert target in [link["href"] for link in body.find_all("a") if link.text == text]


def test_other_projects_find_terms_and_aliases(built: Site) -> None:
    found = InventoryFile.loads((built.root / "build/html/objects.inv").read_bytes(), uri="")
    terms = found.data["std:term"]
    assert {"Alpha", "first letter", "Beta", "second letter", "Gamma"} <= set(terms)
    assert terms["first letter"].uri == "glossary/alpha.html#term-alpha"


def test_the_search_finds_an_alias(built: Site) -> None:
    text = built.text("searchindex.js")
    index = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    page = index["docnames"].index("glossary/alpha")
    assert any(found[0] == page for found in index["indexentries"]["first letter"])


def test_the_general_index_has_the_aliases(built: Site) -> None:
    links = [
        link["href"] for link in built.html("genindex.html").find_all("a") if link.text == "first letter"
    ]
    assert links == ["glossary/alpha.html#term-alpha"]


def test_an_entry_without_a_title_is_named(site: Site) -> None:
    site.edit("glossary/gamma.md", "# Gamma", "Gamma")
    assert "the entry has no title `# Gamma`" in site.build()
