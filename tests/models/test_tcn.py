"""The temporal convolutional network is its sums over taps, and sees exactly as far as its formula says."""

from __future__ import annotations

import re

import pytest
import torch

from seqdocs.models.tcn import TCN
from tests.models.agreement import (
    BATCHES,
    LENGTHS,
    assert_batch_permutes,
    assert_causal,
    assert_chunks_join,
    assert_repeats,
    assert_same,
)

D = 3
METHODS = ("loop", "convolution")
each_method = pytest.mark.parametrize("method", METHODS)


def fresh(dtype=torch.float64, channels=(4, 4, 2), k=3):
    torch.manual_seed(0)
    return TCN(D, channels, k).to(dtype)


def positive(**options):
    """All weights above zero: with inputs above zero nothing is squashed, and every path is open."""
    net = fresh(**options)
    for parameter in net.parameters():
        torch.nn.init.uniform_(parameter, 0.1, 0.2)
    return net


def formula(net, x):
    """Tap by tap and step by step, from zeros."""

    def causal(conv, d, u):
        steps = []
        for t in range(u.shape[1]):
            y = conv.bias.expand(len(u), -1)
            for back, tap in enumerate(conv.weight.unbind(2)[::-1]):
                if t - back * d >= 0:
                    y = y + u[:, t - back * d] @ tap.T
            steps.append(y.clamp(min=0))
        return torch.stack(steps, 1)

    for block, residual in enumerate(net.residuals):
        first, second = net.convolutions[2 * block : 2 * block + 2]
        kept = x @ residual.weight.T if hasattr(residual, "weight") else x
        x = (causal(second, 2**block, causal(first, 2**block, x)) + kept).clamp(min=0)
    return x


@each_method
@pytest.mark.parametrize("T", LENGTHS[1:])
@pytest.mark.parametrize("B", BATCHES)
def test_values_and_gradients_are_those_of_the_formula(B, T, method):
    net = fresh()
    x = torch.randn(B, T, D, dtype=torch.float64)
    assert_same(lambda x: net(x, method=method)[0], lambda x: formula(net, x), [x], net.parameters())


@each_method
def test_no_step_leaves_the_state_as_it_was(method):
    net = fresh()
    _, state = net(torch.randn(2, 9, D, dtype=torch.float64))
    y, after = net(torch.randn(2, 0, D, dtype=torch.float64), state, method)
    assert y.shape == (2, 0, 2)
    assert all(torch.equal(a, b) for a, b in zip(after, state, strict=True))


@each_method
def test_gradients_pass_torchs_own_check(method):
    net = positive()  # at a corner of the squashing there is none
    x = torch.rand(2, 7, D, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: net(x, method=method)[0], (x,), fast_mode=True)


@pytest.mark.parametrize(("k", "blocks", "reach"), [(1, 2, 1), (2, 1, 3), (2, 3, 15), (3, 2, 13), (4, 2, 19)])
def test_an_output_depends_on_exactly_its_receptive_field(k, blocks, reach):
    net = positive(channels=[2] * blocks, k=k)
    assert net.receptive_field == 1 + 2 * (k - 1) * (2**blocks - 1) == reach
    assert_causal(lambda x: net(x)[0], reach + 4, D, reach=reach)


@each_method
@pytest.mark.parametrize("sizes", [(0, 20), (1,) * 20, (2, 15, 3)])
def test_state_carries_across_chunks_and_steps(sizes, method):
    net = fresh()
    assert_chunks_join(lambda x, s: net(x, s, method), torch.randn(5, 20, D, dtype=torch.float64), sizes)


def test_sequences_of_a_batch_do_not_meet_and_runs_repeat():
    net, x = fresh(), torch.randn(5, 63, D, dtype=torch.float64)
    assert_batch_permutes(net, x)
    assert_repeats(lambda: net(x))


X = torch.zeros(2, 5, D)
REFUSED = [
    (lambda: TCN(D, [4])(X[0]), "`x` has shape (5, 3); it is (B, T, 3)"),
    (lambda: TCN(D, [4])(X.double()), "`x` is torch.float64 but the parameters are torch.float32; convert one of them"),  # noqa: E501
    (
        lambda: TCN(D, [4], 2)(X, (X,)),
        "`state` has shapes ((2, 5, 3),); they are (B, (k - 1) d, channels) = ((2, 1, 3), (2, 1, 4))",
    ),
    (lambda: TCN(D, [4])(X, method="fast"), '`method` is \'fast\'; it is "loop" or "convolution"'),
    (lambda: TCN(D, []), "`channels` is empty; there is at least one block"),
    (lambda: TCN(D, [0]), "`channels[0]` is 0; it is at least 1"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
