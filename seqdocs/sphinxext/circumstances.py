"""Versions and settings as parts of a key: plain data that is the same on every machine for the same site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from seqdocs.bench.machine import versions


def packages(names: Iterable[str]) -> dict[str, str]:
    """The versions of these packages, and of what a record's key names."""
    return versions() | {name: version(name) for name in names}


def settled(value: object, root: Path) -> Any:
    """A setting as plain data that is the same for the same conf.py, wherever the checkout lies."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (str, Path)):
        return str(value).replace(str(root), ".")
    if isinstance(value, Mapping):
        return {str(key): settled(item, root) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [settled(item, root) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(str(settled(item, root)) for item in value)
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__} {getattr(value, 'pattern', '')}"
