"""Every gate of CI, each seeded with a failure and seen red; green again without it.

Nothing is planted into the checkout: lint and tests run on a copy of it, the docs on a small checkout, the
browser on a copy of the site. CONTRIBUTING.md lists the gates.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from proofs.copies import copied, pytest_of, python
from small_checkout import ROOT, Checkout, write

Proven = Callable[[str], None]
SEEN: dict[str, list[str]] = {}  # gates that were seen red, by what they guard


@dataclass(frozen=True)
class Seed:
    """A failure: in ``file``, ``old`` becomes ``new``, or ``new`` is added; the gate says ``words``."""

    gate: str
    file: str
    old: str
    new: str
    words: str
    tests: str = ""  # that go red, where tests are the gate
    always: bool = True  # in every run of the tests, where it takes a second

    def plant(self, root: Path) -> str:
        """Change the file; return what it was."""
        path = root / self.file
        text = path.read_text("utf8") if path.is_file() else ""
        assert self.old in text, f"{self.file} has no {self.old!r}"
        write(path, text.replace(self.old, self.new, 1) if self.old else text + self.new)
        return text

    def seen(self, where: str) -> None:
        """Note that its gate went red."""
        SEEN.setdefault(where, []).append(self.gate)


def ids(seed: Seed) -> str:
    return seed.gate


@pytest.fixture(scope="module", autouse=True)
def summary(proven: Proven) -> Iterator[None]:
    """Say at the end which gates were seen red."""
    yield
    for where, gates in SEEN.items():
        proven(f"gates of {where}: {len(gates)} seeded, {len(gates)} seen red: {', '.join(gates)}")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout under git, as pre-commit wants it."""
    folder = copied(tmp_path_factory.mktemp("gates") / "seqdocs")
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


# -- lint

LINT = [
    Seed("ruff", "seqdocs/scan.py", "\nimport math\n", "\nimport json\nimport math\n", "F401"),
    Seed("ruff format", "seqdocs/scan.py", "", "\n\nX  =  1\n", "files were modified by this hook"),
    Seed("mypy", "seqdocs/scan.py", "", "\n\ndef wrong() -> int:\n    return 'no'\n", "return-value"),
    Seed("codespell", "README.md", "", "\nHere is t" + "eh word.\n", "==> the"),
    Seed("entries", "glossary/throughput.md", "\nterm:", "\nname:", "glossary/throughput.md:"),
]
HOOKS = {"ruff format": "ruff-format"}  # where a hook is called otherwise


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", LINT, ids=ids)
def test_lint_finds(seed: Seed, copy: Path, full: bool) -> None:
    if not full:
        pytest.skip("only with SEQDOCS_PROOFS=full")
    env = {"PRE_COMMIT_HOME": str(copy.parent / "pre-commit")}
    command = ["-m", "pre_commit", "run", HOOKS.get(seed.gate, seed.gate), "--all-files"]
    clean = python(copy, *command, env=env)
    assert clean.returncode == 0, f"without a failure: {clean.stdout[-3000:]}"
    before = seed.plant(copy)
    done = python(copy, *command, env=env)
    write(copy / seed.file, before)
    assert done.returncode == 1
    assert seed.words in done.stdout, done.stdout[-3000:]
    seed.seen("lint")


# -- tests

WARNS = '"""Planted."""\n\nimport warnings\n\n\ndef test_it_warns() -> None:\n    warnings.warn("planted")\n'
FALSE = '"""Planted."""\n\n\ndef test_it_fails() -> None:\n    assert 1 == 2\n'
DOCTEST = '\n\ndef planted() -> int:\n    """Return one.\n\n    >>> planted()\n    2\n    """\n    return 1\n'
TESTS = [
    Seed("a failing test", "tests/test_planted.py", "", FALSE, "assert 1 == 2", "tests/test_planted.py"),
    Seed("a warning", "tests/test_planted.py", "", WARNS, "UserWarning: planted", "tests/test_planted.py"),
    Seed("a failing doctest", "seqdocs/scan.py", "", DOCTEST, "Expected:\n    2", "seqdocs/scan.py", False),
    Seed(
        "an import against the layers", "seqdocs/models/gru.py", "from torch import Tensor\n",
        "from torch import Tensor\n\nimport seqdocs.bench.timing\n", "imports seqdocs.bench.timing",
        "tests/test_layers.py",
    ),
    Seed(
        "an example that fails alone", "gallery/recurrence/plot_vanishing_gradient.py", "\nimport ",
        "\nraise ValueError('planted')\nimport ", "ValueError: planted",
        "tests/test_examples.py -k plot_vanishing_gradient", False,
    ),
]  # fmt: skip


@pytest.mark.parametrize("seed", TESTS, ids=ids)
def test_the_tests_find(seed: Seed, copy: Path, full: bool) -> None:
    if not (full or seed.always):
        pytest.skip("only with SEQDOCS_PROOFS=full")
    place = copy / seed.file
    if place.is_file():
        clean = pytest_of(copy, *seed.tests.split())
        assert clean.returncode == 0, f"without a failure: {clean.stdout[-3000:]}"
    there, before = place.is_file(), seed.plant(copy)
    done = pytest_of(copy, *seed.tests.split())
    if there:
        write(place, before)
    else:
        place.unlink()
    assert done.returncode == 1, done.stdout[-3000:]
    assert seed.words in done.stdout, done.stdout[-3000:]
    seed.seen("tests")


def test_the_tests_find_that_there_is_no_site(copy: Path) -> None:
    """Where CI has built a site, its tests may not skip."""
    env = {"SEQDOCS_SITE": str(copy / "nowhere"), "SEQDOCS_REQUIRE_ALL": "1"}
    done = pytest_of(copy, "tests/site/test_links.py", env=env)
    assert done.returncode == 1
    assert "there is no built site" in done.stdout
    SEEN.setdefault("tests", []).append("no site")


@pytest.mark.parametrize("several", [(), ("-n", "2")], ids=["one process", "two processes"])
def test_the_tests_find_that_a_package_is_missing(copy: Path, several: tuple[str, ...]) -> None:
    """Where CI has installed all packages, nothing that needs one may skip; elsewhere it may."""
    place = copy / "tests/test_planted.py"
    write(place, 'import pytest\n\npytest.importorskip("nowhere", reason="needs nowhere")\n')
    told = {value: pytest_of(copy, *several, "tests/test_planted.py", env={"SEQDOCS_REQUIRE_ALL": value})
            for value in ("", "1")}  # fmt: skip
    place.unlink()
    assert told[""].returncode in {0, pytest.ExitCode.NO_TESTS_COLLECTED}, told[""].stdout
    assert told["1"].returncode == 1
    assert "but: needs nowhere" in told["1"].stdout
    SEEN.setdefault("tests", []).append(f"a package missing in {len(several) or 1} processes")


# -- docs

ENTRY, SCRIPT, MODULE = "glossary/term-one.md", "gallery/tiny/plot_one.py", "seqdocs/models/one.py"
DOCS = [
    Seed("a label that is not there", "docs/index.md", "A small", "{ref}`nowhere` A small", "nowhere"),
    Seed("a term that is not there", ENTRY, "{term}`Term two`", "{term}`Term nine`", "Term nine"),
    Seed("a name that is not there", MODULE, "Return the", "Return :func:`seqdocs.models.none`, the", "none"),
    Seed("a missing measurement", ENTRY, "`total.total`", "`total.nothing`", "total.nothing"),
    Seed("a contradicted claim", ENTRY, ":verdict: holds", ":verdict: refuted", "check on cpu says `holds`"),
    Seed("a failing cell", ENTRY, "print(one(3))", "raise OSError(1)", "Executing notebook failed"),
    Seed("a failing example", SCRIPT, "", "\nraise ValueError('planted')\n", "ValueError: planted"),
    Seed("a failing experiment", SCRIPT, "    more =", "    raise OSError('no')\n    more =", "OSError: no"),
    Seed("a figure without words", SCRIPT, "A single point: the total of all outputs.", "", "`alt` is"),
    Seed("a fault of an entry", ENTRY, "year: 1990", "year: 2990", f"{ENTRY}:6"),
    Seed("a typed measurement", ENTRY, "Prose of", "It takes 5 ms. Prose of", f"{ENTRY}:15"),
    Seed("a source that is not there", ENTRY, "sources: [elman1990]", "sources: [nobody1900]", "nobody1900"),
]  # fmt: skip


@pytest.fixture(scope="module")
def small(origin: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A small checkout that builds."""
    made = origin.copy_to(tmp_path_factory.mktemp("docs") / "seqdocs")
    made.build()
    return made


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", DOCS, ids=ids)
def test_the_build_finds(seed: Seed, small: Checkout, full: bool) -> None:
    if not full:
        pytest.skip("only with SEQDOCS_PROOFS=full")
    pages, before = small.pages(), seed.plant(small.root)
    process = small.start()
    said = process.communicate(timeout=small.patience)[0]
    write(small.root / seed.file, before)
    assert process.returncode == 1, said[-3000:]
    assert seed.words in said, said[-3000:]
    assert small.pages() == pages, "what was published stays"
    seed.seen("docs")


# -- the site in a browser

HOME = "index.html"
SITE = [
    Seed(
        "an error in the console", HOME, "</body>",
        '<script src="_static/planted.js"></script></body>', "planted",
        "tests/site/test_pages.py -k no_error_and_asks_no_other_host[home]",
    ),
    Seed(
        "a request to another host", HOME, "</body>", '<img src="https://example.org/x.png" alt="x"></body>',
        "https://example.org/x.png", "tests/site/test_links.py -k another_host",
    ),
    Seed(
        "a request that the policy stops", HOME, "</body>",
        '<img src="https://example.org/x.png" alt="x"></body>',
        "https://example.org/x.png", "tests/site/test_pages.py -k no_error_and_asks_no_other_host[home]",
    ),
    Seed(
        "a link that leads nowhere", HOME, "</body>", '<a href="nowhere.html">x</a></body>', "nowhere.html",
        "tests/site/test_links.py -k resolves",
    ),
    Seed(
        "an inline script", HOME, "</body>", "<script>var x = 1;</script></body>", "index.html",
        "tests/site/test_links.py -k inline",
    ),
    Seed(
        "a picture without words", HOME, "</body>", '<img src="_static/brand/logo.svg"></body>', "image-alt",
        "tests/site/test_accessibility.py -k finds_nothing_serious",
    ),
    Seed(
        "a page too wide for a phone", HOME, "</body>", '<div style="width: 2000px">x</div></body>', "assert",
        "tests/site/test_pages.py -k sideways_scrolling[home]",
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the built site."""
    built = Path(os.environ.get("SEQDOCS_SITE", ROOT / "docs/_build/html"))
    if not (built / "build.json").is_file():
        pytest.skip("there is no built site; run `nox -s docs` first")
    folder = Path(shutil.copytree(built, tmp_path_factory.mktemp("site") / "html"))
    write(folder / "_static/planted.js", 'throw new Error("planted");\n')
    return folder


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", SITE, ids=ids)
def test_the_browser_finds(seed: Seed, site: Path, full: bool) -> None:
    if not full:
        pytest.skip("only with SEQDOCS_PROOFS=full")
    env, tests = {"SEQDOCS_SITE": str(site), "SEQDOCS_REQUIRE_ALL": "1"}, seed.tests.split()
    clean = pytest_of(ROOT, *tests, env=env)
    assert clean.returncode == 0, f"without a failure: {clean.stdout[-3000:]}"
    before = seed.plant(site)
    done = pytest_of(ROOT, *tests, env=env)
    write(site / seed.file, before)
    assert done.returncode == 1, done.stdout[-3000:]
    assert seed.words in done.stdout, done.stdout[-3000:]
    seed.seen("the site")


# -- the order of things

STUB = """#!/bin/sh
case "$*" in
  "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python";;
esac
echo "$*" >> "$CALLS"
case "$*" in *"$FAILS"*) exit 3;; esac
"""
STEPS = ["-m venv .nox/ci", "-m pip install nox", "-m nox -s docs", "-m nox -s tests", "-m nox -s lint"]


def run_ci(folder: Path, fails: str) -> tuple[int, list[str]]:
    """Run CI's script with a Python that only writes down what it is asked, and fails at one thing."""
    for name in ("python", "chromium"):
        write(folder / "bin" / name, STUB)
        (folder / "bin" / name).chmod(0o755)
    write(folder / "seqdocs/.ci/run", (ROOT / ".ci/run").read_text("utf8"))
    calls = folder / "calls"
    env = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "CALLS": str(calls), "FAILS": fails}
    done = subprocess.run(["bash", str(folder / "seqdocs/.ci/run")], env=env, check=False, timeout=60)
    return done.returncode, list(dict.fromkeys(calls.read_text("utf8").splitlines()))


def test_ci_runs_everything(tmp_path: Path) -> None:
    assert run_ci(tmp_path, "no such step") == (0, STEPS)


@pytest.mark.parametrize("step", STEPS)
def test_ci_stops_where_something_fails(step: str, tmp_path: Path) -> None:
    status, calls = run_ci(tmp_path, step)
    assert status == 3
    assert calls == STEPS[: STEPS.index(step) + 1]
    SEEN.setdefault("CI's script", []).append(step)
