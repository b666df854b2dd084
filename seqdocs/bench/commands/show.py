"""``bench show``: circumstances and results of the runs that the site shows."""

from __future__ import annotations

import argparse
from pathlib import Path

from seqdocs.bench.commands.common import complain, stores
from seqdocs.bench.commands.leaves import branch_lines
from seqdocs.bench.plan import cases, select, shown
from seqdocs.bench.run import Run
from seqdocs.bench.shown import Shown


def add_options(parser: argparse.ArgumentParser) -> None:
    """A path."""
    parser.add_argument("path", metavar="EXAMPLE[:EXPERIMENT[.PATH]]")


def run(arguments: argparse.Namespace, root: Path) -> int:
    """Print the runs of an example, an experiment, or one branch of a result."""
    found, failures = cases(root)
    own, committed = stores(root)
    name, _, rest = arguments.path.partition(":")
    experiment, _, inner = rest.partition(".")
    chosen = select(found, [f"{name}:{experiment}" if experiment else name])
    view = Shown(shown(chosen, own, committed))
    for case in chosen:
        print(case.name + (f" · {case.declared.doc.splitlines()[0]}" if case.declared.doc else ""))
        for one in view.runs(case.example, case.declared.name):
            _print_run(one, inner)
        for device in view.missing(case.example, case.declared.name):
            print(f"  {device}: not measured")
    return complain(failures, own, committed)


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
    for note in record["notes"]:
        print(f"    doubt: {note}")
    for line in branch_lines(path or record["experiment"], run.at(path), 4):
        print(line)
