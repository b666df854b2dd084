"""DEER gives what the loop gives, values and gradients, in few iterations and never more than T + 1."""

from __future__ import annotations

import re

import pytest
import torch

from seqdocs.models.deer import NotConvergedError, deer, newton_iteration
from seqdocs.models.gru import GRU, gru_step
from seqdocs.models.rnn import RNN, rnn_step
from tests.models.agreement import BATCHES, LENGTHS, assert_causal, assert_repeats, assert_same

D, H = 3, 4
STEPS = {"tanh": (RNN, rnn_step), "gru": (GRU, gru_step)}
each_step = pytest.mark.parametrize("name", STEPS)
each_method = pytest.mark.parametrize("method", ["newton", "quasi"])


def model(name, scale=1.0, dtype=torch.float64):
    torch.manual_seed(0)
    kind, step = STEPS[name]
    net = kind(D, H).to(dtype)
    with torch.no_grad():
        net.weight_hh_l0.mul_(scale)
    return net, lambda x, h: step(x, h, net.weights(0))


@each_method
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
@each_step
def test_values_and_gradients_are_those_of_the_loop(name, B, T, method):
    net, step = model(name)
    leaves = [torch.randn(B, T, D, dtype=torch.float64), torch.randn(B, H, dtype=torch.float64)]
    assert_same(
        lambda x, h0: deer(step, x, h0, method=method)[0],
        lambda x, h0: net(x, h0[None])[0],
        leaves,
        net.parameters(),
    )


@each_step
def test_single_precision_agrees_as_closely_as_it_can(name):
    net, step = model(name, dtype=torch.float32)
    x, h0 = torch.randn(5, 63, D), torch.randn(5, H)
    assert_same(lambda x, h0: deer(step, x, h0)[0], lambda x, h0: net(x, h0[None])[0], [x, h0])


@each_method
@each_step
def test_a_contracting_recurrence_takes_few_iterations(name, method):
    _, step = model(name)
    x = torch.randn(2, 500, D, dtype=torch.float64)
    _, iterations = deer(step, x, torch.zeros(2, H, dtype=torch.float64), method=method)
    assert iterations <= {"newton": 10, "quasi": 40}[method]


@each_method
def test_a_chaotic_recurrence_still_ends_within_t_iterations_and_one(method):
    net, step = model("tanh", scale=12.0)
    x = torch.randn(2, 40, D, dtype=torch.float64)
    h, iterations = deer(step, x, torch.zeros(2, H, dtype=torch.float64), method=method, tolerance=1e-9)
    assert iterations <= 41
    torch.testing.assert_close(h, net(x)[0], rtol=1e-6, atol=1e-6)


@each_method
def test_an_overflow_on_the_way_is_forgotten(method):
    """Where the guess is small the step expands twelvefold; where the solution is, it is flat."""
    W, T = 12 * torch.eye(2, dtype=torch.float64), 700

    def step(x, h):
        return torch.tanh(x + h @ W)

    x, h = torch.full((1, T, 2), 0.01, dtype=torch.float64), torch.zeros(1, 2, dtype=torch.float64)
    found, iterations = deer(step, x, h, method=method)
    for t in range(T):
        h = step(x[:, t], h)
        torch.testing.assert_close(found[:, t], h, rtol=1e-10, atol=1e-10)
    assert iterations < 10  # an overflow that is kept heals by one step in each iteration


def test_the_first_steps_are_exact_after_as_many_iterations():
    net, step = model("tanh", scale=12.0)
    x, h0 = torch.randn(1, 20, D, dtype=torch.float64), torch.zeros(1, H, dtype=torch.float64)
    right, guess = net(x)[0], torch.zeros(1, 20, H, dtype=torch.float64)
    for iteration in range(1, 10):
        guess = newton_iteration(step, x, h0, guess).detach()
        torch.testing.assert_close(guess[:, :iteration], right[:, :iteration], rtol=1e-9, atol=1e-9)


@each_step
def test_gradients_pass_torchs_own_check(name):
    _, step = model(name)
    x = torch.randn(2, 7, D, dtype=torch.float64, requires_grad=True)
    h0 = torch.randn(2, H, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, h0: deer(step, x, h0)[0], (x, h0))


@each_step
def test_the_future_does_not_reach_the_past(name):
    _, step = model(name)
    assert_causal(lambda x: deer(step, x, torch.zeros(1, H, dtype=torch.float64))[0], 7, D)


def test_the_same_call_gives_the_same_bits():
    _, step = model("gru")
    x, h0 = torch.randn(5, 63, D, dtype=torch.float64), torch.zeros(5, H, dtype=torch.float64)
    assert_repeats(lambda: deer(step, x, h0)[0])


X, H0 = torch.zeros(2, 5, D), torch.zeros(2, H)
REFUSED = [
    ({"method": "fast"}, X, H0, '`method` is \'fast\'; it is "newton" or "quasi"'),
    ({}, X[0], H0, "`x` has shape (5, 3); it is (B, T, D)"),
    ({}, X, H0[:1], "`h0` has shape (1, 4); for `x` of (2, 5, 3) it is (B, H)"),
    ({}, X, H0.double(), "`x` is torch.float32 and `h0` torch.float64; both are float32 or both float64"),
    (
        {},
        X.half(),
        H0.half(),
        "`x` is torch.float16 and `h0` torch.float16; both are float32 or both float64",
    ),
]


@pytest.mark.parametrize(("options", "x", "h0", "words"), REFUSED)
def test_a_wrong_argument_is_named(options, x, h0, words):
    _, step = model("tanh", dtype=torch.float32)
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        deer(step, x, h0, **options)


def test_too_few_iterations_are_said_in_one_sentence():
    _, step = model("tanh")
    x = torch.randn(1, 50, D, dtype=torch.float64)
    with pytest.raises(NotConvergedError, match="after 2 iterations the states still change by"):
        deer(step, x, torch.zeros(1, H, dtype=torch.float64), max_iterations=2)
