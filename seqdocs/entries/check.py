"""Every check of the glossary and of numbers in prose, in one pass: each fault once, with file and line.

A fault has no followers: a file that cannot be read still counts as an entry that others may name, and an
example that is missing is not also one that uses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqdocs.entries.bibliography import BIBLIOGRAPHY, read_bibliography
from seqdocs.entries.fault import Fault, did_you_mean, shown
from seqdocs.entries.header import REQUIRED, Entry
from seqdocs.entries.numbers import number_faults
from seqdocs.entries.reader import read_entry
from seqdocs.entries.source import AbsentError, Source, UnreadableError

GLOSSARY = "glossary"
GALLERY = "gallery"
LINKS = ("broader", "related", "prerequisites")
ACYCLIC = ("broader", "prerequisites")
ALMOST = (
    ".md",
    ".markdown",
    ".mdown",
    ".rst",
    ".txt",
)  # in the glossary, these look like an entry that is not read


def check(root: Path) -> tuple[dict[str, Entry], list[Fault]]:
    """Check the glossary, and the numbers in the prose of pages and examples, below ``root``.

    Returns:
        the entries whose required keys are all right, by stem in alphabetical order, and the faults of all
        files by file and line. An entry may still hold links that a fault calls unknown.
    """
    entries, faults = read_all(root)
    faults += [*repeated_names(entries), *unknown_links(entries)]
    for key in ACYCLIC:
        faults += cycles(entries, key)
    faults += [*source_faults(root, entries), *code_faults(root, entries), *number_faults(root)]
    whole = {stem: entry for stem, entry in entries.items() if all(getattr(entry, key) for key in REQUIRED)}
    return whole, sorted(faults)


def read_all(root: Path) -> tuple[dict[str, Entry], list[Fault]]:
    """Read every entry, faulty ones too."""
    folder = root / GLOSSARY
    if not folder.is_dir():
        return {}, [Fault(GLOSSARY, 1, "there is no such folder")]
    entries: dict[str, Entry] = {}
    faults: list[Fault] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(root).as_posix()
        if any(part.startswith(".") for part in path.relative_to(folder).parts) or path.is_dir():
            continue
        if path.suffix == ".md" and path.parent == folder:
            entries[path.stem], found = read_entry(path, root)
            faults += found
        elif path.suffix.lower() in ALMOST:
            faults.append(Fault(name, 1, f"this file is not read; an entry is `{GLOSSARY}/<stem>.md`"))
    return entries, faults


def repeated_names(entries: dict[str, Entry]) -> Iterator[Fault]:
    """A term or alias names one entry only, ignoring case."""
    first: dict[str, tuple[str, str]] = {}
    for entry in entries.values():
        for i, name in enumerate(entry.names):
            alias = not entry.term or i > 0
            line = entry.line("aliases", name) if alias else entry.line("term")
            here = f"{entry.path}:{line}"
            what, there = first.setdefault(name.casefold(), ("alias" if alias else "term", here))
            if there != here:
                kind = "alias" if alias else "term"
                yield Fault(entry.path, line, f"the {kind} {shown(name)} is already the {what} of {there}")


def unknown_links(entries: dict[str, Entry]) -> Iterator[Fault]:
    """An entry links to others that exist, not to itself."""
    for entry in entries.values():
        for key in LINKS:
            for stem in getattr(entry, key):
                line = entry.line(key, stem)
                if stem == entry.stem:
                    yield Fault(entry.path, line, f"`{key}` names the entry itself")
                elif stem not in entries:
                    hint = did_you_mean(stem, entries.keys() - {entry.stem})
                    yield Fault(entry.path, line, f"`{key}` names {shown(stem)}, which is no entry{hint}")


def cycles(entries: dict[str, Entry], key: str) -> Iterator[Fault]:
    """Follow ``key`` depth first; every link back into the path walked closes one cycle."""
    links = {stem: [s for s in getattr(e, key) if s in entries and s != stem] for stem, e in entries.items()}
    done: set[str] = set()
    for start in links:
        path: list[str] = []
        todo = [(start, 0)]  # an explicit stack: a chain may be longer than Python's
        while todo:
            stem, depth = todo.pop()
            done.update(path[depth:])
            del path[depth:]
            if stem in path:
                yield cycle_fault(entries, key, path[path.index(stem) :])
            elif stem not in done:
                path.append(stem)
                todo += [(link, len(path)) for link in reversed(links[stem])]
        done.update(path)


def cycle_fault(entries: dict[str, Entry], key: str, cycle: list[str]) -> Fault:
    """Name a cycle as a path that starts at its alphabetically first entry."""
    at = cycle.index(min(cycle))
    path = [*cycle[at:], *cycle[: at + 1]]
    entry = entries[path[0]]
    return Fault(entry.path, entry.line(key, path[1]), f"`{key}` goes in a circle: {' → '.join(path)}")


def source_faults(root: Path, entries: dict[str, Entry]) -> list[Fault]:
    """Every source is a key of the bibliography, and one of them is of the entry's year.

    Without a bibliography that is the one fault.
    """
    references, faults = read_bibliography(root)
    if faults and not references:
        return faults
    for entry in entries.values():
        unknown = [key for key in entry.sources if key not in references]
        for key in unknown:
            message = f"{shown(key)} is not a key of {BIBLIOGRAPHY}{did_you_mean(key, references)}"
            faults.append(Fault(entry.path, entry.line("sources", key), message))
        years = sorted({references[key].year for key in entry.sources if key in references})
        if entry.year and years and not unknown and "" not in years and str(entry.year) not in years:
            message = f"no source is from {entry.year}; they are from {', '.join(years)}"
            faults.append(Fault(entry.path, entry.line("year"), message))
    return faults


def code_faults(root: Path, entries: dict[str, Entry]) -> list[Fault]:
    """Every implementation exists, and the example, which exists too, uses it."""
    source = Source(root)
    scripts = {
        path.relative_to(root / GALLERY).as_posix()[:-3] for path in (root / GALLERY).glob("*/plot_*.py")
    }
    faults: list[Fault] = []
    for entry in entries.values():
        script = f"{GALLERY}/{entry.example}.py"
        if entry.example and entry.example not in scripts:
            moved = [path for path in scripts if path.rpartition("/")[2] == entry.example.rpartition("/")[2]]
            message = f"there is no example {script}{did_you_mean((moved or [entry.example])[0], scripts)}"
            faults.append(Fault(entry.path, entry.line("example"), message))
        for name in entry.implementation:
            line = entry.line("implementation", name)
            try:
                source.locate(name)
                if entry.example in scripts and not source.uses_name(script, name):
                    faults.append(Fault(entry.path, line, f"the example {script} does not use `{name}`"))
            except AbsentError as error:
                faults.append(Fault(entry.path, line, str(error)))
            except UnreadableError:
                pass  # the file's own fault says it, once
    return [*dict.fromkeys(faults), *source.faults]  # one missing module that a line names twice is one fault
