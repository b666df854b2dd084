"""Measure what has no record: one experiment at a time, each in its own process, before anything is drawn."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from seqdocs.bench import machine
from seqdocs.bench.files import sweep, write_whole
from seqdocs.bench.options import Options
from seqdocs.bench.plan import Case, Failure, PlanError, cases, devices_here, fresh, own_store, select, shown
from seqdocs.bench.progress import Progress
from seqdocs.bench.shown import dump
from seqdocs.bench.store import Store
from seqdocs.bench.supervise import Limits, supervise

DRIVER = 4e9  # bytes of the host that the driver of a GPU may take in a process, however little it computes


@dataclass
class Summary:
    """What a run did. ``status`` is what the command line returns."""

    measured: int = 0
    replayed: int = 0  # had a record already
    recorded: int = 0  # shown from a committed record of a device that is not here
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # records that were passed over
    seconds: float = 0.0
    shown: Path | None = None

    @property
    def failed(self) -> int:
        """How many experiments or scripts have a failure."""
        return len(self.failures)

    @property
    def status(self) -> int:
        """0 if every experiment has its record, else 1."""
        return 1 if self.failures else 0

    def fail(self, failure: Failure, stream: TextIO) -> None:
        """Count a failure and print it."""
        self.failures.append(failure)
        print(f"failed: {failure}", file=stream, flush=True)

    def __str__(self) -> str:
        counts = f"{self.measured} measured, {self.replayed} replayed, {self.recorded} recorded elsewhere"
        return f"experiments: {counts}, {self.failed} failed · {self.seconds:.0f} s"


@contextlib.contextmanager
def alone(root: Path, stream: TextIO) -> Iterator[None]:
    """Hold the checkout's lock: two measurements side by side would spoil each other."""
    path = root / "docs" / "_build" / "measuring.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another run that measures in this checkout", file=stream, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield  # the system releases the lock with the process, however it ends


def _environment() -> dict[str, str]:
    """Return the worker's environment: it finds this package, and is told nothing about replay."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEQDOCS_")}
    return kept | {
        "PYTHONPATH": machine.python_path(),
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONHASHSEED": "0",
        "KINETO_LOG_LEVEL": "5",  # the profiler's library announces every start and stop otherwise
    }


def log_of(case: Case, device: str) -> Path:
    """Return the file for what an experiment prints on a device, seen from the root of its checkout."""
    return Path("docs", "_build", "logs", case.example, f"{case.declared.name}.{device}.log")


def measure(case: Case, device: str, store: Store, log: Path, tick: Callable[[float], None]) -> str | None:
    """Measure one experiment in a process of its own, and store its record.

    Args:
        case: the experiment.
        device: ``cpu`` or ``cuda``, of this machine.
        store: where its record goes.
        log: file for what it prints.
        tick: called with the seconds so far, about ten times a second.

    Returns:
        None if the record is there, else in a few words why it is not.
    """
    options = case.declared.options
    about = {
        "example": case.example,
        "experiment": case.declared.name,
        "device": device,
        "slug": machine.slug(device),
        "machine": machine.facts(device, case.root),
        "versions": machine.versions(options.packages),
        "data": case.data,
        "code": case.code,
        "key": case.key(device),
    }
    job = {"root": str(case.root), "script": str(case.script), "experiment": case.declared.name}
    job |= {"store": str(store.folder.resolve())}
    with tempfile.TemporaryDirectory(prefix="seqdocs-", ignore_cleanup_errors=True) as folder:
        reason = supervise(
            [sys.executable, "-m", "seqdocs.bench.worker"],
            json.dumps(job | {"about": about}),
            env=_environment(),
            folder=Path(folder),
            log=log,
            limits=limits(options, device),
            tick=tick,
        )
    if reason is None and fresh(case, device, store) is None:
        return "ended without a record"
    return reason


def limits(options: Options, device: str) -> Limits:
    """What an experiment may use on a device."""
    return Limits(options.seconds, options.memory_gb * 1e9 + (0 if device == "cpu" else DRIVER))


def run_all(
    root: Path,
    *,
    names: Iterable[str] = (),
    device: str | None = None,
    out: Path | None = None,
    force: bool = False,
    stream: TextIO | None = None,
) -> Summary:
    """Measure what has no record, then write what the site shows.

    Args:
        root: the checkout.
        names: only these sections, examples or experiments; all if empty.
        device: only ``cpu`` or ``cuda``; all of this machine if omitted.
        out: folder for the records, instead of this machine's store; then nothing is shown.
        force: measure although there is a record.
        stream: for progress and failures; standard error if omitted.

    Returns:
        counts, failures, and where ``shown.json`` is. Failures do not raise: the others go on.

    Raises:
        PlanError: if a name or the device is not there.
    """
    start = time.monotonic()
    stream = stream or sys.stderr
    root = root.resolve()
    if device is not None and device not in machine.devices():
        raise PlanError(f"there is no `{device}` here; this machine has {', '.join(machine.devices())}")
    found, broken = cases(root)
    summary = Summary()
    for failure in broken:
        summary.fail(failure, stream)
    store = Store(out or own_store(root))
    wanted = [
        (case, one) for case in select(found, names) for one in devices_here(case) if device in (None, one)
    ]

    def due() -> list[tuple[Case, str]]:
        return [(case, one) for case, one in wanted if force or fresh(case, one, store) is None]

    if due():
        with alone(root, stream):
            _measure_all(
                due(), store, summary, stream
            )  # asked again: another run may have measured meanwhile
    summary.replayed = len(wanted) - summary.measured - (summary.failed - len(broken))
    conclude(root, None if out else found, store, summary, stream)
    summary.seconds = time.monotonic() - start
    return summary


def _measure_all(due: list[tuple[Case, str]], store: Store, summary: Summary, stream: TextIO) -> None:
    """Measure one after the other."""
    if store.folder.is_dir():
        sweep(store.folder)
    progress = Progress(stream, len(due))
    for number, (case, device) in enumerate(due, 1):
        progress.begin(number, case, device)
        start = time.monotonic()
        log = log_of(case, device)
        reason: str | None = "interrupted"
        try:
            reason = measure(case, device, store, case.root / log, progress.tick)
        finally:
            progress.end(time.monotonic() - start, " · failed" if reason else "")
        if reason:
            summary.fail(Failure(f"{case.name} on {device}", reason, log), stream)
        else:
            summary.measured += 1
            progress.doubt(fresh(case, device, store))


def conclude(root: Path, found: list[Case] | None, store: Store, summary: Summary, stream: TextIO) -> None:
    """Write what the site shows of the experiments found, if any; say which records were passed over."""
    committed = Store(root / "records")
    if found is not None:
        _show(root, found, store, committed, summary)
    for note in (*store.faults.values(), *committed.faults.values()):
        print(note, file=stream, flush=True)
        summary.notes.append(note)


def _show(root: Path, found: list[Case], own: Store, committed: Store, summary: Summary) -> None:
    """Write ``shown.json``, if it changes: what depends on the file looks at its time."""
    experiments = shown(found, own, committed)
    here = {machine.slug(device) for device in machine.devices()}
    slugs = [run["record"]["slug"] for about in experiments.values() for run in about["runs"]]
    summary.recorded = sum(slug not in here for slug in slugs)
    summary.shown = own_store(root) / "shown.json"
    text = dump(experiments)
    if not summary.shown.is_file() or summary.shown.read_text("utf8") != text:
        write_whole(summary.shown, text)
