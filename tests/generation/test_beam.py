"""A wide beam is exhaustive search, a beam of one is greedy, whatever the model's cache is."""

from __future__ import annotations

import math
import re

import pytest
import torch

from seqdocs.generation.beam import beam_search, mean_penalty, no_penalty, wu_penalty
from seqdocs.generation.decoding import generate
from tests.generation.tiny import MODELS, all_texts, gpt, log_probability, prompt

V, N = 3, 4
every_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
PENALTIES = {"none": no_penalty, "mean": mean_penalty, "wu": wu_penalty(0.6)}
seeds = pytest.mark.parametrize("seed", range(3))


@every_model
@seeds
@pytest.mark.parametrize("stop", [None, 0])
@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)
def test_a_wide_beam_is_exhaustive_search(make, seed, stop, penalty):
    model, start = make(V, seed), prompt(1, 2, V)[0]
    found = beam_search(model, start, N, width=V**N, stop=stop, penalty=penalty)
    right = {text: log_probability(model, start, text) for text in all_texts(V, N, stop)}
    ranked = sorted(right, key=lambda text: -right[text] / penalty(len(text)))
    assert [answer.tokens for answer in found] == ranked
    for answer in found:
        assert math.isclose(answer.log_probability, right[answer.tokens], abs_tol=1e-10)
        assert math.isclose(answer.score, right[answer.tokens] / penalty(len(answer.tokens)), abs_tol=1e-10)
    total = sum(math.exp(answer.log_probability) for answer in found)
    assert math.isclose(total, 1, abs_tol=1e-10)  # every text, and none twice


@every_model
def test_the_best_is_found_when_every_beginning_fits(make):
    model, start = make(V), prompt(1, 2, V)[0]
    best = beam_search(model, start, N, width=V ** (N - 1))[0]
    assert best.tokens == max(all_texts(V, N), key=lambda text: log_probability(model, start, text))


@every_model
@seeds
@pytest.mark.parametrize("stop", [None, 0])
@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)
def test_a_beam_of_one_is_greedy(make, seed, stop, penalty):
    model, start = make(seed=seed), prompt(1, 3)
    (answer,) = beam_search(model, start[0], 8, width=1, stop=stop, penalty=penalty)
    greedy = generate(model, start, 8, stop=stop)[0].tolist()
    if stop in greedy:
        greedy = greedy[: greedy.index(stop) + 1]
    assert list(answer.tokens) == greedy


def test_a_wider_beam_finds_what_greedy_misses():
    """Of ten models, some have a likelier text than the greedy one."""
    better = 0
    for seed in range(10):
        model, start = gpt(seed=seed), prompt(1, 3)[0]
        narrow, wide = (beam_search(model, start, 5, width=width)[0] for width in (1, 5))
        better += wide.log_probability > narrow.log_probability + 1e-9
    assert better >= 2


def test_an_impossible_text_is_no_answer():
    class Sure:
        def prefill(self, tokens):
            return torch.tensor([[0.0, -math.inf, 0.0]]), torch.zeros(1)

        def decode(self, token, cache):
            return torch.tensor([[0.0, -math.inf, -math.inf]]).expand(len(token), 3)

    found = beam_search(Sure(), torch.tensor([0]), 2, width=9)
    assert sorted(answer.tokens for answer in found) == [(0, 0), (2, 0)]


def test_penalties_are_those_named():
    assert (no_penalty(7), mean_penalty(7), wu_penalty(1)(7), wu_penalty(0)(7)) == (1.0, 7.0, 2.0, 1.0)


def test_no_new_tokens_is_one_empty_answer():
    (answer,) = beam_search(gpt(), prompt(1, 2)[0], 0, width=3)
    assert (answer.tokens, answer.log_probability) == ((), 0.0)


REFUSED = [
    (lambda: beam_search(gpt(), prompt(1, 2)[0], 1, width=0), "`width` is 0; it is at least 1"),
    (
        lambda: beam_search(gpt(), prompt(1, 2), 1, width=1),
        "`prompt` has shape (1, 2); it is (T,), one prompt",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
