"""What travels to another machine: a checkout with the same keys, and nothing that is in no key."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from seqdocs.bench import bundle as module
from seqdocs.bench.bundle import bundle
from seqdocs.bench.plan import PlanError, cases

DATA = """
from seqdocs.bench.experiment import experiment


@experiment(data=("gallery/one/letters.txt",))
def count(device):
    return {}
"""
SURVEY = "import json; from seqdocs.bench.node import Node; print(json.dumps(Node().survey()))"


def test_a_bundle_is_a_checkout_with_the_same_code_and_nothing_else(toy, tmp_path):
    (toy / "gallery/one/plot_data.py").write_text(DATA, "utf8")
    (toy / "gallery/one/letters.txt").write_text("abc", "utf8")
    (toy / "gallery/one/secret.txt").write_text("not asked for", "utf8")
    (toy / "toy/__pycache__").mkdir()
    (toy / "toy/__pycache__/apart.pyc").touch()
    found, _ = cases(toy)
    bundle(found, tmp_path / "there")
    there = sorted(
        path.relative_to(tmp_path / "there").as_posix()
        for path in (tmp_path / "there").rglob("*")
        if path.is_file()
    )
    assert [name for name in there if not name.startswith("seqdocs/")] == [
        "gallery/one/letters.txt", "gallery/one/plot_alpha.py", "gallery/one/plot_data.py",
        "gallery/two/helper.py", "gallery/two/plot_beta.py",
        "pyproject.toml", "toy/__init__.py", "toy/deep.py", "toy/inner.py", "toy/outer.py",
    ]  # fmt: skip
    assert not [name for name in there if "__pycache__" in name]
    assert [(case.name, case.code) for case in cases(tmp_path / "there")[0]] == [
        (case.name, case.code) for case in found
    ]


def test_a_machine_with_nothing_but_the_bundle_finds_the_same_keys(toy, tmp_path):
    found, _ = cases(toy)
    bundle(found, tmp_path / "there")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "there"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SURVEY], env=environment, cwd=tmp_path, capture_output=True, check=True
    )
    survey = json.loads(done.stdout)
    assert survey["code"] == {case.name: case.code for case in found}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        assert {name: keys["cpu"] for name, keys in survey["keys"].items()} == {
            case.name: case.key("cpu") for case in found
        }


def test_a_bundle_too_large_for_a_cluster_is_refused_by_name(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 1000)
    with pytest.raises(PlanError, match=r"at most 0 MB go to a cluster, and the largest is seqdocs/"):
        bundle(cases(toy)[0], tmp_path / "there")
