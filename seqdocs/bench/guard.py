"""While an experiment is measured it opens no file of the checkout but those that it declares.

What it reads besides would not be part of its record's key: the record would stay when the file changes.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqdocs.bench.data import DataError

CODE = (".py", ".pyc", ".pth")  # the closure knows about code
_rules: list[tuple[str, tuple[str, ...], set[str]]] = []  # root, folders that are no part of it, allowed


def _look(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse to open what is not declared: an audit hook of Python."""
    if event != "open" or not _rules or not isinstance(arguments[0], (str, bytes, os.PathLike)):
        return
    root, apart, allowed = _rules[-1]
    path = os.path.realpath(os.fsdecode(arguments[0]))
    if not path.startswith(root) or path.startswith(apart) or path.endswith(CODE) or path in allowed:
        return
    if not Path(path).is_file():  # it is about to be written, or cannot be read anyway
        allowed.add(path)
        return
    name = Path(path).relative_to(root).as_posix()
    raise DataError(f"the experiment opens `{name}` and does not declare it; say data=({name!r},)")


@functools.cache
def _hook() -> None:
    sys.addaudithook(_look)


@contextmanager
def guarded(root: Path, files: Iterable[Path]) -> Iterator[None]:
    """Refuse meanwhile, in this process, to open files under ``root`` that are not among ``files``.

    Python's environment, hidden folders and ``docs/_build`` are no part of the checkout in this sense. Python
    cannot take an audit hook back, so this is for processes that end soon.
    """
    root = root.resolve()
    hidden = [entry for entry in root.iterdir() if entry.name.startswith(".")]
    environment = [Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()]
    apart = tuple(f"{folder}{os.sep}" for folder in (*hidden, *environment, root / "docs" / "_build"))
    _hook()
    _rules.append((f"{root}{os.sep}", apart, {str(path.resolve()) for path in files}))
    try:
        yield
    finally:
        _rules.pop()
