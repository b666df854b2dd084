"""Backpropagation through time by hand is autograd's; truncated, it is autograd's with the state cut off."""

import re
from functools import partial

import pytest
import torch
from torch import Tensor

from seqdocs.models.bptt import bptt, states, truncated_bptt
from seqdocs.models.recurrent import Weights
from seqdocs.models.rnn import RNN, rnn_step
from seqdocs.models.rtrl import rtrl, rtrl_step
from tests.models.agreement import BATCHES, LENGTHS, assert_repeats

D, H = 3, 4
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def case(B: int, T: int) -> tuple[Tensor, Tensor, RNN]:
    torch.manual_seed(0)
    net = RNN(D, H).double()
    return torch.randn(B, T, D, dtype=torch.float64), torch.randn(B, H, dtype=torch.float64), net


def loss(h: Tensor) -> Tensor:
    """Of every step, so that the sum over steps is the loss; nothing in it is the same for two states."""
    return (h.sin() * torch.arange(1, H + 1, dtype=h.dtype)).sum(-1)


def loss_gradient(h: Tensor) -> Tensor:
    return h.cos() * torch.arange(1, H + 1, dtype=h.dtype)


def assert_is(mine, net: RNN, total: Tensor) -> None:
    W_ih, W_hh, b_ih, b_hh = torch.autograd.grad(
        total + 0 * sum(p.sum() for p in net.parameters()), list(net.parameters())
    )
    for own, right in zip(mine, (W_ih, W_hh, b_ih), strict=True):
        torch.testing.assert_close(own, right, **CLOSE)
    torch.testing.assert_close(mine.b, b_hh, **CLOSE)


@pytest.mark.parametrize("way", [bptt, rtrl])
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
def test_the_whole_gradient_is_autograds(B: int, T: int, way) -> None:
    x, h0, net = case(B, T)
    y, _ = net(x, h0[None])
    assert_is(way(x, h0, net.weights(0), loss_gradient), net, loss(y).sum())


def truncated_by_autograd(x: Tensor, h0: Tensor, weights: Weights, k1: int, k2: int) -> Tensor:
    """The sum of the windows' losses, each from a state that is cut off from what came before it."""
    T = x.shape[1]
    with torch.no_grad():
        path = [h0]
        for t in range(T):
            path.append(rnn_step(x[:, t], path[-1], weights))
    total = x.new_zeros(())
    end = 0
    while end < T:
        begin, end = end, min(end + k1, T)
        first = max(0, end - k2)
        h = path[first]
        for t in range(first, end):
            h = rnn_step(x[:, t], h, weights)
            if t >= begin:
                total = total + loss(h).sum()
    return total


@pytest.mark.parametrize(("k1", "k2"), [(1, 1), (1, 3), (2, 2), (2, 5), (3, 3), (4, 7), (5, 63), (63, 63)])
@pytest.mark.parametrize("T", LENGTHS)
def test_the_truncated_gradient_is_autograds_with_the_state_cut_off(T: int, k1: int, k2: int) -> None:
    x, h0, net = case(5, T)
    mine = truncated_bptt(x, h0, net.weights(0), loss_gradient, k1=k1, k2=k2)
    assert_is(mine, net, truncated_by_autograd(x, h0, net.weights(0), k1, k2))


@pytest.mark.parametrize("k1", [1, 3, 7])
def test_windows_as_long_as_the_sequence_leave_nothing_out(k1: int) -> None:
    x, h0, net = case(5, 7)
    whole = bptt(x, h0, net.weights(0), loss_gradient)
    for own, right in zip(
        truncated_bptt(x, h0, net.weights(0), loss_gradient, k1=k1, k2=7), whole, strict=True
    ):
        torch.testing.assert_close(own, right, **CLOSE)


def test_short_windows_do_leave_something_out() -> None:
    x, h0, net = case(5, 7)
    whole = bptt(x, h0, net.weights(0), loss_gradient)
    short = truncated_bptt(x, h0, net.weights(0), loss_gradient, k1=1, k2=2)
    assert (short.W_hh - whole.W_hh).abs().max() > 1e-3


def test_states_are_torchs() -> None:
    x, h0, net = case(5, 7)
    theirs = torch.nn.RNN(D, H, batch_first=True).double()
    theirs.load_state_dict(net.state_dict())
    found = states(x, h0, net.weights(0))
    torch.testing.assert_close(found[:, 1:], theirs(x, h0[None])[0], **CLOSE)
    assert torch.equal(found[:, 0], h0)


def test_single_precision_is_double_precision_within_torchs_tolerance() -> None:
    x, h0, net = case(5, 63)
    exact = bptt(x, h0, net.weights(0), loss_gradient)
    single = [w.float() for w in net.weights(0)]
    for way in (bptt, rtrl):
        for own, right in zip(way(x.float(), h0.float(), single, loss_gradient), exact, strict=True):
            torch.testing.assert_close(own, right.float())


@pytest.mark.parametrize("way", [bptt, rtrl, partial(truncated_bptt, k1=2, k2=4)])
def test_sequences_of_a_batch_add_up_in_any_order_and_runs_repeat(way) -> None:
    x, h0, net = case(5, 9)

    def run(order: Tensor):
        return way(x[order], h0[order], net.weights(0), loss_gradient)

    everyone = torch.arange(5)
    whole = run(everyone)
    apart = [run(everyone[b : b + 1]) for b in range(5)]
    for total, *parts in zip(whole, *apart, strict=True):
        torch.testing.assert_close(total, sum(parts), **CLOSE)
    for own, right in zip(run(everyone.flip(0)), whole, strict=True):
        torch.testing.assert_close(own, right, **CLOSE)
    assert_repeats(lambda: run(everyone))


def test_the_sensitivity_is_the_jacobian_of_the_state() -> None:
    x, h0, net = case(1, 3)
    weights = [w.detach() for w in net.weights(0)]

    def last(theta: Tensor) -> Tensor:
        W_ih, W_hh, b = theta.split((D, H, 1), dim=1)
        return states(x, h0, (W_ih, W_hh, b[:, 0], torch.zeros(H).double()))[0, -1]

    theta = torch.cat((weights[0], weights[1], (weights[2] + weights[3])[:, None]), 1)
    h, S = h0, torch.zeros(1, H, theta.numel(), dtype=torch.float64)
    for x_t in x.unbind(1):
        h, S = rtrl_step(x_t, h, S, weights)
    jacobian = torch.autograd.functional.jacobian(last, theta).flatten(1)
    torch.testing.assert_close(S[0], jacobian, **CLOSE)


def test_real_time_learning_has_the_gradient_of_all_so_far_after_every_step() -> None:
    x, h0, net = case(2, 5)
    h, S, total = h0, torch.zeros(2, H, H * (D + H + 1)).double(), 0.0
    for t, x_t in enumerate(x.unbind(1)):
        h, S = rtrl_step(x_t, h, S, net.weights(0))
        total = total + torch.einsum("bh,bhp->p", loss_gradient(h), S)
        so_far = bptt(x[:, : t + 1], h0, net.weights(0), loss_gradient)
        row = torch.cat((so_far.W_ih, so_far.W_hh, so_far.b[:, None]), 1).flatten()
        torch.testing.assert_close(total, row, **CLOSE)


X, H0, NET = case(2, 5)
W = NET.weights(0)
REFUSED = [
    (lambda: bptt(X[0], H0, W, loss_gradient), "`x` has shape (5, 3); it is (B, T, D)"),
    (lambda: rtrl(X[0], H0, W, loss_gradient), "`x` has shape (5, 3); it is (B, T, D)"),
    (
        lambda: bptt(X, H0[:1], W, loss_gradient),
        "`x` has shape (2, 3) and `h` (1, 4); they are (B, D) and (B, H)",
    ),
    (
        lambda: bptt(X[..., :2], H0, W, loss_gradient),
        "`W_ih` has shape (4, 3) and `W_hh` (4, 4); for x (B, 2) and h (B, 4) they are (4, 2) and (4, 4)",
    ),
    (lambda: truncated_bptt(X, H0, W, loss_gradient, k1=3, k2=2), "`k1` is 3 and `k2` 2; 1 ≤ k1 ≤ k2"),
    (lambda: truncated_bptt(X, H0, W, loss_gradient, k1=0, k2=2), "`k1` is 0; it is at least 1"),
    (lambda: rtrl_step(X[:, 0], H0, H0, W), "`S` has shape (2, 4); it is (2, 4, 32)"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
