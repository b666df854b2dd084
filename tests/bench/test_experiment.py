"""One call, three modes: measure here, replay what the site shows, measure a little."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from seqdocs.bench import machine
from seqdocs.bench.experiment import Experiment, example_name, experiment
from seqdocs.bench.record import ResultError
from seqdocs.bench.run import ResultPathError
from seqdocs.bench.shown import dump

CPU_ONLY = {"devices": ("cpu",)}


@experiment(small={"n": 2}, **CPU_ONLY)
def counted(device, n=3, scale=1.0):
    """Draws n numbers."""
    return {"device": device.type, "n": n, "drawn": (torch.rand(n) * scale).tolist()}


def replay_of(monkeypatch, tmp_path, name, record):
    path = tmp_path / "shown.json"
    about = {"doc": "", "line": 1, "runs": [{"stale": False, "record": record}], "missing": ["cuda"]}
    path.write_text(dump({name: about}), "utf8")
    monkeypatch.setenv("SEQDOCS_SHOWN", str(path))


def test_a_call_measures_on_this_machine():
    (run,) = counted()
    assert (run["device"], run["n"], run.record["params"]) == ("cpu", 3, {"n": 3, "scale": 1.0})
    assert run.record["machine"]["threads"] == machine.threads()
    assert run.record["example"] == "bench/test_experiment"
    assert counted.__name__ == "counted"
    assert counted.__doc__ == "Draws n numbers."


def test_another_decorator_in_between_does_not_hide_the_script():
    wrapped = experiment(**CPU_ONLY)(torch.no_grad()(counted.function))  # its wrapper is a function of torch
    assert (wrapped.file, wrapped.params) == (__file__, {"n": 3, "scale": 1.0})
    assert wrapped()[0].record["example"] == "bench/test_experiment"


def test_every_run_starts_from_the_same_seed():
    first = counted()[0]["drawn"]
    torch.rand(5)
    assert counted()[0]["drawn"] == first


def test_parameters_can_be_given_and_unknown_ones_are_refused():
    assert len(counted(n=5)[0]["drawn"]) == 5
    with pytest.raises(TypeError, match="`counted` has no parameter `m`; it has n, scale"):
        counted(m=5)


def test_small_parameters_are_taken_and_marked(monkeypatch):
    monkeypatch.setenv("SEQDOCS_SMALL", "1")
    (run,) = counted()
    assert (run["n"], run.record["small"]) == (2, True)
    assert counted(n=4)[0]["n"] == 4


def test_replay_returns_what_the_site_shows(monkeypatch, tmp_path):
    record = counted()[0].record | {"result": {"n": 77}}
    replay_of(monkeypatch, tmp_path, "bench/test_experiment:counted", record)
    (run,) = counted()
    assert run["n"] == 77
    with pytest.raises(TypeError, match="is replayed from records and takes no parameters"):
        counted(n=5)


def test_replay_without_a_file_name_finds_the_one_of_that_name(monkeypatch, tmp_path):
    record = counted()[0].record | {"result": {"n": 78}}
    space = {"experiment": experiment}
    exec(compile("@experiment\ndef counted(device): return {}\n", "<cell 1>", "exec"), space)
    replay_of(monkeypatch, tmp_path, "any/plot_thing:counted", record)
    assert space["counted"]()[0]["n"] == 78
    exec(compile("@experiment\ndef other(device): return {}\n", "<cell 1>", "exec"), space)
    with pytest.raises(ResultPathError, match="`other` names 0 experiments"):
        space["other"]()


def test_replay_of_an_unknown_experiment_names_what_is_there(monkeypatch, tmp_path):
    replay_of(monkeypatch, tmp_path, "bench/test_experiment:gone", counted()[0].record)
    with pytest.raises(
        ResultPathError, match="bench/test_experiment has no experiment `counted`; it has gone"
    ):
        counted()


def test_small_wins_over_replay(monkeypatch, tmp_path):
    replay_of(monkeypatch, tmp_path, "bench/test_experiment:counted", counted()[0].record)
    monkeypatch.setenv("SEQDOCS_SMALL", "1")
    assert counted()[0].record["small"] is True


def test_a_result_must_be_a_dict_of_plain_data():
    for result, words in (
        ([1], "returned a list; an experiment returns a dict"),
        ({"a": torch.ones(1)}, "`bad.a` is a T"),
    ):

        @experiment(**CPU_ONLY)
        def bad(device, result=result):
            return result

        with pytest.raises(ResultError, match=words):
            bad()


def test_a_bad_declaration_is_refused_at_once():
    with pytest.raises(TypeError, match="`f` takes no device; the first parameter of an experiment"):
        _declare("def f(): ...")
    with pytest.raises(TypeError, match="`n` of `f` has no default; that is its published value"):
        _declare("def f(device, n): ...")
    with pytest.raises(TypeError, match="small: `f` has no parameter `m`; it has n"):
        _declare("def f(device, n=1): ...", small={"m": 1})
    with pytest.raises(ValueError, match="`seconds` is 0; it must be a number above zero"):
        _declare("def f(device): ...", seconds=0)
    with pytest.raises(ValueError, match="`devices` is 'cpu'; it must be a tuple of cpu and cuda"):
        _declare("def f(device): ...", devices="cpu")


def _declare(text, **options):
    space: dict[str, object] = {}
    exec(text, space)
    return experiment(**options)(space["f"])


def test_the_decorator_works_without_parentheses():
    assert isinstance(_declare("def f(device): ..."), Experiment)

    @experiment
    def bare(device):
        return {}

    assert isinstance(bare, Experiment)


def test_an_example_is_named_by_its_folder_and_stem(tmp_path, monkeypatch):
    assert example_name("/any/where/recurrence/plot_gru.py") == "recurrence/plot_gru"
    monkeypatch.chdir(tmp_path)
    assert example_name("plot_gru.py") == f"{tmp_path.name}/plot_gru"


COPIED = """
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity
from seqdocs.bench.show import show


@experiment
def go(device, n=3):
    return {"n": quantity(n, "steps")}


for run in go():
    print(show(run["n"]), run.record["machine"]["commit"], run.record["example"])
"""


def test_a_copied_script_runs_alone_outside_of_any_checkout(tmp_path):
    script = tmp_path / "somewhere" / "plot_copied.py"
    script.parent.mkdir()
    script.write_text(COPIED, "utf8")
    env = os.environ | {"GIT_CEILING_DIRECTORIES": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, script.name], cwd=script.parent, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[0] == "3\u00a0steps None somewhere/plot_copied"
    assert "measuring go" in done.stderr
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["plot_copied.py"]
