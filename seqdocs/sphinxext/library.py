"""The entries of this build, read once: by stem, by name, in reading order; all other components ask it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from weakref import WeakKeyDictionary

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from seqdocs.entries.bibliography import Reference, read_bibliography
from seqdocs.entries.check import GALLERY, GLOSSARY, check
from seqdocs.entries.header import Entry
from seqdocs.entries.order import backlinks, by_area, neighbours
from seqdocs.entries.source import Source
from seqdocs.sphinxext.settings import Host, env_of, settings, warn


@dataclass(frozen=True)
class Library:
    """All entries, and where their pages are.

    Args:
        entries: by stem.
        root: the checkout.
    """

    entries: dict[str, Entry]
    root: Path

    @cached_property
    def by_name(self) -> dict[str, Entry]:
        """Entries by term and alias, case folded."""
        return {name.casefold(): entry for entry in self.entries.values() for name in entry.names}

    @cached_property
    def areas(self) -> dict[str, tuple[Entry, ...]]:
        """Entries of every area that has some, prerequisites first."""
        ordered = by_area(self.entries)
        return {area: tuple(self.entries[stem] for stem in stems) for area, stems in ordered.items() if stems}

    @cached_property
    def reading(self) -> tuple[Entry, ...]:
        """All entries, area after area."""
        return tuple(entry for inside in self.areas.values() for entry in inside)

    @cached_property
    def neighbours(self) -> dict[str, tuple[str | None, str | None]]:
        """Stems before and after each entry in reading order."""
        return neighbours(self.entries)

    @cached_property
    def backlinks(self) -> dict[str, dict[str, list[str]]]:
        """Stems of the entries that name each entry, by the key they do it with."""
        return backlinks(self.entries)

    @cached_property
    def source(self) -> Source:
        """Where dotted names are defined."""
        return Source(self.root)

    @cached_property
    def references(self) -> dict[str, Reference]:
        """The bibliography by key."""
        return read_bibliography(self.root)[0]

    def of_page(self, docname: str) -> Entry | None:
        """The entry whose page this is, if it is one."""
        folder, _, stem = docname.rpartition("/")
        return self.entries.get(stem) if folder == GLOSSARY else None

    def named(self, name: str) -> Entry | None:
        """The entry with this term or alias, whatever the case and the white space."""
        return self.by_name.get(" ".join(name.split()).casefold())


def docname_of(entry: Entry) -> str:
    """Name of an entry's page."""
    return f"{GLOSSARY}/{entry.stem}"


def example_docname(example: str) -> str:
    """Name of the page of an example, given as in a header."""
    return f"{GALLERY}/{example}"


LIBRARIES: WeakKeyDictionary[BuildEnvironment, Library] = WeakKeyDictionary()


def library(host: Host) -> Library:
    """The entries of this build."""
    return LIBRARIES[env_of(host)]


def open_library(app: Sphinx) -> None:
    """Read the entries and report what the checker reports."""
    root = settings(app).root_path
    entries, faults = check(root)
    for fault in faults:
        warn(fault.message, "entry", f"{fault.path}:{fault.line}")
    LIBRARIES[app.env] = Library(entries, root)


def setup_library(app: Sphinx) -> None:
    """Read the entries before anything else looks at them."""
    app.connect("builder-inited", open_library, priority=20)
