"""The project's own modules that a program imports, directly or not, found without importing any."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from pathlib import Path

from seqdocs.bench.record import digest
from seqdocs.bench.source import essence, parse, read

PACKAGE = Path(__file__).resolve().parents[1]  # seqdocs itself


def imports(text: str, package: str, name: str) -> set[str]:
    """Return every module that a text may import, as dotted names, with the packages above each.

    ``from a import b`` may mean the module ``a.b`` or a name in ``a``: both are returned, files decide.

    Args:
        text: the program.
        package: where it stands, for relative imports; empty for a script.
        name: how errors call it.
    """
    found: set[str] = set()
    for node in ast.walk(parse(text, name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            steps = package.split(".") if package and node.level else []
            above = steps[: len(steps) + 1 - node.level]
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    parts = [one.split(".") for one in found if one]
    return {".".join(steps[: count + 1]) for steps in parts for count in range(len(steps))}


def resolve(module: str, folders: tuple[Path, ...]) -> Path | None:
    """Return the project's file for a dotted name, or None for anything else.

    ``seqdocs`` is the running one, other names are looked up in ``folders``, as ``sys.path`` is by the
    worker.
    """
    steps = module.split(".")
    for folder in (PACKAGE.parent,) if steps[0] == PACKAGE.name else folders:
        base = folder.joinpath(*steps)
        for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            if path.is_file():
                return path
    return None


@functools.lru_cache(maxsize=4096)
def _studied(path: Path, module: str, _version: int) -> tuple[frozenset[str], str]:
    """Return what a module imports, and the hash of its essence."""
    text = read(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return frozenset(imports(text, package, path.name)), digest(essence(text, path.name))


def closure(text: str, folders: tuple[Path, ...], name: str = "script") -> dict[str, str]:
    """Return the project's modules that a program reaches, each with the hash of its essence.

    Args:
        text: the program, a script or a slice of one.
        folders: where local modules lie: beside the script, and the root of the checkout.
        name: how errors call the program.

    Returns:
        dotted name → hash, sorted by name.

    Raises:
        SourceError: if the program or a module of it is no Python.
    """
    found: dict[str, str] = {}
    waiting = imports(text, "", name)
    while waiting:
        module = waiting.pop()
        path = None if module in found else resolve(module, folders)
        if path is not None:
            more, found[module] = _studied(path, module, path.stat().st_mtime_ns)
            waiting |= more
    return dict(sorted(found.items()))


def code_hash(
    text: str, folders: tuple[Path, ...], name: str = "script", data: Mapping[str, str] | None = None
) -> str:
    """Return the hash of a program, all it reaches in the project, and its data; the same on every machine.

    Args:
        text: the program, without regard to comments.
        folders: as in :func:`closure`.
        name: how errors call the program.
        data: the files that it reads, name → hash.
    """
    modules = closure(text, folders, name)
    return digest({"slice": essence(text, name), "modules": modules, "data": dict(data or {})})
