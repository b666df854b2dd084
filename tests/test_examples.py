"""The copy contract: an example, copied anywhere, runs alone in a fresh process and draws its figures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted(ROOT.glob("gallery/*/plot_*.py"))
RUN = """
import runpy, sys
import matplotlib.pyplot as plt
runpy.run_path(sys.argv[1], run_name="__main__")
figures = [plt.figure(number) for number in plt.get_fignums()]
assert figures, "no figure"
for figure in figures:
    assert len(figure.seqdocs_alt) > 40, "no alternative text"
    drawn = [axes for axes in figure.axes if axes.axison and axes.get_label() != "<colorbar>"]
    assert any(axes.get_xlabel() for axes in drawn), "no axis says what x is"
    assert any(axes.get_ylabel() for axes in drawn), "no axis says what y is"
print(len(figures), "figures")
"""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_example_runs_when_copied(script: Path, tmp_path: Path) -> None:
    copy = shutil.copy(script, tmp_path)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("SEQDOCS", "PYTHON"))}
    env |= {"SEQDOCS_SMALL": "1", "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1", "MPLCONFIGDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", RUN, copy],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "figures" in done.stdout


def test_there_are_examples() -> None:
    assert len(SCRIPTS) >= 4
