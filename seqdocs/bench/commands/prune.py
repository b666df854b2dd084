"""Delete what no experiment of this checkout uses, and name each file that goes.

From this machine's records (docs/_build/records) go

- those of experiments that are gone,
- those of other code, versions or circumstances than today's,
- those of older versions of this package,
- half-written files whose writer is dead;

and from docs/_build/logs the logs of experiments that are gone or have a fresh record.
All of that can be measured again. --dry-run only names it.

What is damaged, belongs elsewhere or is no record is kept and named; --damaged moves it to
docs/_build/damaged/. Never touched are records/, which is committed, what the site shows (shown.json), and
everything of a script that cannot be read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seqdocs.bench import machine
from seqdocs.bench.commands.common import complain
from seqdocs.bench.files import leftovers
from seqdocs.bench.plan import Case, Failure, cases, devices_here, fresh, own_store
from seqdocs.bench.record import SCHEMA, OtherVersionError, Record, RecordError, loads
from seqdocs.bench.runner import alone
from seqdocs.bench.store import Store


@dataclass
class Plan:
    """What to do with which file, and why."""

    delete: dict[Path, str] = field(default_factory=dict)
    strange: dict[Path, str] = field(default_factory=dict)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Whether to do it, and what to do with what is damaged."""
    parser.add_argument("--dry-run", action="store_true", help="name what would go, and touch nothing")
    parser.add_argument("--damaged", action="store_true", help="move damaged and foreign files aside")


def run(arguments: argparse.Namespace, root: Path) -> int:
    """Delete and move; print a line for each file, and counts."""
    with alone(root, sys.stderr):  # a run that measures knows which records it is about to write
        found, failures = cases(root)
        plan = study(root, {case.name: case for case in found}, failures)
        build = root / "docs" / "_build"
        for path, reason in plan.delete.items():
            print(f"{'would delete' if arguments.dry_run else 'deleted'} {path.relative_to(build)}: {reason}")
            if not arguments.dry_run:
                path.unlink()
                _remove_empty(path.parent, own_store(root), build / "logs")
        for path, reason in plan.strange.items():
            moves = arguments.damaged and not arguments.dry_run
            print(f"{'moved' if moves else 'kept'} {path.relative_to(build)}: {reason}")
            if moves:
                _move(path, build / "damaged" / path.relative_to(own_store(root)))
    hint = "; --damaged moves what is damaged" if plan.strange and not arguments.damaged else ""
    done = "would be deleted" if arguments.dry_run else "deleted"
    print(f"{len(plan.delete)} files {done}, {len(plan.strange)} damaged or foreign{hint}")
    return complain(failures)


def study(root: Path, current: Mapping[str, Case], failures: list[Failure]) -> Plan:
    """Return what may go, touching nothing.

    Args:
        root: the checkout.
        current: its experiments, by ``section/plot_x:experiment``.
        failures: what of it cannot be read; whatever belongs to such an example stays.
    """
    store, plan = Store(own_store(root)), Plan()
    broken = {failure.name.partition(":")[0] for failure in failures}
    plan.delete |= dict.fromkeys(leftovers(store.folder), "half-written")
    for path in _files(store.folder):
        example = path.relative_to(store.folder).parent.as_posix()
        if (
            path == store.folder / "shown.json"
            or path in plan.delete
            or example in broken
            or _is_being_written(path)
        ):
            continue
        try:
            reason = unused(store.read(path), current)
        except OtherVersionError as error:
            reason = "of an older version of this package" if _is_older(path, store) else None
            if reason is None:
                plan.strange[path] = str(error).partition("passed over: ")[2]
        except RecordError as error:
            plan.strange[path] = str(error).partition("passed over: ")[2]
            continue
        if reason:
            plan.delete[path] = reason
    for path in _files(root / "docs" / "_build" / "logs"):
        example = path.relative_to(root / "docs" / "_build" / "logs").parent.as_posix()
        case = current.get(f"{example}:{path.name.partition('.')[0]}")
        if case is None and example not in broken:
            plan.delete[path] = "log of an experiment that is gone"
        elif case and all(fresh(case, device, store) for device in devices_here(case)):
            plan.delete[path] = "log of an experiment that has its record"
    return plan


def unused(record: Record, current: Mapping[str, Case]) -> str | None:
    """Say why no experiment uses a record of this machine's store; None if one does."""
    case = current.get(f"{record['example']}:{record['experiment']}")
    if case is None:
        return "its experiment is gone"
    if record["code"] != case.code:
        return "its code has changed since"
    here = {machine.slug(device): device for device in devices_here(case)}
    device = here.get(record["slug"])
    if device and record["key"] != case.key(device):
        return "of other versions or circumstances"
    return None


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() or path.is_symlink())


def _is_being_written(path: Path) -> bool:
    return path.name.startswith(".") and path.suffix == ".tmp"


def _is_older(path: Path, store: Store) -> bool:
    """Whether a file is, by what it says and where it lies, a record that an older version wrote here."""
    data = loads(path.read_text("utf8"))
    place = [data.get(name) for name in ("example", "experiment", "slug", "key")]
    words = [word for word in place if isinstance(word, str)]
    number = data["schema"]
    known = isinstance(number, int) and 0 < number < SCHEMA
    return known and len(words) == 4 and store.path(*words) == path


def _remove_empty(folder: Path, *stops: Path) -> None:
    """Remove a folder and those above it while they are empty."""
    while folder not in stops and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _move(path: Path, target: Path) -> None:
    """Move a file; one of that name that is there already stays."""
    target.parent.mkdir(parents=True, exist_ok=True)
    number = 0
    while (free := target.with_name(target.name + f".{number}" * bool(number))).exists():
        number += 1
    path.rename(free)
