"""Several processes read as one does."""

from __future__ import annotations

from seqdocs.sphinxext.pagedata import all_notes, merge, note, noted, purge
from tests.sphinxext.conftest import Site


class Env:
    """As much of an environment as notes need."""


def test_notes_are_forgotten_and_merged() -> None:
    ours, theirs = Env(), Env()
    note(ours, "a", "links", [1])
    note(theirs, "b", "links", [2])
    note(theirs, "c", "links", [3])
    merge(None, ours, ["b"], theirs)
    assert noted(ours, "b", "links", []) == [2]
    assert noted(ours, "c", "links", []) == []  # the other process only inherited it
    purge(None, ours, "a")
    purge(None, ours, "never read")
    assert set(all_notes(ours)) == {"b"}


def test_two_processes_draw_the_same_site(quick: Site) -> None:
    pages = [
        "index.html",
        "glossary/alpha.html",
        "glossary/beta.html",
        "glossary/gamma.html",
        "guide/page.html",
    ]
    assert quick.build() == ""
    alone = [quick.text(page) for page in [*pages, "glossary.json"]]
    quick.close()
    for folder in ("build", "docs/glossary"):
        __import__("shutil").rmtree(quick.root / folder)
    assert quick.build(parallel=2) == ""
    assert [quick.text(page) for page in [*pages, "glossary.json"]] == alone
