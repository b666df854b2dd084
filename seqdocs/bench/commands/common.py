"""What several commands share: both stores, the complaints at the end, a table, an age."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from seqdocs.bench.plan import Failure, own_store
from seqdocs.bench.store import Store

NAMES = "a section, an example, an experiment, or a half of the library: models or queues"


def stores(root: Path) -> tuple[Store, Store]:
    """Return this machine's records and the committed ones."""
    return Store(own_store(root)), Store(root / "records")


def complain(failures: Iterable[Failure], *read: Store) -> int:
    """Print what could not be read; return the exit status."""
    broken = list(map(str, failures))
    for line in (*broken, *(fault for store in read for fault in store.faults.values())):
        print(line, file=sys.stderr)
    return 1 if broken else 0


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of cells in columns, the heads first."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def age(created: str) -> str:
    """Say how long ago a record was made."""
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds()
    except (ValueError, TypeError):
        return "?"
    for length, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{max(seconds, 0):.0f} seconds"
