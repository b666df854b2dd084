"""Each serving example stays within 60 s and 1 GB: what it may hold is read from its text, what it took from
the records of the last build. A machine that others use may take half as long again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqdocs.bench.shown import Shown

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = [*sorted(ROOT.glob("gallery/serving/plot_*.py")), ROOT / "gallery/measuring/plot_roofline.py"]
SHOWN = ROOT / "docs/_build/records/shown.json"
SECONDS, BYTES = 60 * 1.5, 1e9


def memory_limits(source: str) -> Iterator[tuple[str, float]]:
    """Each experiment of a script with the gigabytes that it may hold."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "experiment":
                    said = {option.arg: option.value for option in call.keywords}
                    assert "memory_gb" in said, f"{node.name} says no limit, and the default is larger"
                    yield node.name, ast.literal_eval(said["memory_gb"])


def excess(shown: Shown, section: str = "serving/") -> list[str]:
    """What took or held too much, of the runs of this machine."""
    found = []
    for example in shown.examples():
        if not example.startswith(section):
            continue
        runs = [
            run for name in shown.experiments(example) for run in shown.runs(example, name.partition(":")[2])
        ]
        records = [run.record for run in runs if run.here and run.record["device"] == "cpu"]
        seconds = sum(record["seconds"] for record in records)
        if seconds > SECONDS:
            found.append(f"{example} took {seconds:.0f} s")
        found += [
            f"{example}:{record['experiment']} held {held / 1e9:.2f} GB"
            for record in records
            if (held := record["peak_memory"] or 0) > BYTES
        ]
    return found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_no_experiment_may_hold_more_than_a_gigabyte(script: Path) -> None:
    limits = dict(memory_limits(script.read_text("utf8")))
    assert limits
    assert {name: limit for name, limit in limits.items() if limit > 1} == {}


def test_what_was_built_stayed_within_a_minute_and_a_gigabyte() -> None:
    if not SHOWN.exists():
        pytest.skip("nothing is built here: `python -m seqdocs build` measures")
    assert excess(Shown.load(SHOWN)) == []


def test_an_excess_is_named() -> None:
    def about(name: str, seconds: float, held: int, here: bool = True) -> dict[str, object]:
        record = {"example": "serving/plot_a", "experiment": name, "device": "cpu"}
        record |= {"seconds": seconds, "peak_memory": held, "result": {}}
        return {"runs": [{"record": record, "here": here, "stale": False}], "missing": []}

    few = {"serving/plot_a:b": about("b", 50, 10**8), "serving/plot_a:c": about("c", 39, 10**9)}
    assert excess(Shown(few)) == []
    assert excess(Shown(few | {"serving/plot_a:d": about("d", 31, 10**8, here=False)})) == []
    more = few | {"serving/plot_a:d": about("d", 3, 2 * 10**9)}
    assert excess(Shown(more)) == ["serving/plot_a took 92 s", "serving/plot_a:d held 2.00 GB"]
    assert excess(Shown(more), "other/") == []
