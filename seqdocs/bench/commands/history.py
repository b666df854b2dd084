"""Every record by date, of this machine and committed: device, code, versions, commit, what was measured.

With a path that is the quantity there, else the first comparison that was timed, or the first quantity. A
star marks code and versions that are not those of the record before on the same device.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seqdocs.bench.commands.common import complain, print_table, stores
from seqdocs.bench.commands.leaves import one_line
from seqdocs.bench.comparable import name_of
from seqdocs.bench.interval import bootstrap_median
from seqdocs.bench.plan import PlanError, cases, select
from seqdocs.bench.quantity import Quantity, is_quantity, is_table, quantity
from seqdocs.bench.record import Record
from seqdocs.bench.run import ResultPathError, leaf

HEADS = ("date", "device", "store", "code", "python", "torch", "numpy", "commit", "measured")


def add_options(parser: argparse.ArgumentParser) -> None:
    """A path, or nothing for all experiments."""
    parser.add_argument("path", nargs="?", default="", metavar="EXAMPLE[:EXPERIMENT[.PATH]]")


def run(arguments: argparse.Namespace, root: Path) -> int:
    """Print a table for each experiment."""
    found, failures = cases(root)
    name, _, rest = arguments.path.partition(":")
    experiment, _, inner = rest.partition(".")
    wanted = [f"{name}:{experiment}" if experiment else name] if arguments.path else []
    chosen = [case.name for case in select(found, wanted)]
    own, committed = stores(root)
    rows: dict[str, list[tuple[str, Record]]] = {}
    for place, store in (("own", own), ("records/", committed)):
        for record in store.everything():
            if not wanted or name_of(record) in chosen:
                rows.setdefault(name_of(record), []).append((place, record))
    status = complain(failures, own, committed)
    if not rows:
        raise PlanError(f"there is no record of {arguments.path or 'anything'}; `bench run` makes some")
    for title, kept in sorted(rows.items()):
        print(title)
        ordered = sorted(kept, key=lambda pair: (pair[1]["created"], pair[0]))
        print_table([HEADS, *table(ordered, inner)])
    return status


def table(rows: list[tuple[str, Record]], path: str) -> list[tuple[str, ...]]:
    """Return a row of words for each record of one experiment, in the order given."""
    before: dict[str, Record] = {}
    made = []
    for place, record in rows:
        old = before.get(record["slug"], record)
        before[record["slug"]] = record
        versions = [record["versions"].get(name, "-") for name in HEADS[4:7]]
        stars = [
            version != old["versions"].get(name, "-")
            for name, version in zip(HEADS[4:7], versions, strict=True)
        ]
        facts = record["machine"]
        commit = str(facts.get("commit") or "-")[:8] + "+" * bool(facts.get("dirty"))
        made.append((
            record["created"][:16].replace("T", " "), record["slug"], place,
            record["code"][:8] + "*" * (record["code"] != old["code"]),
            *(version + "*" * star for version, star in zip(versions, stars, strict=True)),
            commit, measured(record, path),
        ))  # fmt: skip
    return made


def measured(record: Record, path: str) -> str:
    """Say what a record holds at a path; without one what it timed first, else its first quantity."""
    if path:
        try:
            return one_line(leaf(record["result"], path, record["experiment"]))
        except ResultPathError as error:
            return str(error)
    if not record["timings"]:
        name, first = next(quantities(record["result"]), ("", None))
        return f"{name} {one_line(first)}" if name else "timed nothing"
    times = record["timings"][0]["times"].items()
    return " · ".join(f"{name} {one_line(typical(own['seconds']))}" for name, own in times)


def typical(seconds: list[float]) -> Quantity:
    """Return the median with its interval; not by :mod:`seqdocs.bench.timing`, which imports torch."""
    return quantity(float(np.median(seconds)), "s", *bootstrap_median(seconds))


def quantities(branch: object, path: str = "") -> Iterator[tuple[str, Quantity]]:
    """Yield the quantities in the branches of a result, with their paths."""
    if is_quantity(branch):
        yield path, branch
    elif isinstance(branch, dict) and not is_table(branch):
        for name, inner in branch.items():
            yield from quantities(inner, f"{path}.{name}".strip("."))
