"""minGRU and minLSTM are their formulas, step by step and by scan, and those of an independent package."""

from __future__ import annotations

import re

import pytest
import torch

from seqdocs.models.minimal import MinGRU, MinLSTM
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
KINDS = {"gru": MinGRU, "lstm": MinLSTM}
METHODS = ("loop", "parallel", "chunked")
each_kind = pytest.mark.parametrize("kind", KINDS)
each_method = pytest.mark.parametrize("method", METHODS)
each_candidate = pytest.mark.parametrize("candidate", ["linear", "positive"])


def fresh(kind, dtype=torch.float64, **options):
    torch.manual_seed(0)
    net = KINDS[kind](D, H, **options)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter)
    return net.to(dtype)


def formula(net, x, h):
    """The paper's equations, one step and one gate at a time."""
    weights = net.linear.weight.split(H)
    biases = net.linear.bias.split(H) if net.linear.bias is not None else [0.0] * 3
    states = []
    for t in range(x.shape[1]):
        n, *gates = (x[:, t] @ W.T + b for W, b in zip(weights, biases, strict=False))
        if net.candidate == "positive":
            n = torch.where(n >= 0, n + 0.5, 1 / (1 + torch.exp(-n)))
        gates = [1 / (1 + torch.exp(-gate)) for gate in gates]
        if len(gates) == 1:
            h = (1 - gates[0]) * h + gates[0] * n
        else:
            f, i = gates
            h = f / (f + i) * h + i / (f + i) * n
        states.append(h)
    return (torch.stack(states, 1) if states else x.new_zeros(len(x), 0, H)), h


@each_method
@each_candidate
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
@each_kind
def test_values_and_gradients_are_those_of_the_formula(kind, B, T, candidate, method):
    net = fresh(kind, candidate=candidate)
    leaves = [torch.randn(B, T, D, dtype=torch.float64), torch.randn(B, H, dtype=torch.float64)]
    assert_same(lambda x, h: net(x, h, method), lambda x, h: formula(net, x, h), leaves, net.parameters())


@pytest.mark.parametrize(("kind", "theirs"), [("gru", "minGRU"), ("lstm", "minLSTM")])
def test_the_positive_form_is_that_of_an_independent_package(kind, theirs):
    package = pytest.importorskip(f"minGRU_pytorch.{theirs}", reason="minGRU-pytorch is not installed")
    net = fresh(kind, bias=False, candidate="positive")
    other = getattr(package, theirs)(D, H / D, proj_out=False).double()
    other.load_state_dict({next(iter(other.state_dict())): net.linear.weight})
    leaves = [torch.randn(2, 40, D, dtype=torch.float64)]
    assert_same(lambda x: net(x)[0], other, leaves)


@each_method
@each_kind
def test_gradients_pass_torchs_own_check(kind, method):
    net = fresh(kind)
    x = torch.randn(2, 7, D, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: net(x, method=method), (x,))


@each_method
@each_kind
def test_state_carries_across_chunks(kind, method):
    net = fresh(kind)
    for sizes in ((0, 7), (1, 6), (2, 2, 3)):
        assert_chunks_join(lambda x, h: net(x, h, method), torch.randn(5, 7, D, dtype=torch.float64), sizes)


@each_method
@each_kind
def test_the_future_does_not_reach_the_past(kind, method):
    assert_causal(lambda x: fresh(kind)(x, method=method)[0], 12, D)


@each_kind
def test_sequences_of_a_batch_do_not_meet_and_runs_repeat(kind):
    net, x = fresh(kind), torch.randn(5, 63, D, dtype=torch.float64)
    assert_batch_permutes(net, x)
    assert_repeats(lambda: net(x))


@each_kind
def test_states_of_the_positive_form_are_positive(kind):
    assert (fresh(kind, candidate="positive")(torch.randn(5, 63, D, dtype=torch.float64))[0] > 0).all()


@pytest.mark.parametrize("size", [60.0, -60.0, 800.0, -800.0])
@each_kind
def test_shut_gates_neither_overflow_nor_lose_the_gradient(kind, size):
    net = fresh(kind)
    with torch.no_grad():
        net.linear.bias[H:] = size  # both gates of the LSTM at once: only their odds count
    x = torch.randn(2, 7, D, dtype=torch.float64, requires_grad=True)
    h, _ = net(x)
    (grad,) = torch.autograd.grad(h.sum(), x)
    assert h.isfinite().all()
    assert grad.isfinite().all()


X = torch.zeros(2, 5, D)
REFUSED = [
    (lambda: MinGRU(D, H)(X[0]), "`x` has shape (5, 3); it is (B, T, 3)"),
    (
        lambda: MinLSTM(D, H)(X.double()),
        "`x` is torch.float64 but the parameters are torch.float32; convert one of them",
    ),
    (lambda: MinGRU(D, H)(X, X[0]), "`state` has shape (5, 3); it is (B, H) = (2, 4)"),
    (lambda: MinGRU(D, H)(X, method="fast"), '`method` is \'fast\'; it is "loop", "parallel" or "chunked"'),
    (lambda: MinGRU(0, H), "`input_size` is 0; it is at least 1"),
    (lambda: MinLSTM(D, H, candidate="tanh"), '`candidate` is \'tanh\'; it is "linear" or "positive"'),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
