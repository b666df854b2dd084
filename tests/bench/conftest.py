"""A tiny checkout: a gallery of two examples over a small package, measured by the real machinery."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ALPHA = '''"""
Alpha
=====
"""

import math

from seqdocs.bench.experiment import experiment
from toy.inner import double

SIZE = 3


def unused():
    return "nobody calls this"


# %%
# The first experiment.
@experiment(small={"n": 2}, seconds=30)
def doubled(device, n=SIZE):
    """Twice n."""
    return {"value": double(n)}


@experiment
def alone(device):
    return {"value": math.pi}


first = doubled()

# %%
# Drawn from it.
label = f"value {first[0]['value']}" if first else "not measured"
second = alone()
print(label)
'''

BETA = '''"""
Beta
====
"""

from helper import half
from seqdocs.bench.experiment import experiment
from toy.outer import four_times


@experiment(small={}, seconds=30)
def quarter(device, n=8.0):
    return {"value": half(half(n))}


@experiment
def quadrupled(device, n=2):
    return {"value": four_times(n)}


print(quarter(), quadrupled())
'''

FILES = {
    "pyproject.toml": "",
    "gallery/one/plot_alpha.py": ALPHA,
    "gallery/two/plot_beta.py": BETA,
    "gallery/two/helper.py": "def half(x):\n    return x / 2\n",
    "toy/__init__.py": '"""A package."""\n',
    "toy/inner.py": 'from toy.deep import TWO\n\n\ndef double(x):\n    """Twice."""\n    return TWO * x\n',
    "toy/outer.py": "from .inner import double\n\n\ndef four_times(x):\n    return double(double(x))\n",
    "toy/deep.py": "TWO = 2  # a number\n",
    "toy/apart.py": "THREE = 3\n",
}


@pytest.fixture(autouse=True)
def _no_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither replay nor small parameters come from outside."""
    for name in ("SEQDOCS_SHOWN", "SEQDOCS_SMALL"):
        monkeypatch.delenv(name, raising=False)


TORCH = """
def device(name):
    return name


def manual_seed(seed):
    assert seed == 0


def set_num_threads(count):
    assert count >= 1
"""


@pytest.fixture(scope="session")
def light_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a torch of four lines."""
    folder = tmp_path_factory.mktemp("light")
    (folder / "torch.py").write_text(TORCH, "utf8")
    return folder


@pytest.fixture
def light(light_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers import the light torch: these tests are about everything around an experiment."""
    monkeypatch.setenv("PYTHONPATH", str(light_folder))


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """Return the root of a fresh tiny checkout."""
    root = tmp_path / "checkout"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf8")
    return root


@pytest.fixture
def edit(toy: Path):
    """Return a function that replaces text in a file of the tiny checkout, which must be there."""

    def replace(name: str, old: str, new: str) -> None:
        path = toy / name
        text = path.read_text("utf8")
        assert old in text, f"{name} has no {old!r}"
        path.write_text(text.replace(old, new, 1), "utf8")
        # Two edits within one tick of the file system's clock must not look like one.
        stamp = path.stat().st_mtime_ns + 1_000_000
        os.utime(path, ns=(stamp, stamp))

    return replace
