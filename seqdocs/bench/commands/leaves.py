"""How a result reads on a terminal; a leaf that is damaged is printed as it stands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from seqdocs.bench.quantity import is_quantity, is_table, is_verdict
from seqdocs.bench.show import show, show_interval

DAMAGE = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)  # of a leaf with odd values


def one_line(leaf: Any) -> str:
    """Write a leaf with its interval; of a branch or a table only what it is."""
    if is_table(leaf):
        return "a table"
    if is_quantity(leaf):
        return _or_raw(
            leaf, lambda: show(leaf) + (f" ({show_interval(leaf)})" if leaf["low"] is not None else "")
        )
    if is_verdict(leaf):
        return f"{leaf['verdict']}: {leaf['evidence']}"
    if isinstance(leaf, dict):
        return f"a branch with {', '.join(leaf) or 'nothing'}"
    if isinstance(leaf, list):
        return _list_line(leaf)
    return show(leaf)


def branch_lines(name: str, branch: Any, indent: int) -> Iterator[str]:
    """Yield a line for each leaf of a branch of a result."""
    margin = " " * indent
    if is_table(branch):
        rows = _or_raw(branch, lambda: "\n".join(_table_lines(branch))).split("\n")
        yield f"{margin}{name}: {rows[0]}"
        yield from (f"{margin}  {row}" for row in rows[1:])
    elif isinstance(branch, dict) and not (is_quantity(branch) or is_verdict(branch)):
        yield f"{margin}{name}:"
        for key, value in branch.items():
            yield from branch_lines(key, value, indent + 2)
    else:
        yield f"{margin}{name}: {one_line(branch)}"


def _table_lines(table: dict[str, Any]) -> list[str]:
    """Write a table, its heads first."""
    heads = [head["name"] + f" [{head['unit']}]" * bool(head["unit"]) for head in table["columns"]]
    return [" | ".join(row) for row in (heads, *(map(show, row) for row in table["rows"]))]


def _list_line(values: list[Any]) -> str:
    """Write a list on one line, with its middle left out when it is long."""
    if any(isinstance(value, (dict, list)) for value in values):
        return f"{len(values)} entries"
    words = [show(value) for value in values]
    return ", ".join(words if len(words) <= 8 else [*words[:4], "…", *words[-3:]]) + f"  ({len(words)})"


def _or_raw(leaf: Any, write: Callable[[], str]) -> str:
    """Write a leaf, or where that fails its bare JSON, cut short."""
    try:
        return write()
    except DAMAGE:
        return json.dumps(leaf, ensure_ascii=False)[:200]
