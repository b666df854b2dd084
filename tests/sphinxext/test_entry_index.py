"""The list of all entries."""

from __future__ import annotations

from seqdocs.sphinxext.entry_index import initial, sort_key
from tests.sphinxext.conftest import Site


def test_entries_stand_by_area_in_reading_order(built: Site) -> None:
    page = built.html("glossary.html")
    sections = page.find_all("section", id=lambda name: name and name.startswith("area-"))
    terms = {part["id"]: [row.text for row in part.select("dl.entry-list > dt")] for part in sections}
    full = {name: rows for name, rows in terms.items() if rows}
    assert full == {"area-foundations": ["Alpha", "Beta"], "area-serving": ["Gamma"]}
    assert [part.p.text for part in sections if not terms[part["id"]]] == 4 * ["No entry yet."]


def test_every_name_stands_under_its_letter(built: Site) -> None:
    section = built.html("glossary.html").find("section", id="a-to-z")
    letters = [letter.text for letter in section.find_all(class_="entry-letter")]
    rows = [row.text.strip() for row in section.find_all("li")]
    assert letters == ["A", "B", "F", "G", "S"]
    assert rows == ["Alpha", "Beta", "first letter → Alpha", "Gamma", "second letter → Beta"]


def test_sorting_ignores_case_and_accents() -> None:
    assert sorted(["Zeta", "état", "Eta", "alpha"], key=sort_key) == ["alpha", "Eta", "état", "Zeta"]
    assert [initial(name) for name in ("état", "Eta", "2-gram", "ø")] == ["E", "E", "0–9", "Ø"]
