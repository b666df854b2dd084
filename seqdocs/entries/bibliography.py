"""The keys of ``docs/references.bib``, with the line each stands on and the fields that are simple.

A full BibTeX reader is sphinxcontrib-bibtex's affair; this one counts braces and needs nothing installed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from seqdocs.entries.fault import Fault

BIBLIOGRAPHY = "docs/references.bib"
START = re.compile(r"^[ ]*@(?P<kind>\w+)\s*[{(]", re.MULTILINE)
KEY = re.compile(r"\s*([^\s,{}\"#%~=]+)\s*,")
FIELD = re.compile(r"(\w+)\s*=\s*(?:(\d+)|(?=[{\"]))")
NOT_SOURCES = ("comment", "string", "preamble")


@dataclass(frozen=True)
class Reference:
    """One source: its key and line, and author, title and year as written; a field it lacks is empty."""

    key: str
    line: int
    author: str = ""
    title: str = ""
    year: str = ""


def read_bibliography(root: Path, name: str = BIBLIOGRAPHY) -> tuple[dict[str, Reference], list[Fault]]:
    """Read every source of the file; a second source of the same key (ignoring case) is a fault."""
    try:
        text = (root / name).read_text("utf-8-sig")
    except OSError as error:
        return {}, [Fault(name, 1, f"the bibliography cannot be read: {error.strerror or error}")]
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return {}, [Fault(name, line, f"the file is not UTF-8: byte 0x{error.object[error.start]:02x}")]
    references: dict[str, Reference] = {}
    first: dict[str, int] = {}
    faults: list[Fault] = []
    end = 0
    for start in START.finditer(text):
        if start.start() < end or start["kind"].lower() in NOT_SOURCES:
            continue
        line = text.count("\n", 0, start.start("kind")) + 1
        end = closing(text, start.end() - 1)
        key = KEY.match(text, start.end())
        if end == len(text) and text[-1:] not in ("}", ")"):
            faults.append(Fault(name, line, "this source is never closed"))
        elif key is None:
            faults.append(Fault(name, line, "this source has no key"))
        elif (same := key[1].casefold()) in first:
            faults.append(Fault(name, line, f"the key `{key[1]}` was given before, in line {first[same]}"))
        else:
            first[same] = line
            fields = simple_fields(text[key.end() : end - 1])
            references[key[1]] = Reference(
                key[1], line, fields.get("author", ""), fields.get("title", ""), fields.get("year", "")
            )
    return references, faults


def closing(text: str, start: int) -> int:
    """Position after the bracket that closes the one at ``start``; the end of the text when none does."""
    depth = 0
    for found in re.compile(r"[{}()]" if text[start] == "(" else r"[{}]").finditer(text, start):
        depth += 1 if found[0] in "{(" else -1
        if depth == 0:
            return found.end()
    return len(text)


def simple_fields(text: str) -> dict[str, str]:
    """Read fields that are one ``{…}``, one ``"…"`` or digits; braces inside are dropped, but of authors.

    Around a whole name they say that it is that of a group, not of a person with a family name.

    >>> simple_fields("author = {Elman, Jeffrey L.}, title = {Finding {Structure}}, year = 1990")
    {'author': 'Elman, Jeffrey L.', 'title': 'Finding Structure', 'year': '1990'}
    """
    fields: dict[str, str] = {}
    position = 0
    while found := FIELD.search(text, position):
        position = found.end()
        value = found[2]
        if value is None:
            quote = text[position] == '"'
            end = text.find('"', position + 1) + 1 or len(text) if quote else closing(text, position)
            value, position = text[position + 1 : end - 1], end
        name = found[1].lower()
        kept = value if name == "author" else re.sub(r"[{}]", "", value)
        fields.setdefault(name, " ".join(kept.split()))
    return fields
