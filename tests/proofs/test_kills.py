"""SIGKILL at random moments of a build: no torn file is served, and one rebuild makes everything good."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from small_checkout import Checkout, differing

from seqdocs.sphinxext.publish import is_whole, publish, site_files

# What the killed build was about to do: follow an edit, draw the first site, or repair what a kill left.
KINDS = ("edited", "first", "again")
# The two states of the sources; both show the same records, so that nothing is measured.
EDITS = [
    ("gallery/tiny/plot_two.py", '"o")', '"x")'),
    ("glossary/term-one.md", "Prose of Term one", "Better prose"),
    ("glossary/term-two.md", "The summary of Term two", "Another summary"),
    ("seqdocs/models/one.py", "below ``size``", "smaller than ``size``"),
    ("docs/index.md", "A small site.", "Another home."),
]
PHASES = [  # the last of these words in what a build said before it died
    ("writing output", "writing"), ("reading sources", "reading"), ("generating gallery", "drawing"),
    ("Running Sphinx", "starting"),
]  # fmt: skip
PUBLISH = """
import os, signal, sys
from pathlib import Path
from seqdocs.sphinxext.publish import publish
stage, out, die_at, steps = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), 0
def counted(call):
    def counting(*args, **kwargs):
        global steps
        steps += 1
        if steps == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **kwargs)
    return counting
for name in ("fsync", "replace", "unlink", "rmdir"):
    setattr(os, name, counted(getattr(os, name)))
publish(stage, out, {"entries": 1})
print(steps)
"""


def switch(checkout: Checkout, forward: bool) -> None:
    """Bring the sources into the other state."""
    for name, old, new in EDITS:
        checkout.edit(name, *((old, new) if forward else (new, old)))


def contents(site: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in site_files(site).items()}


def phase(said: str, whole: bool) -> str:
    """What a build was doing when it died."""
    if "The HTML pages are in" in said:
        return "published" if whole else "publishing"
    return next((name for words, name in PHASES if words in said), "planning")


class Killer:
    """Builds of one small checkout that end at a random moment of their usual time."""

    def __init__(self, checkout: Checkout, draw: Random) -> None:
        self.checkout, self.draw = checkout, draw
        self.usual: dict[str, float] = {}  # seconds of a build, by kind

    def timed(self, kind: str) -> list[str]:
        """Build to the end and remember how long it takes."""
        start = time.monotonic()
        ran = self.checkout.build()
        self.usual[kind] = time.monotonic() - start
        return ran

    def kill(self, kind: str) -> str | None:
        """Begin a build and kill its whole group; return the phase it died in, None if it was faster."""
        start = time.monotonic()
        process = self.checkout.start()
        # A little beyond the usual time: a build that ends corrects the estimate of it.
        try:
            said = process.communicate(timeout=self.draw.uniform(0, 1.1 * self.usual[kind]))[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said = process.communicate()[0]
            return phase(said, is_whole(self.checkout.site))
        assert process.returncode == 0, said[-4000:]
        self.usual[kind] = time.monotonic() - start
        return None


def torn(site: Path, *trees: dict[str, str]) -> list[str]:
    """The files that a reader would get now and that no whole site has."""
    now = Checkout(site.parents[2]).pages() if site.is_dir() else {}
    served = {name: content for name, content in now.items() if not name.endswith(".tmp")}
    return [name for name, content in served.items() if content not in [tree.get(name) for tree in trees]]


def prepare(checkout: Checkout, kind: str, killer: Killer) -> None:
    """Leave behind what the build to be killed finds."""
    if kind == "first":
        for name in ("html", "stage", "doctrees", "jupyter_cache"):
            subprocess.run(["rm", "-rf", str(checkout.root / "docs/_build" / name)], check=True)
        (checkout.root / "docs/_build/unfinished").write_text("", "utf8")
    elif kind == "again":
        killer.kill("again")


@pytest.mark.timeout(7200)
def test_one_rebuild_after_a_kill_at_any_time_gives_the_bytes_of_a_clean_build(
    origin: Checkout, tmp_path: Path, full: bool, draw: Random, proven: Callable[[str], None]
) -> None:
    count = 100 if full else 2
    checkout, edited = origin.copy_to(tmp_path / "seqdocs"), origin.copy_to(tmp_path / "edited")
    switch(edited, True)
    edited.build()
    clean = {False: origin.pages(), True: edited.pages()}
    killer = Killer(checkout, draw)
    killer.timed("first")
    killer.usual["again"] = killer.usual["edited"] = killer.usual["first"]  # each build that ends corrects it
    state, late, phases = False, 0, Counter[str]()
    while sum(phases.values()) < count:
        kind = KINDS[sum(phases.values()) % len(KINDS)]
        prepare(checkout, kind, killer)
        state = not state
        switch(checkout, state)
        died = killer.kill(kind)
        assert torn(checkout.site, *clean.values()) == [], f"{kind}, killed while {died}"
        if died is None:
            late += 1
        else:
            phases[died] += 1
            ran = killer.timed("again")  # a rebuild finds just what a build to be killed "again" finds
            assert not any(line.startswith("measured") for line in ran), "records were there"
        assert differing(checkout.pages(), clean[state]) == [], f"{kind}, killed while {died}"
    where = ", ".join(f"{number} {name}" for name, number in phases.most_common())
    proven(f"kills: {count} ({where}), 0 torn files, 0 rebuilds that differ from a clean build")


@pytest.fixture
def two_sites(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Two trees that share some files, change some, and each have some of their own."""
    for name, own in (("a", "x"), ("b", "y")):
        for place in ("same.html", f"{own}/only.html", "deep/down/page.html", "page.html", f"{own}.html"):
            path = tmp_path / name / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((b"same" if "same" in place else name.encode()) * 100_000)
    yield tmp_path / "a", tmp_path / "b"


def test_publishing_that_dies_at_any_step_leaves_whole_files_and_is_made_good(
    two_sites: tuple[Path, Path], tmp_path: Path, full: bool, proven: Callable[[str], None]
) -> None:
    old, new = two_sites
    out, facts = tmp_path / "out", {"entries": 1}
    whole = contents(old), contents(new)

    def dies_at(step: int) -> subprocess.CompletedProcess[str]:
        publish(old, out, facts)
        command = [sys.executable, "-c", PUBLISH, str(new), str(out), str(step)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    steps = int(dies_at(0).stdout)
    tried = range(1, steps + 1, 1 if full else 4)
    for step in tried:
        assert dies_at(step).returncode == -signal.SIGKILL
        served = {name: text for name, text in contents(out).items() if not name.endswith(".tmp")}
        assert all(text in [tree.get(name) for tree in whole] for name, text in served.items()), step
        assert not is_whole(out) or contents(out) in whole
        publish(new, out, facts)
        assert contents(out) == whole[1]
        assert is_whole(out)
    proven(f"publishing: killed before {len(tried)} of its {steps} steps, 0 torn files, 0 left behind")


def test_who_reads_while_a_site_is_published_gets_whole_files(
    two_sites: tuple[Path, Path], tmp_path: Path, full: bool, proven: Callable[[str], None]
) -> None:
    out, facts = tmp_path / "out", {"entries": 1}
    allowed = {"page.html": {content["page.html"] for content in map(contents, two_sites)}}
    publish(two_sites[0], out, facts)
    done, reads, broken = threading.Event(), 0, 0

    def reader() -> None:
        nonlocal reads, broken
        while not done.is_set():
            reads += 1
            broken += (out / "page.html").read_bytes() not in allowed["page.html"]

    thread = threading.Thread(target=reader)
    thread.start()
    for number in range(200 if full else 20):
        publish(two_sites[(number + 1) % 2], out, facts)
    done.set()
    thread.join()
    assert broken == 0
    assert reads > 20
    proven(f"reading meanwhile: {reads} reads, 0 torn")
