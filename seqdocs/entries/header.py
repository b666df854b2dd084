"""The schema of a header: its keys, the areas, and `Entry`, one header with the line of each value."""

from __future__ import annotations

from dataclasses import dataclass, field

AREAS = {
    "foundations": "Foundations",
    "recurrence": "Recurrence",
    "attention": "Attention",
    "scan": "Scans and linear recurrences",
    "generation": "Generation",
    "serving": "Queues and serving",
}

# The four doors of the home page: a title and the areas behind it.
DOORS = {
    "Foundations": ("foundations",),
    "Recurrence and scans": ("recurrence", "scan"),
    "Attention and generation": ("attention", "generation"),
    "Queues and serving": ("serving",),
}

REQUIRED = ("term", "summary", "area", "year", "sources", "implementation", "example")
LISTS = ("aliases", "sources", "broader", "related", "prerequisites", "implementation")
KEYS = (*REQUIRED, "aliases", "broader", "related", "prerequisites")


@dataclass(frozen=True)
class Entry:
    """One term.

    Args:
        stem: name of the file without ``.md``; the entry's identity.
        path: of the file, relative to the root, with ``/``.
        term, aliases, summary, area, year, sources, broader, related, prerequisites, implementation, example:
            the header's keys; a list is a tuple, a missing or faulty value is empty (0 for ``year``).
        lines: line in the file of every ``key`` and of every list item (``"key: item"``); see `line`.
        body_line: the line after the header.
    """

    stem: str
    path: str = ""
    term: str = ""
    aliases: tuple[str, ...] = ()
    summary: str = ""
    area: str = ""
    year: int = 0
    sources: tuple[str, ...] = ()
    broader: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    prerequisites: tuple[str, ...] = ()
    implementation: tuple[str, ...] = ()
    example: str = ""
    lines: dict[str, int] = field(default_factory=dict, compare=False, repr=False)
    body_line: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """The term and its aliases."""
        return tuple(name for name in (self.term, *self.aliases) if name)

    def line(self, key: str, item: str = "") -> int:
        """Line of a key, or of one item of its list."""
        return self.lines.get(f"{key}: {item}", self.lines.get(key, 1))
