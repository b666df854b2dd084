"""A verdict follows an interval, never a point: across a limit nobody knows."""

from __future__ import annotations

from typing import Any

import pytest

from seqdocs.bench.quantity import UNCLEAR, is_verdict, quantity, verdict
from seqdocs.bench.verdicts import Finding, above, all_of, below, between, verdict_by


def about(value: float, spread: float = 0.1) -> dict[str, Any]:
    """A ratio with an interval around it."""
    return quantity(value, "×", value - spread, value + spread)


CASES = [
    # test, answer
    (above(about(2.0), 1.1, "x"), True),
    (above(about(0.9), 1.1, "x"), False),
    (above(about(1.05), 1.1, "x"), None),
    (above(about(1.2), 1.1, "x"), None),  # the interval's end on the limit decides nothing for "above"
    (above(about(1.0), 1.1, "x"), False),  # and all of it at most the limit is not above
    (below(about(0.9), 1.1, "x"), True),
    (below(about(2.0), 1.1, "x"), False),
    (below(about(1.15), 1.1, "x"), None),
    (between(about(1.0), 0.7, 1.3, "x"), True),
    (between(about(0.5), 0.7, 1.3, "x"), False),
    (between(about(1.5), 0.7, 1.3, "x"), False),
    (between(about(0.75), 0.7, 1.3, "x"), None),
    (between(about(1.0, 0.5), 0.7, 1.3, "x"), None),
    (above(quantity(3, "requests"), 2, "x"), True),  # a count is exact
    (above(quantity(2, "requests"), 2, "x"), False),
]


@pytest.mark.parametrize(("found", "answer"), CASES, ids=range(len(CASES)))
def test_an_interval_beside_its_limit_answers_and_one_across_does_not(found: Finding, answer: object) -> None:
    assert found.answer is answer


@pytest.mark.parametrize(
    ("parts", "answer"),
    [((True, True), True), ((True, None), None), ((False, None), False), ((False, True), False), ((), True)],
)
def test_all_of_is_no_when_one_is_no_and_unknown_when_one_is(parts: tuple[Any, ...], answer: object) -> None:
    assert all_of(*(Finding(part) for part in parts)).answer is answer


def test_the_first_case_that_is_so_gives_the_verdict_and_the_margin() -> None:
    fast, slow = above(about(7.1), 1.1, "speed-up"), below(about(7.1), 0.9, "speed-up")
    said = verdict_by({"refuted": slow, "holds": fast}, "qualified", "7.1 times as fast")
    assert is_verdict(said)
    assert said["verdict"] == "holds"
    measured = {"value": 7.1, "unit": "×", "low": 7.0, "high": 7.199999999999999}
    assert said["margin"] == [
        {"what": "speed-up", "measured": measured, "above": None, "below": 0.9},
        {"what": "speed-up", "measured": measured, "above": 1.1, "below": None},
    ]


def test_when_no_case_is_so_the_other_verdict_stands() -> None:
    said = verdict_by({"holds": above(about(0.5), 1.1, "speed-up")}, "refuted", "half as fast")
    assert (said["verdict"], len(said["margin"])) == ("refuted", 1)


def test_an_interval_across_the_limit_gives_no_verdict_whatever_the_point_says() -> None:
    for value in (1.05, 1.15):
        said = verdict_by({"holds": above(about(value), 1.1, "speed-up")}, "refuted", "hardly faster")
        assert said["verdict"] == UNCLEAR
        assert said["margin"][0]["measured"]["value"] == value


def test_an_unclear_case_hides_no_later_one() -> None:
    unclear = above(about(1.1), 1.1, "speed-up")
    assert verdict_by({"holds": unclear, "qualified": True}, "refuted", "x")["verdict"] == UNCLEAR
    assert verdict_by({"qualified": True, "holds": unclear}, "refuted", "x")["verdict"] == "qualified"


def test_what_is_exact_has_no_margin() -> None:
    assert verdict_by({"holds": True}, "refuted", "193 operations") == verdict("holds", "193 operations")


def test_the_same_test_stands_in_the_margin_once() -> None:
    found = below(about(0.5), 1.0, "share")
    said = verdict_by({"qualified": all_of(found, False), "holds": found}, "refuted", "x")
    assert (said["verdict"], len(said["margin"])) == ("holds", 1)


def test_a_noisy_number_without_an_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="`speed-up` has no interval"):
        above(quantity(2.0, "×"), 1.1, "speed-up")
    with pytest.raises(TypeError, match="`speed-up` is a float; a test compares a quantity"):
        above(2.0, 1.1, "speed-up")  # type: ignore[arg-type]


def test_a_misspelt_verdict_fails_whatever_was_measured() -> None:
    with pytest.raises(ValueError, match="`kind` is 'true'"):
        verdict_by({"holds": True, "true": False}, "refuted", "x")
