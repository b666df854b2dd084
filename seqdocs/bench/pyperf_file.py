"""Timings as pyperf's JSON, version 1.0, so that its tools read them.

A competitor of a comparison becomes a benchmark. A round, in which every competitor was timed once, becomes
a run with one value. For pyperf a run is a process; ours share one, which the metadata say, so what differs
from process to process is not in the scatter that pyperf sees.

Source: the format's description, https://pyperf.readthedocs.io/en/latest/api.html#pyperf-json-format-version-1-0
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from seqdocs.bench.comparable import name_of
from seqdocs.bench.record import Record

VERSION = "1.0"
RUNS = "a run is a round of randomly ordered competitors; all rounds of a benchmark are of one process"


def _words(text: object) -> str:
    """Return text that pyperf takes: on one line."""
    return " ".join(str(text).split())


def _date(created: str) -> str:
    """Return the time of a record in UTC without its zone, as pyperf writes it; empty if it is no time."""
    try:
        return (
            datetime.fromisoformat(created)
            .astimezone(UTC)
            .replace(tzinfo=None)
            .isoformat(" ", "microseconds")
        )
    except (ValueError, OverflowError):
        return ""


def circumstances(record: Record) -> dict[str, Any]:
    """Return the metadata of all benchmarks of a record, by pyperf's names where it has some."""
    facts, versions = record["machine"], record["versions"]
    words: dict[str, object] = {
        "cpu_model_name": facts.get("cpu"),
        "platform": facts.get("os"),
        "date": _date(record["created"]),
        "gpu": facts.get("gpu"),
        **{f"{name}_version": version for name, version in versions.items()},
        "seqdocs_device": record["slug"],
        "seqdocs_code": record["code"],
        "seqdocs_commit": facts.get("commit"),
        "seqdocs_runs": RUNS,
    }
    found: dict[str, Any] = {name: _words(word) for name, word in words.items() if word and _words(word)}
    numbers = {"cpu_count": facts.get("cores"), "mem_max_rss": record["peak_memory"]}
    return found | {name: int(number) for name, number in numbers.items() if number}


def benchmark(name: str, times: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return one competitor as a benchmark: as many runs as rounds."""
    facts = {"name": name, "unit": "second", "loops": int(times["loops"]), **metadata}
    return {"metadata": facts, "runs": [{"values": [float(seconds)]} for seconds in times["seconds"]]}


def suite(records: Iterable[Record]) -> tuple[dict[str, Any], list[str]]:
    """Return the content of a file of pyperf, and what is not in it, a sentence each.

    Benchmarks are called ``section/plot_x:experiment/1/competitor``, with the number of the comparison.

    Args:
        records: of one device.
    """
    benchmarks: dict[str, Any] = {}
    missing = []
    for record in records:
        if not record["timings"]:
            missing.append(f"{name_of(record)} timed nothing")
        for number, timing in enumerate(record["timings"], 1):
            facts: dict[str, Any] = {"seqdocs_threads": int(timing["threads"])}
            words = {"timer": timing["clock"], "seqdocs_baseline": timing["baseline"]}
            facts |= {name: _words(word) for name, word in words.items() if _words(word)}
            for competitor, times in timing["times"].items():
                name = _words(f"{name_of(record)}/{number}/{competitor}")
                if name in benchmarks:
                    missing.append(f"{name} is there twice; the second is left out")
                elif not all(seconds > 0 for seconds in times["seconds"]):
                    missing.append(f"{name} has a sample of 0 s, which pyperf does not take")
                else:
                    benchmarks[name] = benchmark(name, times, circumstances(record) | facts)
    return {"version": VERSION, "benchmarks": list(benchmarks.values())}, missing
