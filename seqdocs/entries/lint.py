"""``python -m seqdocs lint [ROOT]``: print every fault of glossary and prose; exit 1 when there are any."""

from __future__ import annotations

import os
import sys
from pathlib import Path

USAGE = """\
usage: python -m seqdocs lint [ROOT]

Check every entry of the checkout ROOT (default: the one around the current folder), and that no prose of its
entries, pages and examples holds a typed measurement; print a line per fault.
Exit status: 0 without faults, 1 with faults, 2 when nothing could be checked.
"""


def main(argv: list[str]) -> int:
    """Run the command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without UTF-8 gets escapes, not a traceback
            stream.reconfigure(errors="backslashreplace")
    if argv and argv[0] in {"-h", "--help"}:
        print(USAGE, end="")
        return 0
    if len(argv) > 1 or (argv and argv[0].startswith("-")):
        return refuse(f"takes one folder or nothing, and got {' '.join(argv)!r}\n{USAGE.rstrip()}")
    root = Path(argv[0]) if argv else checkout(Path.cwd())
    if root is None:
        return refuse("no folder with glossary/ and seqdocs/ here or above; name the checkout to check")
    if not (root / "glossary").is_dir():
        return refuse(f"{str(root)!r} has no folder glossary/; it is not a checkout of this project")
    try:
        from seqdocs.entries.check import check
    except ModuleNotFoundError as error:
        if error.name != "yaml":
            raise
        return refuse("reading headers needs PyYAML: python -m pip install 'seqdocs[check]'")
    entries, faults = check(root)
    return report([str(fault) for fault in faults], len(entries))


def checkout(start: Path) -> Path | None:
    """Find the checkout that ``start`` lies in; ``docs/`` holds a copy of the glossary but no ``seqdocs``."""
    rooms = ("glossary", "seqdocs")
    return next((p for p in (start, *start.parents) if all((p / room).is_dir() for room in rooms)), None)


def report(faults: list[str], entries: int) -> int:
    """Print the faults, or that there are none."""
    count = f"{entries} {'entry' if entries == 1 else 'entries'}, 0 faults"
    try:
        print("\n".join(faults) or count, flush=True)
    except BrokenPipeError:  # `lint | head`: whoever read has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1 if faults else 0


def refuse(message: str) -> int:
    """Say in one sentence why nothing was checked."""
    print(f"seqdocs lint: {message}", file=sys.stderr)
    return 2
