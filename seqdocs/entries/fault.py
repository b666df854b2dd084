"""What is wrong and where: the one kind of message the entry checker has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, order=True)
class Fault:
    """One thing to repair; sorts by file, then line.

    Args:
        path: the file, relative to the root of the checkout, with ``/``.
        line: from 1.
        message: one sentence without a full stop.
    """

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """End of a message that names the closest known word, or nothing.

    >>> did_you_mean("yeear", ["term", "year"])
    '; did you mean `year`?'
    >>> did_you_mean("zebra", ["term", "year"])
    ''
    """
    close = closest(word, known)
    return f"; did you mean `{close}`?" if close else ""


def closest(word: str, known: Iterable[str]) -> str:
    """Find the known word that looks most like ``word``, ignoring case; empty when none does.

    >>> closest("Recurrense", ["attention", "recurrence"])
    'recurrence'
    """
    if len(word) > 200:  # comparing is quadratic, and nobody misspells a page of text
        return ""
    originals = {name.casefold(): name for name in sorted(known, reverse=True)}
    matches = get_close_matches(word.casefold(), originals, n=1)
    return originals[matches[0]] if matches else ""


def shown(text: str) -> str:
    """Quote what a file holds so that it fits into a message: one line, printable, not long.

    >>> shown("a" * 100) == "`" + "a" * 59 + "…`"
    True
    >>> shown("two" + chr(10) + "lines")
    '`two lines`'
    """
    words = " ".join(text.split())
    short = words if len(words) <= 60 else words[:59] + "…"
    return "`" + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in short) + "`"
