"""Find the experiments that a script declares, in its text: nothing is imported, nothing runs."""

from __future__ import annotations

import ast
from dataclasses import dataclass, fields
from typing import Any

from seqdocs.bench.options import Options
from seqdocs.bench.source import SourceError, parse


@dataclass(frozen=True)
class Declared:
    """An experiment as its script's text declares it."""

    name: str
    line: int
    doc: str
    options: Options


def decorator_of(node: ast.stmt) -> ast.expr | None:
    """Return the ``@experiment`` of a statement, or None."""
    if not isinstance(node, ast.FunctionDef):
        return None
    for expression in node.decorator_list:
        called = expression.func if isinstance(expression, ast.Call) else expression
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
        if name == "experiment":
            return expression
    return None


def declared(text: str, name: str) -> tuple[Declared, ...]:
    """Return the experiments that a script declares, in order.

    Args:
        text: the script.
        name: how errors call it.

    Raises:
        SourceError: if it is no Python, an option is unknown or no literal, or two experiments share a name.
    """
    found: dict[str, Declared] = {}
    for node in parse(text, name).body:
        decorator = decorator_of(node)
        if decorator is None or not isinstance(node, ast.FunctionDef):
            continue
        if node.name in found:
            raise SourceError(f"{name}, line {node.lineno}: a second experiment is called `{node.name}`")
        try:
            options = _options(decorator)
        except ValueError as error:
            raise SourceError(f"{name}, line {decorator.lineno}: {error}") from None
        found[node.name] = Declared(node.name, node.lineno, ast.get_docstring(node) or "", options)
    return tuple(found.values())


def _options(decorator: ast.expr) -> Options:
    """Read the decorator's options from its text."""
    read: dict[str, Any] = {}
    there = [one.name for one in fields(Options)]
    for keyword in decorator.keywords if isinstance(decorator, ast.Call) else []:
        if keyword.arg is None or keyword.arg not in there:
            raise ValueError(
                f"`{keyword.arg or '**'}` is no option of an experiment; there are {', '.join(there)}"
            )
        try:
            read[keyword.arg] = ast.literal_eval(keyword.value)
        except ValueError:
            raise ValueError(f"option `{keyword.arg}` is computed; it must be a literal") from None
    return Options(**read)
