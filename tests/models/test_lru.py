"""The linear recurrent unit is its formula with real 2 × 2 rotations, and starts on its ring."""

from __future__ import annotations

import math
import re

import pytest
import torch

from seqdocs.models.lru import LRU
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
METHODS = ("loop", "parallel", "chunked")
each_method = pytest.mark.parametrize("method", METHODS)


def fresh(dtype=torch.float64, **options):
    torch.manual_seed(0)
    return LRU(D, N, **{"ring": (0.3, 0.9)} | options).to(dtype)


def formula(net, x, state):
    """No complex number: every state is a pair that a matrix turns and shrinks."""
    size, angle = torch.exp(-torch.exp(net.nu)), torch.exp(net.log_phase)
    turn = torch.stack((angle.cos(), -angle.sin(), angle.sin(), angle.cos()), -1).view(N, 2, 2)
    pair, outputs = torch.view_as_real(state), []
    for t in range(x.shape[1]):
        driven = torch.exp(net.log_gamma)[:, None] * torch.einsum("ndc,bd->bnc", net.W_in, x[:, t])
        pair = torch.einsum("nij,bnj->bni", size[:, None, None] * turn, pair) + driven
        y = pair[..., 0] @ net.W_out[..., 0].T - pair[..., 1] @ net.W_out[..., 1].T
        outputs.append(y if net.skip is None else y + net.skip * x[:, t])
    O = net.W_out.shape[0]  # noqa: E741
    return (torch.stack(outputs, 1) if outputs else x.new_zeros(len(x), 0, O)), torch.view_as_complex(pair)


@each_method
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
def test_values_and_gradients_are_those_of_the_formula(B, T, method):
    net = fresh()
    leaves = [torch.randn(B, T, D, dtype=torch.float64), torch.randn(B, N, dtype=torch.complex128)]
    assert_same(lambda x, h: net(x, h, method), lambda x, h: formula(net, x, h), leaves, net.parameters())


def test_another_width_of_the_output_has_no_skip():
    net = fresh(output_size=2)
    leaves = [torch.randn(2, 7, D, dtype=torch.float64), torch.randn(2, N, dtype=torch.complex128)]
    assert_same(net, lambda x, h: formula(net, x, h), leaves, net.parameters())


@each_method
def test_gradients_pass_torchs_own_check(method):
    net = fresh()
    x = torch.randn(2, 7, D, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: net(x, method=method), (x,))


@each_method
@pytest.mark.parametrize("sizes", [(0, 7), (1, 6), (2, 2, 3)])
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


def test_fresh_decays_are_uniform_on_the_area_of_the_ring():
    torch.manual_seed(0)
    inner, outer = 0.5, 0.9
    decay = LRU(1, 20_000, ring=(inner, outer), max_phase=1.0).decay()
    share = (decay.abs() ** 2 - inner**2) / (outer**2 - inner**2)  # uniform in 0 to 1 then
    places = torch.linspace(0.1, 0.9, 9)
    torch.testing.assert_close(share.quantile(places), places, rtol=0, atol=0.02)
    torch.testing.assert_close(decay.angle().quantile(places), places, rtol=0, atol=0.02)


def test_noise_of_size_one_gives_every_state_the_size_one():
    torch.manual_seed(0)
    net = LRU(8, 32, ring=(0.5, 0.95))
    _, state = net(torch.randn(2000, 150, 8))
    size = torch.view_as_complex(net.W_in).abs().square().sum(1)  # of W_in x; about one
    torch.testing.assert_close(state.abs().square().mean(0) / size, torch.ones(32), rtol=0, atol=0.15)
    assert abs(size.mean().item() - 1) < 0.2


def test_no_parameter_makes_it_explode():
    net = fresh()
    torch.nn.init.normal_(net.nu, std=5)
    assert (net.decay().abs() <= 1).all()


X = torch.zeros(2, 5, D)
REFUSED = [
    (lambda: LRU(D, N)(X[0]), "`x` has shape (5, 3); it is (B, T, 3)"),
    (lambda: LRU(D, N)(X.double()), "`x` is torch.float64 but the parameters are torch.float32; convert one of them"),  # noqa: E501
    (lambda: LRU(D, N)(X, X[:, 0]), "`state` is torch.float32 of shape (2, 3); it is torch.complex64, (B, N) = (2, 4)"),  # noqa: E501
    (lambda: LRU(D, N)(X, method="fast"), '`method` is \'fast\'; it is "loop", "parallel" or "chunked"'),
    (lambda: LRU(0, N), "`input_size` is 0; it is at least 1"),
    (
        lambda: LRU(D, N, ring=(0.9, 1.0), max_phase=math.pi),
        "`ring` is (0.9, 1.0) and `max_phase` 3.141592653589793; they need 0 <= inner < outer < 1, phase > 0",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
