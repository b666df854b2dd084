"""``bench list``: is there a record of every experiment, and is it fresh?"""

from __future__ import annotations

import argparse
from pathlib import Path

from seqdocs.bench import machine
from seqdocs.bench.commands.common import age, complain, print_table, stores
from seqdocs.bench.plan import Case, cases, devices_here, fresh
from seqdocs.bench.store import Store


def add_options(parser: argparse.ArgumentParser) -> None:
    """It has none of its own."""


def run(arguments: argparse.Namespace, root: Path) -> int:
    """Print the table of experiments."""
    found, failures = cases(root)
    own, committed = stores(root)
    rows = [("example", "experiment", "device", "state", "age")]
    for case in found:
        rows += [(case.example, case.declared.name, *row) for row in states(case, own, committed)]
    print_table(rows)
    return complain(failures, own, committed)


def states(case: Case, own: Store, committed: Store) -> list[tuple[str, str, str]]:
    """Return device, state and age of every record an experiment has or lacks.

    The state is ``fresh``, ``stale`` (there is one of other code or circumstances), ``missing``, or for a
    device that is not here ``recorded`` or ``recorded, code changed``.
    """
    rows = []
    older = own.newest_of_each_device(case.example, case.declared.name)
    elsewhere = committed.newest_of_each_device(case.example, case.declared.name)
    kinds = set()
    for device in devices_here(case):
        slug = machine.slug(device)
        record = fresh(case, device, own)
        state = "fresh" if record else "stale" if slug in older else "missing"
        record = record or older.get(slug)
        rows.append((slug, state, age(record["created"]) if record else "-"))
        elsewhere.pop(slug, None)
        kinds.add(device)
    for slug, record in elsewhere.items():
        changed = record["code"] != case.code
        rows.append((slug, "recorded, code changed" if changed else "recorded", age(record["created"])))
        kinds.add(record["device"])
    return rows + [(one, "missing", "-") for one in case.declared.options.devices if one not in kinds]
