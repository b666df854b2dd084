"""``bench run --ray ADDRESS``: measure on the machines of a Ray cluster that runs already.

This machine plans and stores; the others get the code, measure one experiment at a time each, under the same
limits as here, and send their records back. Nothing of this project need be installed there.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from seqdocs.bench import machine
from seqdocs.bench.crew import hired
from seqdocs.bench.dispatch import Dispatch, Unit, units
from seqdocs.bench.files import write_whole
from seqdocs.bench.node import Outcome
from seqdocs.bench.plan import Case, Failure, PlanError, cases, own_store, select
from seqdocs.bench.record import Record, RecordError, loads, validate
from seqdocs.bench.runner import Summary, alone, conclude, log_of
from seqdocs.bench.store import Store


def receive(outcome: Outcome, unit: Unit, case: Case, commit: Mapping[str, Any]) -> Record:
    """Return the record that a machine sent, once it is sure that it is the one asked for.

    Args:
        outcome: what the machine sent.
        unit: what it was asked for.
        case: the experiment.
        commit: the checkout's, for the machine has no checkout.

    Raises:
        RecordError: if it is no record, or another one.
    """
    try:
        record = validate(loads(outcome["record"]))
    except ValueError as error:
        raise RecordError(str(error)) from None
    asked: dict[str, Any] = {"example": case.example, "experiment": case.declared.name, "code": case.code}
    asked |= {"device": unit.device, "slug": unit.slug, "key": unit.key, "small": False}
    there = dict(record)
    for name, value in asked.items():
        if there[name] != value:
            raise RecordError(f"its `{name}` is {there[name]!r}, not {value!r}")
    record["machine"] |= commit
    return record


@dataclass
class _Report:
    """Says what happens to each unit, counts it, and stores what comes of it."""

    root: Path
    cases: Mapping[str, Case]  # by name
    numbers: Mapping[Unit, int]
    labels: Mapping[int, Mapping[str, str]]  # machine → device → in words
    store: Store
    summary: Summary
    stream: TextIO
    commit: Mapping[str, Any]
    starts: dict[Unit, float] = field(default_factory=dict)

    def line(self, word: str, unit: Unit, node: int, rest: str = "") -> None:
        """Print a line of progress."""
        about = f"{self.numbers[unit]}/{len(self.numbers)} {self.cases[unit.name].title} · {unit.device}"
        print(
            f"{word} {about} · {self.labels[node][unit.device]} (node {node}){rest}",
            file=self.stream,
            flush=True,
        )

    def began(self, unit: Unit, node: int) -> None:
        """Announce a measurement."""
        self.starts[unit] = time.monotonic()
        self.line("measuring", unit, node)

    def ended(self, unit: Unit, node: int, outcome: Outcome) -> None:
        """Store the record, or say why there is none."""
        case, reason = self.cases[unit.name], outcome["reason"]
        if reason is None:
            try:
                self.store.write(receive(outcome, unit, case, self.commit))
            except RecordError as error:
                reason = f"its record is refused: {error}"
        took = f" · {time.monotonic() - self.starts[unit]:.0f} s"
        self.line("measured", unit, node, took + " · failed" * (reason is not None))
        if reason is None:
            self.summary.measured += 1
            return
        log = log_of(case, unit.slug)
        write_whole(self.root / log, outcome["log"])
        self.fail(unit, reason, log)

    def lost(self, unit: Unit, node: int, reason: str) -> None:
        """Say that a machine was lost with a unit."""
        self.line("lost", unit, node, f": {reason}")

    def dropped(self, unit: Unit, reason: str | None) -> None:
        """Count what cannot be measured on any machine."""
        if reason is not None:
            self.fail(unit, reason)
        else:
            note = (
                f"{unit.name}: no record of {unit.slug}, which was lost; another kind of machine measures it"
            )
            print(note, file=self.stream, flush=True)
            self.summary.notes.append(note)

    def fail(self, unit: Unit, reason: str, log: Path | None = None) -> None:
        """Count a failure and print it."""
        self.summary.fail(Failure(f"{unit.name} on {unit.slug}", reason, log), self.stream)


def run_on_cluster(
    address: str,
    root: Path,
    *,
    names: Iterable[str] = (),
    device: str | None = None,
    out: Path | None = None,
    force: bool = False,
    stream: TextIO | None = None,
) -> Summary:
    """Measure what has no record on the machines of a Ray cluster, each experiment once on every kind.

    Args:
        address: of a cluster that runs: ``host:port`` or ``auto`` on a machine of it, ``ray://host:port``
            from elsewhere.
        root: the checkout.
        names: only these sections, examples or experiments; all if empty.
        device: only ``cpu`` or ``cuda``; all that a machine has if omitted.
        out: folder for the records, instead of this machine's store; then nothing is shown.
        force: measure although there is a record.
        stream: for progress and failures; standard error if omitted.

    Returns:
        as :func:`seqdocs.bench.runner.run_all`.

    Raises:
        PlanError: if a name or the device is not there, or Ray, or the cluster.
    """
    start = time.monotonic()
    stream = stream or sys.stderr
    root = root.resolve()
    found, broken = cases(root)
    summary = Summary()
    wanted = select(found, names)
    for failure in broken:
        summary.fail(failure, stream)
    store = Store(out or own_store(root))
    with alone(root, stream), hired(address, wanted, stream) as crew:
        every = units(crew.surveys, wanted, device)
        if wanted and not every:
            raise PlanError(f"no machine of the cluster measures any of it on `{device or 'cpu'}`")
        due = [unit for unit in every if force or not _has(store, unit)]
        summary.replayed = len(every) - len(due)
        report = _Report(
            root=root,
            cases={case.name: case for case in wanted},
            numbers={unit: number for number, unit in enumerate(due, 1)},
            labels={node: survey["labels"] for node, survey in crew.surveys.items()},
            store=store,
            summary=summary,
            stream=stream,
            commit=machine.commit(root),
        )
        Dispatch(crew.surveys, report.began, report.ended, report.lost, report.dropped).run(due, crew)
    conclude(root, None if out else found, store, summary, stream)
    summary.seconds = time.monotonic() - start
    return summary


def _has(store: Store, unit: Unit) -> bool:
    """Whether a store has the record that a unit would make."""
    example, _, experiment = unit.name.partition(":")
    return store.lookup(example, experiment, unit.slug, unit.key) is not None
