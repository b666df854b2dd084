"""Generated files: written only when they changed, deleted when they are gone."""

from __future__ import annotations

from pathlib import Path


def write_if_changed(path: Path, text: str) -> bool:
    """Write a file unless it holds the text already; say whether it was written.

    An unchanged file keeps its time, and Sphinx reads only what is newer than its last look.
    """
    if path.is_file() and path.read_text("utf8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf8", newline="\n")
    return True


def copy_if_changed(source: Path, target: Path) -> bool:
    """Copy a file unless the target has the same bytes; say whether it was copied.

    The copy gets the time of copying: an older file put in place of a newer one is a change as well.
    """
    content = source.read_bytes()
    if target.is_file() and target.read_bytes() == content:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return True


def keep_only(folder: Path, pattern: str, wanted: set[Path]) -> list[Path]:
    """Delete what matches the pattern below a folder and is not wanted; return what was deleted."""
    gone = sorted(path for path in folder.rglob(pattern) if path.is_file() and path not in wanted)
    for path in gone:
        path.unlink()
    return gone
