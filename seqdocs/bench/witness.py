"""What was timed while an experiment ran, kept without the experiment doing anything about it.

Every comparison reports itself here. Whoever runs an experiment listens, and puts the raw samples, the
threads that were really used and every doubt into the record; an example returns what it wants to show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Timing = dict[str, Any]
_heard: ContextVar[list[Timing] | None] = ContextVar("timings", default=None)


@contextmanager
def listening() -> Iterator[list[Timing]]:
    """Collect the timings that are made meanwhile, in their order.

    >>> with listening() as timings:
    ...     times = {"a": {"seconds": [0.1], "loops": 2}}
    ...     report({"baseline": "a", "threads": 1, "notes": [], "times": times})
    >>> timings[0]["times"]["a"]["seconds"]
    [0.1]
    """
    timings: list[Timing] = []
    token = _heard.set(timings)
    try:
        yield timings
    finally:
        _heard.reset(token)


def report(timing: Mapping[str, Any]) -> None:
    """Tell whoever listens about a comparison: its circumstances, its doubts, and its raw samples."""
    timings = _heard.get()
    if timings is None:
        return
    kept = {
        name: timing[name]
        for name in ("baseline", "threads", "clock", "precision", "notes")
        if name in timing
    }
    # Six digits are more than any clock has, and a third of the bytes of a float written out.
    kept["times"] = {
        name: {"seconds": [float(f"{second:.6g}") for second in own["seconds"]], "loops": own["loops"]}
        for name, own in timing["times"].items()
    }
    timings.append(kept)


def summary(timings: list[Timing]) -> dict[str, Any]:
    """Return the part of a record that timings fill: ``threads``, ``notes`` and ``timings``."""
    threads = sorted({timing["threads"] for timing in timings})
    notes = list(dict.fromkeys(note for timing in timings for note in timing["notes"]))
    return {"threads": threads, "notes": notes, "timings": timings}
