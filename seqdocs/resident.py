"""The most bytes that this process ever held resident, as the system saw it."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path


def highest() -> int | None:
    """Return the highest resident set in bytes, or None where the system does not say.

    Not ``ru_maxrss`` on Linux: there a child begins with the mark of the process that started it.
    """
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text("utf8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def forget_highest() -> None:
    """Set the mark to what is resident now, where the system allows it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")
