"""Put what experiments need of a checkout into a folder, for a machine that has none."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from seqdocs.bench.closure import PACKAGE, closure, resolve
from seqdocs.bench.plan import Case, PlanError

LARGEST = 100_000_000  # bytes; a cluster keeps what it hands out in memory


def bundle(cases: Iterable[Case], folder: Path) -> None:
    """Copy scripts, the project's modules they reach, their data, and this package.

    In the folder stands a checkout whose experiments have the same code, and nothing else: what is in no
    record's key does not travel.

    Args:
        cases: experiments of one checkout.
        folder: empty.

    Raises:
        PlanError: if it would be larger than a cluster should carry.
    """
    copies = {
        path.relative_to(PACKAGE.parent): path
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    for case in cases:
        modules = closure(case.slice, case.folders, case.script.name)
        reached = [resolve(module, case.folders) for module in modules]
        own = [path for path in reached if path is not None and not path.is_relative_to(PACKAGE)]
        data = [case.root / name for name in case.data]
        copies |= {path.relative_to(case.root): path for path in (case.script, *own, *data)}
    size = sum(path.stat().st_size for path in copies.values())
    if size > LARGEST:
        largest = max(copies, key=lambda name: copies[name].stat().st_size)
        raise PlanError(
            f"the experiments need {size / 1e6:.0f} MB of files; at most {LARGEST / 1e6:.0f} MB go to a "
            f"cluster, and the largest is {largest.as_posix()}"
        )
    for name, path in copies.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    (folder / "pyproject.toml").touch()  # with gallery/ beside it, a checkout
