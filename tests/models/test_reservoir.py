"""The reservoir is fixed, forgets where it began, and is read out by the best linear map."""

import re

import numpy as np
import pytest
import torch
from torch import Tensor

from seqdocs.models.reservoir import EchoState, ridge_readout
from tests.models.agreement import (
    BATCHES,
    LENGTHS,
    assert_batch_permutes,
    assert_causal,
    assert_chunks_join,
    assert_repeats,
    assert_same,
)

D, H = 3, 20


def fresh(**options: float) -> EchoState:
    return EchoState(D, H, **options).double()


def inputs(B: int, T: int) -> Tensor:
    return torch.randn(B, T, D, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("leak", [1.0, 0.3])
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
def test_it_is_the_formula(B: int, T: int, leak: float) -> None:
    net = fresh(leak=leak)

    def one_by_one(x: Tensor, h: Tensor) -> Tensor:
        outputs = []
        for t in range(T):
            a = torch.einsum("bd,hd->bh", x[:, t], net.W_in) + torch.einsum("bk,hk->bh", h, net.W)
            h = h + leak * (torch.tanh(a) - h)
            outputs.append(h)
        return torch.stack(outputs, 1) if T else x.new_zeros(B, 0, H)

    leaves = [inputs(B, T), torch.randn(B, H, dtype=torch.float64)]
    assert_same(lambda x, h: net(x, h)[0], one_by_one, leaves)


@pytest.mark.parametrize("radius", [0.1, 0.9, 1.5])
@pytest.mark.parametrize("density", [1.0, 0.3])
def test_its_matrix_has_the_spectral_radius_and_the_density_that_were_asked_for(
    radius: float, density: float
) -> None:
    net = EchoState(D, 100, radius=radius, density=density)
    assert np.abs(np.linalg.eigvals(net.W.numpy())).max() == pytest.approx(radius, rel=1e-4)
    assert float((net.W != 0).float().mean()) == pytest.approx(density, abs=0.03)


def test_the_input_scale_bounds_the_input_weights() -> None:
    W_in = EchoState(30, 30, input_scale=0.2).W_in
    assert 0.19 < W_in.max() <= 0.2 and -0.2 <= W_in.min() < -0.19


def test_there_is_nothing_to_train_and_the_seed_decides() -> None:
    net = fresh()
    assert not list(net.parameters()) and set(net.state_dict()) == {"W_in", "W"}
    assert torch.equal(net.W, fresh().W) and not torch.equal(net.W, fresh(seed=1).W)


def test_it_leaves_torchs_own_draw_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    EchoState(D, H)
    assert torch.equal(torch.rand(1), expected)


def test_below_a_radius_of_one_it_forgets_where_it_began() -> None:
    net, x = fresh(radius=0.8), inputs(1, 200)
    far = torch.randn(1, H, dtype=torch.float64)
    difference = (net(x, far)[0] - net(x)[0]).norm(dim=2)[0]
    assert difference[-1] < 1e-9 < 1e-2 < difference[0]


def test_far_above_it_does_not() -> None:
    net = fresh(radius=3.0)
    x = torch.zeros(1, 200, D, dtype=torch.float64)
    a = 1e-6 * torch.randn(1, H, dtype=torch.float64)
    assert (net(x, a)[0] - net(x)[0])[0, -1].norm() > 0.1


def test_state_carries_the_future_does_not_sequences_do_not_mix_and_runs_repeat() -> None:
    net, x = fresh(), inputs(5, 7)
    for sizes in ((0, 7), (1, 6), (2, 2, 3)):
        assert_chunks_join(net, x, sizes)
    assert_causal(lambda x: net(x)[0], 7, D)
    assert_batch_permutes(net, x)
    assert_repeats(lambda: net(x))


@pytest.mark.parametrize("strength", [1e-6, 0.1, 10.0])
def test_the_readout_is_the_least_squares_solution_of_the_system_with_the_ridge_below(
    strength: float,
) -> None:
    torch.manual_seed(0)
    h, y = torch.randn(3, 40, 6, dtype=torch.float64) + 2, torch.randn(3, 40, 2, dtype=torch.float64) - 1
    W, b = ridge_readout(h, y, strength)
    rows = np.concatenate((h.flatten(0, 1).numpy(), np.ones((120, 1))), 1)
    penalty = np.sqrt(strength) * np.eye(6, 7)  # none on the bias
    stacked = np.concatenate((rows, penalty))
    wanted = np.concatenate((y.flatten(0, 1).numpy(), np.zeros((6, 2))))
    solution, *_ = np.linalg.lstsq(stacked, wanted, rcond=None)
    torch.testing.assert_close(W, torch.as_tensor(solution[:6].T), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(b, torch.as_tensor(solution[6]), rtol=1e-9, atol=1e-9)


def test_a_linear_target_is_found() -> None:
    h = fresh()(inputs(2, 200))[0]
    W = torch.randn(2, H, dtype=torch.float64)
    found, b = ridge_readout(h, h @ W.mT + 3, 1e-10)
    torch.testing.assert_close(found, W, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(b, torch.full((2,), 3.0).double(), rtol=1e-5, atol=1e-5)


def test_a_larger_ridge_gives_smaller_weights() -> None:
    h = fresh()(inputs(2, 200))[0]
    y = h.roll(1, dims=1)[..., :2]
    sizes = [float(ridge_readout(h, y, strength)[0].norm()) for strength in (1e-4, 1e-2, 1.0)]
    assert sizes == sorted(sizes, reverse=True)


X = torch.zeros(2, 5, D)
REFUSED = [
    (lambda: EchoState(D, 0), "`units` is 0; it is at least 1"),
    (lambda: EchoState(D, H, leak=0.0), "`leak` is 0.0; it is above 0 and at most 1"),
    (lambda: EchoState(D, H, density=1.5), "`density` is 1.5; it is above 0 and at most 1"),
    (lambda: EchoState(D, H, radius=-1.0), "`radius` is -1.0; it is finite and not negative"),
    (lambda: EchoState(D, H)(X[0]), "`x` has shape (5, 3); it is (B, T, 3)"),
    (
        lambda: EchoState(D, H)(X.double()),
        "`x` is torch.float64 but the parameters are torch.float32; convert one of them",
    ),
    (lambda: EchoState(D, H)(X, X[:, 0]), "`state` has shape (2, 3); it is (B, H) = (2, 20)"),
    (
        lambda: ridge_readout(X, X[:, 1:], 1.0),
        "`h` has shape (2, 5, 3) and `y` (2, 4, 3); they are (B, T, H) and (B, T, O) with at least one step",
    ),
    (
        lambda: ridge_readout(X[:, :0], X[:, :0], 1.0),
        "`h` has shape (2, 0, 3) and `y` (2, 0, 3); they are (B, T, H) and (B, T, O) with at least one step",
    ),
    (lambda: ridge_readout(X, X, 0.0), "`strength` is 0.0; it is above zero"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
