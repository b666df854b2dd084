"""The reading order puts prerequisites first and is otherwise alphabetical by term."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdocs.entries.header import AREAS, DOORS, Entry
from seqdocs.entries.order import backlinks, by_area, neighbours, reading_order

settings.register_profile("entries", derandomize=True, deadline=None, database=None)
settings.load_profile("entries")

CASES = {  # prerequisites of each entry: the order expected
    "alphabet": ({"c": [], "a": [], "b": []}, "abc"),
    "chain": ({"a": ["b"], "b": ["c"], "c": []}, "cba"),
    "free ones first by name": ({"a": ["d"], "b": [], "c": ["b"], "d": []}, "bcda"),
    "diamond": ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, "dbca"),
    "unknown and itself": ({"b": [], "a": ["zebra", "a"]}, "ab"),
    "circle comes last": ({"a": ["b"], "b": ["a"], "c": []}, "cab"),
}


def entry(stem: str, prerequisites: list[str], area: str = "scan", **keys: tuple[str, ...]) -> Entry:
    return Entry(stem, term=stem.upper(), area=area, prerequisites=tuple(prerequisites), **keys)


@pytest.mark.parametrize("case", CASES)
def test_prerequisites_come_first(case: str) -> None:
    links, order = CASES[case]
    entries = {stem: entry(stem, before) for stem, before in links.items()}
    assert "".join(reading_order(entries)) == order


def test_terms_are_sorted_ignoring_case() -> None:
    entries = {
        stem: Entry(stem, term=term, area="scan")
        for stem, term in (("x", "beta"), ("y", "Alpha"), ("z", "GAMMA"))
    }
    assert reading_order(entries) == ["y", "x", "z"]


def test_a_prerequisite_in_another_area_does_not_move_an_entry() -> None:
    entries = {"a": entry("a", ["z"]), "b": entry("b", []), "z": entry("z", [], "serving")}
    assert by_area(entries)["scan"] == ["a", "b"]
    assert list(by_area(entries)) == list(AREAS)


def test_neighbours_follow_the_reading_order_over_areas() -> None:
    entries = {"a": entry("a", [], "serving"), "b": entry("b", ["c"]), "c": entry("c", [])}
    assert neighbours(entries) == {"c": (None, "b"), "b": ("c", "a"), "a": ("b", None)}
    assert neighbours({}) == {}


def test_backlinks_name_who_links_by_key() -> None:
    entries = {
        "a": entry("a", ["b"], related=("b", "a", "zebra")),
        "c": entry("c", [], broader=("b",)),
        "b": entry("b", []),
    }
    assert backlinks(entries)["b"] == {"broader": ["c"], "prerequisites": ["a"], "related": ["a"]}
    assert not any(backlinks(entries)["a"].values())


def test_the_doors_lead_to_every_area_once() -> None:
    assert sorted(area for areas in DOORS.values() for area in areas) == sorted(AREAS)
    assert len(DOORS) == 4


@given(st.integers(0, 2**32), st.integers(0, 12), st.floats(0, 1))
def test_the_order_holds_every_entry_once_and_respects_every_prerequisite(
    seed: int, count: int, density: float
) -> None:
    draw = random.Random(seed)
    stems = [f"e{i}" for i in range(count)]
    draw.shuffle(stems)
    links = {stem: [s for s in stems[:i] if draw.random() < density] for i, stem in enumerate(stems)}
    order = reading_order({stem: entry(stem, before) for stem, before in links.items()})
    assert sorted(order) == sorted(stems)
    assert all(order.index(before) < order.index(stem) for stem in stems for before in links[stem])
