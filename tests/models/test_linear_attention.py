"""Linear attention is the weighted mean of all values so far, with the weights written out."""

from __future__ import annotations

import re

import pytest
import torch

from seqdocs.models.linear_attention import linear_attention
from tests.models.agreement import (
    BATCHES,
    LENGTHS,
    assert_batch_permutes,
    assert_causal,
    assert_repeats,
    assert_same,
)

n, K, V = 3, 4, 2
METHODS = ("loop", "parallel", "chunked")
each_method = pytest.mark.parametrize("method", METHODS)


def inputs(B, T, dtype=torch.float64):
    torch.manual_seed(0)
    return [torch.randn(shape, dtype=dtype) for shape in ((B, n, T, K), (B, n, T, K), (B, n, T, V))]


def formula(q, k, v):
    """A matrix of weights whose rows sum to one, as in attention."""
    q, k = (torch.where(x > 0, x + 1, torch.exp(x)) for x in (q, k))
    weights = (q @ k.mT).tril()
    return weights / weights.sum(-1, keepdim=True) @ v


@each_method
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
def test_values_and_gradients_are_those_of_the_weighted_mean(B, T, method):
    assert_same(lambda *x: linear_attention(*x, method=method)[0], formula, inputs(B, T))


@each_method
def test_the_state_holds_the_sums_of_both_fractions(method):
    q, k, v = inputs(2, 7)
    _, state = linear_attention(q, k, v, method=method)
    written = torch.where(k > 0, k + 1, torch.exp(k))
    torch.testing.assert_close(state[..., :V], written.mT @ v)
    torch.testing.assert_close(state[..., V], written.sum(2))


@each_method
def test_gradients_pass_torchs_own_check(method):
    leaves = [x.requires_grad_() for x in inputs(1, 5)]
    assert torch.autograd.gradcheck(lambda *x: linear_attention(*x, method=method), leaves, fast_mode=True)


@each_method
@pytest.mark.parametrize("sizes", [(0, 9), (1, 8), (2, 4, 3)])
def test_state_carries_across_chunks(sizes, method):
    leaves = inputs(5, 9)
    whole = linear_attention(*leaves, method=method)
    outputs, state = [], None
    for parts in zip(*(x.split(list(sizes), 2) for x in leaves), strict=True):
        y, state = linear_attention(*parts, state, method=method)
        outputs.append(y)
    for mine, right in zip((torch.cat(outputs, 2), state), whole, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-12, atol=1e-12)


@each_method
def test_the_future_does_not_reach_the_past(method):
    def form(x):
        heads = x.expand(n, -1, -1)[None]
        return linear_attention(heads, heads, heads.cumsum(-1), method=method)[0].sum(1)

    assert_causal(form, 35, K)


def test_sequences_of_a_batch_do_not_meet_and_runs_repeat():
    q, k, v = inputs(5, 63)
    assert_batch_permutes(lambda x: linear_attention(x, x, x), q)
    assert_repeats(lambda: linear_attention(q, k, v))


Q = torch.zeros(2, n, 5, K)
REFUSED = [
    ((Q, Q, Q[0]), {}, "`v` has shape (3, 5, 4); it is (B, n, T, V)"),
    ((Q[0], Q, Q), {}, "`q` has shape (3, 5, 4) and `k` (2, 3, 5, 4); both are (B, n, T, K)"),
    ((Q, Q, Q, Q), {}, "`state` has shape (2, 3, 5, 4); it is (B, n, K, V + 1), here with V = 4"),
    ((Q, Q, Q), {"method": "fast"}, '`method` is \'fast\'; it is "loop", "parallel" or "chunked"'),
]


@pytest.mark.parametrize(("arguments", "options", "words"), REFUSED)
def test_a_wrong_argument_is_named(arguments, options, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        linear_attention(*arguments, **options)
