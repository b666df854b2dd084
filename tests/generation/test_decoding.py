"""Decoding with a cache is decoding without one, for models of different kinds."""

from __future__ import annotations

import re

import pytest
import torch

from seqdocs.generation.decoding import generate, greedy
from seqdocs.generation.model import take_rows
from seqdocs.generation.sampling import sampler
from tests.generation.tiny import MODELS, gpt, prompt

every_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


@every_model
@pytest.mark.parametrize("T", [1, 2, 7])
@pytest.mark.parametrize("B", [1, 5])
def test_cached_is_uncached(make, B, T):
    model, tokens = make(), prompt(B, T)
    new = generate(model, tokens, 8)
    assert torch.equal(new, generate(model, tokens, 8, method="uncached"))
    if B > 1:
        assert len(new.unique(dim=0)) > 1  # the same for all would prove little


@every_model
def test_logits_seen_on_the_way_are_those_of_one_pass(make):
    model, tokens, seen = make(), prompt(5, 3), []
    new = generate(model, tokens, 8, lambda logits: seen.append(logits) or greedy(logits))
    for n, logits in enumerate(seen):
        whole, _ = model.prefill(torch.cat((tokens, new[:, :n]), 1))
        torch.testing.assert_close(logits, whole, rtol=0, atol=1e-12)


@every_model
def test_cached_sampling_is_uncached_sampling_with_the_same_seed(make):
    model, tokens = make(), prompt(5, 3)
    runs = [
        generate(model, tokens, 8, sampler(torch.Generator().manual_seed(1)), method=method)
        for method in ("cached", "uncached", "cached")
    ]
    assert torch.equal(runs[0], runs[1])
    assert torch.equal(runs[0], runs[2])
    other = generate(model, tokens, 8, sampler(torch.Generator().manual_seed(2)))
    assert not torch.equal(runs[0], other)


def test_greedy_is_the_models_own_greedy_generation():
    model, tokens = gpt(), prompt(5, 3)
    assert torch.equal(torch.cat((tokens, generate(model, tokens, 8)), 1), model.generate(tokens, 8))


@every_model
def test_rows_of_a_batch_do_not_touch(make):
    model, tokens = make(), prompt(5, 3)
    alone = torch.cat([generate(model, row[None], 6) for row in tokens])
    assert torch.equal(generate(model, tokens, 6), alone)


@every_model
def test_a_stopped_row_stays_stopped_and_the_others_go_on(make):
    model, tokens = make(), prompt(5, 3)
    free, differ = generate(model, tokens, 8).tolist(), 0
    for stop in range(5):
        ends = [row.index(stop) if stop in row else 8 for row in free]
        right = [row[:end] + [stop] * (8 - end) for row, end in zip(free, ends, strict=True)]
        assert generate(model, tokens, 8, stop=stop).tolist() == right
        differ += len(set(ends)) > 1
    assert differ > 0  # rows that stop at different times


def test_decoding_ends_when_all_rows_have_stopped():
    model, calls = gpt(), []
    first = int(generate(model, prompt(1, 3), 1))
    pick = lambda logits: calls.append(1) or greedy(logits)  # noqa: E731
    assert generate(model, prompt(1, 3), 9, pick, stop=first).tolist() == [[first] * 9]
    assert len(calls) == 1


def test_no_new_tokens_is_nothing():
    assert generate(gpt(), prompt(2, 3), 0).shape == (2, 0)


def test_rows_of_any_cache_can_be_taken():
    _, cache = gpt().prefill(prompt(3, 4))
    taken = take_rows({"kv": cache, "n": 3, "pair": (cache[0].keys, None)}, torch.tensor([2, 0, 2]))
    assert torch.equal(taken["kv"][1].values, cache[1].values[[2, 0, 2]])
    assert (taken["kv"][0].length, taken["n"], taken["pair"][1]) == (4, 3, None)
    taken["kv"][0].keys.zero_()
    assert cache[0].keys.abs().sum() > 0  # a copy


REFUSED = [
    (
        lambda: generate(gpt(), prompt(1, 3)[0], 1),
        "`prompt` is torch.int64 of shape (3,); it is integers, (B, T) with T ≥ 1",
    ),
    (
        lambda: generate(gpt(), prompt(1, 0), 1),
        "`prompt` is torch.int64 of shape (1, 0); it is integers, (B, T) with T ≥ 1",
    ),
    (
        lambda: generate(gpt(), prompt(1, 3).double(), 1),
        "`prompt` is torch.float64 of shape (1, 3); it is integers, (B, T) with T ≥ 1",
    ),
    (lambda: generate(gpt(), prompt(1, 3), -1), "`new_tokens` is -1; it is at least 0"),
    (
        lambda: generate(gpt(), prompt(1, 3), 1, method="fast"),
        '`method` is \'fast\'; it is "uncached" or "cached"',
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
