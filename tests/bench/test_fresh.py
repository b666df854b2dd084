"""The peak of a fresh process is what the system saw, and nothing of the process that asked."""

from __future__ import annotations

import re

import pytest
import torch

from seqdocs.bench.fresh import fresh_peak

MEGABYTE = 1_000_000
OUTSIDE = 3


def ones(megabytes):
    import torch

    return lambda: torch.ones(megabytes * 250_000)


def again_and_again(megabytes):
    import torch

    def call():
        for _ in range(5):
            torch.ones(megabytes * 250_000)

    return call


def both_kept(megabytes):
    import torch

    return lambda: [torch.ones(megabytes * 250_000) for _ in range(2)]


def larger_before(megabytes):
    import torch

    dropped = torch.ones(2 * megabytes * 250_000)
    del dropped
    return lambda: torch.ones(megabytes * 250_000)


def prepared(megabytes):
    import torch

    kept = torch.ones(megabytes * 250_000)
    return kept.sum


def plain_python(megabytes):
    return lambda: b"x" * (megabytes * 1_000_000)


def threads_of_torch(path):
    import pathlib

    import torch

    return lambda: pathlib.Path(path).write_text(str(torch.get_num_threads()), "ascii")


def noisy():
    print("preparing")
    return lambda: print('{"bytes": 0}\nand no end of line', end="")


def fails():
    def call():
        raise ValueError("no such\nsize")

    return call


def reads_a_global():
    return lambda: OUTSIDE


def returns_no_call():
    return 3


def dies():
    import os

    return lambda: os._exit(9)


def megabytes(*call):
    leaf = fresh_peak(*call)
    assert leaf["unit"] == "B"
    return leaf["value"] / MEGABYTE


@pytest.fixture(scope="module")
def once():
    """What 200 MB show."""
    return megabytes(ones, 200)


def test_two_hundred_megabytes_show(once):
    assert 190 < once < 260


def test_what_is_freed_and_allocated_again_does_not_add(once):
    assert abs(megabytes(again_and_again, 200) - once) < 30


def test_what_is_kept_adds(once):
    assert megabytes(both_kept, 200) - once == pytest.approx(200, abs=30)


def test_what_was_prepared_does_not_count():
    assert megabytes(prepared, 200) < 30


def test_what_preparing_gave_back_hides_nothing(once):
    assert megabytes(larger_before, 200) == pytest.approx(once, abs=30)


def test_memory_that_torch_does_not_know_counts():
    assert 190 < megabytes(plain_python, 200) < 260


def test_what_the_parent_holds_neither_counts_nor_hides(once):
    held = torch.ones(400 * 250_000)
    assert megabytes(ones, 200) == pytest.approx(once, abs=30)
    del held


def test_torch_takes_as_many_threads_as_asked(tmp_path):
    fresh_peak(threads_of_torch, str(tmp_path / "threads"), threads=3)
    assert (tmp_path / "threads").read_text() == "3"


def test_what_the_call_prints_is_not_taken_for_the_answer():
    assert fresh_peak(noisy)["value"] >= 0


FAILURES = [
    (fails, "ValueError: no such size"),
    (reads_a_global, "NameError: name 'OUTSIDE' is not defined; it must import or define all it reads"),
    (returns_no_call, "TypeError: it returned a int; it returns the call to be measured"),
    (dies, "it ended with status 9"),
]


@pytest.mark.parametrize(("prepare", "words"), FAILURES, ids=[f[0].__name__ for f in FAILURES])
def test_an_error_in_the_child_is_one_sentence(prepare, words):
    expected = f"`{prepare.__name__}` failed in its fresh process: {words}"
    with pytest.raises(RuntimeError, match=f"^{re.escape(expected)}$"):
        fresh_peak(prepare)


def test_a_process_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr("seqdocs.bench.fresh.SECONDS", 0.01)
    with pytest.raises(RuntimeError, match=r"`ones` took longer than 0\.01 s in its fresh process"):
        fresh_peak(ones, 1)


def test_a_lambda_has_no_text_of_its_own():
    with pytest.raises(TypeError, match="a fresh process knows it by its text, so it is a `def`"):
        fresh_peak(lambda: None)


def test_a_closure_is_refused():
    size = 3

    def prepare():
        return lambda: size

    with pytest.raises(TypeError, match="`prepare` reads size from around it; pass that as an argument"):
        fresh_peak(prepare)


def test_a_function_without_a_file_is_refused():
    names = {}
    exec("def prepare(): return int", names)
    with pytest.raises(TypeError, match="the text of `prepare` is nowhere to be found"):
        fresh_peak(names["prepare"])


def test_arguments_are_plain_data():
    with pytest.raises(TypeError, match="the arguments of `ones` are not plain data: Object of type Tensor"):
        fresh_peak(ones, torch.ones(1))
