"""What the site shows is looked up by path; a path that leads nowhere names what is there."""

from __future__ import annotations

import os

import pytest

from seqdocs.bench.record import SCHEMA, RecordError
from seqdocs.bench.run import ResultPathError, Run, leaf
from seqdocs.bench.shown import Shown, dump

RECORD = {
    "schema": SCHEMA,
    "example": "one/plot_alpha",
    "experiment": "go",
    "params": {},
    "data": {},
    "small": False,
    "device": "cpu",
    "slug": "cpu-toy-2t",
    "machine": {"label": "Toy, 2 threads"},
    "versions": {"torch": "2.13.0+cpu"},
    "code": "c",
    "key": "k",
    "created": "2026-01-02T03:04:05+00:00",
    "seconds": 1.5,
    "peak_memory": None,
    "threads": [],
    "notes": [],
    "timings": [],
    "result": {
        "times": {"torch.nn.GRU": {"median": 3}, "torch": {"x": 1}},
        "list": [1, {"a": 2}],
        "text": "é",
    },
}
GPU = RECORD | {
    "device": "cuda",
    "slug": "cuda-toy",
    "machine": {"label": "Toy GPU"},
    "result": {"text": "gpu"},
}
EXPERIMENTS = {
    "one/plot_alpha:go": {
        "doc": "Doc.",
        "line": 3,
        "runs": [{"stale": False, "record": RECORD}, {"stale": True, "record": GPU}],
        "missing": [],
    },
    "one/plot_alpha:none": {"doc": "", "line": 9, "runs": [], "missing": ["cpu", "cuda"]},
    "two/plot_beta:other": {"doc": "", "line": 1, "runs": [], "missing": ["cpu"]},
}

FOUND = [
    ("one/plot_alpha:go.text", None, "é"),
    ("one/plot_alpha:go.text", "cuda", "gpu"),
    ("one/plot_alpha:go.times.torch.nn.GRU.median", None, 3),
    ("one/plot_alpha:go.times.torch.x", None, 1),
    ("one/plot_alpha:go.list.1.a", "cpu", 2),
    ("one/plot_alpha:go", "cuda", {"text": "gpu"}),
]
LOST = [
    ("one/plot_alpha:go.tex", None, "one/plot_alpha:go has no `tex`; it has times, list, text"),
    ("one/plot_alpha:go.list.2", None, "one/plot_alpha:go.list has no `2`; it is a list of 2"),
    ("one/plot_alpha:go.text.x", None, "one/plot_alpha:go.text has no `x`; it is a str and goes no deeper"),
    ("one/plot_alpha:gone.x", None, "one/plot_alpha has no experiment `gone`; it has go, none"),
    (
        "one/plot_gamma:go.x",
        None,
        "no example `one/plot_gamma` has experiments; there are one/plot_alpha, two/plot_b",
    ),
    ("go.text", None, "`go.text` is no path; one reads section/plot_x:experiment.key"),
    ("one/plot_alpha:none.x", None, "one/plot_alpha:none has no run on any; it has runs on no device"),
    ("two/plot_beta:other.x", "cuda", "two/plot_beta:other has no run on cuda"),
]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "shown.json"
    path.write_text(dump(EXPERIMENTS), "utf8")
    return path


@pytest.mark.parametrize(("place", "device", "value"), FOUND)
def test_a_path_leads_to_its_leaf(path, place, device, value):
    assert Shown.load(path).at(place, device) == value


@pytest.mark.parametrize(("place", "device", "words"), LOST)
def test_a_path_that_leads_nowhere_names_what_is_there(path, place, device, words):
    with pytest.raises(ResultPathError) as error:
        Shown.load(path).find(place, device)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_runs_come_in_order_with_their_words(path):
    here, gpu = Shown.load(path).runs("one/plot_alpha", "go")
    assert here.caption == "Toy, 2 threads · torch 2.13.0 · measured 2026-01-02"
    assert gpu.caption == "Toy GPU · torch 2.13.0 · measured 2026-01-02 · the code has changed since"
    assert (here.device, gpu.device, here.stale, gpu.stale) == ("cpu", "cuda", False, True)
    assert here["text"] == "é"
    with pytest.raises(ResultPathError, match="has no `tex`; it has times, list, text"):
        here["tex"]


def test_what_is_missing_is_said(path):
    shown = Shown.load(path)
    assert shown.missing("one/plot_alpha", "none") == ("cpu", "cuda")
    assert shown.runs("one/plot_alpha", "none") == ()
    assert shown.experiments("one/plot_alpha") == ("one/plot_alpha:go", "one/plot_alpha:none")
    assert shown.examples() == ("one/plot_alpha", "two/plot_beta")
    assert shown.about("one/plot_alpha", "go") == {"doc": "Doc.", "line": 3}


def test_the_stamp_of_an_example_follows_its_own_runs_alone(path):
    before = Shown.load(path)
    path.write_text(dump(EXPERIMENTS | {"two/plot_beta:other": EXPERIMENTS["one/plot_alpha:go"]}), "utf8")
    os.utime(path, ns=(1, 1))
    after = Shown.load(path)
    assert before.stamp("one/plot_alpha") == after.stamp("one/plot_alpha")
    assert before.stamp("two/plot_beta") != after.stamp("two/plot_beta")


@pytest.mark.parametrize(
    "text", ["", "[]", '{"schema": 9}', '{"schema": 2}', '{"schema": 2, "experiments": {"a": 1}}']
)
def test_a_damaged_file_says_what_to_do(path, text):
    path.write_text(text, "utf8")
    with pytest.raises(
        RecordError, match=r"shown\.json is damaged .*; `python -m seqdocs bench run` writes it anew"
    ):
        Shown.load(path)


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(
        RecordError, match=r"shown\.json is not there; `python -m seqdocs bench run` writes it"
    ):
        Shown.load(tmp_path / "shown.json")


def test_the_longest_key_that_fits_is_taken():
    assert leaf({"a.b": {"c": 1}, "a": {"b": {"c": 2}}}, "a.b.c", "x") == 1
    assert leaf([[1, 2]], "0.1", "x") == 2
    assert leaf({"a": 1}, "", "x") == {"a": 1}


def test_a_run_enters_its_result_by_path():
    assert Run(RECORD).at("list.0") == 1
