"""The command line: a table, a run, a look; every mistake is one sentence."""

from __future__ import annotations

import pytest

from seqdocs.bench import machine
from seqdocs.bench.cli import main
from seqdocs.bench.plan import own_store
from seqdocs.bench.quantity import quantity, table, verdict
from seqdocs.bench.runner import run_all
from seqdocs.bench.shown import Shown
from seqdocs.bench.store import Store

pytestmark = pytest.mark.usefixtures("light")
WRONG = [
    (["bla"], "invalid choice: 'bla'"),
    ([], "required: command"),
    (["run", "--device", "tpu"], "argument --device: invalid choice: 'tpu'"),
    (["run", "nothing_like_it"], "`nothing_like_it` is no example or experiment"),
    (["show", "alpha:gone"], "`alpha:gone` is no example or experiment"),
    (["show", "alpha:doubled.amount"], "one/plot_alpha:doubled has no `amount`; it has value"),
    (["run", "--device", "cuda"], "there is no `cuda` here; this machine has cpu"),
]


@pytest.fixture
def measured(toy, monkeypatch):
    monkeypatch.setattr(machine, "gpu", lambda: None)
    run_all(toy, names=["doubled"])
    monkeypatch.chdir(toy)
    return toy


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def test_a_wrong_question_gets_one_sentence_and_status_two(measured, capsys):
    capsys.readouterr()
    for arguments, words in WRONG:
        assert main(arguments) == 2
        err = capsys.readouterr().err
        assert words in err
        assert err.startswith("bench: ")
        assert (err.count("\n"), "Traceback" in err) == (1, False)


def test_outside_of_a_checkout_is_one_sentence(tmp_path, capsys):
    assert main(["list", "--root", str(tmp_path)]) == 2
    assert "is in no checkout" in capsys.readouterr().err


def test_list_says_what_is_fresh_stale_missing_and_recorded(measured, edit, capsys):
    slug = machine.slug("cpu")
    (record,) = Store(own_store(measured)).all("one/plot_alpha", "doubled")
    Store(measured / "records").write(record | {"device": "cuda", "slug": "cuda-toy"})
    capsys.readouterr()
    assert main(["list"]) == 0
    rows = {tuple(line.split()[:3]): " ".join(line.split()[3:]) for line in lines(capsys)}
    assert rows["one/plot_alpha", "doubled", slug].startswith("fresh ")
    assert rows["one/plot_alpha", "doubled", "cuda-toy"].startswith("recorded ")
    assert rows["one/plot_alpha", "alone", slug] == "missing -"
    assert rows["one/plot_alpha", "alone", "cuda"] == "missing -"
    edit("toy/deep.py", "TWO = 2", "TWO = 3")
    main(["list"])
    rows = {tuple(line.split()[:3]): " ".join(line.split()[3:]) for line in lines(capsys)}
    assert rows["one/plot_alpha", "doubled", slug].startswith("stale ")
    assert rows["one/plot_alpha", "doubled", "cuda-toy"].startswith("recorded, code changed ")


def test_list_names_a_broken_script_and_goes_on(measured, edit, capsys):
    edit("gallery/two/plot_beta.py", "n=8.0", "n=")
    assert main(["list"]) == 1
    out, err = capsys.readouterr()
    assert "one/plot_alpha" in out
    assert err.startswith("two/plot_beta: plot_beta.py, line ")


def test_show_prints_circumstances_and_every_kind_of_leaf(measured, capsys):
    store = Store(own_store(measured))
    (record,) = store.all("one/plot_alpha", "doubled")
    result = {
        "speed": quantity(1234.5, "tokens/s", 1200.0, 1270.0),
        "claim": verdict("holds", "slope 1.02"),
        "table": table(["model", ("time", "ms")], [["GRU", quantity(3, "")], ["RNN", None]]),
        "samples": list(range(20)),
        "deep": {"word": "é", "rows": [{"a": 1}]},
    }
    store.write(record | {"result": result})
    capsys.readouterr()
    assert main(["show", "alpha:doubled"]) == 0
    out = capsys.readouterr().out.replace("\u00a0", " ")
    for words in (
        "one/plot_alpha:doubled · Twice n.",
        f"{machine.label('cpu')} · torch ",
        "parameters: n=3",
        "speed: 1,230 tokens/s (1,200 to 1,270 tokens/s)",
        "claim: holds: slope 1.02",
        "table: model | time [ms]",
        "GRU | 3",
        "RNN | not measured",
        "samples: 0, 1, 2, 3, …, 17, 18, 19  (20)",
        "word: é",
        "rows: 1 entries",
        "cuda: not measured",
    ):
        assert words in out
    main(["show", "alpha:doubled.speed"])
    assert "speed: 1,230" in capsys.readouterr().out


def test_run_measures_and_says_how_many(measured, capsys):
    capsys.readouterr()
    assert main(["run", "alone"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("experiments: 1 measured, 0 replayed, 0 recorded elsewhere, 0 failed · ")
    assert "measuring 1/1 alpha alone · cpu · " in err
    shown = Shown.load(own_store(measured) / "shown.json")
    assert shown.at("one/plot_alpha:alone.value") == pytest.approx(3.14159, abs=1e-5)
