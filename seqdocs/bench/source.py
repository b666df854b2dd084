"""Program text: read, parsed, and reduced to what makes it compute what it computes."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path


class SourceError(Exception):
    """Program text that cannot be used, with the reason in one sentence."""


def read(path: Path) -> str:
    """Return a file's text with plain newlines.

    Raises:
        SourceError: if it is missing or not UTF-8.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SourceError(f"{path.name} is not UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse(text: str, name: str) -> ast.Module:
    """Return the syntax tree.

    Raises:
        SourceError: with the line, if it is no Python.
    """
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise SourceError(f"{name}, line {getattr(error, 'lineno', '?')}: {error.args[0]}") from None


def essence(text: str, name: str = "source") -> str:
    """Return the text without comments, strings that stand alone (docstrings) and blank lines.

    Cut out of the text, not printed from the tree, whose printed form differs between versions of Python: two
    machines with different Pythons must find the same essence.

    Raises:
        SourceError: if it is no Python.

    >>> essence("def f(x):\\n    '''Twice.'''\\n\\n    return 2 * x  # really\\n")
    'def f(x):\\n    return 2 * x\\n'
    """
    lines = text.split("\n")
    kept_whole: set[int] = set()  # rows that end inside a string: their blanks are data
    for start, end, kind in _spans(text, name):
        first, last = start[0] - 1, end[0] - 1
        if kind == "string":
            kept_whole.update(range(first, last))
            continue
        lines[first], tail = lines[first][: start[1]], lines[last][end[1] :]
        for row in range(first + 1, last + 1):
            lines[row] = ""
        lines[last] += tail
    tidy = (line if row in kept_whole else line.rstrip() for row, line in enumerate(lines))
    return "".join(f"{line}\n" for row, line in enumerate(tidy) if line or row in kept_whole)


Span = tuple[tuple[int, int], tuple[int, int], str]  # (row from 1, column), its end, what it is


def _spans(text: str, name: str) -> list[Span]:
    """Return what to cut (comments, lone strings) and what to leave alone (strings over several lines).

    From the last to the first, so that cutting one moves none of those that follow.
    """
    lone = _lone_strings(text, name)
    inside = [(start, end) for start, end, _ in lone]
    spans = list(lone)
    opened: list[tuple[int, int]] = []  # f-strings are three kinds of token from Python 3.12 on
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        start = token.start
        if kind == "COMMENT":
            spans.append((start, token.end, "comment"))
            continue
        if kind in ("FSTRING_START", "TSTRING_START"):
            opened.append(start)
            continue
        if kind in ("FSTRING_END", "TSTRING_END"):
            start = opened.pop()
        elif kind != "STRING":
            continue
        if start[0] < token.end[0] and not any(a <= start and token.end <= b for a, b in inside):
            spans.append((start, token.end, "string"))
    return sorted(spans, reverse=True)


def _lone_strings(text: str, name: str) -> list[Span]:
    """Return the strings that are statements: they compute nothing."""
    lines = text.split("\n")
    spans: list[Span] = []
    for node in ast.walk(parse(text, name)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            value = node.value
            last = value.end_lineno or value.lineno
            start = len(
                lines[value.lineno - 1].encode()[: value.col_offset].decode()
            )  # the tree counts bytes
            end = len(lines[last - 1].encode()[: value.end_col_offset].decode())
            spans.append(((value.lineno, start), (last, end), "lone"))
    return spans
