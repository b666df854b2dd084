"""How much slower is B than A, for every timing, from the raw samples?

A and B are record files, folders of records, or names of experiments, which stand for their newest record.
One name alone compares the newest two records of each device.

What differs between A and B besides time (code, versions) is named. Records of different machines, parameters
or data are refused. A timing differs when the 99 % interval of the ratio of medians leaves 1 out.

A and B were measured one after the other: what drifted on the machine in between is inside of these ratios,
and no interval knows it. To compare two calls, let one experiment time both (seqdocs.bench.timing.compare).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqdocs.bench.commands.common import stores
from seqdocs.bench.comparable import changes, name_of, refusal
from seqdocs.bench.plan import PlanError, cases, select
from seqdocs.bench.ratio import ratio_of_medians
from seqdocs.bench.record import Record, RecordError
from seqdocs.bench.show import show, show_interval
from seqdocs.bench.store import read_record

SURE = 0.99  # as for timings: level of the interval that must leave 1 out before B is said to differ
Side = dict[str, dict[str, list[Record]]]  # experiment → device → records, the newest first


def add_options(parser: argparse.ArgumentParser) -> None:
    """Two sides, or a name."""
    parser.add_argument("first", metavar="A", help="a record, a folder of records, or EXAMPLE[:EXPERIMENT]")
    parser.add_argument("second", metavar="B", nargs="?", help="likewise; without it, the newest two of A")


def run(arguments: argparse.Namespace, root: Path) -> int:
    """Compare what both sides have; return 2 if nothing could be, 1 if something was refused."""
    first = side(arguments.first, root)
    pairs, lonely = (
        newest_two(first) if arguments.second is None else newest(first, side(arguments.second, root))
    )
    done = 0
    for one, other in pairs:
        reason = refusal(one, other)
        if reason:
            lonely.append(reason)
        else:
            done += 1
            print_pair(one, other)
    for line in lonely:
        print(f"bench: {line}", file=sys.stderr)
    if done:
        print("A and B were not interleaved: what drifted between them is inside of these ratios")
    return (1 if lonely else 0) if done else 2


def side(argument: str, root: Path) -> Side:
    """Return the records that an argument means.

    Raises:
        RecordError: if a file is none.
        PlanError: if a name means nothing, or there is no record.
    """
    path, found = Path(argument), []
    if path.is_dir():
        found = list(inside(path))
    elif path.is_file() or path.suffix == ".json":
        found = [read_record(path, path.name)]
    else:
        for case in select(cases(root)[0], [argument]):
            for store in stores(root):
                found += store.all(case.example, case.declared.name)
                _complain(store.faults.values())
    if not found:
        raise PlanError(f"there is no record in {argument}")
    grouped: Side = {}
    for record in sorted(found, key=lambda record: record["created"], reverse=True):
        grouped.setdefault(name_of(record), {}).setdefault(record["slug"], []).append(record)
    return grouped


def _complain(lines: Any) -> None:
    for line in lines:
        print(f"bench: {line}", file=sys.stderr)


def inside(folder: Path) -> Iterator[Record]:
    """Yield the records under a folder; name on standard error what is none."""
    for path in sorted(folder.rglob("*.json")):
        if path.name == "shown.json":  # what the site shows lies beside this machine's records
            continue
        try:
            yield read_record(path, path.relative_to(folder).as_posix())
        except RecordError as error:
            _complain([error])


Pairs = list[tuple[Record, Record]]


def newest_two(records: Side) -> tuple[Pairs, list[str]]:
    """Pair the newest two records of each experiment and device; name those with only one."""
    pairs: Pairs = []
    lonely = []
    for name, devices in records.items():
        for slug, found in devices.items():
            if len(found) > 1:
                pairs.append((found[1], found[0]))
            else:
                lonely.append(f"{name}: there is one record on {slug}; it takes two to compare")
    return pairs, lonely


def newest(first: Side, second: Side) -> tuple[Pairs, list[str]]:
    """Pair the newest records of each experiment and device that both sides have; name what one lacks."""
    pairs: Pairs = []
    lonely = []
    if len(first) == len(second) == 1 and set(first) != set(second):  # the refusal names both
        return [(next(iter(_all(first))), next(iter(_all(second))))], []
    for name in dict.fromkeys((*first, *second)):
        own, other = first.get(name, {}), second.get(name, {})
        both = [slug for slug in own if slug in other]
        pairs += [(own[slug][0], other[slug][0]) for slug in both]
        if own and other and not both:
            pairs.append((next(iter(own.values()))[0], next(iter(other.values()))[0]))
        elif not (own and other):
            lonely.append(f"{name}: only {'A' if own else 'B'} has a record of it")
    return pairs, lonely


def _all(records: Side) -> Iterator[Record]:
    return (found[0] for devices in records.values() for found in devices.values())


def print_pair(first: Record, second: Record) -> None:
    """Print what two comparable records say of each timing."""
    print(f"{name_of(first)} on {first['slug']}")
    print(f"  A {first['created']} · B {second['created']}")
    print(f"  {' · '.join(changes(first, second)) or 'nothing but the time differs'}")
    pairs = list(zip(first["timings"], second["timings"], strict=False))
    if not pairs:
        print("  no timing in both")
    for number, (one, other) in enumerate(pairs, 1):
        for name in dict.fromkeys((*one["times"], *other["times"])):
            print(f"  timing {number}, {name}: {_line(one, other, name)}")
    counts = len(first["timings"]), len(second["timings"])
    if len(set(counts)) > 1:
        print(f"  A has {counts[0]} timings and B {counts[1]}; those without a partner are not compared")


def _line(first: dict[str, Any], second: dict[str, Any], name: str) -> str:
    """Say how one competitor's times differ."""
    if name not in first["times"] or name not in second["times"]:
        return f"only in {'A' if name in first['times'] else 'B'}"
    for fact in ("threads", "clock"):
        if first[fact] != second[fact]:
            return f"not compared: `{fact}` is {first[fact]} in A and {second[fact]} in B"
    before, after = first["times"][name]["seconds"], second["times"][name]["seconds"]
    try:
        ratio, sure = ratio_of_medians(before, after), ratio_of_medians(before, after, SURE)
    except ValueError as error:
        return f"not compared: {error}"
    outcome = "slower" if sure["low"] > 1 else "faster" if sure["high"] < 1 else "no difference shown"
    return f"{show(ratio)} ({show_interval(ratio)}), {outcome}"
