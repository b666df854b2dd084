"""Temperature, top-k and nucleus keep what they say, and at their ends change nothing or are greedy."""

from __future__ import annotations

import math
import re

import pytest
import torch

from seqdocs.generation.decoding import generate, greedy
from seqdocs.generation.nucleus import nucleus
from seqdocs.generation.sampling import filtered, sampler
from seqdocs.generation.temperature import tempered
from seqdocs.generation.top_k import top_k
from tests.generation.tiny import gpt, prompt

V = 9
LOGITS = 3 * torch.randn(7, V, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
CLOSE = {"rtol": 0, "atol": 1e-14}


def test_at_one_end_nothing_changes():
    plain = LOGITS.log_softmax(-1)
    for kept in (tempered(LOGITS, 1), top_k(LOGITS, V), top_k(LOGITS, V + 5), nucleus(LOGITS, 1)):
        torch.testing.assert_close(kept, plain, **CLOSE)
    torch.testing.assert_close(filtered(LOGITS, temperature=1, top_k=V, top_p=1), plain, **CLOSE)
    torch.testing.assert_close(filtered(LOGITS), plain, **CLOSE)


def test_at_the_other_end_all_are_greedy():
    ends = (tempered(LOGITS, 0), tempered(LOGITS, 1e-5), top_k(LOGITS, 1), nucleus(LOGITS, 1e-9))
    for kept in ends:
        assert torch.equal(kept.exp(), torch.nn.functional.one_hot(greedy(LOGITS), V).double())


@pytest.mark.parametrize(
    "options", [{"temperature": 0.0}, {"temperature": 1e-6}, {"top_k": 1}, {"top_p": 1e-9}]
)
def test_greedy_ends_generate_what_greedy_does(options):
    model, tokens = gpt(), prompt(5, 3)
    drawn = generate(model, tokens, 8, sampler(torch.Generator().manual_seed(3), **options))
    assert torch.equal(drawn, generate(model, tokens, 8))


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_temperature_is_a_power_of_the_probabilities(temperature):
    p = LOGITS.softmax(-1) ** (1 / temperature)
    torch.testing.assert_close(tempered(LOGITS, temperature).exp(), p / p.sum(-1, keepdim=True), **CLOSE)


@pytest.mark.parametrize("k", [1, 2, 5, V])
def test_top_k_keeps_the_k_likeliest_in_proportion(k):
    kept, p = top_k(LOGITS, k).exp(), LOGITS.softmax(-1)
    for mine, whole in zip(kept, p, strict=True):
        best = sorted(range(V), key=lambda v: -float(whole[v]))[:k]
        right = torch.zeros(V, dtype=torch.float64)
        right[best] = whole[best] / whole[best].sum()
        torch.testing.assert_close(mine, right, **CLOSE)


@pytest.mark.parametrize("p", [1e-9, 0.2, 0.5, 0.9, 0.999])
def test_the_nucleus_is_the_smallest_set_that_holds_p(p):
    for mine, whole in zip(nucleus(LOGITS, p).exp(), LOGITS.softmax(-1), strict=True):
        best, held = [], 0.0
        for v in sorted(range(V), key=lambda v: -float(whole[v])):
            if held < p:
                best.append(v)
                held += float(whole[v])
        right = torch.zeros(V, dtype=torch.float64)
        right[best] = whole[best] / whole[best].sum()
        torch.testing.assert_close(mine, right, **CLOSE)


def test_the_token_that_just_reaches_p_is_the_last():
    q = torch.tensor([0.125, 0.5, 0.25, 0.125], dtype=torch.float64).log()
    assert (nucleus(q, 0.75) > -math.inf).tolist() == [False, True, True, False]
    assert (nucleus(q, 0.76) > -math.inf).tolist() == [True, True, True, False]


def test_of_equal_tokens_the_first_stay():
    equal = torch.zeros(2, 100)
    assert (top_k(equal, 30) > -math.inf)[:, :30].all()
    assert (top_k(equal, 30) > -math.inf).sum() == 60
    assert (nucleus(equal, 0.295) > -math.inf).sum(-1).tolist() == [30, 30]
    assert (nucleus(equal, 0.295) > -math.inf)[:, :30].all()
    assert tempered(equal, 0).argmax(-1).tolist() == [0, 0]


def test_an_impossible_token_stays_impossible():
    logits = torch.tensor([0.0, -math.inf, 1.0], dtype=torch.float64)
    kept = (tempered(logits, 0.5), top_k(logits, 3), nucleus(logits, 0.999), tempered(logits, 0))
    assert all(one[1] == -math.inf and math.isclose(one.exp().sum(), 1) for one in kept)


def test_a_nucleus_of_one_keeps_what_rounding_would_drop():
    """The first token has a probability of 1 in single precision, and yet the others are possible."""
    assert nucleus(torch.tensor([0.0, -20.0, -20.0]), 1.0).isfinite().all()


def test_large_logits_do_not_overflow():
    assert tempered(torch.tensor([3e4, 2.9e4]), 1e-36).exp().tolist() == [1.0, 0.0]


def test_temperature_acts_before_the_filters_and_top_k_before_the_nucleus():
    p = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
    hot = p**0.5 / (p**0.5).sum()  # 0.33, 0.28, 0.23, 0.16: three are needed for 0.65, two were enough before
    assert (filtered(p.log(), temperature=2, top_p=0.65) > -math.inf).sum() == 3
    torch.testing.assert_close(
        filtered(p.log(), temperature=2, top_p=0.65).exp()[:3], hot[:3] / hot[:3].sum(), **CLOSE
    )
    # Of the three that top-k leaves, two hold 0.75 (0.7 / 0.9 = 0.78); of all four, three would be needed.
    assert (filtered(p.log(), top_k=3, top_p=0.75) > -math.inf).sum() == 2


def test_draws_follow_the_filtered_distribution():
    """Within five standard errors of 200,000 draws; the seed is fixed, so this never fails by chance."""
    N = 200_000
    options = {"temperature": 1.5, "top_k": 6, "top_p": 0.95}
    pick = sampler(torch.Generator().manual_seed(0), **options)
    p = filtered(LOGITS[0], **options).exp()
    often = pick(LOGITS[:1].expand(N, V)).bincount(minlength=V) / N
    assert ((often - p).abs() <= 5 * (p * (1 - p) / N).sqrt()).all()


REFUSED = [
    (lambda: tempered(LOGITS, -1.0), "`temperature` is -1.0; it is finite and at least 0"),
    (lambda: tempered(LOGITS, math.nan), "`temperature` is nan; it is finite and at least 0"),
    (lambda: top_k(LOGITS, 0), "`k` is 0; it is at least 1"),
    (lambda: nucleus(LOGITS, 0.0), "`p` is 0.0; it is more than 0 and at most 1"),
    (lambda: nucleus(LOGITS, 1.1), "`p` is 1.1; it is more than 0 and at most 1"),
    (lambda: nucleus(LOGITS, math.nan), "`p` is nan; it is more than 0 and at most 1"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
