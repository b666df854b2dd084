"""Mutants of the package, each of which the tests must kill; the tables are ``mutants.toml`` and others.

A mutant lives in a copy of the checkout, which is what the tests import there. The copy without a mutant
passes the same tests; a mutant is killed when a test fails, not when nothing runs at all.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import pytest
from proofs.copies import copied, pytest_of, python
from small_checkout import ROOT

SIDE_BY_SIDE = 2


@dataclass(frozen=True)
class Mutant:
    """A lie in ``file``: ``old``, which stands there once, becomes ``new``; one of ``tests`` must go red."""

    what: str
    file: str
    old: str
    new: str
    tests: str
    always: bool = False


TABLES = {  # what each is about: `nox -s prove -- -k models` plants those of the models alone
    "machinery": "mutants.toml",
    "models": "model_mutants.toml",
    "serving": "serving_mutants.toml",
}


def table(name: str) -> list[Mutant]:
    rows = tomllib.loads(Path(__file__).with_name(TABLES[name]).read_text("utf8"))["mutant"]
    return [Mutant(**row) for row in rows]


MUTANTS = [mutant for name in TABLES for mutant in table(name)]


def modules_of_the_models() -> set[str]:
    """What `-k models` is about; a room's ``__init__`` holds a docstring and nothing else."""
    rooms = [
        path for room in ("models", "generation", "tasks") for path in (ROOT / "seqdocs" / room).glob("*.py")
    ]
    modules = [*rooms, *(ROOT / "seqdocs").glob("scan*.py")]
    return {path.relative_to(ROOT).as_posix() for path in modules if path.name != "__init__.py"}


def killed(folder: Path, mutant: Mutant) -> bool:
    """Plant a mutant, test, and take it out again."""
    path = folder / mutant.file
    truth = path.read_text("utf8")
    path.write_text(truth.replace(mutant.old, mutant.new), "utf8")
    try:
        done = pytest_of(folder, *mutant.tests.split())
    finally:
        path.write_text(truth, "utf8")
    assert done.returncode in (0, 1), f"{mutant.what}: nothing was tested: {done.stdout[-3000:]}"
    return done.returncode == 1


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_a_mutant_fits_the_code(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text("utf8")
    assert text.count(mutant.old) == 1
    assert mutant.new != mutant.old
    compile(text.replace(mutant.old, mutant.new), mutant.file, "exec")
    assert all((ROOT / test.partition("::")[0]).exists() for test in mutant.tests.split())


def test_every_module_of_the_models_has_a_mutant() -> None:
    modules = modules_of_the_models()
    assert len(modules) > 80
    assert not modules - {mutant.file for mutant in MUTANTS}


def test_no_two_mutants_have_one_name() -> None:
    names = [mutant.what for mutant in MUTANTS]
    assert len(names) == len(set(names))


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", TABLES)
def test_the_tests_kill_every_mutant(
    tmp_path: Path, full: bool, proven: Callable[[str], None], name: str
) -> None:
    planted = [mutant for mutant in table(name) if full or mutant.always]
    assert planted, f"{TABLES[name]}: none is planted always"  # else pytest would test all
    copies: Queue[Path] = Queue()
    for number in range(SIDE_BY_SIDE):
        copies.put(copied(tmp_path / str(number)))
    first = copies.get()
    where = python(first, "-c", "import seqdocs; print(seqdocs.__file__)").stdout
    assert where.startswith(str(first)), f"the copy is not what is imported, but {where}"
    done = pytest_of(first, *sorted({test for mutant in planted for test in mutant.tests.split()}))
    assert done.returncode == 0, f"without a mutant: {done.stdout[-3000:]}"
    copies.put(first)

    def fate(mutant: Mutant) -> bool:
        folder = copies.get()
        try:
            return killed(folder, mutant)
        finally:
            copies.put(folder)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        fates = list(pool.map(fate, planted))
    alive = [mutant.what for mutant, dead in zip(planted, fates, strict=True) if not dead]
    assert not alive, f"alive: {', '.join(alive)}"
    proven(f"mutants of the {name}: {len(planted)} planted, {sum(fates)} killed")
