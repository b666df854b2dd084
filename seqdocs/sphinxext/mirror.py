"""Copies ``glossary/*.md`` below ``conf.py`` and gives each copy the header that Sphinx needs.

Sphinx reads files below its own folder. A symbolic link would break relative links and a mount needs
private API, so the entries are copied, into a folder that git ignores. The header of an entry is data for
`seqdocs.entries`; while a page is read it is replaced by one that makes myst-nb run the cells, of just as
many lines, so that every line number in a warning is one of the entry.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from sphinx.application import Sphinx

from seqdocs.entries.check import GLOSSARY
from seqdocs.sphinxext.files import copy_if_changed, keep_only
from seqdocs.sphinxext.settings import settings

CELL = re.compile(r"^(`{3,}|~{3,}|:{3,})\s*\{code-cell\}", re.M)
# orphan: the entries hang in no tree of the theme, which would be drawn whole on every page
PLAIN = "{orphan: true}"
NOTEBOOK = "{orphan: true, file_format: mystnb, kernelspec: {name: python3, display_name: Python 3}}"


def mirror(app: Sphinx) -> None:
    """Make the copies the same as the entries."""
    source, target = settings(app).root_path / GLOSSARY, Path(app.srcdir) / GLOSSARY
    wanted = set()
    for path in sorted(source.rglob("*")):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy_if_changed(path, copy)
            wanted.add(copy)
    keep_only(target, "*", wanted)


def new_header(text: str) -> str:
    """Replace the header by Sphinx's own, line for line.

    >>> new_header("---\\nterm: GRU\\nyear: 2014\\n---\\n# GRU\\n")
    '---\\n{orphan: true}\\n\\n---\\n# GRU\\n'
    """
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return text
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), 0)
    if end < 2:
        return text
    front = NOTEBOOK if CELL.search(text) else PLAIN
    return "\n".join(["---", front, *[""] * (end - 2), "---", *lines[end + 1 :]])


def read_header(app: Sphinx, docname: str, content: list[str]) -> None:
    """While an entry's page is read: put Sphinx's header in place of the entry's."""
    if docname.startswith(f"{GLOSSARY}/"):
        content[0] = new_header(content[0])


class NameTheOriginal(logging.Filter):
    """Warnings about a copy name the file to repair."""

    def __init__(self, copies: str, originals: str) -> None:
        super().__init__()
        self.copies, self.originals = copies, originals

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the place a record shows; every record passes."""
        place = getattr(record, "location", None)
        if isinstance(place, str) and place.startswith(self.copies):
            record.location = self.originals + place.removeprefix(self.copies)
        return True


def name_originals(app: Sphinx) -> None:
    """Let the handlers of Sphinx's log, which have turned places into text by now, name the entries."""
    renamed = NameTheOriginal(f"{Path(app.srcdir, GLOSSARY)}/", f"{GLOSSARY}/")
    for handler in logging.getLogger("sphinx").handlers:
        for old in [known for known in handler.filters if isinstance(known, NameTheOriginal)]:
            handler.removeFilter(old)
        handler.addFilter(renamed)


def setup_mirror(app: Sphinx) -> None:
    """Copy before Sphinx looks for files; swap headers before any other component sees the text."""
    app.connect("builder-inited", mirror, priority=10)
    app.connect("builder-inited", name_originals, priority=10)
    app.connect("source-read", read_header, priority=100)
