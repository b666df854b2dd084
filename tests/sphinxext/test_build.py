"""The build's first half: what cannot be measured ends it before anything is drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqdocs.sphinxext.build import build

SCRIPT = """
from seqdocs.bench.experiment import experiment


@experiment(devices=("cpu",))
def good(device):
    return {"value": 1}


@experiment(devices=("cpu",))
def bad(device):
    raise ValueError("no answer")
"""


def test_a_build_with_a_failed_experiment_fails_and_draws_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "checkout"
    for folder in ("gallery/one", "glossary", "docs"):
        (root / folder).mkdir(parents=True)
    (root / "pyproject.toml").touch()
    (root / "docs/references.bib").touch()
    (root / "gallery/one/plot_bad.py").write_text(SCRIPT, "utf8")
    assert build(root, tmp_path / "html", "html") == 1
    err = capsys.readouterr().err
    log = "docs/_build/logs/one/plot_bad/bad.cpu.log"
    assert f"failed: one/plot_bad:bad on cpu: ValueError: no answer; log: {log}\n" in err
    assert err.endswith("seqdocs build: 1 experiments failed (named above); nothing was drawn\n")
    assert [path.name.partition(".")[0] for path in root.glob("docs/_build/records/*/*/*.json")] == ["good"]
    assert not (tmp_path / "html").exists()
    assert not (root / "docs/_build/stage").exists()
