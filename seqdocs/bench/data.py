"""Data files: an experiment declares which it reads, and reads those and no others.

::

    @experiment(data=("gallery/generation/letters.txt",))
    def count(device):
        letters = data.path("gallery/generation/letters.txt").read_text("utf8")

Names are relative to the checkout, wherever the script runs. Names and contents are part of the record's
key. Code that draws asks the experiment: ``count.path("gallery/generation/letters.txt")``.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_given: list[Mapping[str, Path]] = []  # of the experiment that runs; no context variable: threads read too


class DataError(Exception):
    """A data file that is not there, or not declared; one sentence."""


def find(root: Path, patterns: Iterable[str]) -> dict[str, Path]:
    """Return the files that names or globs mean, by name in the checkout, sorted.

    Args:
        root: the checkout.
        patterns: relative to it, with forward slashes.

    Raises:
        DataError: if one means no file, or a file outside of the checkout.
    """
    found = {}
    for pattern in patterns:
        files = [path for path in root.glob(pattern) if path.is_file()]
        if not files:
            raise DataError(f"data `{pattern}` is no file of the checkout")
        for path in files:
            if not path.resolve().is_relative_to(root.resolve()):
                raise DataError(f"data `{pattern}` leads out of the checkout, which a clone would not carry")
            found[path.relative_to(root).as_posix()] = path
    return dict(sorted(found.items()))


@functools.lru_cache(maxsize=1024)
def _hash(path: Path, _version: tuple[int, int]) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def hashes(files: Mapping[str, Path]) -> dict[str, str]:
    """Return the SHA-256 of each file's content, by name."""
    facts = {name: (path, path.stat()) for name, path in files.items()}
    return {name: _hash(path, (stat.st_mtime_ns, stat.st_size)) for name, (path, stat) in facts.items()}


@contextmanager
def given(files: Mapping[str, Path]) -> Iterator[None]:
    """Let an experiment that runs meanwhile read these files, by name."""
    _given.append(files)
    try:
        yield
    finally:
        _given.pop()


def pick(files: Mapping[str, Path], name: str) -> Path:
    """Return the file of this name.

    Raises:
        DataError: if it is not among them.
    """
    if name not in files:
        there = ", ".join(files) or "nothing"
        raise DataError(f"data `{name}` is not declared; the experiment declares {there}")
    return files[name]


def paths() -> dict[str, Path]:
    """Return all files that the running experiment declares, by name in the checkout, sorted.

    Raises:
        DataError: if no experiment runs.
    """
    if not _given:
        raise DataError("no experiment runs here; code that draws asks the experiment: `name.path(...)`")
    return dict(_given[-1])


def path(name: str) -> Path:
    """Return a file that the running experiment declares.

    Args:
        name: relative to the checkout, such as ``gallery/generation/letters.txt``.

    Raises:
        DataError: if it does not declare this file, or no experiment runs.
    """
    return pick(paths(), name)
