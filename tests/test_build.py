"""The whole build on a small copy of the checkout: what an edit runs again, and what survives a kill."""

from __future__ import annotations

import json

import pytest
from small_checkout import Checkout, small_checkout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    small = small_checkout(tmp_path_factory.mktemp("checkout") / "seqdocs")
    assert small.build() == ["cell one", "cell two", "drew one", "drew two", "measured one", "measured two"]
    return small


def test_an_unchanged_rebuild_runs_nothing_and_changes_no_byte(checkout: Checkout) -> None:
    before = checkout.pages()
    assert checkout.build() == []
    assert ", 0 changed, 0 removed" in checkout.said, "no page is read again"
    assert checkout.pages() == before


def test_changed_code_measures_exactly_the_experiments_that_reach_it(checkout: Checkout) -> None:
    checkout.edit("seqdocs/models/one.py", "range(size)", "range(size + 1)")
    assert checkout.build() == ["cell one", "drew one", "measured one"]
    assert ">6.0" in checkout.page("glossary/term-one.html"), "the cell ran the changed code"
    checkout.edit("seqdocs/models/one.py", "range(size + 1)", "range(size)")
    assert checkout.build() == ["drew one"], "the old record and the old output are still there"


def test_changed_prose_measures_nothing_and_shows(checkout: Checkout) -> None:
    checkout.edit("glossary/term-one.md", "Prose of Term one.", "Better prose.")
    assert [line for line in checkout.build() if not line.startswith("cell")] == []
    assert "Better prose." in checkout.page("glossary/term-one.html")
    assert "alias two" in checkout.page("searchindex.js"), "a page that was not drawn again is still found"


def test_a_changed_summary_changes_the_cards_of_other_pages(checkout: Checkout) -> None:
    checkout.edit("glossary/term-one.md", "The summary of Term one", "Another summary")
    assert [line for line in checkout.build() if not line.startswith("cell")] == []
    assert "Another summary" in checkout.page("glossary/term-two.html")
    assert "Another summary" in checkout.page("glossary.html")


def test_a_new_term_of_three_files_appears_everywhere(checkout: Checkout) -> None:
    checkout.add_term("three", "two", 3)
    assert checkout.build() == ["cell three", "drew three", "measured three"]
    shows = (
        "glossary.html",
        "glossary/term-one.html",
        "genindex.html",
        "gallery/index.html",
        "searchindex.js",
    )
    for page in shows:
        assert "three" in checkout.page(page).lower(), page
    names = [entry["term"] for entry in json.loads(checkout.page("glossary.json"))["entries"]]
    assert "Term three" in names
    assert "plot_three" in checkout.page("records.json")
    assert checkout.pages() == checkout.drawn_from_nothing()


def test_a_killed_build_is_made_good_by_the_next(checkout: Checkout) -> None:
    checkout.edit("gallery/tiny/plot_two.py", "size=4", "size=5")
    checkout.killed_when("measured two")
    checkout.build()
    whole = checkout.pages()
    checkout.edit("gallery/tiny/plot_two.py", '"o")', '"x")')
    checkout.killed_when("drew two")
    checkout.edit("gallery/tiny/plot_two.py", '"x")', '"o")')
    checkout.build()  # from nothing, since the last one did not end
    assert checkout.pages() == whole
    (checkout.root / "docs/_build/unfinished").write_text("", "utf8")  # makes the cells run again
    checkout.killed_when("cell two")
    checkout.build()
    assert checkout.pages() == whole
