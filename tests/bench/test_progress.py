"""A measurement is a line, and what speaks against it another."""

from __future__ import annotations

import io

from seqdocs.bench.plan import cases
from seqdocs.bench.progress import Progress
from seqdocs.bench.runner import run_all


def test_progress_runs_on_a_terminal_and_is_a_line_elsewhere(toy):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    case = cases(toy)[0][0]
    for stream, expected in (
        (io.StringIO(), "measuring 2/7 alpha doubled · cpu · 12 s\n"),
        (Terminal(), "measuring 2/7 alpha doubled · cpu\rmeasuring 2/7 alpha doubled · cpu · 3 s"
                     "\rmeasuring 2/7 alpha doubled · cpu · 12 s\n"),
    ):  # fmt: skip
        progress = Progress(stream, 7)
        progress.begin(2, case, "cpu")
        progress.tick(3.2)
        progress.tick(3.9)
        progress.end(12.1)
        assert stream.getvalue() == expected


def test_doubts_are_said_below_the_line_and_nothing_when_there_are_none():
    stream = io.StringIO()
    progress = Progress(stream, 1)
    for notes in ([], ["noisy"], ["a", "b", "c", "d"]):
        progress.doubt({"notes": notes})
    progress.doubt(None)
    assert stream.getvalue() == "  doubts: noisy\n  doubts: a; b; c; 1 more in the record\n"


def test_a_run_prints_the_doubts_of_what_it_measured(toy, edit):
    doubted = """report({"baseline": "a", "threads": 1, "clock": "wall", "notes": ["a: noisy"], "times":
        {"a": {"seconds": [1.0], "loops": 1}}, "precision": {"wanted": 0.1, "reached": None}})
    return {"value": math.pi}"""
    edit("gallery/one/plot_alpha.py", 'return {"value": math.pi}', doubted)
    edit(
        "gallery/one/plot_alpha.py",
        "import math\n",
        "import math\n\nfrom seqdocs.bench.witness import report\n",
    )
    stream = io.StringIO()
    run_all(toy, names=["alone"], device="cpu", stream=stream)
    assert "alpha alone · cpu · " in stream.getvalue()
    assert "  doubts: a: noisy\n" in stream.getvalue()
