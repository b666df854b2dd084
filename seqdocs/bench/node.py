"""What one machine of a cluster does: it says what it can measure, and measures one experiment at a time.

It works in the folder that this package was imported from, which :mod:`seqdocs.bench.bundle` filled. Neither
does it know who asks, nor need anything but torch and numpy.
"""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path
from typing import TypedDict

from seqdocs.bench import machine
from seqdocs.bench.closure import PACKAGE
from seqdocs.bench.plan import Case, cases, devices_here
from seqdocs.bench.runner import measure
from seqdocs.bench.store import Store


class Survey(TypedDict):
    """What a machine is and can measure."""

    versions: dict[str, str]  # of Python, torch and numpy
    slugs: dict[str, str]  # "cpu" and perhaps "cuda" → as in the name of a record
    labels: dict[str, str]  # device → in words
    code: dict[str, str]  # experiment → hash of its code, as this machine sees it
    keys: dict[str, dict[str, str]]  # experiment → device → key of the record it would make


class Outcome(TypedDict):
    """What came of one measurement."""

    reason: str | None  # why there is no record
    record: str  # as it stands in a store; empty without one
    log: str  # what the experiment printed, if it failed


class Node:
    """A machine of a cluster."""

    def __init__(self) -> None:
        # Ray sets this to one thread unless it is set, so it comes empty where the machine does not say.
        if not os.environ.get("OMP_NUM_THREADS"):
            os.environ.pop("OMP_NUM_THREADS", None)

    @functools.cached_property
    def _cases(self) -> dict[str, Case]:
        return {case.name: case for case in cases(PACKAGE.parent)[0]}

    def survey(self) -> Survey:
        """Say what this machine is and what it can measure."""
        own = self._cases.values()
        return {
            "versions": machine.versions(),
            "slugs": {device: machine.slug(device) for device in machine.devices()},
            "labels": {device: machine.label(device) for device in machine.devices()},
            "code": {case.name: case.code for case in own},
            "keys": {case.name: {device: case.key(device) for device in devices_here(case)} for case in own},
        }

    def measure(self, name: str, device: str) -> Outcome:
        """Measure one experiment under its limits, in a process of its own."""
        case = self._cases[name]
        with tempfile.TemporaryDirectory(prefix="seqdocs-", ignore_cleanup_errors=True) as folder:
            store, log = Store(Path(folder, "records")), Path(folder, "log")
            reason = measure(case, device, store, log, lambda _seconds: None)
            text = log.read_text("utf8", errors="replace") if reason and log.is_file() else ""
            path = store.path(case.example, case.declared.name, machine.slug(device), case.key(device))
            record = "" if reason else path.read_text("utf8")
        return {"reason": reason, "record": record, "log": text}
