"""Verdicts that noise cannot flip: a check compares a quantity with a limit, and its interval has to agree.

A number that was measured once lies on one side of any limit; measured again it may lie on the other. So a
test asks where the whole interval lies. Beside the limit the answer is yes or no; across it, the answer is
that nobody knows, the verdict is "too close to call", and a page that shows it does not build. What was
compared with which limit stays beside the verdict as its *margin*::

    faster = timed["16"]["speedup"]
    verdict_by({"holds": above(faster, 1.1, "speed-up of a batch of 16")}, "refuted", "16 take …")

A truth value stands for what is exact, such as a count of operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seqdocs.bench.quantity import UNCLEAR, Quantity, Verdict, is_quantity, verdict

Test = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """Whether something is so: yes, no, or None where it is too close to call; and the tests behind it."""

    answer: bool | None
    tests: tuple[Test, ...] = ()


def above(measured: Quantity, limit: float, what: str) -> Finding:
    """Say whether a quantity is above a limit, with all of its interval.

    Args:
        measured: with an interval, or an exact count (an ``int``).
        limit: in the unit of the quantity.
        what: what was measured, in a few words, for the reader of the claim.

    Raises:
        TypeError: if ``measured`` is no quantity.
        ValueError: if it is neither exact nor has an interval.

    >>> from seqdocs.bench.quantity import quantity
    >>> above(quantity(7.1, "×", 6.8, 7.4), 1.1, "speed-up").answer
    True
    >>> above(quantity(1.2, "×", 1.0, 1.4), 1.1, "speed-up").answer is None
    True
    """
    return _compared(measured, what, above=limit)


def below(measured: Quantity, limit: float, what: str) -> Finding:
    """Say whether a quantity is below a limit; see :func:`above`."""
    return _compared(measured, what, below=limit)


def between(measured: Quantity, low: float, high: float, what: str) -> Finding:
    """Say whether a quantity is above ``low`` and below ``high``; see :func:`above`."""
    return _compared(measured, what, above=low, below=high)


def _compared(
    measured: Quantity, what: str, above: float | None = None, below: float | None = None
) -> Finding:
    """Compare the interval of a quantity with one limit or two."""
    if not is_quantity(measured):
        raise TypeError(f"`{what}` is a {type(measured).__name__}; a test compares a quantity")
    low, high = measured["low"], measured["high"]
    if low is None:
        if not isinstance(measured["value"], int):
            raise ValueError(f"`{what}` has no interval; a number that is not exact needs one to be compared")
        low = high = measured["value"]
    inside = (above is None or low > above) and (below is None or high < below)
    outside = (above is not None and high <= above) or (below is not None and low >= below)
    answer = True if inside else False if outside else None
    return Finding(answer, ({"what": what, "measured": dict(measured), "above": above, "below": below},))


def all_of(*findings: Finding | bool) -> Finding:
    """Say whether everything is so: no when something is not, unknown when something else is unknown."""
    made = [found if isinstance(found, Finding) else Finding(found) for found in findings]
    answers = [found.answer for found in made]
    answer = False if False in answers else None if None in answers else True
    return Finding(answer, tuple(test for found in made for test in found.tests))


def verdict_by(cases: Mapping[str, Finding | bool], otherwise: str, evidence: str) -> Verdict:
    """Return the verdict of the first case that is so, with the tests that were looked at as its margin.

    Args:
        cases: verdict → when it is given; one that is too close to call ends the search with that answer.
        otherwise: the verdict when no case is so.
        evidence: what was found, as one phrase with its numbers.

    Returns:
        ``{"verdict", "evidence", "margin"}``; see :func:`seqdocs.bench.quantity.verdict`.

    Raises:
        ValueError: if a verdict is none, or ``evidence`` is empty.
    """
    for name in (*cases, otherwise):
        verdict(name, evidence)  # so that a misspelt verdict fails whatever was measured
    kind, looked = otherwise, []
    for name, case in cases.items():
        found = all_of(case)
        looked += [test for test in found.tests if test not in looked]
        if found.answer is None:
            return verdict(UNCLEAR, evidence, looked)
        if found.answer:
            kind = name
            break
    return verdict(kind, evidence, looked)
