"""The worked example of docs/contributing/adding-a-term.md works as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seqdocs.entries.check import check

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "contributing" / "adding-a-term.md"
FILE = re.compile(
    r"^\*\*`(?P<path>[^`]+)`\*\*\n\n(?P<fence>`{3,})\w+\n(?P<text>.*?)^(?P=fence)$", re.M | re.S
)
ENTRY = "glossary/prefix-sum.md"


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of our code alone, in which a newcomer followed the page."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(
        ROOT / "seqdocs", folder / "seqdocs", ignore=shutil.ignore_patterns("__pycache__", "static")
    )
    for name in ("docs/references.bib", "pyproject.toml"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    for found in FILE.finditer(PAGE.read_text("utf-8")):
        place = folder / found["path"]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(found["text"], "utf-8")
    return folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    told = {name: value for name, value in os.environ.items() if not name.startswith("SEQDOCS_")}
    env = told | {
        "PYTHONPATH": str(folder),
        "SEQDOCS_SMALL": "1",
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_the_page_holds_the_three_files_and_a_test(followed: Path) -> None:
    paths = [found["path"] for found in FILE.finditer(PAGE.read_text("utf-8"))]
    rooms = [path.partition("/")[0] for path in paths]
    assert rooms == ["seqdocs", "tests", "gallery", "glossary"]


def test_the_entry_has_no_fault(followed: Path) -> None:
    entries, faults = check(followed)
    assert not faults
    assert list(entries) == ["prefix-sum"]


def test_the_faults_it_quotes_are_the_checkers(followed: Path) -> None:
    entry = followed / ENTRY
    good = entry.read_text("utf-8")
    entry.write_text(good.replace("area: scan", "area: scans").replace("prefix_sum]", "prefixsum]"), "utf-8")
    try:
        _, faults = check(followed)
    finally:
        entry.write_text(good, "utf-8")
    quoted = re.findall(rf"^{re.escape(ENTRY)}:\d+: .+$", PAGE.read_text("utf-8"), re.M)
    assert quoted == [str(fault) for fault in faults]


def test_its_test_passes(followed: Path) -> None:
    done = run(followed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/models/test_prefix_sum.py")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "9 passed" in done.stdout


def test_its_example_runs(followed: Path) -> None:
    done = run(followed, "gallery/recurrence/plot_prefix_sum.py")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "figure 1" in done.stderr
