"""The delta rule is its matrix recurrence, in steps and in chunks, and does what it is for."""

from __future__ import annotations

import re

import pytest
import torch

from seqdocs.models.delta_rule import CHUNK, delta_rule
from tests.models.agreement import (
    BATCHES,
    LENGTHS,
    assert_batch_permutes,
    assert_causal,
    assert_repeats,
    assert_same,
)

n, K, V = 2, 3, 4
METHODS = ("loop", "chunked")
each_method = pytest.mark.parametrize("method", METHODS)


def inputs(B, T, dtype=torch.float64):
    torch.manual_seed(0)
    q, k = torch.randn(2, B, n, T, K, dtype=dtype).unbind()
    v, beta = torch.randn(B, n, T, V, dtype=dtype), torch.rand(B, n, T, dtype=dtype)
    return [q, k / k.norm(dim=-1, keepdim=True), v, beta, torch.randn(B, n, K, V, dtype=dtype)]


def formula(q, k, v, beta, S):
    """S[t] = (I - β k kᵀ) S[t-1] + β k vᵀ, with the whole matrix of the decay."""
    outputs = []
    for t in range(q.shape[2]):
        one, weight = k[:, :, t, :, None], beta[:, :, t, None, None]
        decay = torch.eye(K, dtype=q.dtype) - weight * one @ one.mT
        S = decay @ S + weight * one @ v[:, :, t, None, :]
        outputs.append((S.mT @ q[:, :, t, :, None]).squeeze(-1))
    return (torch.stack(outputs, 2) if outputs else v * 0), S


@each_method
@pytest.mark.parametrize("T", [*LENGTHS, CHUNK, CHUNK + 1])
@pytest.mark.parametrize("B", BATCHES)
def test_values_and_gradients_are_those_of_the_matrix_recurrence(B, T, method):
    assert_same(lambda *leaves: delta_rule(*leaves, method=method), formula, inputs(B, T))


GATES = {
    "one for all": (),
    "of a head": (n, 1, 1),
    "of a step": (1, n, "T", 1),
    "of a channel": (1, n, "T", K),
}


def gated_formula(q, k, v, beta, S, gate):
    """S[t] = (I - β k kᵀ) Diag(g) S[t-1] + β k vᵀ, a step at a time."""
    outputs = []
    gate = gate.expand(q.shape)
    for t in range(q.shape[2]):
        here = [x[:, :, t : t + 1] for x in (q, k, v, beta)]
        y, S = formula(*here, torch.exp(gate[:, :, t, :, None]) * S)
        outputs.append(y)
    return (torch.cat(outputs, 2) if outputs else v * 0), S


@each_method
@pytest.mark.parametrize("T", [0, 1, 7, CHUNK, CHUNK + 5])
@pytest.mark.parametrize("gate", GATES)
def test_a_memory_that_fades_is_that_of_the_matrix_recurrence(gate, T, method):
    leaves = inputs(2, T)
    log_gate = -3 * torch.rand([T if size == "T" else size for size in GATES[gate]], dtype=torch.float64)
    ours = lambda *z: delta_rule(*z[:-1], log_gate=z[-1], method=method)  # noqa: E731
    assert_same(ours, gated_formula, [*leaves, log_gate])


@each_method
def test_a_gate_that_shuts_at_once_stays_finite(method):
    q, k, v, beta, state = inputs(1, 40, torch.float32)
    y, last = delta_rule(q, k, v, beta, state, log_gate=torch.full((1, n, 40, 1), -1e4), method=method)
    alone = beta[..., None] * (q * k).sum(-1, keepdim=True) * v  # each step sees itself only
    torch.testing.assert_close(y, alone)
    assert last.isfinite().all()


@each_method
def test_gradients_pass_torchs_own_check(method):
    leaves = [x.requires_grad_() for x in inputs(1, 5)]
    assert torch.autograd.gradcheck(lambda *leaves: delta_rule(*leaves, method=method), leaves)


@each_method
@pytest.mark.parametrize("sizes", [(0, 7), (1, 6), (2, 2, 3)])
def test_state_carries_across_chunks(sizes, method):
    *read, state = inputs(5, 7)
    whole = delta_rule(*read, state, method=method)
    outputs = []
    for parts in zip(*(x.split(list(sizes), 2) for x in read), strict=True):
        y, state = delta_rule(*parts, state, method=method)
        outputs.append(y)
    for mine, right in zip((torch.cat(outputs, 2), state), whole, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-12, atol=1e-12)


@each_method
def test_the_future_does_not_reach_the_past(method):
    def form(x):
        heads = (x + 0.1).expand(n, -1, -1)[None]
        key = heads / heads.norm(dim=-1, keepdim=True)
        return delta_rule(heads, key, heads, 0.3 * heads[..., 0], method=method)[0].sum(1)

    assert_causal(form, CHUNK + 8, K)


@each_method
def test_a_key_written_again_gives_its_new_value_and_linear_attention_the_sum(method):
    key = torch.nn.functional.one_hot(torch.tensor([0, 1, 0]), K).double()[None, None]
    values = torch.tensor([[1.0], [5.0], [2.0]], dtype=torch.float64)[None, None]
    y, _ = delta_rule(key, key, values, torch.ones(1, 1, 3, dtype=torch.float64), method=method)
    assert y.flatten().tolist() == [1.0, 5.0, 2.0]


def test_sequences_of_a_batch_do_not_meet_and_runs_repeat():
    q, k, v, beta, _ = inputs(5, 63)
    assert_batch_permutes(lambda x: delta_rule(x, x / 9, x, x[..., 0].sigmoid()), q)
    assert_repeats(lambda: delta_rule(q, k, v, beta))


Q, BETA = torch.zeros(2, n, 5, K), torch.zeros(2, n, 5)
REFUSED = [
    ((Q[0], Q, Q, BETA), {}, "`q` has shape (2, 5, 3) and `k` (2, 2, 5, 3); both are (B, n, T, K)"),
    ((Q, Q, Q[:, :, :4], BETA), {}, "`v` has shape (2, 2, 4, 3); for `q` of (2, 2, 5, 3) it is (B, n, T, V)"),
    ((Q, Q, Q, Q), {}, "`beta` has shape (2, 2, 5, 3); it is (B, n, T) = (2, 2, 5)"),
    ((Q, Q, Q, BETA, Q), {}, "`state` has shape (2, 2, 5, 3); it is (B, n, K, V) = (2, 2, 3, 3)"),
    ((Q, Q, Q, BETA.double()), {}, "`beta` is torch.float64 but `q` is torch.float32; convert one of them"),
    (
        (Q, Q, Q, BETA),
        {"log_gate": BETA},
        "`log_gate` has shape (2, 2, 5); it broadcasts to (B, n, T, K) = (2, 2, 5, 3)",
    ),
    ((Q, Q, Q, BETA), {"method": "fast"}, '`method` is \'fast\'; it is "loop" or "chunked"'),
]


@pytest.mark.parametrize(("arguments", "options", "words"), REFUSED)
def test_a_wrong_argument_is_named(arguments, options, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        delta_rule(*arguments, **options)
