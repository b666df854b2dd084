"""A small checkout without a fault, and how the corpus's files are laid over it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

BASE = Path(__file__).parent / "base"


def lay_over(source: Path, target: Path) -> None:
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        place = target / path.relative_to(source)
        if path.suffix == ".absent":
            shutil.rmtree(place.with_suffix(""), ignore_errors=True)
            place.with_suffix("").unlink(missing_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place.with_suffix("") if path.suffix == ".txt" else place)


@pytest.fixture
def lay() -> Callable[[Path, Path], None]:
    return lay_over


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    lay_over(BASE, tmp_path)
    return tmp_path
