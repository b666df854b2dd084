"""What there is to measure: the experiments of a checkout, their keys, and what the site shows of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqdocs.bench import machine
from seqdocs.bench.checkout import root_above
from seqdocs.bench.closure import closure, code_hash
from seqdocs.bench.data import DataError, find, hashes
from seqdocs.bench.declared import Declared, declared
from seqdocs.bench.keys import key_of
from seqdocs.bench.record import Record
from seqdocs.bench.slice import cut
from seqdocs.bench.source import SourceError, read
from seqdocs.bench.store import Store


class PlanError(Exception):
    """What was asked for does not exist; one sentence."""


@dataclass(frozen=True)
class Case:
    """One experiment of one example."""

    root: Path
    script: Path
    declared: Declared
    slice: str
    data: dict[str, str]  # files it reads: name in the checkout → hash
    code: str  # hash of the slice, of all it reaches, and of its data

    @property
    def example(self) -> str:
        """``section/plot_stem``."""
        return f"{self.script.parent.name}/{self.script.stem}"

    @property
    def name(self) -> str:
        """``section/plot_stem:experiment``."""
        return f"{self.example}:{self.declared.name}"

    @property
    def title(self) -> str:
        """A few words for a progress line: ``vanishing-gradient decay``."""
        return f"{self.script.stem.removeprefix('plot_').replace('_', '-')} {self.declared.name}"

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where its imports are looked up, beside the running ``seqdocs``."""
        return self.script.parent, self.root

    @property
    def half(self) -> str | None:
        """The half of the library it measures: "models" or "queues"; None if it needs neither.

        One whose code reaches the queues is about them, even if what they serve is a model. The scan belongs
        to both halves, and counts as a model where no queue is near.
        """
        reached = closure(self.slice, self.folders).keys()
        if "seqdocs.queues" in reached:
            return "queues"
        return "models" if reached & {"seqdocs.models", "seqdocs.scan"} else None

    def key(self, device: str) -> str:
        """Return the key of its record on a device of this machine."""
        versions = machine.versions(self.declared.options.packages)
        return key_of(self.code, versions=versions, device=machine.fingerprint(device))


@dataclass(frozen=True)
class Failure:
    """An experiment or a script that could not be measured, and why."""

    name: str
    reason: str
    log: Path | None = None

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}" + (f"; log: {self.log}" if self.log else "")


def find_root(start: Path) -> Path:
    """Return the checkout that ``start`` is in: the folder with ``pyproject.toml`` and ``gallery/``.

    Raises:
        PlanError: if no folder upward has both.
    """
    root = root_above(start)
    if root is None:
        raise PlanError(f"{start} is in no checkout: no folder upward has both pyproject.toml and gallery/")
    return root


def own_store(root: Path) -> Path:
    """Return the folder of this machine's records."""
    return root / "docs" / "_build" / "records"


def cases(root: Path) -> tuple[list[Case], list[Failure]]:
    """Return the experiments of a checkout, in the order of its scripts, and what cannot be read."""
    found: list[Case] = []
    failures: list[Failure] = []
    for script in sorted((root / "gallery").glob("*/plot_*.py")):
        name = f"{script.parent.name}/{script.stem}"
        try:
            text = read(script)
            experiments = declared(text, script.name) if "@" in text else ()
        except SourceError as error:
            failures.append(Failure(name, str(error)))
            continue
        for one in experiments:
            try:
                part = cut(text, one.name, script.name)
                data = hashes(find(root, one.options.data))
                code = code_hash(part, (script.parent, root), script.name, data)
            except (SourceError, DataError) as error:
                failures.append(Failure(f"{name}:{one.name}", str(error)))
            else:
                found.append(Case(root, script, one, part, data, code))
    return found, failures


def _names(case: Case) -> set[str]:
    """Return everything a user may call a case."""
    short = case.script.stem.removeprefix("plot_")
    names = {case.example, case.script.stem, short, short.replace("_", "-"), case.script.parent.name}
    names |= {f"{name}:{case.declared.name}" for name in names}
    half = {case.half} if case.half else set()
    return names | half | {case.declared.name, f"gallery/{case.example}.py"}


def select(found: Iterable[Case], names: Iterable[str]) -> list[Case]:
    """Return the cases that any of ``names`` means; all of them if there is no name.

    A name is a section, an example, an experiment, ``example:experiment``, or a half of the library:
    ``models`` or ``queues``.

    Raises:
        PlanError: if a name means nothing, with what comes near.
    """
    everything = list(found)
    wanted = list(names)
    if not wanted:
        return everything
    meant = {case.name: _names(case) for case in everything}
    for name in wanted:
        if not any(name in own for own in meant.values()):
            there = sorted({one for own in meant.values() for one in own})
            near = difflib.get_close_matches(name, there, 3)
            hint = f"did you mean {' or '.join(near)}?" if near else "`bench list` names them"
            raise PlanError(f"`{name}` is no example or experiment; {hint}")
    return [case for case in everything if meant[case.name] & set(wanted)]


def devices_here(case: Case) -> list[str]:
    """Return the devices of this machine on which an experiment may run."""
    return [device for device in case.declared.options.devices if device in machine.devices()]


def fresh(case: Case, device: str, store: Store) -> Record | None:
    """Return the record that says what this code does on this device of this machine, if it is there."""
    return store.lookup(case.example, case.declared.name, machine.slug(device), case.key(device))


def shown(found: Iterable[Case], own: Store, committed: Store) -> dict[str, Any]:
    """Return what the site shows of each experiment, as :mod:`seqdocs.bench.shown` reads it.

    This machine's records first, then the newest committed one of every device that is not here, then the
    kinds of device without any.
    """
    experiments = {}
    for case in found:
        runs: list[dict[str, Any]] = []
        here: set[str] = set()
        for device in devices_here(case):
            record = fresh(case, device, own)
            if record is not None:
                runs.append({"stale": False, "here": True, "record": record})
                here.add(machine.slug(device))
        for slug, record in committed.newest_of_each_device(case.example, case.declared.name).items():
            if slug not in here:
                runs.append({"stale": record["code"] != case.code, "record": record})
        kinds = {run["record"]["device"] for run in runs}
        experiments[case.name] = {
            "doc": case.declared.doc,
            "line": case.declared.line,
            "runs": runs,
            "missing": [kind for kind in case.declared.options.devices if kind not in kinds],
        }
    return experiments
