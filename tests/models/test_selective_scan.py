"""The selective scan is its sum over the past, by every method, and that of an independent package."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
import torch

from seqdocs.bench.memory import peak_memory
from seqdocs.models import selective_scan as module
from seqdocs.models.selective_scan import SHORTEST, selective_scan
from tests.models.agreement import (
    BATCHES,
    LENGTHS,
    assert_batch_permutes,
    assert_causal,
    assert_repeats,
    assert_same,
)

D, N = 3, 4
METHODS = ("loop", "parallel", "chunked")
each_method = pytest.mark.parametrize("method", METHODS)


@pytest.fixture
def short_chunks(monkeypatch):
    """So many numbers in a state that a chunk is as short as it gets."""
    monkeypatch.setattr(module, "CACHED", 1)


def inputs(B, T, dtype=torch.float64):
    """x, Δ, A, B, C, D, state."""
    torch.manual_seed(0)
    drawn = [
        torch.randn(B, T, D),
        torch.rand(B, T, D),
        -torch.rand(D, N),
        torch.randn(B, T, N),
        torch.randn(B, T, N),
        torch.randn(D),
        torch.randn(B, D, N),
    ]
    return [z.to(dtype) for z in drawn]


def formula(x, delta, A, B, C, D, state):
    """The sum over the past, written out: every pair of steps with what is left of the one at the other."""
    passed = delta.cumsum(1)  # Δ[1] + … + Δ[t]
    T = x.shape[1]
    outputs = []
    for t in range(T):
        h = torch.exp(passed[:, t, :, None] * A) * state
        for s in range(t + 1):
            left = torch.exp((passed[:, t] - passed[:, s])[..., None] * A)
            h = h + left * torch.einsum("bd,bd,bn->bdn", delta[:, s], x[:, s], B[:, s])
        outputs.append(torch.einsum("bn,bdn->bd", C[:, t], h) + D * x[:, t])
    return (torch.stack(outputs, 1), h) if T else (x * delta, state)


@each_method
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
def test_values_and_gradients_are_those_of_the_sum(B, T, method, short_chunks):
    assert_same(lambda *z: selective_scan(*z, method=method), formula, inputs(B, T))


@pytest.mark.parametrize("T", [SHORTEST - 1, SHORTEST, SHORTEST + 1, 3 * SHORTEST, 3 * SHORTEST + 5])
def test_chunks_end_anywhere(T, short_chunks):
    assert_same(selective_scan, lambda *z: selective_scan(*z, method="loop"), inputs(2, T))


def test_one_chunk_is_the_same_as_several():
    assert_same(selective_scan, lambda *z: selective_scan(*z, method="loop"), inputs(2, 63))


def test_an_independent_package_agrees():
    mamba = pytest.importorskip("mambapy.mamba", reason="mambapy is not installed")
    own = SimpleNamespace(config=SimpleNamespace(d_inner=D))
    *leaves, _ = inputs(2, 40)
    assert_same(lambda *z: selective_scan(*z)[0], lambda *z: mamba.MambaBlock.selective_scan(own, *z), leaves)


@each_method
def test_single_precision_is_double_precision_within_torchs_tolerance(method, short_chunks):
    leaves = inputs(5, 63, torch.float32)
    exact = selective_scan(*(z.double() for z in leaves), method="loop")
    for mine, right in zip(selective_scan(*leaves, method=method), exact, strict=True):
        torch.testing.assert_close(mine, right.float())


@each_method
def test_gradients_pass_torchs_own_check(method, short_chunks):
    leaves = [z.requires_grad_() for z in inputs(1, SHORTEST + 2)]
    assert torch.autograd.gradcheck(
        lambda *z: selective_scan(*z, method=method), leaves, fast_mode=True, atol=1e-6
    )


@each_method
def test_a_gradient_is_right_when_only_some_inputs_want_one(method, short_chunks):
    x, delta, A, *rest = inputs(2, 40)
    assert_same(
        lambda A: selective_scan(x, delta, A, *rest, method=method),
        lambda A: formula(x, delta, A, *rest),
        [A],
    )


@each_method
def test_second_derivatives_are_right_too(method):
    *leaves, state = (z.requires_grad_() for z in inputs(1, 3))
    assert torch.autograd.gradgradcheck(
        lambda *z: selective_scan(*z, state.detach(), method=method), leaves, fast_mode=True, atol=1e-6
    )


@each_method
@pytest.mark.parametrize("sizes", [(0, 40), (1, 39), (17, 3, 20)])
def test_state_carries_across_chunks(sizes, method, short_chunks):
    x, delta, A, B, C, passing, state = inputs(5, 40)
    whole = selective_scan(x, delta, A, B, C, passing, state, method=method)
    outputs = []
    for x_c, delta_c, B_c, C_c in zip(*(z.split(list(sizes), 1) for z in (x, delta, B, C)), strict=True):
        y, state = selective_scan(x_c, delta_c, A, B_c, C_c, passing, state, method=method)
        outputs.append(y)
    for mine, right in zip((torch.cat(outputs, 1), state), whole, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-12, atol=1e-12)


@each_method
def test_the_future_does_not_reach_the_past(method, short_chunks):
    _, _, A, _, _, passing, _ = inputs(1, 1)

    def form(x):
        across = x @ torch.ones(D, N, dtype=x.dtype)
        return selective_scan(x, x + 0.1, A, across, across + 1, passing, method=method)[0]

    assert_causal(form, 2 * SHORTEST + 3, D)


@each_method
def test_a_state_left_out_is_zero(method):
    *leaves, state = inputs(2, 7)
    left_out = selective_scan(*leaves, method=method)
    for mine, right in zip(left_out, selective_scan(*leaves, 0 * state, method=method), strict=True):
        torch.testing.assert_close(mine, right, rtol=0, atol=0)


@each_method
@pytest.mark.parametrize("rate", [-1000.0, 0.0])
def test_states_that_fade_at_once_or_never_stay_finite(rate, method):
    x, delta, A, *rest = inputs(2, 40)
    A = torch.full_like(A, rate).requires_grad_()
    y, last = selective_scan(x, delta + 1, A, *rest, method=method)
    (grad,) = torch.autograd.grad(y.sum() + last.sum(), A)
    assert y.isfinite().all()
    assert grad.isfinite().all()


def test_sequences_of_a_batch_do_not_meet_and_runs_repeat():
    x, delta, A, B, C, passing, _ = inputs(5, 63)
    across = x @ torch.ones(D, N, dtype=x.dtype)
    assert_batch_permutes(
        lambda x: selective_scan(x, x.abs(), A, across[: len(x)] * 0 + 1, across * 0 + 1, passing), x
    )
    assert_repeats(lambda: selective_scan(x, delta, A, B, C, passing))


def test_the_states_of_all_steps_are_never_in_memory_together(short_chunks):
    B, T, channels, states = 2, 2048, 64, 16
    draw = [torch.randn(B, T, channels), torch.rand(B, T, channels), -torch.rand(channels, states)]
    draw += [torch.randn(B, T, states), torch.randn(B, T, states), torch.ones(channels)]
    leaves = [z.requires_grad_() for z in draw]
    all_states = 4 * B * T * channels * states
    both = peak_memory(lambda: torch.autograd.grad(selective_scan(*leaves)[0].sum(), leaves))
    assert both["value"] < all_states / 3
    with torch.no_grad():
        assert peak_memory(lambda: selective_scan(*leaves))["value"] < all_states / 10


X, DELTA, A, B, C, PASSING, STATE = inputs(2, 5, torch.float32)
GOOD = {"x": X, "delta": DELTA, "A": A, "B": B, "C": C, "D": PASSING, "state": STATE}
REFUSED = [
    ({"x": X[0]}, "`x` has shape (5, 3); it is (B, T, D)"),
    ({"A": A.mT}, "`A` has shape (4, 3); it is (D, N) = (3, N)"),
    ({"delta": DELTA[:, :4]}, "`delta` has shape (2, 4, 3); it is (B, T, D) = (2, 5, 3)"),
    ({"B": X}, "`B` has shape (2, 5, 3); it is (B, T, N) = (2, 5, 4)"),
    ({"C": X}, "`C` has shape (2, 5, 3); it is (B, T, N) = (2, 5, 4)"),
    ({"D": A}, "`D` has shape (3, 4); it is (D,) = (3,)"),
    ({"state": STATE.mT}, "`state` has shape (2, 4, 3); it is (B, D, N) = (2, 3, 4)"),
    ({"A": A.double()}, "`A` is torch.float64 but `x` is torch.float32; convert one of them"),
    ({"method": "fast"}, '`method` is \'fast\'; it is "loop", "parallel" or "chunked"'),
]


@pytest.mark.parametrize(("wrong", "words"), REFUSED)
def test_a_wrong_argument_is_named(wrong, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        selective_scan(**(GOOD | wrong))
