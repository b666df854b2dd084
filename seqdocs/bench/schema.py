"""Check plain data against a JSON Schema, with the few keywords that ours use and nothing installed.

The published schema of a record is what reads records here, so the two cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
Check = Callable[[Any, Any], str | None]  # value, what the keyword says -> fault


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


KINDS: dict[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: _is_number(value) and float(value).is_integer(),  # type: ignore[arg-type]
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def kind_of(value: object) -> str:
    """Return JSON's name for what a value is.

    >>> kind_of(1), kind_of(1.5), kind_of(True)
    ('integer', 'number', 'boolean')
    """
    return next((name for name, fits in KINDS.items() if fits(value)), type(value).__name__)


def _type(value: Any, wanted: str | list[str]) -> str | None:
    names = [wanted] if isinstance(wanted, str) else wanted
    if any(KINDS[name](value) for name in names):
        return None
    return f"is of type {kind_of(value)}, not {' or '.join(names)}"


def _same(value: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1."""
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)


def _one_of(value: Any, allowed: list[Any]) -> str | None:
    words = " or ".join(map(repr, allowed))
    return None if any(_same(value, one) for one in allowed) else f"is {_brief(value)}, not {words}"


def _brief(value: Any) -> str:
    words = repr(value)
    return words if len(words) <= 60 else f"{words[:57]}…"


CHECKS: dict[str, Check] = {
    "type": _type,
    "const": lambda value, wanted: _one_of(value, [wanted]),
    "enum": _one_of,
    "pattern": lambda value, pattern: (
        f"is {_brief(value)}, which does not look like {pattern}"
        if isinstance(value, str) and not re.search(pattern, value)
        else None
    ),
    "minimum": lambda value, least: (
        f"is {_brief(value)}; the least is {least}" if _is_number(value) and not value >= least else None
    ),
    "maximum": lambda value, most: (
        f"is {_brief(value)}; the most is {most}" if _is_number(value) and not value <= most else None
    ),
    "minItems": lambda value, count: (
        f"has {len(value)} items; the least is {count}"
        if isinstance(value, list) and len(value) < count
        else None
    ),
    "minProperties": lambda value, count: (
        f"has {len(value)} keys; the least is {count}"
        if isinstance(value, dict) and len(value) < count
        else None
    ),
    "required": lambda value, names: next(
        (f"lacks `{name}`" for name in names if isinstance(value, dict) and name not in value), None
    ),
}
SPEAKS = {"$schema", "title", "description"}  # to people
LEADS_ON = {"properties", "additionalProperties", "items"}
KEYWORDS = SPEAKS | LEADS_ON | set(CHECKS)


def faults(value: Any, schema: Schema, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield what is wrong, as pairs of where (a dotted path, empty for the whole) and what.

    >>> schema = {"properties": {"a": {"items": {"type": "string"}}}}
    >>> list(faults({"a": ["x", 3]}, schema))
    [('a.1', 'is of type integer, not string')]
    """
    for keyword, said in schema.items():
        check = CHECKS.get(keyword)
        fault = check(value, said) if check else None
        if fault:
            yield path, fault
    inside = f"{path}." if path else ""
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        for key, item in value.items():
            if key in known:
                yield from faults(item, known[key], f"{inside}{key}")
            elif others is False:
                yield path, f"has the unknown key `{key}`"
            elif others is not True:
                yield from faults(item, others, f"{inside}{key}")
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from faults(item, schema["items"], f"{inside}{index}")
