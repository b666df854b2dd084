"""Gated linear attention is its sum over the past, by every method and with every kind of gate."""

from __future__ import annotations

import re

import pytest
import torch

from seqdocs.models.gated_linear_attention import CHUNK, gated_linear_attention
from tests.models.agreement import (
    BATCHES,
    LENGTHS,
    assert_batch_permutes,
    assert_causal,
    assert_repeats,
    assert_same,
)

n, K, V = 2, 3, 4
METHODS = ("loop", "parallel", "chunked")
each_method = pytest.mark.parametrize("method", METHODS)
GATES = {
    "none": lambda B, T: None,
    "head": lambda B, T: -torch.rand(n, 1, 1, dtype=torch.float64),
    "step": lambda B, T: -torch.rand(B, n, T, 1, dtype=torch.float64),
    "vector": lambda B, T: -torch.rand(B, n, T, K, dtype=torch.float64),
}
each_gate = pytest.mark.parametrize("gate", GATES)


def inputs(B, T, dtype=torch.float64):
    torch.manual_seed(0)
    shapes = ((B, n, T, K), (B, n, T, K), (B, n, T, V), (B, n, K, V))
    return [torch.randn(shape, dtype=dtype) for shape in shapes]


def formula(q, k, v, state, log_gate=None):
    """The sum over the past, written out: every pair with the product of the gates between."""
    B, _, T, _ = q.shape
    g = torch.ones_like(q) if log_gate is None else torch.exp(log_gate.expand(B, n, T, K))
    outputs = []
    for t in range(T):
        y = torch.einsum("bnk,bnkv->bnv", q[:, :, t] * g[:, :, : t + 1].prod(2), state)
        for s in range(t + 1):
            score = (q[:, :, t] * g[:, :, s + 1 : t + 1].prod(2) * k[:, :, s]).sum(-1, keepdim=True)
            y = y + score * v[:, :, s]
        outputs.append(y)
    last = g.prod(2)[..., None] * state
    for s in range(T):
        last = last + (g[:, :, s + 1 :].prod(2) * k[:, :, s])[..., None] * v[:, :, s, None, :]
    return (torch.stack(outputs, 2) if outputs else v * 0), last


@each_method
@each_gate
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
def test_values_and_gradients_are_those_of_the_sum(B, T, gate, method):
    if T == 63 and gate != "vector":
        T = 33  # the sum over pairs is slow; one gate goes all the way
    q, k, v, state = inputs(B, T)
    log_gate = GATES[gate](B, T)
    leaves = [q, k, v, state] + ([] if log_gate is None else [log_gate])

    def ours(q, k, v, state, log_gate=None):
        return gated_linear_attention(q, k, v, log_gate, state, method=method)

    assert_same(ours, formula, leaves)


@pytest.mark.parametrize("T", [CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
@each_gate
def test_chunks_end_anywhere(gate, T):
    q, k, v, state = inputs(2, T)
    log_gate = GATES[gate](2, T)
    whole, chunked = (
        gated_linear_attention(q, k, v, log_gate, state, method=method) for method in ("loop", "chunked")
    )
    for mine, right in zip(chunked, whole, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-10, atol=1e-10)


@each_method
@pytest.mark.parametrize("sizes", [(0, 7), (1, 6), (2, 2, 3)])
def test_state_carries_across_chunks(sizes, method):
    q, k, v, state = inputs(5, 7)
    log_gate = GATES["vector"](5, 7)
    whole = gated_linear_attention(q, k, v, log_gate, state, method=method)
    outputs = []
    for parts in zip(*(x.split(list(sizes), 2) for x in (q, k, v, log_gate)), strict=True):
        y, state = gated_linear_attention(*parts, state, method=method)
        outputs.append(y)
    for mine, right in zip((torch.cat(outputs, 2), state), whole, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-12, atol=1e-12)


@each_method
def test_the_future_does_not_reach_the_past(method):
    log_gate = GATES["step"](1, 35)

    def form(x):
        heads = (x + 1).expand(n, -1, -1)[None]
        return gated_linear_attention(heads, heads, heads, log_gate, method=method)[0].sum(1)

    assert_causal(form, 35, K)


@each_method
@each_gate
def test_a_gate_that_shuts_forgets_everything_and_overflows_nowhere(gate, method):
    q, k, v, state = inputs(2, 40)
    log_gate = GATES[gate](2, 40)
    if log_gate is None:
        return
    shut = torch.full_like(log_gate, -2000.0).requires_grad_()
    y, last = gated_linear_attention(q, k, v, shut, state, method=method)
    torch.testing.assert_close(y, (q * k).sum(-1, keepdim=True) * v)
    torch.testing.assert_close(last, k[:, :, -1, :, None] * v[:, :, -1, None, :])
    (grad,) = torch.autograd.grad(y.sum(), shut)
    assert grad.isfinite().all()


@each_method
def test_gradients_pass_torchs_own_check(method):
    leaves = [x.requires_grad_() for x in (*inputs(1, 5), GATES["vector"](1, 5))]

    def form(q, k, v, state, log_gate):
        return gated_linear_attention(q, k, v, log_gate, state, method=method)

    assert torch.autograd.gradcheck(form, leaves)


def test_sequences_of_a_batch_do_not_meet_and_runs_repeat():
    q, _, _, _ = inputs(5, 63)
    assert_batch_permutes(lambda x: gated_linear_attention(x, x, x), q)
    assert_repeats(lambda: gated_linear_attention(q, q, q))


Q = torch.zeros(2, n, 5, K)
REFUSED = [
    ((Q[0], Q, Q), {}, "`q` has shape (2, 5, 3) and `k` (2, 2, 5, 3); both are (B, n, T, K)"),
    ((Q, Q, Q[:, :, :4]), {}, "`v` has shape (2, 2, 4, 3); for `q` of (2, 2, 5, 3) it is (B, n, T, V)"),
    (
        (Q, Q, Q, Q[..., :2]),
        {},
        "`log_gate` has shape (2, 2, 5, 2); it broadcasts to (B, n, T, K) = (2, 2, 5, 3)",
    ),
    (
        (Q, Q, Q, Q[None]),
        {},
        "`log_gate` has shape (1, 2, 2, 5, 3); it broadcasts to (B, n, T, K) = (2, 2, 5, 3)",
    ),
    ((Q, Q, Q, None, Q), {}, "`state` has shape (2, 2, 5, 3); it is (B, n, K, V) = (2, 2, 3, 3)"),
    ((Q, Q.double(), Q), {}, "`k` is torch.float64 but `q` is torch.float32; convert one of them"),
    ((Q, Q, Q), {"method": "fast"}, '`method` is \'fast\'; it is "loop", "parallel" or "chunked"'),
]


@pytest.mark.parametrize(("arguments", "options", "words"), REFUSED)
def test_a_wrong_argument_is_named(arguments, options, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        gated_linear_attention(*arguments, **options)
