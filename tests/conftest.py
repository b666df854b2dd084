"""What the tests of several rooms share lies beside this file and is imported by its name.

Here stands what pytest itself has to find: what tests say at the end of its report, brought together from all
of its processes.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Where tests run in the background, Ctrl-C may be ignored, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

sys.path.insert(0, str(Path(__file__).parent))

FIGURES: list[str] = []
CASES: dict[str, Counter[str]] = {}


@pytest.fixture(scope="session")
def proven() -> Callable[[str], None]:
    """Say what was shown, with its figure."""
    return FIGURES.append


@pytest.fixture(scope="session")
def counted() -> dict[str, Counter[str]]:
    """Cases by source: each is "run", or counted under what we do not implement."""
    return CASES


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (output := getattr(session.config, "workeroutput", None)) is not None:  # this is one of several
        output["said"] = FIGURES, {source: dict(cases) for source, cases in CASES.items()}
    elif os.environ.get("SEQDOCS_REQUIRE_ALL") and (missing := _missing(session.config)):
        print(f"\nSEQDOCS_REQUIRE_ALL is set, but: {'; '.join(missing)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _missing(config: pytest.Config) -> list[str]:
    """What skipped tests say they need."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    reasons = {str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped}
    return sorted(reason for reason in reasons if reason.startswith("needs "))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    figures, counts = getattr(node, "workeroutput", {}).get("said", ((), {}))
    FIGURES.extend(figures)
    for source, cases in counts.items():
        CASES.setdefault(source, Counter()).update(cases)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if CASES:
        terminalreporter.section("conformance")
    for source, cases in sorted(CASES.items()):
        left_out = cases.total() - cases["run"]
        terminalreporter.line(f"{source}: {cases['run']} cases run, {left_out} left out")
        for reason, number in sorted(cases.items()):
            if reason != "run":
                terminalreporter.line(f"  {number} left out: {reason}")
    if FIGURES:
        terminalreporter.section("proofs")
    for figure in sorted(FIGURES):
        terminalreporter.line(figure)
