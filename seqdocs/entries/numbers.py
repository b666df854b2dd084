"""Typed measurements: a number with a unit of time, rate, memory or ratio that stands in prose.

A number on the site is measured by the build that shows it. One that somebody typed was true once, on some
machine. So prose shows a record's number by ``{measured}``, and one that is assumed or defined, and that
nobody measured, says so by ``{given}``. What counts as prose is the business of `seqdocs.entries.prose`.
Pages for contributors are left alone: they speak of the work, not of sequential processing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from seqdocs.entries.fault import Fault, shown
from seqdocs.entries.prose import READERS

ROOMS = (("glossary", "*.md"), ("docs", "**/*.md"), ("gallery", "**/*.rst"), ("gallery", "*/plot_*.py"))
NO_PAGES = {"_build", "_static", "_templates", "brand", "glossary", "gallery", "contributing"}  # below docs

GAP = r"(?:[ \t\u00a0\u2009\u202f]|&nbsp;|\n[ \t>]*)"
NUMBER = r"(?<![\w.,\ufffc^])(?P<number>(?:\d[\d,.]*\d|\d)(?:e[+-]?\d+)?[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]*)"
COMPARED = (
    "faster|slower|more|less|fewer|larger|smaller|longer|shorter|higher|lower|cheaper|dearer|better|worse"
)
WORD = r"(?!(?:and|or|with|then|is|as|to|of|in|for|from|by)\b)[\w-]+"
PERIOD = "(?:second|minute|hour|day)"
UNITS = {
    "time": [
        rf"{GAP}?(?:[nmµμu]?s|secs?|mins?|h|hrs?)(?![\w-])",
        rf"(?:{GAP}|-)(?:(?:nano|micro|milli)?seconds?|minutes?|hours?|days?)\b",
    ],
    "rate": [
        rf"{GAP}?[kMGTP]?Hz\b",
        r"/s\b",
        rf"{GAP}(?:[\w-]+{GAP})?[\w-]+/(?:s|sec|second|min|minute|h|hour)\b",
        rf"{GAP}(?:[\w-]+{GAP}){{0,2}}[\w-]+{GAP}per{GAP}{PERIOD}\b",
        rf"{GAP}{WORD}{GAP}(?:a|an|each|every){GAP}{PERIOD}\b",
    ],
    "memory": [
        rf"{GAP}?[kKMGTP]i?B\b",
        rf"(?:{GAP}|-)(?:kilo|mega|giga|tera)?bytes?\b",
        rf"{GAP}B(?=/|{GAP}(?:per|each)\b)",  # a lone B is more often a name
    ],
    "ratio": [
        rf"×(?!{GAP}?\d)",
        rf"{GAP}×(?!{GAP}?[\w(])",
        r"x(?![\w×])",
        rf"{GAP}times{GAP}(?:as|that|the|{COMPARED})\b",
        r"-?fold\b",
        rf"{GAP}?(?:%|per{GAP}?cent\b){GAP}(?:{COMPARED})\b",
    ],
}  # fmt: skip
MEASURE = re.compile(
    NUMBER + "(?P<unit>" + "|".join(part for parts in UNITS.values() for part in parts) + ")"
)
DECADE = re.compile(r"(?:1[5-9]|20)\d0s")
HEAD_UNIT = re.compile(
    r"[(\[,]\s*(?:[nmµμu]?s|secs?|seconds|min|minutes|h|hours|×|[kKMGTP]?i?B|bytes|[kMG]?Hz|[\w ]+/s)"
    r"\s*[)\]]?\s*$"
)
RULER = re.compile(r"\s*\|?(?:\s*:?-+:?\s*\|)+(?:\s*:?-+:?\s*)?$")
BARE = re.compile(r"[~≈<>±−-]?\s*\d[\d,.]*(?:\s*[–-]\s*\d[\d,.]*)?")


def number_faults(root: Path) -> list[Fault]:
    """Every typed measurement in the prose of a checkout: entries, pages for readers, examples."""
    faults = []
    for room, pattern in ROOMS:
        folder = root / room
        for path in sorted(folder.glob(pattern)):
            below = path.relative_to(folder).parts
            if path.is_file() and not (room == "docs" and below[0] in NO_PAGES):
                faults += faults_of(path, path.relative_to(root).as_posix())
    return faults


def faults_of(path: Path, name: str) -> list[Fault]:
    """The typed measurements of one file; none where it cannot be read, which another check says."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return []
    mark = "{%s}" if path.suffix == ".md" else ":%s:"
    advice = f"show a record's by {mark % 'measured'}, or an assumption by {mark % 'given'}"
    prose = READERS[path.suffix](text.replace("\r\n", "\n"))
    found = [*in_sentences(prose), *(in_tables(prose) if path.suffix == ".md" else ())]
    return [Fault(name, line, f"{what} is a typed measurement; {advice}") for line, what in sorted(found)]


def in_sentences(prose: str) -> Iterator[tuple[int, str]]:
    """Line and words of every number with its unit.

    >>> list(in_sentences("It takes 5 ms for 10 requests, 3.5× as long as in the 1990s."))
    [(1, '`5 ms`'), (1, '`3.5×`')]
    """
    for found in MEASURE.finditer(prose):
        if not DECADE.fullmatch(found[0]) and not (found["number"] == "1" and found["unit"] == "/s"):
            yield prose.count("\n", 0, found.start()) + 1, shown(found[0])


def in_tables(prose: str) -> Iterator[tuple[int, str]]:
    """Line and words of every bare number below a heading that names such a unit."""
    lines = prose.split("\n")
    units: dict[int, str] = {}  # column → heading, in the table one is in
    for number, line in enumerate(lines):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if "|" not in line:
            units = {}
        elif number + 1 < len(lines) and RULER.fullmatch(lines[number + 1]):
            units = {column: head for column, head in enumerate(cells) if HEAD_UNIT.search(head)}
        else:
            for column, cell in enumerate(cells):
                if column in units and BARE.fullmatch(cell):
                    yield number + 1, f"{shown(cell)} under {shown(units[column])}"
