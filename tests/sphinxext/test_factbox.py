"""The fact box says what the header and other files tell about an entry."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqdocs.entries.bibliography import Reference
from seqdocs.sphinxext.facts import citation, where_tested
from tests.sphinxext.conftest import Site

FACTS = [
    # entry, fact, what it says, where it leads
    ("alpha", "aliases", "first letter", None),
    ("alpha", "year", "1900", None),
    ("alpha", "area", "Foundations", "../glossary.html#area-foundations"),
    ("alpha", "sources", "Alpha & Beta 1900", "../references.html#cite-alpha1900"),
    ("gamma", "sources", "Gamma et al. 1902", "../references.html#cite-gamma1902"),
    ("alpha", "implementation", "seqdocs.toy.double", "../reference/api/seqdocs.toy.html#seqdocs.toy.double"),
    ("alpha", "implementation", "source", "../_modules/seqdocs/toy.html#double"),
    (
        "alpha",
        "implementation",
        "repository",
        "https://example.org/tiny/blob/main/seqdocs/toy.py#L4-L10",
    ),
    ("alpha", "tests", "tests/test_toy.py", "https://example.org/tiny/blob/main/tests/test_toy.py"),
    ("alpha", "example", "Alpha, drawn", "../gallery/one/plot_alpha.html"),
    ("beta", "prerequisites", "Alpha", "alpha.html#term-alpha"),
    ("beta", "related", "Gamma", "gamma.html#term-gamma"),
    ("alpha", "named-prerequisites", "Beta", "beta.html#term-beta"),
    ("gamma", "named-related", "Beta", "beta.html#term-beta"),
    ("alpha", "linked", "Guide", "../guide/page.html"),
    ("alpha", "linked", "seqdocs.toy", "../reference/api/seqdocs.toy.html"),
]


@pytest.mark.parametrize(("stem", "fact", "text", "target"), FACTS)
def test_a_fact_is_said_and_leads_somewhere(
    built: Site, stem: str, fact: str, text: str, target: str | None
) -> None:
    box = built.html(f"glossary/{stem}.html").find("aside", class_="facts")
    value = box.find("dd", class_=f"fact-{fact}")
    if target is None:
        assert value.text.strip() == text
    else:
        assert (text, target) in [(link.text, link["href"]) for link in value.find_all("a")]


@pytest.mark.parametrize("stem", ["alpha", "beta", "gamma"])
def test_every_link_of_a_box_exists(built: Site, stem: str) -> None:
    box = built.html(f"glossary/{stem}.html").find("aside", class_="facts")
    for link in box.find_all("a", class_="internal"):
        page, _, anchor = link["href"].partition("#")
        path = (built.root / "build/html/glossary" / page).resolve()
        assert path.is_file(), link
        assert not anchor or f'id="{anchor}"' in path.read_text("utf8"), link


def test_a_fact_without_a_value_is_left_out(built: Site) -> None:
    box = built.html("glossary/gamma.html").find("aside", class_="facts")
    assert box.find("dt", class_="fact-aliases") is None
    assert box["aria-label"] == "Facts about Gamma"


def test_an_implementation_outside_of_the_reference_is_named(site: Site) -> None:
    site.edit("docs/conf.py", '    "sphinx.ext.autodoc",\n', "")
    site.edit("docs/conf.py", '    "sphinx.ext.napoleon",\n', "")
    site.edit("docs/conf.py", '    "sphinx.ext.viewcode",\n', "")
    site.edit("docs/index.md", "reference/api/index\n", "")
    assert (
        "glossary/alpha.md:8: WARNING: `seqdocs.toy.double` has no page in the API reference" in site.build()
    )


@pytest.mark.parametrize(
    ("author", "said"),
    [
        ("Elman, Jeffrey L.", "Elman 1990"),
        ("Jeffrey L. Elman", "Elman 1990"),
        ("{Elman Group}", "Elman Group 1990"),
        ("Alpha, Ann and {Beta Lab}", "Alpha & Beta Lab 1990"),
        ("Alpha, Ann and Beta, Bob", "Alpha & Beta 1990"),
        ("Alpha, Ann and Beta, Bob and Gamma, Gil", "Alpha et al. 1990"),
        ("", "key1990"),
    ],
)
def test_a_source_is_named_by_who_and_when(author: str, said: str) -> None:
    assert citation(Reference("key1990", 1, author, "", "1990"), "key1990") == said


def test_a_module_without_a_mirrored_test_file_is_tested_where_it_is_imported() -> None:
    root = Path(__file__).resolve().parents[2]
    assert where_tested(root, "seqdocs/models/jacobian.py") == ["tests/models/test_jacobian.py"]
    assert "tests/models/test_recurrent.py" in where_tested(root, "seqdocs/models/rnn.py")
    assert where_tested(root, "seqdocs/queues/nothing.py") == []
