"""A published site is whole: equal to what was drawn, each file complete, the stamp last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqdocs.sphinxext import build
from seqdocs.sphinxext import publish as module
from seqdocs.sphinxext.publish import is_ours, is_whole, publish, site_files


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    stage = tmp_path / "stage"
    for name, text in {"index.html": "home", "a/b.html": "page", ".buildinfo": "private"}.items():
        (stage / name).parent.mkdir(parents=True, exist_ok=True)
        (stage / name).write_text(text, "utf8")
    return stage


def test_the_published_tree_equals_the_drawn_one(stage: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert publish(stage, out, {"entries": 1}) == 2
    assert sorted(site_files(out)) == ["a/b.html", "index.html"]
    assert not (out / ".buildinfo").exists()
    assert is_whole(out)
    assert json.loads((out / "build.json").read_text("utf8"))["entries"] == 1


def test_publishing_again_writes_nothing(stage: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    publish(stage, out, {})
    assert publish(stage, out, {}) == 0


def test_what_is_gone_is_deleted_with_its_folder(stage: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    publish(stage, out, {})
    (stage / "a/b.html").unlink()
    publish(stage, out, {})
    assert sorted(site_files(out)) == ["index.html"]
    assert not (out / "a").exists()


def test_a_kill_while_publishing_leaves_whole_files_and_no_valid_stamp(
    stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    publish(stage, out, {})
    (stage / "a/b.html").write_text("new page", "utf8")
    (stage / "index.html").write_text("new home", "utf8")
    real, calls = module.write_whole, []

    def killed(path: Path, data: bytes) -> None:
        if calls:
            raise KeyboardInterrupt
        calls.append(path)
        real(path, data)

    monkeypatch.setattr(module, "write_whole", killed)
    with pytest.raises(KeyboardInterrupt):
        publish(stage, out, {})
    assert {path.read_text("utf8") for path in site_files(out).values()} <= {
        "home",
        "page",
        "new home",
        "new page",
    }
    assert not is_whole(out)
    assert is_ours(out)
    monkeypatch.setattr(module, "write_whole", real)
    publish(stage, out, {})
    assert is_whole(out)


def test_a_folder_with_files_of_others_is_not_ours(stage: Path, tmp_path: Path) -> None:
    assert not is_ours(stage)
    assert is_ours(tmp_path / "new")
    publish(stage, tmp_path / "new", {})
    assert is_ours(tmp_path / "new")


def test_the_command_refuses_to_replace_a_folder_of_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "letter.txt").write_text("dear", "utf8")
    root = Path(__file__).resolve().parents[2]
    assert build.main(["--root", str(root), "--out", str(tmp_path)]) == 2
    assert "holds files that no build put there" in capsys.readouterr().err
    assert (tmp_path / "letter.txt").is_file()


PLACES = ["docs/conf.py", "pyproject.toml", "docs/_static/styles/entry.css", "seqdocs/bench/show.py"]


@pytest.mark.parametrize("place", PLACES)
def test_what_draws_every_page_is_part_of_the_machinery(tmp_path: Path, place: str) -> None:
    for folder in (
        "docs/_templates",
        "docs/_static",
        "seqdocs/sphinxext",
        "seqdocs/entries",
        "seqdocs/bench",
    ):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("docs/conf.py", "pyproject.toml", place):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before", "utf8")
    before = build.machinery(tmp_path)
    (tmp_path / place).write_text("after", "utf8")
    assert build.machinery(tmp_path) != before


@pytest.mark.parametrize("name", build.ADDRESSES)
def test_a_changed_address_draws_every_page(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    root = Path(__file__).resolve().parents[2]
    monkeypatch.delenv(name, raising=False)
    before = build.machinery(root)
    monkeypatch.setenv(name, "https://example.org/other")
    assert build.machinery(root) != before
