"""The quasi-recurrent network is its formula, tap by tap and step by step."""

from __future__ import annotations

import re

import pytest
import torch

from seqdocs.models.qrnn import QRNN
from tests.models.agreement import (
    BATCHES,
    LENGTHS,
    assert_batch_permutes,
    assert_causal,
    assert_chunks_join,
    assert_repeats,
    assert_same,
)

D, H = 3, 4
METHODS = ("loop", "parallel", "chunked")
each_method = pytest.mark.parametrize("method", METHODS)


def fresh(dtype=torch.float64, k=3):
    torch.manual_seed(0)
    net = QRNN(D, H, k)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter)
    return net.to(dtype)


def formula(net, x, window, c):
    """One step, one gate and one tap at a time."""
    taps, seen, outputs = net.conv.weight.unbind(2), torch.cat((window, x), 1), []
    for t in range(x.shape[1]):
        mixed = sum(seen[:, t + j] @ tap.T for j, tap in enumerate(taps)) + net.conv.bias
        n, f, o = mixed.split(H, -1)
        f = 1 / (1 + torch.exp(-f))
        c = f * c + (1 - f) * torch.tanh(n)
        outputs.append(c / (1 + torch.exp(-o)))
    return (torch.stack(outputs, 1) if outputs else x.new_zeros(len(x), 0, H)), seen[:, x.shape[1] :], c


def leaves(B, T, k=3, dtype=torch.float64):
    return [torch.randn(shape, dtype=dtype) for shape in ((B, T, D), (B, k - 1, D), (B, H))]


@each_method
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
@pytest.mark.parametrize("k", [1, 3])
def test_values_and_gradients_are_those_of_the_formula(k, B, T, method):
    net = fresh(k=k)
    assert_same(
        lambda x, w, c: net(x, (w, c), method),
        lambda *z: formula(net, *z),
        leaves(B, T, k),
        net.parameters(),
    )


def test_a_state_left_out_is_zero():
    net, (x, window, c) = fresh(), leaves(2, 7)
    assert_same(net, lambda x: formula(net, x, 0 * window, 0 * c), [x])


@each_method
def test_gradients_pass_torchs_own_check(method):
    net = fresh()
    given = [z.requires_grad_() for z in leaves(2, 5)]

    def form(x, window, c):
        h, state = net(x, (window, c), method)
        return h, *state

    assert torch.autograd.gradcheck(form, given, fast_mode=True)


@each_method
@pytest.mark.parametrize("sizes", [(0, 7), (1, 1, 5), (2, 2, 3)])
def test_state_carries_across_chunks(sizes, method):
    net = fresh()
    assert_chunks_join(lambda x, h: net(x, h, method), torch.randn(5, 7, D, dtype=torch.float64), sizes)


@each_method
def test_the_future_does_not_reach_the_past(method):
    assert_causal(lambda x: fresh()(x, method=method)[0], 12, D)


def test_sequences_of_a_batch_do_not_meet_and_runs_repeat():
    net, x = fresh(), torch.randn(5, 63, D, dtype=torch.float64)
    assert_batch_permutes(net, x)
    assert_repeats(lambda: net(x))


X = torch.zeros(2, 5, D)
REFUSED = [
    (lambda: QRNN(D, H)(X[0]), "`x` has shape (5, 3); it is (B, T, 3)"),
    (lambda: QRNN(D, H)(X.double()), "`x` is torch.float64 but the parameters are torch.float32; convert one of them"),  # noqa: E501
    (
        lambda: QRNN(D, H)(X, (X, X[:, 0])),
        "`state` has shapes ((2, 5, 3), (2, 3)); they are (B, k - 1, D) and (B, H) = ((2, 1, 3), (2, 4))",
    ),
    (lambda: QRNN(D, H)(X, method="fast"), '`method` is \'fast\'; it is "loop", "parallel" or "chunked"'),
    (lambda: QRNN(D, H, 0), "`kernel_size` is 0; it is at least 1"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
