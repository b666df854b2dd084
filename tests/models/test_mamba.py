"""The Mamba block is that of an independent package, whole and step by step."""

from __future__ import annotations

import re

import pytest
import torch
from torch.nn import functional as F

from seqdocs.models.mamba import Mamba
from tests.models.agreement import (
    BATCHES,
    LENGTHS,
    assert_batch_permutes,
    assert_causal,
    assert_chunks_join,
    assert_repeats,
    assert_same,
)

D, N, k = 3, 5, 4
ROUNDED = 1e-6  # the package takes A and D in single precision whatever the rest is
METHODS = ("loop", "parallel", "chunked")
each_method = pytest.mark.parametrize("method", METHODS)


def fresh(dtype=torch.float64, **options):
    torch.manual_seed(0)
    net = Mamba(D, **{"state_size": N, "rank": 2} | options)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return net.to(dtype)


def formula(net, x):
    """The block one step and one tap of the convolution at a time, from zeros."""
    taps, h, outputs = net.conv1d.weight[:, 0], 0.0, []
    u, z = (x @ net.in_proj.weight.T).split(2 * D, -1)
    for t in range(x.shape[1]):
        past = sum(taps[:, k - 1 - lag] * u[:, t - lag] for lag in range(min(k, t + 1)))
        v = F.silu(past + net.conv1d.bias)
        r, B, C = (v @ net.x_proj.weight.T).split([2, N, N], -1)
        step = F.softplus(net.dt_proj(r))
        h = torch.exp(-step[..., None] * net.A_log.exp()) * h + (step * v)[..., None] * B[:, None]
        y = torch.einsum("bdn,bn->bd", h, C) + net.D * v
        outputs.append((y * F.silu(z[:, t])) @ net.out_proj.weight.T)
    return torch.stack(outputs, 1) if outputs else 0 * x


@each_method
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
def test_values_and_gradients_are_those_of_the_formula(B, T, method):
    net = fresh()
    x = torch.randn(B, T, D, dtype=torch.float64)
    assert_same(lambda x: net(x, method=method)[0], lambda x: formula(net, x), [x], net.parameters())


def theirs(net):
    package = pytest.importorskip("mambapy.mamba", reason="mambapy is not installed")
    config = package.MambaConfig(d_model=D, n_layers=1, d_state=N, dt_rank=2)
    other = package.MambaBlock(config).double()
    other.load_state_dict(net.state_dict())
    return other


def test_an_independent_package_agrees():
    net = fresh()
    other = theirs(net)
    assert_same(lambda x: net(x)[0], other, [torch.randn(2, 40, D, dtype=torch.float64)], tolerance=ROUNDED)


def test_an_independent_package_decodes_the_same_tokens():
    net = fresh()
    other = theirs(net)
    state, cache = None, (None, torch.zeros(2, 2 * D, k - 1, dtype=torch.float64))
    for x_t in torch.randn(9, 2, D, dtype=torch.float64):
        y, state = net(x_t[:, None], state)
        right, cache = other.step(x_t, cache)
        torch.testing.assert_close(y[:, 0], right, rtol=ROUNDED, atol=ROUNDED)


@each_method
def test_gradients_pass_torchs_own_check(method):
    net = fresh()
    leaves = [torch.randn(1, 5, D), torch.randn(1, k - 1, 2 * D), torch.randn(1, 2 * D, N)]
    leaves = [z.double().requires_grad_() for z in leaves]

    def form(x, window, h):
        y, state = net(x, (window, h), method)
        return y, *state

    assert torch.autograd.gradcheck(form, leaves, fast_mode=True)


@each_method
@pytest.mark.parametrize("sizes", [(0, 12), (1,) * 12, (2, 10), (5, 4, 3)])
def test_state_carries_across_chunks_and_steps(sizes, method):
    net = fresh()
    assert_chunks_join(lambda x, s: net(x, s, method), torch.randn(5, 12, D, dtype=torch.float64), sizes)


def test_a_convolution_of_one_step_needs_no_window():
    net = fresh(kernel_size=1)
    assert_chunks_join(net, torch.randn(2, 7, D, dtype=torch.float64), (0, 3, 4))


@each_method
def test_the_future_does_not_reach_the_past(method):
    assert_causal(lambda x: fresh()(x, method=method)[0], 20, D)


def test_sequences_of_a_batch_do_not_meet_and_runs_repeat():
    net, x = fresh(), torch.randn(5, 63, D, dtype=torch.float64)
    assert_batch_permutes(net, x)
    assert_repeats(lambda: net(x))


def test_fresh_step_sizes_and_rates_are_those_of_the_paper():
    torch.manual_seed(0)
    net = Mamba(64)
    steps = F.softplus(net.dt_proj.bias)
    assert 0.001 <= steps.min() < 0.0015
    assert 0.08 < steps.max() <= 0.1
    torch.testing.assert_close(net.A_log.exp(), torch.arange(1.0, 17).expand(128, 16))
    assert net.dt_proj.in_features == 4


X = torch.zeros(2, 5, D)
REFUSED = [
    (lambda: Mamba(D)(X[0]), "`x` has shape (5, 3); it is (B, T, 3)"),
    (lambda: Mamba(D)(X.double()), "`x` is torch.float64 but the parameters are torch.float32; convert one of them"),  # noqa: E501
    (
        lambda: Mamba(D)(X, (X, X)),
        "`state` has shapes ((2, 5, 3), (2, 5, 3)); they are (B, k - 1, E) and (B, E, N) = ((2, 3, 6), (2, 6, 16))",  # noqa: E501
    ),
    (lambda: Mamba(D)(X, method="fast"), '`method` is \'fast\'; it is "loop", "parallel" or "chunked"'),
    (lambda: Mamba(D, expand=0), "`expand` is 0; it is at least 1"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
