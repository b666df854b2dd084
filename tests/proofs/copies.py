"""Copies of the checkout in which a proof may break what it likes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from small_checkout import ROOT


def copied(folder: Path) -> Path:
    """Copy the checkout, with what git tracks or may come to track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


Done = subprocess.CompletedProcess[str]


def python(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Done:
    """Run Python on a copy's package without compiled files: a lie may be as old and long as the truth."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("SEQDOCS_")}
    own |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    own["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), own.get("PATH", "")])
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=own | dict(env or {}), text=True, timeout=1800,
        check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def pytest_of(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Done:
    """Run tests of a copy, up to the first that fails."""
    return python(folder, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments, env=env)
