"""Where a measurement comes from, in a line: device, version, day, commit, and what to hold against it."""

from __future__ import annotations

from dataclasses import replace

from seqdocs.bench.run import Run

MOST_DOUBTS = 3  # a caption has room for these; the record has all
SHORT = 7  # digits of a commit


def commit(run: Run) -> str:
    """The commit that was measured: ``commit 3f2a1bc``, ``commit 3f2a1bc with changes``, or nothing."""
    name, dirty = (run.record["machine"].get(key) for key in ("commit", "dirty"))
    return f"commit {str(name)[:SHORT]}{' with changes' * bool(dirty)}" if name else ""


def doubts(run: Run, most: int = MOST_DOUBTS) -> str:
    """What a reader should hold against a run's timings, the first few and a count of the others."""
    notes = run.record.get("notes", [])
    rest = [f"{len(notes) - most} more in the record"] if len(notes) > most else []
    return "; ".join([*notes[:most], *rest])


def origin(run: Run) -> str:
    """Device, torch, day and commit of a run, and whether the code has changed since."""
    words = [replace(run, stale=False).caption, commit(run), "the code has changed since" * run.stale]
    return " · ".join(filter(None, words))
