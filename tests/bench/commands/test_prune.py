"""Pruning deletes what can be measured again, names each file, and never touches the rest."""

from __future__ import annotations

import json
import os

import pytest

from seqdocs.bench.record import dumps


def snapshot(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


@pytest.fixture
def full(bench):
    """A checkout with one file of every kind; returns the command line and what should happen to each."""
    slug, build = bench.record()["slug"], bench.root / "docs/_build"
    fate = {}

    def put(name, content="x"):
        path = build / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf8")
        return name

    def store(record):
        return bench.own.write(record).relative_to(build).as_posix()

    fate[store(bench.record())] = "keep"
    fate[store(bench.record(slug="cpu-elsewhere", key="unknown"))] = "keep"
    fate[store(bench.record(code="old", key="k1"))] = "its code has changed since"
    fate[store(bench.record(key="k2"))] = "of other versions or circumstances"
    fate[store(bench.record(experiment="gone"))] = "its experiment is gone"
    fate[store(bench.record(example="gone/plot_gone", experiment="gone"))] = "its experiment is gone"
    older = bench.record(key="k4") | {"schema": 1}
    fate[put(f"records/one/plot_alpha/doubled.{slug}.k4.json", dumps(older))] = "of an older version"
    newer = bench.record(key="k5") | {"schema": 99}
    fate[put(f"records/one/plot_alpha/doubled.{slug}.k5.json", dumps(newer))] = "strange"
    fate[put("records/one/plot_alpha/someones.json", '{"schema": 1}')] = "strange"
    fate[put("records/one/plot_alpha/broken.json", dumps(bench.record())[:99])] = "strange"
    fate[put("records/notes.txt")] = "strange"
    fate[put("records/shown.json", "{}")] = "keep"
    fate[put("records/one/plot_alpha/.a.json.4194999.tmp")] = "half-written"
    fate[put(f"records/one/plot_alpha/.a.json.{os.getpid()}.tmp")] = "keep"
    fate[put("logs/one/plot_alpha/doubled.cpu.log")] = "log of an experiment that has its record"
    fate[put("logs/one/plot_alpha/alone.cpu.log")] = "keep"
    fate[put("logs/one/plot_alpha/gone.cpu.log")] = "log of an experiment that is gone"
    fate[put("html/index.html")] = "keep"
    bench.committed.write(bench.record(code="old"))
    return bench, fate


def test_each_file_meets_its_fate_and_is_named(full):
    bench, fate = full
    build, committed = bench.root / "docs/_build", snapshot(bench.root / "records")
    before = snapshot(build)
    status, out, err = bench("prune")
    assert (status, err) == (0, "")
    after = snapshot(build)
    for name, what in fate.items():
        gone = what not in ("keep", "strange")
        assert (name in after) is not gone, name
        if gone:
            assert f"deleted {name}: {what}" in out
        elif what == "strange":
            assert f"kept {name}: " in out
            assert after[name] == before[name]
        else:
            assert name not in out
    deleted = sum(what not in ("keep", "strange") for what in fate.values())
    assert out.endswith(f"{deleted} files deleted, 4 damaged or foreign; --damaged moves what is damaged\n")
    assert not (build / "records/gone").exists(), "an empty folder stays"
    assert snapshot(bench.root / "records") == committed
    assert bench("prune")[1].splitlines()[-1].startswith("0 files deleted, 4 damaged")


def test_a_dry_run_names_the_same_and_touches_nothing(full):
    bench, _ = full
    before = snapshot(bench.root)
    _, dry, _ = bench("prune", "--dry-run", "--damaged")
    before["docs/_build/measuring.lock"] = b""
    assert snapshot(bench.root) == before
    _, wet, _ = bench("prune")
    assert dry.replace("would delete ", "deleted ").splitlines()[:-1] == wet.splitlines()[:-1]


def test_damaged_files_are_moved_and_never_lost(full):
    bench, fate = full
    build = bench.root / "docs/_build"
    before = snapshot(build)
    other = build / "damaged/notes.txt"
    other.parent.mkdir()
    other.write_text("of before", "utf8")
    status, out, _ = bench("prune", "--damaged")
    assert status == 0
    after = snapshot(build)
    for name in [name for name, what in fate.items() if what == "strange"]:
        assert name not in after
        assert f"moved {name}: " in out
        assert before[name] in [content for place, content in after.items() if place.startswith("damaged/")]
    assert other.read_text("utf8") == "of before"


def test_everything_of_a_script_that_cannot_be_read_stays(full, edit):
    bench, _ = full
    edit("gallery/one/plot_alpha.py", "import math", "import math math")
    before = snapshot(bench.root / "docs/_build/records/one/plot_alpha")
    status, _, err = bench("prune")
    assert status == 1
    assert "plot_alpha.py, line " in err
    after = snapshot(bench.root / "docs/_build/records/one/plot_alpha")
    assert set(before) - set(after) == {".a.json.4194999.tmp"}
    assert (bench.root / "docs/_build/logs/one/plot_alpha/gone.cpu.log").is_file()


def test_an_empty_checkout_has_nothing_to_prune(bench):
    assert bench("prune") == (0, "0 files deleted, 0 damaged or foreign\n", "")


def test_json_that_only_looks_old_is_not_taken_for_ours(bench):
    for number, data in enumerate(
        ({"schema": True}, {"schema": 1, "example": 3}, {"schema": -1}, {"schema": 1})
    ):
        path = bench.own.folder / f"one/plot_alpha/strange{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(data), "utf8")
    assert bench("prune")[1].endswith(
        "0 files deleted, 4 damaged or foreign; --damaged moves what is damaged\n"
    )
