"""The order to read entries in, and who names whom."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from itertools import pairwise

from seqdocs.entries.header import AREAS, Entry

LINKS = ("broader", "prerequisites", "related")


def by_area(entries: Mapping[str, Entry]) -> dict[str, list[str]]:
    """Stems of every area, prerequisites first and otherwise by term; areas in the order of `AREAS`."""
    return {area: sorted_area([e for e in entries.values() if e.area == area]) for area in AREAS}


def sorted_area(entries: list[Entry]) -> list[str]:
    """Sort topologically by the prerequisites inside the list; among those that are free, by term.

    Entries on a cycle, which the checker reports, come last, by term.
    """
    rank = {entry.stem: (entry.term.casefold(), entry.stem) for entry in entries}
    waits = {entry.stem: set(entry.prerequisites) & rank.keys() - {entry.stem} for entry in entries}
    free = [rank[stem] for stem, before in waits.items() if not before]
    heapify(free)
    order: list[str] = []
    while free:
        _, stem = heappop(free)
        order.append(stem)
        for other, before in waits.items():
            if stem in before:
                before.remove(stem)
                if not before:
                    heappush(free, rank[other])
    return order + sorted(rank.keys() - set(order), key=rank.__getitem__)


def reading_order(entries: Mapping[str, Entry]) -> list[str]:
    """All stems, area after area."""
    return [stem for stems in by_area(entries).values() for stem in stems]


def neighbours(entries: Mapping[str, Entry]) -> dict[str, tuple[str | None, str | None]]:
    """The entry before and the entry after each, in reading order."""
    padded = [None, *reading_order(entries), None]
    before = {after: stem for stem, after in pairwise(padded)}
    return {stem: (before[stem], after) for stem, after in pairwise(padded) if stem is not None}


def backlinks(entries: Mapping[str, Entry]) -> dict[str, dict[str, list[str]]]:
    """Who names each entry: ``backlinks(entries)[stem][key]``, the stems whose ``key`` holds it, by term."""
    named: dict[str, dict[str, list[str]]] = {stem: {key: [] for key in LINKS} for stem in entries}
    for stem in sorted(entries, key=lambda s: (entries[s].term.casefold(), s)):
        for key in LINKS:
            for target in getattr(entries[stem], key):
                if target in named and target != stem:
                    named[target][key].append(stem)
    return named
