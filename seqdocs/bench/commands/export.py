"""Write the timings of one device of this machine as a file of pyperf (its JSON 1.0).

    python -m seqdocs bench export --pyperf timings.json
    python -m pyperf stats timings.json
    python -m pyperf compare_to before.json after.json

Every competitor of every comparison is a benchmark. A round of the comparison, in which each competitor was
timed once, is a run with one value. For pyperf a run is a process; all our rounds share one, so its judgement
of how many runs are enough says nothing about what differs from process to process.

Of each experiment the newest record is taken. An existing file is replaced only if it is one of pyperf.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from seqdocs.bench import machine
from seqdocs.bench.commands.common import NAMES, complain, stores
from seqdocs.bench.files import write_whole
from seqdocs.bench.plan import PlanError, cases, select
from seqdocs.bench.pyperf_file import VERSION, suite


def add_options(parser: argparse.ArgumentParser) -> None:
    """The file, the names, the device."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=NAMES)
    parser.add_argument("--pyperf", type=Path, metavar="FILE", required=True, help="the file to write")
    parser.add_argument(
        "--device",
        default="cpu",
        metavar="DEVICE",
        help="cpu, cuda, or a committed device as `list` names it",
    )


def run(arguments: argparse.Namespace, root: Path) -> int:
    """Write the file; return 1 if something is not in it."""
    found, failures = cases(root)
    slug = machine.slug(arguments.device) if arguments.device in machine.devices() else arguments.device
    own, committed = stores(root)
    records, missing = [], []
    for case in select(found, arguments.names):
        both = [
            store.newest_of_each_device(case.example, case.declared.name).get(slug)
            for store in (own, committed)
        ]
        there = [record for record in both if record]
        if there:
            records.append(max(there, key=lambda record: record["created"]))
        else:
            missing.append(f"{case.name} has no record on {slug}")
    content, left_out = suite(records)
    for line in (*missing, *left_out):
        print(line, file=sys.stderr)
    status = complain(failures, own, committed)
    if not content["benchmarks"]:
        raise PlanError(f"there is no timing on {slug}; {arguments.pyperf.name} was not written")
    _refuse_to_replace(arguments.pyperf)
    write_whole(arguments.pyperf, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    count = f"{len(content['benchmarks'])} benchmarks of {len(records)} experiments"
    print(f"{arguments.pyperf.name}: {count} on {slug}")
    return 1 if missing else status


def _refuse_to_replace(path: Path) -> None:
    """Raise a PlanError if a file is in the way that pyperf did not write."""
    if not path.exists():
        return
    try:
        data = json.loads(path.read_text("utf8"))
    except (OSError, ValueError, RecursionError):
        data = None
    if not (isinstance(data, dict) and data.get("version") == VERSION and "benchmarks" in data):
        raise PlanError(f"{path.name} is there and is no file of pyperf; name another file")
