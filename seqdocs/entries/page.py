"""Take a file apart into header and body, without ever raising for what it holds.

Line ends may be ``\\n`` or ``\\r\\n``. A byte order mark, a tab or a control character in the header is a
fault, but the rest of the file is still read, so that one run shows every fault.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from seqdocs.entries.fault import Fault

MARK = "---"
LONGEST = 10_000  # characters of a header; also keeps nesting below what overflows libyaml's stack
# What YAML forbids, and what it counts as a line end although editors do not: both would shift line numbers.
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


@dataclass(frozen=True)
class Page:
    """A file in two parts.

    Args:
        header: the YAML text, whose first line is line 2 of the file; None when there is no header.
        body: the lines after the header.
        body_line: line of the file that ``body[0]`` is on.
        tidied: a character of the header had to be replaced, so a YAML error would say nothing new.
    """

    header: str | None = None
    body: tuple[str, ...] = ()
    body_line: int = 1
    tidied: bool = False


def read_page(path: Path, name: str) -> tuple[Page, list[Fault]]:
    """Read a file and split it; ``name`` is what faults call it."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return Page(), [Fault(name, 1, f"the file cannot be read: {error.strerror or error}")]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return Page(), [Fault(name, line, f"the file is not UTF-8: byte 0x{raw[error.start]:02x}")]
    return split(text, name)


def split(text: str, name: str) -> tuple[Page, list[Fault]]:
    """Split a page's text at the lines ``---``."""
    faults = []
    if text.startswith("\ufeff"):
        faults.append(Fault(name, 1, "the file starts with a byte order mark; save it as UTF-8 without one"))
        text = text[1:]
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[0].rstrip() != MARK:
        message = "there is no header; the first line of an entry is `---`, then come the keys"
        return Page(body=tuple(lines)), [*faults, Fault(name, 1, message)]
    end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() == MARK), None)
    if end is None:
        return Page(body_line=len(lines)), [
            *faults,
            Fault(name, 1, "the header is never closed; end it with a line `---`"),
        ]
    header = lines[1:end]
    if sum(map(len, header)) > LONGEST:
        message = f"the header is longer than {LONGEST} characters; prose comes after the second `---`"
        return Page(body_line=end + 2), [*faults, Fault(name, 1, message)]
    odd = [fault for i, line in enumerate(header, 2) for fault in odd_characters(line, name, i)]
    clean = "\n".join(FORBIDDEN.sub(" ", line).replace("\t", "  ") for line in header)
    return Page(clean, tuple(lines[end + 1 :]), end + 2, tidied=bool(odd)), faults + odd


def odd_characters(line: str, name: str, number: int) -> list[Fault]:
    """Report the first tab and the first forbidden character of a header line."""
    faults = []
    if "\t" in line:
        faults.append(Fault(name, number, "there is a tab in the header; YAML wants spaces"))
    if found := FORBIDDEN.search(line):
        code = f"U+{ord(found[0]):04X}"
        faults.append(Fault(name, number, f"the header holds the character {code}, which YAML forbids"))
    return faults


def body_faults(page: Page, term: str, name: str) -> list[Fault]:
    """Check that the body is the title ``# <term>`` and some prose; an empty (unknown) term fits all."""
    written = [(i, line.strip()) for i, line in enumerate(page.body, page.body_line) if line.strip()]
    wanted = f"`# {term}`" if term else "`# ` and the term"
    if not written:
        return [Fault(name, page.body_line, f"the body is empty; it starts with the title {wanted}")]
    number, title = written[0]
    matches = title == f"# {term}" if term else title.startswith("# ")
    if not matches:
        return [Fault(name, number, f"the body starts with something else than the title {wanted}")]
    if len(written) == 1:
        return [Fault(name, number, "there is no prose under the title")]
    return []
