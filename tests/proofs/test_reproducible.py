"""The same sources and records give the same bytes: elsewhere, later, in another time zone, for others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from proofs.copies import copied
from small_checkout import ROOT, Checkout, differing, write

# Python runs this before anything else: whoever asks for the date gets one of next year.
OTHER_DATE = """
import datetime, time

AHEAD = 400 * 24 * 3600
real = {name: getattr(time, name) for name in ("time", "localtime", "gmtime", "strftime", "ctime", "asctime")}
time.time = lambda: real["time"]() + AHEAD
time.localtime = lambda seconds=None: real["localtime"](time.time() if seconds is None else seconds)
time.gmtime = lambda seconds=None: real["gmtime"](time.time() if seconds is None else seconds)
time.strftime = lambda form, when=None: real["strftime"](form, time.localtime() if when is None else when)
time.ctime = lambda seconds=None: real["ctime"](time.time() if seconds is None else seconds)
time.asctime = lambda when=None: real["asctime"](time.localtime() if when is None else when)


class Later(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls):
        return cls.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls):
        return cls.now()


datetime.datetime = Later
"""
TASTE = "lines.linewidth: 9\naxes.facecolor: yellow\nfont.size: 30\n"  # of the other user, in a matplotlibrc
LONG_AGO = 1_000_000_000  # 2001


def elsewhere(folder: Path, hash_seed: str) -> dict[str, str]:
    """The circumstances of another user."""
    write(folder / "date/sitecustomize.py", OTHER_DATE)
    write(folder / "home/.config/matplotlib/matplotlibrc", TASTE)
    return {
        "PYTHONPATH": str(folder / "date"), "HOME": str(folder / "home"),
        "XDG_CONFIG_HOME": str(folder / "home/.config"), "TZ": "Pacific/Kiritimati",
        "LC_ALL": "C", "LANG": "de_DE.UTF-8", "COLUMNS": "41", "PYTHONHASHSEED": hash_seed,
        "MPLBACKEND": "svg", "USER": "somebody", "TMPDIR": str(folder),
    }  # fmt: skip


def age(root: Path) -> None:
    """Give every source another time, each its own."""
    for number, path in enumerate(sorted(root.rglob("*"))):
        if path.is_file():
            os.utime(path, (LONG_AGO + number, LONG_AGO + number))


@pytest.fixture
def other(origin: Checkout, tmp_path: Path) -> Checkout:
    """The same checkout in other circumstances, not built yet."""
    folder = tmp_path / "für jemand anders, länger und mit Leerzeichen"
    folder.mkdir()
    made = origin.copy_to(folder / "die Kopie", elsewhere(folder, "4321"))
    made.environment.pop("PYTHONUNBUFFERED", None)
    age(made.root)
    return made


def test_two_clean_builds_have_the_same_bytes(
    origin: Checkout, other: Checkout, proven: Callable[[str], None]
) -> None:
    before = os.umask(0o077)
    try:
        ran = other.build()
    finally:
        os.umask(before)
    assert not any(line.startswith("measured") for line in ran), "the records were there"
    assert differing(origin.pages(), other.pages()) == []
    proven(
        f"two clean builds at other paths, dates, time zones, locales, hash seeds and homes: "
        f"{len(other.pages())} files, 0 differ"
    )


def test_no_hash_seed_changes_what_sphinx_draws(other: Checkout, full: bool, tmp_path: Path) -> None:
    """The build sets the seed for Sphinx; here nobody does."""
    if not full:
        pytest.skip("only with SEQDOCS_PROOFS=full")
    other.build()
    trees = []
    for seed in ("1", "2"):
        root = tmp_path / seed / "seqdocs"
        one = other.copy_to(root, {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)})
        shutil.copy(other.root / "docs/_build/records/shown.json", one.root / "docs/_build/records")
        one.site = one.root / "docs/_build/plain"
        process = one.start("sphinx", "-n", "-W", "docs", str(one.site))
        said = process.communicate(timeout=600)[0]
        assert process.returncode == 0, said[-4000:]
        trees.append(one.pages())
    assert differing(*trees) == []
    assert differing(trees[0], other.pages()) == []


@pytest.mark.timeout(7200)
def test_two_clean_builds_of_the_whole_site_have_the_same_bytes(
    full: bool, tmp_path: Path, proven: Callable[[str], None]
) -> None:
    if not full:
        pytest.skip("only with SEQDOCS_PROOFS=full")
    first = Checkout(copied(tmp_path / "seqdocs"))
    records = ROOT / "docs/_build/records"
    if records.is_dir():
        shutil.copytree(records, first.root / "docs/_build/records")
    first.patience = 3600  # what has no record is measured first
    first.build()
    folder = tmp_path / "für jemand anders, länger und mit Leerzeichen"
    folder.mkdir()
    second = first.copy_to(folder / "die Kopie", elsewhere(folder, "4321"))
    second.patience = first.patience
    age(second.root)
    second.build()
    assert differing(first.pages(), second.pages()) == []
    proven(f"two clean builds of the whole site: {len(first.pages())} files, 0 differ")
