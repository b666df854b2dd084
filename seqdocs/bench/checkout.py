"""Where a checkout of the project lies."""

from __future__ import annotations

from pathlib import Path


def root_above(start: Path) -> Path | None:
    """Return the nearest folder from ``start`` upward with ``pyproject.toml`` and ``gallery/``, or None."""
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file() and (folder / "gallery").is_dir():
            return folder
    return None
