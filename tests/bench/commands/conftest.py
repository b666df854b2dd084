"""A tiny checkout with records that were not measured but written down, so that every number is known."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from seqdocs.bench import machine
from seqdocs.bench.cli import main
from seqdocs.bench.plan import Case, cases, own_store
from seqdocs.bench.quantity import quantity, table, verdict
from seqdocs.bench.record import SCHEMA, Record
from seqdocs.bench.store import Store

TIMES = {
    "loop": {"seconds": [0.010, 0.011, 0.010, 0.012, 0.010], "loops": 1},
    "scan": {"seconds": [0.005, 0.005, 0.006, 0.005, 0.005], "loops": 2},
}


def timing(**times: Any) -> dict[str, Any]:
    """A comparison."""
    precision = {"wanted": 0.02, "reached": 0.03}
    around = {"baseline": "loop", "threads": 1, "clock": "wall", "precision": precision, "notes": []}
    return around | {"times": copy.deepcopy(times or TIMES)}


class Bench:
    """The command line in a tiny checkout."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.capsys = root, capsys
        self.own, self.committed = Store(own_store(root)), Store(root / "records")
        found, _ = cases(root)
        self.cases: dict[str, Case] = {case.declared.name: case for case in found}

    def record(self, name: str = "doubled", **changes: Any) -> Record:
        """A record of today's code on this machine, but for the changes."""
        case = self.cases[name]
        result = {
            "speed": quantity(2.0, "×", 1.9, 2.1),
            "claim": verdict("holds", "faster"),
            "table": table(["model", ("time", "s")], [["loop", quantity(0.01, "s")]]),
            "samples": [1, 2, 3],
        }
        return {
            "schema": SCHEMA, "example": case.example, "experiment": name, "params": {"n": 3}, "small": False,
            "device": "cpu", "slug": machine.slug("cpu"), "machine": machine.facts("cpu", self.root),
            "versions": machine.versions(), "data": {}, "code": case.code, "key": case.key("cpu"),
            "created": "2026-01-02T03:04:05+00:00", "seconds": 1.0, "peak_memory": 10**8,
            "threads": [1], "notes": [], "timings": [timing()], "result": result,
        } | changes  # fmt: skip

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        """Run a command; return status, standard output and standard error."""
        self.capsys.readouterr()
        status = main([*map(str, arguments), "--root", str(self.root)])
        out, err = self.capsys.readouterr()
        assert "Traceback" not in err
        return status, out.replace("\u00a0", " "), err


@pytest.fixture
def bench(toy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    """The command line in a tiny checkout without a GPU."""
    monkeypatch.setattr(machine, "gpu", lambda: None)
    monkeypatch.chdir(toy)
    return Bench(toy, capsys)
