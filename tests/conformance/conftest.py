"""How many cases were run, and how many were not, stands at the end of pytest's report."""

from __future__ import annotations

from collections import Counter

import pytest

CASES: dict[str, Counter[str]] = {}


@pytest.fixture(scope="session")
def counted() -> dict[str, Counter[str]]:
    """Cases by source: each is "run", or counted under what we do not implement."""
    return CASES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if CASES:
        terminalreporter.section("conformance")
    for source, cases in CASES.items():
        left_out = cases.total() - cases["run"]
        terminalreporter.line(f"{source}: {cases['run']} cases run, {left_out} left out")
        for reason, number in sorted(cases.items()):
            if reason != "run":
                terminalreporter.line(f"  {number} left out: {reason}")
