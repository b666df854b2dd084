"""Data files are declared, part of the key and the record, and the only files an experiment can open."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqdocs.bench import machine
from seqdocs.bench.data import DataError, find, given, hashes, path, paths
from seqdocs.bench.options import Options
from seqdocs.bench.plan import cases, own_store
from seqdocs.bench.runner import run_all
from seqdocs.bench.store import Store

pytestmark = pytest.mark.usefixtures("light")

SCRIPT = '''"""
Letters
=======
"""

from seqdocs.bench import data
from seqdocs.bench.experiment import experiment


@experiment(data=("gallery/one/letters.txt", "gallery/one/more/*.txt"), devices=("cpu",))
def counted(device):
    text = data.path("gallery/one/letters.txt").read_text("utf8")
    return {"letters": len(text), "files": list(data.paths())}


(run,) = counted()
print(run["letters"], run["files"], counted.path("gallery/one/letters.txt").read_text("utf8"))
'''
NAMES = ["gallery/one/letters.txt", "gallery/one/more/a.txt", "gallery/one/more/b.txt"]
OPENS = """
from seqdocs.bench.experiment import experiment


@experiment(devices=("cpu",))
def opens(device):
    with open({name!r}, {mode!r}) as file:
        return {{"size": file.tell()}}
"""


@pytest.fixture
def letters(toy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose only experiment reads three files."""
    monkeypatch.setattr(machine, "gpu", lambda: None)
    for script in toy.glob("gallery/*/plot_*.py"):
        script.unlink()
    (toy / "gallery/one/plot_letters.py").write_text(SCRIPT, "utf8")
    for name, text in zip(NAMES, ("abc", "d", "e"), strict=True):
        (toy / name).parent.mkdir(exist_ok=True)
        (toy / name).write_text(text, "utf8")
    return toy


def code(root: Path) -> str:
    (case,), failures = cases(root)
    assert not failures
    return case.code


def write(file: Path, text: str) -> None:
    """Write so that a second change within one tick of the file system's clock does not look like none."""
    before = file.stat().st_mtime_ns if file.exists() else 0
    file.write_text(text, "utf8")
    os.utime(file, ns=(before + 1_000_000, before + 1_000_000))


def test_the_key_follows_names_and_contents_of_data_files(letters):
    before = code(letters)
    write(letters / NAMES[0], "xyz")
    after = code(letters)
    assert after != before
    write(letters / NAMES[0], "abc")
    assert code(letters) == before
    (letters / NAMES[1]).rename(letters / "gallery/one/more/z.txt")
    assert code(letters) != before
    (letters / "gallery/one/more/z.txt").rename(letters / NAMES[1])
    (letters / "gallery/one/beside.txt").write_text("not declared", "utf8")
    assert code(letters) == before
    write(letters / "gallery/one/more/c.txt", "new")
    assert code(letters) != before


def test_a_worker_measures_with_the_files_and_the_record_names_them(letters):
    assert run_all(letters).measured == 1
    assert run_all(letters).replayed == 1
    (record,) = Store(own_store(letters)).all("one/plot_letters", "counted")
    assert record["result"] == {"letters": 3, "files": NAMES}
    assert list(record["data"]) == NAMES
    assert record["data"][NAMES[0]] == hashlib.sha256(b"abc").hexdigest()
    write(letters / NAMES[2], "changed")
    assert run_all(letters).measured == 1


def test_a_missing_file_is_one_sentence_and_the_others_go_on(letters):
    (letters / NAMES[0]).unlink()
    (failure,) = run_all(letters).failures
    assert (
        str(failure) == "one/plot_letters:counted: data `gallery/one/letters.txt` is no file of the checkout"
    )


RUNS = {
    "in the checkout": ("gallery/one/plot_letters.py", "."),
    "from anywhere": ("gallery/one/plot_letters.py", ".."),
    "copied, in the checkout": ("../plot_copy.py", "toy"),
}


def script(root: Path, file: str, folder: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own."""
    (root / "../plot_copy.py").resolve().write_text(SCRIPT, "utf8")
    env = (
        os.environ
        | {"PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], machine.python_path()])}
        | extra
    )
    command = [sys.executable, str((root / file).resolve())]
    return subprocess.run(command, cwd=root / folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("where", RUNS)
def test_a_script_run_alone_finds_its_files(letters, where):
    done = script(letters, *RUNS[where])
    assert done.stdout == f"3 {NAMES} abc\n", done.stderr


def test_in_the_site_build_drawing_code_finds_them_too(letters):
    summary = run_all(letters)
    done = script(letters, *RUNS["in the checkout"], SEQDOCS_SHOWN=str(summary.shown))
    assert done.stdout == f"3 {NAMES} abc\n", done.stderr
    assert "measuring" not in done.stderr


def test_a_copied_script_far_from_any_copy_of_its_data_says_so(letters):
    done = script(letters, "../plot_copy.py", "..")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.endswith("DataError: data `gallery/one/letters.txt` is no file of the checkout")


def test_only_declared_files_are_handed_out():
    with pytest.raises(DataError, match=r"no experiment runs here; code that draws asks the experiment"):
        path("a.txt")
    with given({"a.txt": Path("/x/a.txt")}):
        assert path("a.txt") == Path("/x/a.txt")
        assert paths() == {"a.txt": Path("/x/a.txt")}
        with pytest.raises(DataError, match=r"data `b.txt` is not declared; the experiment declares a.txt"):
            path("b.txt")


def test_a_link_out_of_the_checkout_is_refused(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "outside.txt").write_text("x", "utf8")
    (tmp_path / "root/inside.txt").symlink_to(tmp_path / "outside.txt")
    with pytest.raises(DataError, match="leads out of the checkout"):
        find(tmp_path / "root", ["*.txt"])
    assert hashes(find(tmp_path, ["out*.txt"])) == {"outside.txt": hashlib.sha256(b"x").hexdigest()}


@pytest.mark.parametrize(
    "data", ["a.txt", ("",), ("/etc/passwd",), ("../x",), ("a/../../x",), ("a\\b",), (3,)]
)
def test_data_is_a_tuple_of_paths_inside_of_the_checkout(data):
    with pytest.raises(ValueError, match="it must be a tuple of paths relative to the checkout"):
        Options(data=data)


@pytest.mark.parametrize("packages", ["transformers", ("",), ("a b",), (3,), ("a==1",)])
def test_packages_are_a_tuple_of_names(packages):
    with pytest.raises(ValueError, match="it must be a tuple of names of distributions"):
        Options(packages=packages)


@pytest.mark.parametrize(
    ("name", "mode", "refused"),
    [
        ("toy/deep.py", "r", False),  # code, which the closure follows
        ("pyproject.toml", "r", True),
        ("docs/_build/x.txt", "r", False),
        (".hidden/x.txt", "r", False),
        ("gallery/one/letters.txt", "rb", True),
        ("gallery/one/letters.txt", "a", True),
        ("gallery/one/new.txt", "w", False),
        ("../outside.txt", "r", False),
    ],
)
def test_an_experiment_that_opens_another_file_of_the_checkout_fails(letters, name, mode, refused):
    for extra in ("docs/_build/x.txt", ".hidden/x.txt", "../outside.txt"):
        (letters / extra).parent.mkdir(parents=True, exist_ok=True)
        (letters / extra).write_text("x", "utf8")
    text = OPENS.format(name=str(letters / name), mode=mode)
    (letters / "gallery/one/plot_letters.py").write_text(text, "utf8")
    summary = run_all(letters)
    assert summary.failed == refused
    if refused:
        words = f"DataError: the experiment opens `{name}` and does not declare it; say data=('{name}',)"
        assert words in summary.failures[0].reason
