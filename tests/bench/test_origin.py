"""Where a run comes from, in a line."""

from __future__ import annotations

from typing import Any

import pytest

from seqdocs.bench.origin import doubts, origin
from seqdocs.bench.run import Run

RECORD: dict[str, Any] = {
    "machine": {"label": "Toy"},
    "versions": {"torch": "2.13.0+cpu"},
    "created": "2026-01-02T03:04:05+00:00",
    "slug": "cpu-toy",
    "device": "cpu",
    "threads": [],
    "notes": [],
}
COMMITS = [  # what the machine's facts say, what is written
    ({}, ""),
    ({"commit": None, "dirty": None}, ""),
    ({"commit": "0123456789", "dirty": False}, " · commit 0123456"),
    ({"commit": "0123456789", "dirty": True}, " · commit 0123456 with changes"),
]


@pytest.mark.parametrize(("facts", "written"), COMMITS)
def test_an_origin_names_device_version_day_and_commit(facts: dict[str, Any], written: str) -> None:
    run = Run(RECORD | {"machine": {"label": "Toy"} | facts})  # type: ignore[arg-type]
    assert origin(run) == f"Toy · torch 2.13.0 · measured 2026-01-02{written}"


def test_what_changed_since_stands_last() -> None:
    run = Run(RECORD | {"machine": {"label": "Toy", "commit": "0123456789"}}, stale=True)  # type: ignore[arg-type]
    assert origin(run).endswith("commit 0123456 · the code has changed since")
    assert origin(run).count("changed since") == 1


def test_of_many_doubts_the_first_are_named_and_the_others_counted() -> None:
    assert doubts(Run(RECORD)) == ""  # type: ignore[arg-type]
    some = [f"doubt {number}" for number in range(5)]
    assert doubts(Run(RECORD | {"notes": some[:3]})) == "doubt 0; doubt 1; doubt 2"  # type: ignore[arg-type]
    five = Run(RECORD | {"notes": some})  # type: ignore[arg-type]
    assert doubts(five) == "doubt 0; doubt 1; doubt 2; 2 more in the record"
    assert doubts(five, 1) == "doubt 0; 4 more in the record"
