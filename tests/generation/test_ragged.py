"""Prompts of different lengths in one batch are continued as if each were alone."""

from __future__ import annotations

import re
from functools import partial

import pytest
import torch

from seqdocs.generation.decoding import generate, greedy
from seqdocs.generation.ragged import generate_ragged, left_fill
from tests.generation.tiny import Elman, gpt, prompt

LENGTHS = [3, 1, 7, 3, 2]


def prompts() -> list[torch.Tensor]:
    return [row[:length] for row, length in zip(prompt(5, 7), LENGTHS, strict=True)]


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary", "alibi", "none"])
@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("method", ["grouped", "padded"])
def test_together_is_one_by_one(positions, window, method):
    model = gpt(positions=positions, window=window)
    alone = generate_ragged(model, prompts(), 8)
    assert torch.equal(generate_ragged(model, prompts(), 8, method=method), alone)
    assert len(alone.unique(dim=0)) > 1
    for row, own in zip(alone, prompts(), strict=True):
        assert torch.equal(row[None], generate(model, own[None], 8, method="uncached"))


def test_a_model_that_knows_no_lengths_is_grouped():
    model = Elman()
    together = generate_ragged(model, prompts(), 8, method="grouped")
    assert torch.equal(together, generate_ragged(model, prompts(), 8))
    with pytest.raises(TypeError, match="lengths"):
        generate_ragged(model, prompts(), 8, method="padded")


def test_logits_of_a_padded_batch_are_those_of_each_alone():
    model, seen = gpt(), []
    tokens, lengths = left_fill(prompts(), filler=4)
    new = generate(model, tokens, 6, lambda z: seen.append(z) or greedy(z), lengths=lengths)
    for b, own in enumerate(prompts()):
        for n, logits in enumerate(seen):
            whole, _ = model.prefill(torch.cat((own, new[b, :n]))[None])
            torch.testing.assert_close(logits[b], whole[0], rtol=0, atol=1e-12)


def test_padded_cached_is_padded_uncached_and_the_filler_is_not_read():
    model = gpt()
    run = partial(generate, model, new_tokens=8)
    new = []
    for filler in (0, 3):
        tokens, lengths = left_fill(prompts(), filler)
        new += [run(tokens, lengths=lengths, method=method) for method in ("cached", "uncached")]
    assert all(torch.equal(one, new[0]) for one in new)


@pytest.mark.parametrize("method", ["grouped", "padded"])
def test_stop_acts_as_one_by_one(method):
    model = gpt()
    stop = int(generate_ragged(model, prompts(), 8)[0, 2])
    alone = generate_ragged(model, prompts(), 8, stop=stop)
    assert torch.equal(generate_ragged(model, prompts(), 8, stop=stop, method=method), alone)


REFUSED = [
    (lambda: left_fill([]), "`prompts` is empty; it holds at least one prompt"),
    (
        lambda: left_fill([prompt(1, 2)[0], prompt(1, 2)]),
        "`prompts[1]` has shape (1, 2); it is (T,) with T ≥ 1",
    ),
    (lambda: left_fill([prompt(1, 0)[0]]), "`prompts[0]` has shape (0,); it is (T,) with T ≥ 1"),
    (
        lambda: generate_ragged(gpt(), prompts(), 1, method="right"),
        '`method` is \'right\'; it is "loop", "grouped" or "padded"',
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
