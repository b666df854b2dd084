"""The mLSTM is its unstabilised formula at mild gates, and finite at all others."""

from __future__ import annotations

import re

import pytest
import torch
from torch.nn import functional as F

from seqdocs.models.mlstm import CHUNK, mlstm
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


def inputs(B, T, dtype=torch.float64):
    """q, k, v, log input, log forget."""
    torch.manual_seed(0)
    shapes = ((B, n, T, K), (B, n, T, K), (B, n, T, V), (B, n, T), (B, n, T))
    *leaves, forget = (torch.randn(shape, dtype=dtype) for shape in shapes)
    return [*leaves, F.logsigmoid(forget)]


def states(B, dtype=torch.float64):
    return [torch.randn(shape, dtype=dtype) for shape in ((B, n, K, V), (B, n, K), (B, n))]


def formula(q, k, v, log_input, log_forget, C, z, m):
    """Without a stabiliser: the state is what C', z' and m stand for."""
    C, z = torch.exp(m)[..., None, None] * C, torch.exp(m)[..., None] * z
    i, f, outputs = torch.exp(log_input), torch.exp(log_forget), []
    for t in range(q.shape[2]):
        C = f[:, :, t, None, None] * C + i[:, :, t, None, None] * k[:, :, t, :, None] * v[:, :, t, None]
        z = f[:, :, t, None] * z + i[:, :, t, None] * k[:, :, t]
        said = (C * q[:, :, t, :, None]).sum(2)
        outputs.append(said / (z * q[:, :, t]).sum(-1, keepdim=True).abs().clamp(min=1))
    return (torch.stack(outputs, 2) if outputs else v * 0), C, z


@each_method
@pytest.mark.parametrize("T", [*LENGTHS, CHUNK + 3])
@pytest.mark.parametrize("B", BATCHES)
def test_values_and_gradients_are_those_without_a_stabiliser(B, T, method):
    def ours(q, k, v, log_input, log_forget, *state):
        y, (C, z, m) = mlstm(q, k, v, log_input, log_forget, state, method=method)
        return y, torch.exp(m)[..., None, None] * C, torch.exp(m)[..., None] * z

    assert_same(ours, formula, inputs(B, T) + states(B))


@pytest.mark.parametrize("fast", ["parallel", "chunked"])
def test_the_stabiliser_is_the_same_by_every_method(fast):
    leaves = inputs(2, CHUNK + 3)
    loop, other = (mlstm(*leaves, method=method)[1][2] for method in ("loop", fast))
    torch.testing.assert_close(loop, other, rtol=1e-12, atol=1e-12)


def test_a_state_left_out_is_zero():
    leaves, zeros = inputs(2, 7), [0 * part for part in states(2)]
    assert_same(mlstm, lambda *x: mlstm(*x, tuple(zeros)), leaves)


@each_method
@pytest.mark.parametrize(("write", "keep"), [(2000.0, 0.0), (-2000.0, 0.0), (0.0, -2000.0), (500.0, 300.0)])
def test_gates_of_any_size_overflow_nowhere(write, keep, method):
    q, k, v, log_input, log_forget = inputs(2, 20)
    gates = [(log_input + write).requires_grad_(), (log_forget + keep).requires_grad_()]
    y, state = mlstm(q, k, v, *gates, method=method)
    grads = torch.autograd.grad(y.sum(), gates)
    assert all(x.isfinite().all() for x in (y, *state, *grads))


@each_method
def test_a_late_huge_input_gate_replaces_all_that_was_written(method):
    q, k, v, log_input, log_forget = inputs(2, 20)
    log_input[:, :, 10] += 1000
    y, _ = mlstm(q, k, v, log_input, log_forget, method=method)
    sign = (q * k[:, :, 10:11]).sum(-1, keepdim=True).sign()
    torch.testing.assert_close(y[:, :, 10:], (sign * v[:, :, 10:11])[:, :, 10:])


@each_method
@pytest.mark.parametrize("sizes", [(0, 9), (1, 8), (2, 4, 3)])
def test_state_carries_across_chunks(sizes, method):
    leaves = inputs(5, 9)
    whole = mlstm(*leaves, method=method)
    outputs, state = [], None
    for parts in zip(*(x.split(list(sizes), 2) for x in leaves), strict=True):
        y, state = mlstm(*parts, state, method=method)
        outputs.append(y)
    for mine, right in zip((torch.cat(outputs, 2), *state), (whole[0], *whole[1]), strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-11, atol=1e-11)


@each_method
def test_the_future_does_not_reach_the_past(method):
    def form(x):
        heads = x.expand(n, -1, -1)[None] + 1
        gates = heads.sum(-1) / 10
        return mlstm(heads, heads, heads.cumsum(-1), gates, -gates, method=method)[0].sum(1)

    assert_causal(form, 20, K)


@each_method
def test_gradients_pass_torchs_own_check(method):
    leaves = [x.requires_grad_() for x in inputs(1, 5)]
    assert torch.autograd.gradcheck(lambda *x: mlstm(*x, method=method)[0], leaves, fast_mode=True)


def test_sequences_of_a_batch_do_not_meet_and_runs_repeat():
    q, k, v, *gates = inputs(5, 63)
    assert_batch_permutes(lambda x: mlstm(x, x, x, x[..., 0], -x[..., 1].abs()), q)
    assert_repeats(lambda: mlstm(q, k, v, *gates))


Q, _, W, IN, G = inputs(2, 5, torch.float32)
REFUSED = [
    ((Q[0], Q, W, IN, G), {}, "`q` has shape (2, 5, 3); it is (B, n, T, K)"),
    ((Q, W, W, IN, G), {}, "`k` has shape (2, 2, 5, 4); it is (B, n, T, K) = (2, 2, 5, 3)"),
    ((Q, Q, W[0], IN, G), {}, "`v` has shape (2, 5, 4); for `q` of (2, 2, 5, 3) it is (B, n, T, V)"),
    ((Q, Q, W, Q, G), {}, "`log_input` has shape (2, 2, 5, 3); it is (B, n, T) = (2, 2, 5)"),
    ((Q, Q, W, IN, Q), {}, "`log_forget` has shape (2, 2, 5, 3); it is (B, n, T) = (2, 2, 5)"),
    (
        (Q, Q, W, IN, G.double()),
        {},
        "`log_forget` is torch.float64 but `q` is torch.float32; convert one of them",
    ),
    (
        (Q, Q, W, IN, G, (Q, IN, IN)),
        {},
        "`state` has shapes ((2, 2, 5, 3), (2, 2, 5), (2, 2, 5));"
        " they are (B, n, K, V), (B, n, K) and (B, n) = ((2, 2, 3, 4), (2, 2, 3), (2, 2))",
    ),
    ((Q, Q, W, IN, G), {"method": "fast"}, '`method` is \'fast\'; it is "loop", "parallel" or "chunked"'),
]


@pytest.mark.parametrize(("arguments", "options", "words"), REFUSED)
def test_a_wrong_argument_is_named(arguments, options, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        mlstm(*arguments, **options)
