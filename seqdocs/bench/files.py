"""Write a file whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that at every moment the old file or the new one is there, whatever dies.

    A process that is killed in between leaves a file ``.<name>.<number>.tmp`` beside it, which nothing reads.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with part.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    with suppress(OSError):  # Windows cannot open a folder; there the rename alone must do
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _lives(process: str) -> bool:
    """Whether a process of this number may still be there."""
    if not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)  # signal 0 asks and does nothing
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is there and somebody else's
        return True
    return True


def leftovers(folder: Path) -> list[Path]:
    """Return what killed writers left anywhere under ``folder``; who still writes keeps its file."""
    return sorted(part for part in folder.rglob(".*.tmp") if not _lives(part.name.split(".")[-2]))


def sweep(folder: Path) -> None:
    """Remove what killed writers left anywhere under ``folder``; who still writes keeps its file."""
    for part in leftovers(folder):
        part.unlink(missing_ok=True)
