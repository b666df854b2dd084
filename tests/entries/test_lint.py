"""The command prints every fault, says what went wrong in one sentence, and starts quickly."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqdocs.entries.lint import main

ROOT = Path(__file__).resolve().parents[2]
Capture = pytest.CaptureFixture[str]


def run(*args: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {"PYTHONPATH": str(ROOT)} | env
    command = [sys.executable, "-m", "seqdocs", "lint", *args]
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False)


def test_without_faults_it_says_so(checkout: Path, capsys: Capture) -> None:
    assert main([str(checkout)]) == 0
    assert capsys.readouterr().out == "1 entry, 0 faults\n"


def test_every_fault_is_a_line_and_the_status_is_one(checkout: Path, capsys: Capture) -> None:
    entry = checkout / "glossary" / "hidden-state.md"
    entry.write_text(
        entry.read_text("utf-8").replace("1990", "1790").replace("[elman1990]", "[elman]"), "utf-8"
    )
    assert main([str(checkout)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ")[0] for line in lines] == [
        "glossary/hidden-state.md:6:",
        "glossary/hidden-state.md:7:",
    ]


def test_the_checkout_is_found_from_a_folder_inside_it(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    inside = checkout / "docs" / "glossary"  # where the site's build keeps a copy of the entries
    inside.mkdir()
    monkeypatch.chdir(inside)
    assert main([]) == 0
    assert "1 entry" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["a", "b"], "takes one folder or nothing, and got 'a b'"),
        (["--fix"], "takes one folder or nothing, and got '--fix'"),
        (["/nowhere"], "'/nowhere' has no folder glossary/"),
        ([], "no folder with glossary/ and seqdocs/ here or above"),
    ],
)
def test_bad_usage_is_a_sentence_and_the_status_two(
    args: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(args) == 2
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert not captured.out


def test_help_is_not_a_fault(capsys: Capture) -> None:
    assert main(["--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: python -m seqdocs lint [ROOT]")


def test_an_unreadable_entry_is_a_fault_not_a_traceback(checkout: Path) -> None:
    (checkout / "glossary" / "lost.md").symlink_to("nowhere.md")
    done = run(str(checkout), cwd=checkout)
    assert done.returncode == 1
    assert done.stdout == "glossary/lost.md:1: the file cannot be read: No such file or directory\n"
    assert not done.stderr


def test_without_pyyaml_it_says_what_to_install(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)  # as if it were not installed
    for name in ("check", "reader"):
        monkeypatch.delitem(sys.modules, f"seqdocs.entries.{name}", raising=False)
    assert main([str(checkout)]) == 2
    assert "needs PyYAML: python -m pip install 'seqdocs[check]'" in capsys.readouterr().err


def test_a_terminal_without_unicode_gets_escapes_not_a_traceback(checkout: Path) -> None:
    entry = checkout / "glossary" / "hidden-state.md"
    entry.write_text(entry.read_text("utf-8").replace("Hidden state\naliases", "Zustand–é\naliases"), "utf-8")
    done = run(str(checkout), cwd=ROOT, PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert "# Zustand\\u2013\\xe9" in done.stdout
    assert not done.stderr


def test_it_imports_neither_torch_nor_sphinx_nor_numpy(checkout: Path) -> None:
    code = (
        "import sys; from seqdocs.__main__ import main; status = main(['lint', sys.argv[1]]); "
        "heavy = {'torch', 'sphinx', 'numpy', 'docutils', 'matplotlib'} & set(sys.modules); "
        "print(sorted(heavy)); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(checkout)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1 entry, 0 faults\n[]\n"


def test_three_hundred_entries_are_checked_quickly(checkout: Path) -> None:
    good = (checkout / "glossary" / "hidden-state.md").read_text("utf-8")
    script = (ROOT / "tests" / "entries" / "test_source.py").read_text("utf-8")  # as long as a real example
    for i in range(300):
        text = good.replace("Hidden state", f"Term {i}").replace("[state vector]", f"[alias {i}]")
        text = text.replace("recurrence/plot_gru", f"recurrence/plot_t{i}")
        (checkout / "glossary" / f"t{i}.md").write_text(text, "utf-8")
        plot = checkout / "gallery" / "recurrence" / f"plot_t{i}.py"
        plot.write_text(script + "\nfrom seqdocs.models.gru import GRU\nGRU()\n", "utf-8")
    began = time.process_time()
    assert main([str(checkout)]) == 0
    assert time.process_time() - began < 5  # ten times what it takes, for a slow machine under coverage
