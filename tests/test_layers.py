"""Imports flow one way: scan <- models <- generation <- queues <- bench <- sphinxext; see MAY_IMPORT."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "checks": set(),
    "scan": {"checks", "scan_triton"},
    "scan_triton": set(),
    "resident": set(),
    "models": {"checks", "scan", "models"},
    "generation": {"checks", "models", "generation"},
    "weights": {"models", "weights"},
    "tasks": {"checks", "tasks"},
    "queues": {"scan", "resident", "models", "generation", "queues"},
    "entries": {"entries"},
    "bench": {"scan", "resident", "models", "queues", "bench"},
    "sphinxext": {"entries", "bench", "sphinxext"},
}
THIRD_PARTY = {
    "checks": {"torch"},
    "scan": {"torch", "numpy"},
    "scan_triton": {"torch", "triton"},
    "resident": set(),
    "models": {"torch", "numpy", "triton"},
    "generation": {"torch", "numpy"},
    "weights": {"torch", "numpy", "safetensors", "tokenizers"},  # behind the extra of that name
    "tasks": {"torch", "numpy"},
    "queues": {"torch", "numpy", "simpy", "starlette", "uvicorn", "ray"},  # all but two behind an extra
    "entries": {"yaml"},
    "bench": {"torch", "numpy", "matplotlib", "triton", "ray"},
}


def imported(source: str, package: str) -> set[str]:
    """Every module named by an import anywhere in *source*, relative ones made absolute."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            names |= {f"{base}.{alias.name}" for alias in node.names} | {base}
    return names


def faults(file: Path, root: Path) -> list[str]:
    """The imports of *file* that its room may not have."""
    import sys

    parts = file.relative_to(root / "seqdocs").with_suffix("").parts
    room = parts[0]
    if room in {"__init__", "__main__"}:
        return []
    found = []
    for name in sorted(imported(file.read_text("utf8"), ".".join(["seqdocs", *parts[:-1]]))):
        top, _, rest = name.partition(".")
        if top == "seqdocs":
            target = rest.partition(".")[0]
            if target and target not in MAY_IMPORT[room]:
                found.append(f"{'/'.join(parts)} imports {name}")
        elif room in THIRD_PARTY and top not in sys.stdlib_module_names | THIRD_PARTY[room]:
            found.append(f"{'/'.join(parts)} imports {name}")
    return found


def test_imports_flow_one_way() -> None:
    bad = [fault for file in sorted((ROOT / "seqdocs").rglob("*.py")) for fault in faults(file, ROOT)]
    assert bad == []


@pytest.mark.parametrize(
    ("file", "source", "named"),
    [
        ("scan.py", "from seqdocs.models.gru import GRU", "seqdocs.models.gru"),
        ("models/gru.py", "def f():\n    import seqdocs.bench.timing", "seqdocs.bench.timing"),
        ("models/gru.py", "from ..queues import lindley", "seqdocs.queues"),
        ("tasks/copying.py", "from seqdocs.models.rnn import RNN", "seqdocs.models.rnn"),
        ("sphinxext/terms.py", "from seqdocs import models", "seqdocs.models"),
        ("entries/header.py", "import torch", "torch"),
        ("bench/store.py", "import sphinx", "sphinx"),
    ],
)
def test_a_planted_bad_import_is_found(tmp_path: Path, file: str, source: str, named: str) -> None:
    planted = tmp_path / "seqdocs" / file
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text(source, "utf8")
    assert any(named in fault for fault in faults(planted, tmp_path))


def test_rooms_open_with_a_docstring_and_nothing_else() -> None:
    """A package that imports would put all it imports into every measurement's key."""
    rooms = {path.parent.name for path in (ROOT / "seqdocs").glob("*/__init__.py")}
    for room in sorted(rooms - {"sphinxext"}):  # that one is Sphinx's extension; no measurement reaches it
        tree = ast.parse((ROOT / "seqdocs" / room / "__init__.py").read_text("utf8"))
        assert len(tree.body) == 1, room
        assert ast.get_docstring(tree), room
