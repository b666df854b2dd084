"""Comparisons on this machine, however noisy: few false alarms, planted differences found, a hog seen.

The experiment is the one of ``gallery/measuring/plot_self_comparison.py``, with more comparisons. These tests
look at the wall clock, so they run only when asked for (``nox -s prove``), and print what they found.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from pathlib import Path

import pytest
import torch

from seqdocs.bench.slice import cut
from seqdocs.bench.timing import compare
from seqdocs.bench.worker import load

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "gallery/measuring/plot_self_comparison.py"
COMPARISONS = int(os.environ.get("SEQDOCS_COMPARISONS", "200"))

pytestmark = [
    pytest.mark.skipif(os.environ.get("SEQDOCS_PROOFS") != "full", reason="runs in `nox -s prove`"),
    pytest.mark.timeout(3600),
]


@pytest.fixture(scope="module")
def planted():
    """What the experiment found on 200 comparisons of each kind."""
    function = load(cut(SCRIPT.read_text("utf8"), "planted", SCRIPT.name), SCRIPT, "planted")
    return function(torch.device("cpu"), comparisons=COMPARISONS, precision=0.004, max_seconds=8.0)["every"]


def part(outcomes):
    return sum(outcomes) / len(outcomes)


def test_a_thing_is_rarely_told_from_itself(planted, proven):
    ones = planted["0"]
    flagged = part([one["differs"] for one in ones])
    near = part([abs(one["ratio"]["value"] - 1) <= 0.02 for one in ones])
    proven(f"{len(ones)} comparisons of a thing with itself: {flagged:.1%} flagged (at most 5 %), "
         f"median ratio within 2 % in {near:.1%} (at least 99 %)")  # fmt: skip
    assert flagged <= 0.05
    assert near >= 0.99


@pytest.mark.parametrize(("percent", "least"), [(5, 0.95), (2, 0.80)])
def test_a_planted_difference_is_found(planted, percent, least, proven):
    ones = planted[str(percent)]
    found = part([one["differs"] and one["ratio"]["value"] > 1 for one in ones])
    proven(f"planted +{percent} %: found in {found:.1%} of {len(ones)} (at least {least:.0%})")
    assert found >= least


def test_no_comparison_takes_longer_than_ten_seconds(planted, proven):
    seconds = [one["seconds"] for ones in planted.values() for one in ones]
    proven(f"{len(seconds)} comparisons: {sum(seconds) / len(seconds):.2f} s each on average, "
         f"{max(seconds):.1f} s at most (at most 10 s)")  # fmt: skip
    assert max(seconds) <= 10


def hog():
    while True:
        pass


def disturbed_comparison(percent):
    """Compare with a planted difference while, from some moment on, every core gets a hog."""
    context = multiprocessing.get_context("spawn")  # torch's threads and fork do not mix
    hogs = [context.Process(target=hog, daemon=True) for _ in range(os.cpu_count() or 1)]
    x = torch.ones(256)

    def work(loops):
        def call():
            for _ in range(loops):
                y = x + x
            return y

        return call

    start = threading.Timer(0.3, lambda: [one.start() for one in hogs])
    start.start()
    try:
        return compare(
            {"plain": work(100), "more": work(100 + percent)}, precision=0.002, max_seconds=3, threads=1
        )
    finally:
        start.join()
        for one in hogs:
            one.kill()
            one.join()


def test_a_hog_that_starts_in_the_middle_is_seen_or_does_no_harm(proven):
    covered = flagged = either = 0
    for number in range(20):
        percent = (0, 2, 5)[number % 3]
        found = disturbed_comparison(percent)
        ratio = found["times"]["more"]["ratio"]
        holds = ratio["low"] <= 1 + percent / 100 <= ratio["high"]
        doubted = bool([note for note in found["notes"] if "wanted" not in note])
        covered, flagged, either = covered + holds, flagged + doubted, either + (holds or doubted)
    proven(f"a CPU hog started mid-run: {either} of 20 cover or are flagged "
         f"({covered} cover, {flagged} are flagged)")  # fmt: skip
    assert either == 20
