"""The records the site shows, for the components that put numbers on a page.

A page notes which experiments it shows, so that a record that changed draws exactly those pages again.
"""

from __future__ import annotations

import os
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


def devices(host: Host) -> list[Device]:
    """Every device that the site shows, those of this build first, then CPUs, then by slug."""
    try:
        found = records(host)
    except RecordError:  # a page that needs one says so itself
        return []
    runs = [run for name in found.experiments() for run in found.runs(*name.split(":"))]
    of = {run.record["slug"]: run for run in runs}
    here = {run.record["slug"] for run in runs if run.here}
    names = {slug: short_name(run) for slug, run in of.items()}
    for slug, name in list(names.items()):
        if list(names.values()).count(name) > 1:
            names[slug] = slug
    order = sorted(of, key=lambda slug: (slug not in here, of[slug].device != "cpu", slug))
    return [Device(slug, names[slug], slug in here) for slug in order]


def short_name(run: Run) -> str:
    """A device as one speaks of it: its chip, without threads."""
    facts = run.record["machine"]
    name = facts.get("gpu") if run.device != "cpu" else facts.get("cpu")
    return str(name or facts.get("label") or run.record["slug"])


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
    """What a page shows of the records: for each path, all runs of its experiment."""
    state: list[object] = []
    for path in noted(app.env, docname, USED, []):
        try:
            example, experiment = split_path(full_path(app, docname, path))
            runs = records(app).runs(example, experiment)
            found = [(run.record["key"], run.record["created"], run.stale) for run in runs]
            state.append((path, found, records(app).missing(example, experiment)))
        except MissingError as error:
            state.append((path, str(error)))
    return state


def find(host: Host, docname: str, path: str) -> Found:
    """The leaf at a path, from the first device that the site shows.

    Raises:
        RecordError, ResultPathError: if there is none.
    """
    return records(host).find(full_path(host, docname, path))


def provenance(run: Run, leaf: Any = None) -> str:
    """Where a number comes from, in a line: its interval, its run's origin, what to hold against it."""
    between, against = show_interval(leaf), doubts(run)
    words = [f"interval {between}" * bool(between), origin(run), f"doubts: {against}" * bool(against)]
    return " · ".join(filter(None, words))


def replay(app: Sphinx) -> None:
    """Let the examples read what the pages read, whoever calls Sphinx: drawing never measures."""
    os.environ.setdefault(VARIABLE, str(settings(app).shown_path))


def setup_records(app: Sphinx) -> None:
    """Let changed records draw pages again."""
    app.connect("builder-inited", replay, priority=40)
    shows(app, shown_of_records)
