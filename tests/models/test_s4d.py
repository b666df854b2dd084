"""S4D: recurrence, convolution and the integral of the differential equation are one."""

from __future__ import annotations

import re

import pytest
import torch

from seqdocs.models.s4d import S4D
from tests.models.agreement import (
    BATCHES,
    LENGTHS,
    assert_batch_permutes,
    assert_causal,
    assert_chunks_join,
    assert_repeats,
    assert_same,
)

D, N = 3, 4
METHODS = ("loop", "parallel", "chunked", "convolution")
each_method = pytest.mark.parametrize("method", METHODS)


def fresh(dtype=torch.float64):
    torch.manual_seed(0)
    net = S4D(D, N).to(dtype)
    with torch.no_grad():
        net.log_step.add_(2.0)  # faster than fresh, so that short sequences show all of it
        net.frequency.add_(torch.randn(D, N))
        net.log_decay.add_(0.3 * torch.randn(D, N))
    return net


def formula(net, x, h):
    """The hold written as a matrix exponential of real 2 × 2 blocks, one state of one channel at a time."""
    C = torch.view_as_complex(net.C)
    real, imaginary = h.real, h.imag
    outputs = []
    rates, turns, steps = -torch.exp(net.log_decay), net.frequency, torch.exp(net.log_step)
    block = torch.stack(
        (torch.stack((rates, -turns), -1), torch.stack((turns, rates), -1)), -2
    )  # (D, N, 2, 2)
    moved = torch.linalg.matrix_exp(steps[:, None, None, None] * block)
    added = torch.linalg.solve(block, moved - torch.eye(2, dtype=x.dtype))[..., 0]  # of an input of one
    for t in range(x.shape[1]):
        pair = torch.einsum("dnij,bdnj->bdni", moved, torch.stack((real, imaginary), -1))
        pair = pair + added * x[:, t, :, None, None]
        real, imaginary = pair.unbind(-1)
        outputs.append(2 * (C.real * real - C.imag * imaginary).sum(-1) + net.D * x[:, t])
    y = torch.stack(outputs, 1) if outputs else x.new_zeros(len(x), 0, D)
    return y, torch.complex(real, imaginary)


@each_method
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
def test_values_and_gradients_are_those_of_the_differential_equation(B, T, method):
    net = fresh()
    leaves = [torch.randn(B, T, D, dtype=torch.float64), torch.randn(B, D, N, dtype=torch.complex128)]
    assert_same(lambda x, h: net(x, h, method), lambda x, h: formula(net, x, h), leaves, net.parameters())


def test_a_small_step_keeps_its_digits():
    single, double = S4D(1, 1), S4D(1, 1).double()
    with torch.no_grad():
        for net in (single, double):
            net.log_step.fill_(-12.0)
            net.frequency.zero_()
    torch.testing.assert_close(
        single.discrete()[1].to(torch.complex128), double.discrete()[1], rtol=1e-5, atol=0
    )


@each_method
def test_gradients_pass_torchs_own_check(method):
    net, x = fresh(), torch.randn(2, 7, D, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: net(x, method=method)[0], (x,))


@each_method
def test_state_carries_across_chunks(method):
    net, x = fresh(), torch.randn(5, 7, D, dtype=torch.float64)
    for sizes in ((0, 7), (1, 6), (2, 2, 3)):
        assert_chunks_join(lambda x, h: net(x, h, method), x, sizes)


@pytest.mark.parametrize("method", METHODS[:3])
def test_the_future_does_not_reach_the_past(method):
    assert_causal(lambda x: fresh()(x, method=method)[0], 9, D)


def test_the_future_reaches_the_past_of_a_fourier_transform_by_rounding_only():
    x = torch.randn(1, 63, D, dtype=torch.float64)
    changed = x.clone()
    changed[:, 40:] += 1.0
    net = fresh()
    torch.testing.assert_close(net(x)[0][:, :40], net(changed)[0][:, :40], rtol=0, atol=1e-12)


def test_sequences_of_a_batch_do_not_meet_and_runs_repeat():
    net, x = fresh(), torch.randn(5, 63, D, dtype=torch.float64)
    assert_batch_permutes(net, x)
    assert_repeats(lambda: net(x))


def test_the_fresh_states_turn_at_multiples_of_pi_and_fade_by_half():
    net = S4D(2, 5)
    assert torch.allclose(net.frequency[1], torch.pi * torch.arange(5.0))
    assert torch.allclose(torch.exp(net.log_decay), torch.full((2, 5), 0.5))
    assert (net.discrete()[0].abs() < 1).all()


X = torch.zeros(2, 5, D)
REFUSED = [
    (lambda: S4D(D)(X[0]), "`x` has shape (5, 3); it is (B, T, 3)"),
    (
        lambda: S4D(D)(X.double()),
        "`x` is torch.float64 but the parameters are torch.float32; convert one of them",
    ),
    (
        lambda: S4D(D, N)(X, X),
        "`state` is torch.float32 of shape (2, 5, 3); it is torch.complex64, (B, D, N) = (2, 3, 4)",
    ),
    (
        lambda: S4D(D, N)(X, method="fft"),
        '`method` is \'fft\'; it is "loop", "parallel", "chunked" or "convolution"',
    ),
    (lambda: S4D(0), "`channels` is 0; it is at least 1"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        call()
