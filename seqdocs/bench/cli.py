"""``python -m seqdocs bench list|run|show``: what there is to measure, measure it, look at it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from seqdocs.bench import machine
from seqdocs.bench.plan import (
    Case,
    Failure,
    PlanError,
    cases,
    devices_here,
    find_root,
    fresh,
    own_store,
    select,
)
from seqdocs.bench.plan import shown as collect
from seqdocs.bench.quantity import is_quantity, is_table, is_verdict
from seqdocs.bench.record import RecordError
from seqdocs.bench.run import ResultPathError, Run
from seqdocs.bench.runner import run_all
from seqdocs.bench.show import show, show_interval
from seqdocs.bench.shown import Shown
from seqdocs.bench.store import Store

BAD_USAGE = 2
INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Refuses in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise PlanError(f"{message}; `python -m seqdocs bench --help` says how")


def _parser() -> _Parser:
    parser = _Parser(prog="python -m seqdocs bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    listing = commands.add_parser(
        "list", help="one line for each experiment and device: is its record fresh?"
    )
    running = commands.add_parser("run", help="measure what has no record, then write what the site shows")
    running.add_argument("names", nargs="*", metavar="NAME", help="a section, an example or an experiment")
    running.add_argument(
        "--device", choices=("cpu", "cuda"), help="only this one; all of this machine if omitted"
    )
    running.add_argument(
        "--out", type=Path, metavar="DIR", help="put the records there, such as records/ to commit"
    )
    running.add_argument("--force", action="store_true", help="measure although there is a record")
    showing = commands.add_parser("show", help="circumstances and results")
    showing.add_argument("path", metavar="EXAMPLE[:EXPERIMENT[.PATH]]")
    for command in (listing, running, showing):
        command.add_argument("--root", type=Path, metavar="DIR", help="the checkout; found upward if omitted")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run one command; return 0, 1 if something could not be measured, 2 if it was asked wrongly."""
    try:
        arguments = _parser().parse_args(list(argv))
        root = find_root((arguments.root or Path.cwd()).resolve())
        if arguments.command == "list":
            return _list(root)
        if arguments.command == "show":
            return _show(root, arguments.path)
        summary = run_all(
            root, names=arguments.names, device=arguments.device, out=arguments.out, force=arguments.force
        )
    except (PlanError, ResultPathError, RecordError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return BAD_USAGE
    except KeyboardInterrupt:
        print("\nbench: interrupted; what was measured is kept", file=sys.stderr)
        return INTERRUPTED
    print(summary)
    return summary.status


def _age(created: str) -> str:
    """Say how long ago a record was made."""
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds()
    except (ValueError, TypeError):
        return "?"
    for length, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{max(seconds, 0):.0f} seconds"


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
        rows.append((slug, state, _age(record["created"]) if record else "-"))
        elsewhere.pop(slug, None)
        kinds.add(device)
    for slug, record in elsewhere.items():
        changed = record["code"] != case.code
        rows.append((slug, "recorded, code changed" if changed else "recorded", _age(record["created"])))
        kinds.add(record["device"])
    return rows + [(one, "missing", "-") for one in case.declared.options.devices if one not in kinds]


def _complain(failures: list[Failure], stores: Sequence[Store]) -> int:
    """Print what could not be read; return the exit status."""
    for line in (*map(str, failures), *(fault for store in stores for fault in store.faults.values())):
        print(line, file=sys.stderr)
    return 1 if failures else 0


def _list(root: Path) -> int:
    """Print the table of experiments."""
    found, failures = cases(root)
    own, committed = Store(own_store(root)), Store(root / "records")
    rows = [("example", "experiment", "device", "state", "age")]
    for case in found:
        rows += [(case.example, case.declared.name, *row) for row in states(case, own, committed)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return _complain(failures, [own, committed])


def _show(root: Path, path: str) -> int:
    """Print the runs of an example, an experiment, or one branch of a result."""
    found, failures = cases(root)
    own, committed = Store(own_store(root)), Store(root / "records")
    name, _, rest = path.partition(":")
    experiment, _, inner = rest.partition(".")
    chosen = select(found, [f"{name}:{experiment}" if experiment else name])
    view = Shown(collect(chosen, own, committed))
    for case in chosen:
        print(case.name + (f" · {case.declared.doc.splitlines()[0]}" if case.declared.doc else ""))
        for run in view.runs(case.example, case.declared.name):
            _print_run(run, inner)
        for device in view.missing(case.example, case.declared.name):
            print(f"  {device}: not measured")
    return _complain(failures, [own, committed])


def _print_run(run: Run, path: str) -> None:
    """Print one run: circumstances, then the result from ``path`` on."""
    record = run.record
    facts = record["machine"]
    print(f"  {run.caption}")
    words = [f"took {record['seconds']:g} s", f"key {record['key']}"]
    if record["peak_memory"]:
        words.append(f"its process held {record['peak_memory'] / 1e6:.0f} MB at most")
    words += [f"{name} {version}" for name, version in record["versions"].items()]
    words += [f"{name} {facts[name]}" for name in ("os", "cuda", "driver", "commit") if facts.get(name)]
    print(f"    {' · '.join(words)}{' (with changes)' if facts.get('dirty') else ''}")
    params = ", ".join(f"{name}={value!r}" for name, value in record["params"].items())
    print(f"    parameters: {params or 'none'}")
    _print_branch(path or record["experiment"], run.at(path), 4)


def _print_branch(name: str, branch: Any, indent: int) -> None:
    """Print a branch of a result, a line for each leaf."""
    margin = " " * indent
    if is_quantity(branch):
        interval = show_interval(branch)
        print(f"{margin}{name}: {show(branch)}" + (f" ({interval})" if interval else ""))
    elif is_verdict(branch):
        print(f"{margin}{name}: {branch['verdict']}: {branch['evidence']}")
    elif is_table(branch):
        heads = [head["name"] + f" [{head['unit']}]" * bool(head["unit"]) for head in branch["columns"]]
        print(f"{margin}{name}: {' | '.join(heads)}")
        for row in branch["rows"]:
            print(f"{margin}  {' | '.join(map(show, row))}")
    elif isinstance(branch, dict):
        print(f"{margin}{name}:")
        for key, value in branch.items():
            _print_branch(key, value, indent + 2)
    elif isinstance(branch, list):
        print(f"{margin}{name}: {_list_line(branch)}")
    else:
        print(f"{margin}{name}: {show(branch)}")


def _list_line(values: list[Any]) -> str:
    """Write a list on one line, with its middle left out when it is long."""
    if any(isinstance(value, (dict, list)) for value in values):
        return f"{len(values)} entries"
    words = [show(value) for value in values]
    return ", ".join(words if len(words) <= 8 else [*words[:4], "…", *words[-3:]]) + f"  ({len(words)})"
