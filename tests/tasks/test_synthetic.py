"""Every synthetic task agrees with a plain oracle, is decided by its seed, and draws all that it may."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

from seqdocs.tasks.adding import adding
from seqdocs.tasks.associative_recall import associative_recall
from seqdocs.tasks.batch import Batch, generator
from seqdocs.tasks.brackets import brackets
from seqdocs.tasks.copying import copying
from seqdocs.tasks.delayed_xor import delayed_xor
from seqdocs.tasks.parity import parity
from seqdocs.tasks.questions import first_token, meaning, occurs, which_first
from seqdocs.tasks.selective_copying import selective_copying
from tests.tasks import oracles

# task, its oracle, least length, options of the task
CASES: dict[str, tuple[Callable[..., Batch], Callable[[list[Any]], dict[int, Any]], int, dict[str, int]]] = {
    "copying": (copying, lambda x: oracles.copying(x, 8), 1, {}),
    "copying after a lag": (copying, lambda x: oracles.copying(x, 2), 1, {"lag": 9, "symbols": 2}),
    "selective copying": (selective_copying, lambda x: oracles.copying(x, 8), 8, {}),
    "selective copying of one": (selective_copying, lambda x: oracles.copying(x, 8), 2, {"kept": 1}),
    "adding": (adding, oracles.adding, 2, {}),
    "parity": (parity, oracles.parity, 1, {}),
    "associative recall": (associative_recall, oracles.associative_recall, 1, {"keys": 63}),
    "associative recall, rewritten": (
        associative_recall,
        oracles.associative_recall,
        1,
        {"keys": 63, "rewrites": 40},
    ),
    "delayed XOR": (delayed_xor, lambda x: oracles.delayed_xor(x, 0), 2, {}),
    "delayed XOR, three ago": (delayed_xor, lambda x: oracles.delayed_xor(x, 3), 5, {"delay": 3}),
    "brackets": (brackets, lambda x: oracles.brackets(x, 2), 1, {}),
    "brackets, three kinds": (brackets, lambda x: oracles.brackets(x, 3), 1, {"kinds": 3, "depth": 2}),
    "occurs": (occurs, oracles.occurs, 1, {}),
    "which first": (which_first, oracles.which_first, 3, {}),
    "which first of many kinds": (which_first, oracles.which_first, 3, {"kinds": 99}),
    "first token": (first_token, oracles.first_token, 1, {}),
    "meaning": (meaning, oracles.meaning, 2, {}),
}
LENGTHS = (0, 1, 6, 55)  # on top of the least


@pytest.mark.parametrize("B", [1, 5, 40])
@pytest.mark.parametrize("more", LENGTHS)
@pytest.mark.parametrize("name", CASES)
def test_answers_and_where_they_count_are_those_of_the_oracle(name: str, more: int, B: int) -> None:
    task, oracle, least, options = CASES[name]
    batch = task(B, least + more, seed=7, **options)
    assert batch.scored.dtype == torch.bool
    assert batch.y.shape == batch.scored.shape == batch.x.shape[:2]
    for x, y, scored in zip(*batch, strict=True):
        right = oracle(x.tolist())
        assert scored.nonzero().flatten().tolist() == sorted(right)
        assert y[scored].tolist() == pytest.approx([right[t] for t in sorted(right)], abs=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_the_seed_decides_and_nothing_else_does(name: str) -> None:
    task, _, least, options = CASES[name]
    first, again = (task(8, least + 5, seed=1, **options) for _ in range(2))
    other = task(8, least + 5, seed=2, **options)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    after = task(8, least + 5, seed=1, **options)
    assert torch.equal(torch.get_rng_state(), state)  # torch's own randomness is neither read nor moved
    for one, two, three in zip(first, again, after, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)
    assert not torch.equal(first.x, other.x)


@pytest.mark.parametrize("name", CASES)
def test_a_generator_goes_on_drawing(name: str) -> None:
    task, _, least, options = CASES[name]
    draw = generator(1)
    first, second = (task(8, least + 5, draw, **options) for _ in range(2))
    assert torch.equal(first.x, task(8, least + 5, 1, **options).x)
    assert not torch.equal(first.x, second.x)


@pytest.mark.parametrize("name", CASES)
def test_a_batch_of_none_is_a_batch(name: str) -> None:
    task, _, least, options = CASES[name]
    assert task(0, least, seed=0, **options).x.shape[0] == 0


@pytest.mark.parametrize("name", CASES)
def test_a_length_below_the_least_is_refused(name: str) -> None:
    task, _, least, options = CASES[name]
    with pytest.raises(ValueError, match=rf"^`length` is {least - 1}; it is at least {least}$"):
        task(2, least - 1, seed=0, **options)
    with pytest.raises(ValueError, match=r"^`batch` is -1; it is at least 0$"):
        task(-1, least, seed=0, **options)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: copying(1, 2, 0, lag=-1), "`lag` is -1; it is at least 0"),
        (lambda: copying(1, 2, 0, symbols=0), "`symbols` is 0; it is at least 1"),
        (lambda: selective_copying(1, 8, 0, kept=0), "`kept` is 0; it is at least 1"),
        (lambda: selective_copying(1, 8, 0, kept=5), "`length` is 8; it is at least 10"),
        (
            lambda: associative_recall(1, 9, 0),
            "`length` is 9 pairs but there are 8 keys; keys of a sequence differ",
        ),
        (lambda: associative_recall(1, 1, 0, values=0), "`values` is 0; it is at least 1"),
        (lambda: associative_recall(1, 1, 0, rewrites=-1), "`rewrites` is -1; it is at least 0"),
        (lambda: delayed_xor(1, 5, 0, delay=-1), "`delay` is -1; it is at least 0"),
        (lambda: brackets(1, 5, 0, kinds=0), "`kinds` is 0; it is at least 1"),
        (lambda: brackets(1, 5, 0, depth=0), "`depth` is 0; it is at least 1"),
        (lambda: occurs(1, 5, 0, kinds=1), "`kinds` is 1; it is at least 2"),
        (lambda: which_first(1, 5, 0, kinds=2), "`kinds` is 2; it is at least 3"),
        (lambda: first_token(1, 5, 0, kinds=2), "`kinds` is 2; it is at least 3"),
        (lambda: meaning(1, 5, 0, kinds=4), "`kinds` is 4; it is at least 5"),
    ],
)
def test_a_refusal_names_the_argument(call: Callable[[], Batch], words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()


def test_every_symbol_and_every_gap_is_drawn() -> None:
    x = selective_copying(2000, 9, seed=0, kept=2, symbols=3).x
    places = {tuple((row < 3).nonzero().flatten().tolist()) for row in x}
    assert len(places) == 21  # 2 of the 7 steps before "go"
    assert set(x.flatten().tolist()) == {0, 1, 2, 3, 4}


def test_marks_of_adding_reach_every_step_of_their_half() -> None:
    marks = adding(2000, 7, seed=0).x[..., 1]
    pairs = {tuple(row.nonzero().flatten().tolist()) for row in marks}
    assert pairs == {(first, second) for first in range(3) for second in range(3, 7)}


def test_keys_of_a_sequence_differ_and_every_pair_is_asked_for() -> None:
    x = associative_recall(3000, 3, seed=0, keys=5, values=2).x
    keys = x[:, 0:6:2]
    assert all(len(set(row.tolist())) == 3 for row in keys)
    assert set((keys == x[:, -1:]).nonzero()[:, 1].tolist()) == {0, 1, 2}
    assert set(x[:, 1:6:2].flatten().tolist()) == {5, 6}


def test_rewrites_bring_back_every_key_and_none_else() -> None:
    x = associative_recall(2000, 3, seed=0, keys=5, values=2, rewrites=2).x
    first, again = x[:, 0:6:2], x[:, 6:10:2]
    came = first[:, :, None] == again[:, None]
    assert came.any(1).all()
    assert set(came.nonzero()[:, 1].tolist()) == {0, 1, 2}


def test_without_rewrites_the_draw_is_that_of_before() -> None:
    assert associative_recall(1, 2, seed=1, keys=4, values=4).x.tolist() == [[1, 7, 2, 5, 2]]


def test_brackets_reach_their_depth_and_never_pass_it() -> None:
    x = brackets(500, 30, seed=0, depth=3).x
    height = torch.where(x % 2 == 0, 1, -1).cumsum(1)
    assert height.max() == 3
    assert height.min() == 0
    opened = (x[:, 1:] % 2 == 0)[(height[:, :-1] > 0) & (height[:, :-1] < 3)].double().mean()
    assert abs(opened - 0.5) < 0.02  # equal chances where both are possible


@pytest.mark.parametrize("task", [occurs, which_first, first_token, meaning])
def test_who_guesses_a_question_is_right_in_half(task: Callable[..., Batch]) -> None:
    assert abs(task(4000, 6, seed=0).y[:, -1].double().mean() - 0.5) < 0.03


@pytest.mark.parametrize(("task", "named"), [(occurs, 0), (which_first, 0), (which_first, 1), (meaning, 3)])
def test_what_a_question_is_about_stands_at_every_place(task: Callable[..., Batch], named: int) -> None:
    x = task(2000, 6, seed=0).x
    places = set((x == named).nonzero()[:, 1].tolist())
    assert places == set(range(6 if task is occurs else 5))


def test_neither_the_word_nor_its_topic_says_what_it_means() -> None:
    x, y, _ = meaning(4000, 6, seed=0)
    for clue in (x[:, -1], (x == 3).any(1).long()):
        assert abs((clue == y[:, -1]).double().mean() - 0.5) < 0.03


def test_bits_are_fair() -> None:
    assert abs(parity(500, 60, seed=0).x.double().mean() - 0.5) < 0.01


def test_a_batch_moves_to_another_device() -> None:
    moved = parity(2, 3, seed=0).to("meta")
    assert isinstance(moved, Batch)
    assert {tensor.device.type for tensor in moved} == {"meta"}
