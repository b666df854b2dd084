"""Publish a drawn site: every file whole or not at all, what is gone deleted, the stamp last.

A reader (or a kill) at any moment sees files that are each complete; the stamp ``build.json`` says which
tree is complete as a whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from seqdocs.bench.files import write_whole

STAMP = "build.json"
# Sphinx's own memory between builds; no reader needs it, and it differs between two equal builds.
PRIVATE = {
    ".buildinfo",
    ".buildinfo.bak",
    ".doctrees",
    ".jupyter_cache",
    "jupyter_execute",
    "environment.pickle",
}


def site_files(root: Path) -> dict[str, Path]:
    """The files of a site by their path below *root*, without Sphinx's private ones and without the stamp."""
    found = {}
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(set(folders) - PRIVATE)
        for name in sorted(set(files) - PRIVATE):
            path = Path(folder, name)
            found[path.relative_to(root).as_posix()] = path
    found.pop(STAMP, None)
    return found


def digest(files: dict[str, Path]) -> str:
    """One hash over names and contents."""
    total = hashlib.sha256()
    for name, path in sorted(files.items()):
        total.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def is_ours(out: Path) -> bool:
    """Whether *out* may be replaced: it is not there, is empty, or a build has put its stamp there."""
    return not out.exists() or (out.is_dir() and ((out / STAMP).is_file() or not any(out.iterdir())))


def publish(stage: Path, out: Path, facts: dict[str, object]) -> int:
    """Make *out* equal to *stage* and stamp it with *facts*; return how many files were written."""
    new, old = site_files(stage), site_files(out)
    written = 0
    if not (out / STAMP).is_file():
        write_whole(
            out / STAMP, '{"sha256": "being published"}\n'
        )  # marks the folder as ours, and as not whole
    for name, source in new.items():
        data = source.read_bytes()
        target = out / name
        if target.is_dir():
            shutil.rmtree(target)
        if name not in old or old[name].read_bytes() != data:
            write_whole(target, data)
            written += 1
    for name in old.keys() - new.keys():
        (out / name).unlink(missing_ok=True)
    for folder in sorted((path for path in out.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    stamp = json.dumps(
        facts | {"files": len(new), "sha256": digest(site_files(out))}, indent=1, sort_keys=True
    )
    write_whole(out / STAMP, stamp + "\n")
    return written


def is_whole(out: Path) -> bool:
    """Whether *out* holds exactly the tree its stamp speaks of."""
    try:
        stamp = json.loads((out / STAMP).read_text("utf8"))
    except (OSError, ValueError):
        return False
    return bool(stamp.get("sha256") == digest(site_files(out)))
