"""Which processes another began, and theirs; as Linux tells."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from multiprocessing import resource_tracker
from pathlib import Path


def descendants(of: int | None = None) -> set[int]:
    """All that live below a process, this one if omitted; none where the system does not say."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            _, _, rest = stat.read_text("utf8", "replace").rpartition(")")
            state, parent, *_ = rest.split()
            if state != "Z":
                parents[int(stat.parent.name)] = int(parent)
    found, generation = set(), {os.getpid() if of is None else of}
    while generation := {child for child, parent in parents.items() if parent in generation} - found:
        found |= generation
    return found


def trackers() -> set[int]:
    """What Python itself keeps beside this process until it ends, once anything was spawned."""
    return {resource_tracker._resource_tracker._pid} - {None}


def assert_gone(once: set[int], seconds: float = 30.0) -> None:
    """Fail unless they have all ended, or do soon."""
    end = time.monotonic() + seconds
    while left := {pid for pid in once if _lives(pid)}:
        assert time.monotonic() < end, f"processes {left} are left: {[_name(pid) for pid in left]}"
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text("utf8", "replace").rpartition(")")[2].split()[0] != "Z"
    return False


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text("utf8", "replace").replace("\0", " ")[:200]
    return "gone meanwhile"
