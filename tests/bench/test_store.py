"""A record is plain, strict JSON, written whole or not at all; what cannot be read is passed over by name."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from seqdocs.bench.files import sweep, write_whole
from seqdocs.bench.record import SCHEMA, RecordError, ResultError, digest, dumps, loads, plain, validate
from seqdocs.bench.store import Store

RECORD = {
    "schema": SCHEMA,
    "example": "one/plot_alpha",
    "experiment": "go",
    "params": {},
    "data": {},
    "small": False,
    "device": "cpu",
    "slug": "cpu-toy-1t",
    "machine": {"label": "Toy, 1 thread"},
    "versions": {"torch": "2.0"},
    "code": "c0",
    "key": "k0",
    "created": "2026-01-02T03:04:05+00:00",
    "seconds": 1.5,
    "peak_memory": None,
    "threads": [1],
    "notes": [],
    "timings": [],
    "result": {"x": [1]},
}
NAME = "one/plot_alpha/go.cpu-toy-1t.k0.json"

# what a file holds, words of the sentence
DAMAGED = [
    ("", "it is no JSON (line 1: Expecting value)"),
    (dumps(RECORD)[:200], "it is no JSON (line 13: Unterminated string starting at)"),
    ("[1, 2]", "it holds a list, not a record"),
    (dumps({key: RECORD[key] for key in RECORD if key != "result"}), "it lacks `result`"),
    (dumps(RECORD | {"result": 3}), "its `result` is of type integer, not object"),
    (
        dumps(RECORD | {"key": "k1"}),
        "it belongs elsewhere, for it is one/plot_alpha:go on cpu-toy-1t, key k1",
    ),
    (dumps(RECORD | {"small": True}), "it is of a run with small parameters"),
    (dumps(RECORD).replace("1.5", "NaN"), "it holds NaN, which is not JSON"),
    (dumps(RECORD).replace("1.5", "1e999"), "it holds 1e999, which no float holds"),
    (dumps(RECORD).replace("1.5", "9" * 5000), f"it holds {'9' * 20}, which no float holds"),
    (dumps(RECORD).replace("1.5", "[" * 200 + "]" * 200), "it is nested more than 64 deep"),
    ("[" * 100_000, "it is nested more than 64 deep"),
    (dumps(RECORD).replace("Toy", "\\ud800"), "it holds half a character"),
    ('{"version": "1.0", "benchmarks": []}', "it is a file of pyperf"),
    ("{}", "it is no record, for it names no schema"),
    (b"\xff\xfe", "it is no text in UTF-8"),
]

REFUSED = [
    ({"a": [1.0, math.nan]}, "`go.a.1` is nan; a record holds finite numbers, or None for none"),
    ({"a": math.inf}, "`go.a` is inf"),
    ({"a": np.float32(1)}, "`go.a` is a float32; a result is dicts, lists, numbers and strings"),
    ({"a": np.zeros(1)}, "`go.a` is a ndarray"),
    ({64: 1}, "`go` has the key 64; keys of a result are strings"),
    ({"a": {1, 2}}, "`go.a` is a set"),
]


def test_a_record_is_read_back_as_it_was_written(tmp_path):
    store = Store(tmp_path)
    path = store.write(RECORD)
    assert path == tmp_path / NAME
    assert store.lookup("one/plot_alpha", "go", "cpu-toy-1t", "k0") == RECORD
    assert store.lookup("one/plot_alpha", "go", "cpu-toy-1t", "k1") is None


@pytest.mark.parametrize(("text", "words"), DAMAGED)
def test_a_damaged_or_foreign_file_is_passed_over_in_one_sentence_and_left_alone(tmp_path, text, words):
    path = tmp_path / NAME
    path.parent.mkdir(parents=True)
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(data)
    store = Store(tmp_path)
    assert store.lookup("one/plot_alpha", "go", "cpu-toy-1t", "k0") is None
    assert store.all("one/plot_alpha", "go") == []
    assert store.faults[path] == f"record {NAME} is passed over: {words}"
    assert path.read_bytes() == data


def test_records_of_another_version_share_one_sentence(tmp_path):
    for key in ("a", "b"):
        path = tmp_path / f"one/plot_alpha/go.cpu-toy-1t.{key}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dumps(RECORD | {"schema": 1, "key": key}), "utf8")
    store = Store(tmp_path)
    assert store.everything() == store.all("one/plot_alpha", "go") == []
    (fault,) = store.faults.values()
    assert fault.startswith("2 records of another version in ")


def test_the_newest_record_of_each_device_is_found(tmp_path):
    store = Store(tmp_path)
    for key, slug, day in (("a", "x", "01"), ("b", "x", "03"), ("c", "x", "02"), ("d", "y", "01")):
        store.write(RECORD | {"key": key, "slug": slug, "created": f"2026-01-{day}T00:00:00+00:00"})
    newest = store.newest_of_each_device("one/plot_alpha", "go")
    assert {slug: record["key"] for slug, record in newest.items()} == {"x": "b", "y": "d"}


def test_a_small_run_is_never_stored(tmp_path):
    with pytest.raises(RecordError, match="a run with small parameters is not stored"):
        Store(tmp_path).write(RECORD | {"small": True})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("result", "words"), REFUSED)
def test_what_a_record_cannot_hold_is_refused_with_its_place(result, words):
    with pytest.raises(ResultError) as error:
        plain(result, "go")
    assert words in str(error.value)


def test_plain_data_comes_out_as_json_would_return_it():
    value = {"a": (1, 2.5, None, True, "é"), "b": {"c": np.float64(0.1)}}
    assert plain(value, "go") == json.loads(json.dumps(value)) == loads(dumps(plain(value, "go")))
    assert type(plain(value, "go")["b"]["c"]) is float


def test_a_digest_stands_for_the_value_and_not_for_its_order():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})


def test_every_key_of_a_record_is_required():
    for name in RECORD:
        with pytest.raises(RecordError):
            validate({key: value for key, value in RECORD.items() if key != name})


WRITER = """
import sys
from pathlib import Path
from seqdocs.bench.files import write_whole
path, number = Path(sys.argv[1]), 0
print("go", flush=True)
while True:
    number += 1
    write_whole(path, str(number % 10) * 3_000_000)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing can be killed at once here")
def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path):
    path = tmp_path / "deep" / "file.json"
    write_whole(path, "0" * 3_000_000)
    for attempt in range(6):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"go\n"
        time.sleep(0.005 + 0.013 * attempt)
        process.kill()
        process.communicate()
        text = path.read_text()
        assert len(text) == 3_000_000
        assert len(set(text)) == 1
    sweep(tmp_path)
    assert [file.name for file in path.parent.iterdir()] == ["file.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be replaced there")
def test_a_sweep_leaves_the_file_of_who_still_writes(tmp_path):
    own, dead = (tmp_path / f".record.json.{number}.tmp" for number in (os.getpid(), 4194999))
    own.write_text("half", "utf8")
    dead.write_text("half", "utf8")
    sweep(tmp_path)
    assert own.is_file()
    assert not dead.is_file()


def test_who_reads_while_it_is_written_reads_the_old_file_to_its_end(tmp_path):
    path = tmp_path / "file.json"
    write_whole(path, "old" * 100_000)
    with path.open() as reader:
        assert reader.read(3) == "old"
        write_whole(path, "new")
        assert reader.read() == "old" * 99_999
    assert path.read_text() == "new"


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "file.json"
    write_whole(path, "old")

    def fail(_descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_store_that_is_not_there_is_empty(tmp_path):
    assert Store(tmp_path / "none").all("one/plot_alpha", "go") == []
    assert not Path(tmp_path / "none").exists()
