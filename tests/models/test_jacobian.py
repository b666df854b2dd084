"""The Jacobian norms are those of closed forms and of torch's own, slower, Jacobian."""

import re

import pytest
import torch
from torch import Tensor

from seqdocs.models.attention import CausalSelfAttention
from seqdocs.models.gru import GRU
from seqdocs.models.jacobian import set_spectral_radius, state_jacobian_norms
from seqdocs.models.linear_rnn import LinearRNN
from seqdocs.models.lstm import LSTM
from seqdocs.models.rnn import RNN

D, H, T = 3, 4, 9
MODELS = {
    "tanh": lambda: RNN(D, H),
    "lstm": lambda: LSTM(D, H),
    "gru": lambda: GRU(D, H, 2),
    "attention": lambda: CausalSelfAttention(D, 1),
    "scan": lambda: LinearRNN(D, H),
}
ORDERS = {"spectral": {"ord": 2}, "frobenius": {}}  # for torch.linalg.matrix_norm


@pytest.mark.parametrize("norm", ORDERS)
@pytest.mark.parametrize("radius", [0.5, 1.0, 2.0])
def test_a_linear_recurrence_has_the_norms_of_the_powers_of_its_matrix(radius: float, norm: str) -> None:
    """A rectifier that never closes is linear: positive weights, positive inputs."""
    torch.manual_seed(0)
    net = RNN(D, H, nonlinearity="relu").double()
    for parameter in net.parameters():
        torch.nn.init.uniform_(parameter, 0.0, 1.0)
    W, U = set_spectral_radius(net.weight_hh_l0, radius), net.weight_ih_l0
    lags = [0, 1, 5, T - 1]
    ours = state_jacobian_norms(lambda x: net(x)[0], torch.rand(1, T, D).double(), lags, norm)
    closed = [torch.linalg.matrix_norm(torch.linalg.matrix_power(W, k) @ U, **ORDERS[norm]) for k in lags]
    torch.testing.assert_close(ours, torch.stack(closed).detach(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", MODELS)
def test_norms_are_those_of_torchs_full_jacobian(name: str) -> None:
    torch.manual_seed(0)
    net, x = MODELS[name]().double(), torch.randn(1, T, D, dtype=torch.float64)

    def run(x: Tensor) -> Tensor:
        result = net(x)
        return result[0] if isinstance(result, tuple) else result

    full = torch.autograd.functional.jacobian(run, x)[0, -1, :, 0]  # (H, T, D)
    expected = torch.linalg.matrix_norm(full.transpose(0, 1), ord=2).flip(0)
    torch.testing.assert_close(state_jacobian_norms(run, x, range(T)), expected, rtol=1e-10, atol=0)


def test_the_models_parameters_get_no_gradient() -> None:
    net = RNN(D, H)
    state_jacobian_norms(lambda x: net(x)[0], torch.zeros(1, T, D), [0])
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("radius", [0.0, 0.9, 1.0, 3.0])
@pytest.mark.parametrize("size", [1, 2, 33])
def test_the_spectral_radius_is_what_was_asked(size: int, radius: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(size, size, dtype=dtype))
    assert set_spectral_radius(weight, radius) is weight
    found = float(torch.linalg.eigvals(weight.detach().double()).abs().max())
    assert found == pytest.approx(radius, rel=1e-5 if dtype == torch.float32 else 1e-10)


X = torch.zeros(1, T, D)
REFUSED = [
    (
        lambda: state_jacobian_norms(torch.tanh, X[0], [0]),
        "`x` has shape (9, 3); it is one sequence, (1, T, D) with T ≥ 1",
    ),
    (
        lambda: state_jacobian_norms(torch.tanh, X, [0, 9, -1]),
        "`lags[2]` is -1; it is at least 0",
    ),
    (
        lambda: state_jacobian_norms(torch.tanh, X, [0], "max"),
        '`norm` is \'max\'; it is "spectral" or "frobenius"',
    ),
    (lambda: set_spectral_radius(X[0], 1.0), "`weight` has shape (9, 3); it is square, (H, H)"),
    (lambda: set_spectral_radius(torch.eye(2), -1.0), "`radius` is -1.0; it is finite and not negative"),
    (
        lambda: set_spectral_radius(torch.zeros(2, 2), 1.0),
        "`weight` has spectral radius 0, which no factor changes",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
