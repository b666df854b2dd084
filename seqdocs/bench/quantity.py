"""The leaves of a result that prose may show: a quantity, a table, a verdict. All are plain data.

How they are written out is the business of :mod:`seqdocs.bench.show`, which no measurement depends on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

Quantity = dict[str, Any]
Table = dict[str, Any]
Verdict = dict[str, Any]

VERDICTS = ("holds", "qualified", "refuted", "opinion", "not measurable here")
UNCLEAR = "too close to call"  # what a check says when its interval does not decide; nobody may declare it


def _number(name: str, value: object) -> float | int:
    """Return ``value`` as a plain finite Python number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"`{name}` is a {type(value).__name__}; it must be an int or a float")
    if not math.isfinite(value):
        raise ValueError(f"`{name}` is {value}; a quantity is finite")
    return int(value) if isinstance(value, int) else float(value)  # numpy's float64 is a float: unwrap it


def quantity(value: float, unit: str, low: float | None = None, high: float | None = None) -> Quantity:
    """Return a number with its unit and, where known, the interval it lies in.

    Args:
        value: the number, finite. An ``int`` is a count and shown digit by digit.
        unit: "s" and "B" are scaled when shown; "" for a bare number; "×" and "%" are written as usual.
        low: lower end of the interval (here a bootstrap interval of 95 % unless the example says otherwise).
        high: upper end; both ends or none.

    Returns:
        ``{"value", "unit", "low", "high"}``; ``low`` and ``high`` are None without an interval.

    Raises:
        TypeError: if a number or the unit is of another type.
        ValueError: if a number is not finite, one end is missing, or the value lies outside of its interval.

    >>> quantity(1234.5, "tokens/s", low=1200.0, high=1270.0)
    {'value': 1234.5, 'unit': 'tokens/s', 'low': 1200.0, 'high': 1270.0}
    """
    if not isinstance(unit, str):
        raise TypeError(f"`unit` is a {type(unit).__name__}; it must be a string")
    number = _number("value", value)
    if (low is None) != (high is None):
        raise ValueError(f"`low` is {low} and `high` is {high}; give both ends of the interval or none")
    if low is None or high is None:
        return {"value": number, "unit": unit, "low": None, "high": None}
    ends = _number("low", low), _number("high", high)
    if not ends[0] <= number <= ends[1]:
        raise ValueError(f"`value` {number} is outside of its interval, {ends[0]} to {ends[1]}")
    return {"value": number, "unit": unit, "low": ends[0], "high": ends[1]}


def is_quantity(leaf: object) -> TypeGuard[Quantity]:
    """Say whether ``leaf`` was built by :func:`quantity`."""
    return isinstance(leaf, Mapping) and set(leaf) == {"value", "unit", "low", "high"}


def table(columns: Iterable[str | Sequence[str]], rows: Iterable[Iterable[Any]]) -> Table:
    """Return a table whose cells are numbers, strings, quantities, or None for "not measured".

    Args:
        columns: a name each, or a pair of name and unit.
        rows: as many cells in each as there are columns.

    Returns:
        ``{"columns": [{"name", "unit"}, ...], "rows": [[...], ...]}``.

    Raises:
        ValueError: if there is no column, a column is neither a name nor a pair, or a row has another length.

    >>> table(["model", ("time", "ms")], [["GRU", 3]])["columns"][1]
    {'name': 'time', 'unit': 'ms'}
    """
    heads = []
    for column in columns:
        pair = (column, "") if isinstance(column, str) else tuple(column)
        if len(pair) != 2 or not all(isinstance(part, str) for part in pair):
            raise ValueError(f"column {column!r} must be a name or a pair of name and unit")
        heads.append({"name": pair[0], "unit": pair[1]})
    if not heads:
        raise ValueError("`columns` is empty; a table has at least one column")
    body = [list(row) for row in rows]
    for number, row in enumerate(body, 1):
        if len(row) != len(heads):
            raise ValueError(f"row {number} has {len(row)} cells but there are {len(heads)} columns")
    return {"columns": heads, "rows": body}


def is_table(leaf: object) -> TypeGuard[Table]:
    """Say whether ``leaf`` was built by :func:`table`."""
    return isinstance(leaf, Mapping) and set(leaf) == {"columns", "rows"}


def verdict(kind: str, evidence: str, margin: Sequence[Mapping[str, Any]] = ()) -> Verdict:
    """Return what a check says about a claim, with the evidence as one phrase.

    A check that compares a noisy number with a limit uses :func:`seqdocs.bench.verdicts.verdict_by`, which
    finds the verdict and its margin.

    Args:
        kind: one of ``VERDICTS``, or ``UNCLEAR``.
        evidence: what was found, with its numbers; not empty.
        margin: what was compared with which limit, ``{"what", "measured", "above", "below"}`` each.

    Returns:
        ``{"verdict", "evidence", "margin"}``.

    Raises:
        ValueError: if ``kind`` is neither, or ``evidence`` is empty.

    >>> verdict("refuted", "wait grows by 1.02 service times per request ahead")["verdict"]
    'refuted'
    """
    if kind not in (*VERDICTS, UNCLEAR):
        raise ValueError(f"`kind` is {kind!r}; a verdict is one of {', '.join(VERDICTS)}")
    if not isinstance(evidence, str) or not evidence.strip():
        raise ValueError("`evidence` is empty; say in one phrase what was found")
    return {"verdict": kind, "evidence": evidence, "margin": [dict(test) for test in margin]}


def is_verdict(leaf: object) -> TypeGuard[Verdict]:
    """Say whether ``leaf`` was built by :func:`verdict`."""
    return isinstance(leaf, Mapping) and set(leaf) == {"verdict", "evidence", "margin"}
