"""Retention is a masked product with powers of each head's rate."""

from __future__ import annotations

import re

import pytest
import torch

from seqdocs.models.retention import decay, retention
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
    shapes = ((B, n, T, K), (B, n, T, K), (B, n, T, V), (B, n, K, V))
    return [torch.randn(shape, dtype=dtype) for shape in shapes]


def formula(q, k, v, state):
    """All pairs, with γ^(t-s) as a matrix for each head; the state stands before step 0."""
    T = q.shape[2]
    outputs, lasts = [], []
    for head, gamma in enumerate((31 / 32, 63 / 64, 127 / 128)):
        t = torch.arange(T, dtype=q.dtype)
        kept = torch.where(t[:, None] >= t, gamma ** (t[:, None] - t), 0)
        scores = q[:, head] @ k[:, head].mT / 2 * kept
        outputs.append(scores @ v[:, head] + gamma ** (t[:, None] + 1) * (q[:, head] @ state[:, head]) / 2)
        lasts.append(gamma**T * state[:, head] + (gamma ** (T - 1 - t[:, None]) * k[:, head]).mT @ v[:, head])
    return torch.stack(outputs, 1), torch.stack(lasts, 1)


@each_method
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
def test_values_and_gradients_are_those_of_the_masked_product(B, T, method):
    assert_same(lambda *x: retention(*x, method=method), formula, inputs(B, T))


@each_method
def test_gradients_pass_torchs_own_check(method):
    leaves = [x.requires_grad_() for x in inputs(1, 5)]
    assert torch.autograd.gradcheck(lambda *x: retention(*x, method=method), leaves, fast_mode=True)


@each_method
@pytest.mark.parametrize("sizes", [(0, 9), (1, 8), (2, 4, 3)])
def test_state_carries_across_chunks(sizes, method):
    *leaves, state = inputs(5, 9)
    whole = retention(*leaves, state, method=method)
    outputs = []
    for parts in zip(*(x.split(list(sizes), 2) for x in leaves), strict=True):
        y, state = retention(*parts, state, method=method)
        outputs.append(y)
    for mine, right in zip((torch.cat(outputs, 2), state), whole, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-12, atol=1e-12)


@each_method
def test_the_future_does_not_reach_the_past(method):
    def form(x):
        heads = x.expand(n, -1, -1)[None] + 1
        return retention(heads, heads, heads, method=method)[0].sum(1)

    assert_causal(form, 35, K)


def test_sequences_of_a_batch_do_not_meet_and_runs_repeat():
    q, k, v, _ = inputs(5, 63)
    assert_batch_permutes(lambda x: retention(x, x, x), q)
    assert_repeats(lambda: retention(q, k, v))


Q = torch.zeros(2, n, 5, K)
REFUSED = [
    (lambda: retention(Q[0], Q, Q), "`q` has shape (3, 5, 4); it is (B, n, T, K)"),
    (
        lambda: retention(Q, Q, Q[:1]),
        "`v` has shape (1, 3, 5, 4); for `q` of (2, 3, 5, 4) it is (B, n, T, V)",
    ),
    (
        lambda: retention(Q, Q, Q, method="fast"),
        '`method` is \'fast\'; it is "loop", "parallel" or "chunked"',
    ),
    (lambda: decay(0), "`heads` is 0; it is at least 1"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
