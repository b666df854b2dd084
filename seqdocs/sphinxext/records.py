"""The records the site shows, for the components that put numbers on a page.

A page notes which experiments it shows, so that a record that changed draws exactly those pages again.
"""

from __future__ import annotations

import functools
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from seqdocs.bench.origin import doubts, origin
from seqdocs.bench.record import RecordError
from seqdocs.bench.run import ResultPathError, Run
from seqdocs.bench.show import show_interval
from seqdocs.bench.shown import Found, Shown
from seqdocs.sphinxext.library import library
from seqdocs.sphinxext.pagedata import note, noted
from seqdocs.sphinxext.refresh import shows
from seqdocs.sphinxext.settings import VARIABLE, Host, settings

USED = "experiments"
MissingError = (RecordError, ResultPathError)  # both say in one sentence what is missing


@dataclass(frozen=True)
class Device:
    """A device that the site shows."""

    slug: str
    name: str  # in few words that no other device has
    here: bool  # it belongs to the machine of this build

    def row(self) -> dict[str, Any]:
        """It as plain data."""
        return asdict(self)


def records(host: Host) -> Shown:
    """The records of this build.

    Raises:
        RecordError: if there is no such file, or it is damaged.
    """
    return Shown.load(settings(host).shown_path)


def devices(host: Host) -> tuple[Device, ...]:
    """Every device that the site shows, those of this build first, then CPUs, then by slug."""
    try:
        return devices_of(records(host))
    except RecordError:  # a page that needs one says so itself
        return ()


@functools.lru_cache(maxsize=4)
def devices_of(shown: Shown) -> tuple[Device, ...]:
    """Every device of the records."""
    runs = [run for name in shown.experiments() for run in shown.runs(*name.split(":"))]
    of = {run.record["slug"]: run for run in runs}
    here = {run.record["slug"] for run in runs if run.here}
    names = distinct({slug: names_of(run) for slug, run in of.items()})
    order = sorted(of, key=lambda slug: (slug not in here, of[slug].device != "cpu", slug))
    return tuple(Device(slug, names[slug], slug in here) for slug in order)


def names_of(run: Run) -> list[str]:
    """How one speaks of a device, the shortest first: its chip, that with its threads, its slug."""
    facts, slug = run.record["machine"], run.record["slug"]
    chip = facts.get("cpu" if run.device == "cpu" else "gpu")
    return [str(name) for name in (chip, facts.get("label"), slug) if name]


def distinct(names: dict[str, list[str]]) -> dict[str, str]:
    """For each key the first of its names that no other key has.

    >>> distinct({"a": ["EPYC", "EPYC, 2 threads"], "b": ["EPYC", "EPYC, 4 threads"], "c": ["H200"]})
    {'a': 'EPYC, 2 threads', 'b': 'EPYC, 4 threads', 'c': 'H200'}
    """
    held = [name for own in names.values() for name in set(own)]
    return {key: next((name for name in own if held.count(name) == 1), own[-1]) for key, own in names.items()}


def full_path(host: Host | None, docname: str, path: str) -> str:
    """Complete a path: in an entry, one that names no example means the entry's own.

    >>> full_path(None, "index", "recurrence/plot_gru:decay.left")
    'recurrence/plot_gru:decay.left'
    """
    if ":" in path:
        return path
    entry = library(host).of_page(docname) if host else None
    if entry is None:
        raise ResultPathError(
            f"`{path}` names no example; outside of an entry a path reads section/plot_x:{path}"
        )
    return f"{entry.example}:{path}"


def split_path(path: str) -> tuple[str, str]:
    """The example and the experiment of a complete path.

    >>> split_path("recurrence/plot_gru:decay.left.2")
    ('recurrence/plot_gru', 'decay')
    """
    example, _, rest = path.partition(":")
    return example, rest.partition(".")[0]


def note_use(env: BuildEnvironment, docname: str, path: str) -> None:
    """Remember that a page shows something at a path, complete or not."""
    used = noted(env, docname, USED, [])
    note(env, docname, USED, sorted({*used, path}))


def shown_of_records(app: Sphinx, docname: str) -> object:
    """What a page shows of the records: all runs of the experiment at each path, and the devices' names."""
    used = noted(app.env, docname, USED, [])
    state: list[object] = [devices(app) if used else ()]
    for path in used:
        try:
            example, experiment = split_path(full_path(app, docname, path))
            runs = records(app).runs(example, experiment)
            found = [
                (run.record["slug"], run.record["key"], run.record["created"], run.stale) for run in runs
            ]
            state.append((path, found, records(app).missing(example, experiment)))
        except MissingError as error:
            state.append((path, str(error)))
    return state


def find_all(host: Host, path: str) -> list[Found]:
    """The leaf at a complete path, from every device that has it; the first that the site shows must.

    Raises:
        RecordError, ResultPathError: if there is none.
    """
    shown, inner = records(host), path.partition(":")[2].partition(".")[2]
    found = [shown.find(path)]
    for run in shown.runs(*split_path(path))[1:]:
        with suppress(ResultPathError):  # a record of older code, or of a device that measures less
            found.append(Found(run, run.at(inner)))
    return found


def provenance(run: Run, leaf: Any = None) -> str:
    """Where a number comes from, in a line: its interval, its run's origin, what to hold against it.

    Doubts are about timings, so that a number without an interval, such as a count, has none.
    """
    between = show_interval(leaf)
    against = doubts(run, 1) if between else ""
    words = [f"interval {between}" * bool(between), origin(run), f"doubts: {against}" * bool(against)]
    return " · ".join(filter(None, words))


def replay(app: Sphinx) -> None:
    """Let the examples read what the pages read, whoever calls Sphinx: drawing never measures."""
    os.environ.setdefault(VARIABLE, str(settings(app).shown_path))


def setup_records(app: Sphinx) -> None:
    """Let changed records draw pages again."""
    app.connect("builder-inited", replay, priority=40)
    shows(app, shown_of_records)
