"""The recurrence turns the state and never stretches it, over any distance and for any parameters."""

import re

import pytest
import torch
from torch import Tensor, nn

from seqdocs.models.orthogonal import OrthogonalRNN, modrelu, rotation
from seqdocs.models.rnn import RNN
from tests.models.agreement import (
    BATCHES,
    LENGTHS,
    assert_batch_permutes,
    assert_causal,
    assert_chunks_join,
    assert_repeats,
    assert_same,
)

D, H = 3, 6
each_method = pytest.mark.parametrize("method", ["loop", "hoisted"])


def fresh(bias: float = 0.2) -> OrthogonalRNN:
    torch.manual_seed(0)
    net = OrthogonalRNN(D, H).double()
    nn.init.normal_(net.A)
    nn.init.uniform_(net.bias, 0.0, bias)
    return net


def by_eigenvalues(net: OrthogonalRNN):
    """Q from the eigenvalues of the Hermitian i (A - Aᵀ), and the squashing case by case."""

    def form(x: Tensor, h: Tensor) -> Tensor:
        skew = net.A.tril(-1) - net.A.tril(-1).T
        angles, V = torch.linalg.eigh(1j * skew)
        Q = (V @ torch.diag(torch.exp(-1j * angles)) @ V.mH).real
        outputs = []
        for t in range(x.shape[1]):
            z = x[:, t] @ net.input.weight.T + h @ Q.T
            h = torch.where(z > 0, (z + net.bias).clamp(min=0), -(-z + net.bias).clamp(min=0))
            outputs.append(h)
        return torch.stack(outputs, 1) if outputs else x.new_zeros(x.shape[0], 0, H)

    return form


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("size", [1, 2, 7, 63])
def test_a_rotation_keeps_all_lengths(size: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    Q = rotation(torch.randn(size, size, dtype=dtype))
    torch.testing.assert_close(Q.mH @ Q, torch.eye(size, dtype=dtype), rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.linalg.det(Q).abs(), torch.tensor(1.0).double())
    if not dtype.is_complex:
        torch.testing.assert_close(torch.linalg.det(Q), torch.tensor(1.0).double())


def test_a_plane_turns_by_the_parameter() -> None:
    Q = rotation(torch.tensor([[0.0, 9.0], [0.3, 0.0]], dtype=torch.float64))
    cos, sin = torch.tensor(0.3).double().cos(), torch.tensor(0.3).double().sin()
    torch.testing.assert_close(Q, torch.tensor([[cos, -sin], [sin, cos]]).double())


def test_modrelu_is_its_formula_case_by_case() -> None:
    z = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0])
    assert modrelu(z, torch.tensor(-1.0)).tolist() == [-1, 0, 0, 0, 1]
    assert modrelu(z, torch.tensor(0.0)).tolist() == z.tolist()
    assert modrelu(z, torch.tensor(1.0)).tolist() == [-3, -1.5, 0, 1.5, 3]


@each_method
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
def test_it_is_the_formula_with_the_exponential_by_eigenvalues(B: int, T: int, method: str) -> None:
    net = fresh()
    leaves = [torch.randn(B, T, D, dtype=torch.float64), torch.randn(B, H, dtype=torch.float64)]
    with torch.no_grad():
        mine, right = net(leaves[0], leaves[1], method)[0], by_eigenvalues(net)(*leaves)
    torch.testing.assert_close(mine, right, rtol=1e-10, atol=1e-10)
    inputs = [net.input.weight, net.bias]
    assert_same(lambda x, h: net(x, h, method)[0], by_eigenvalues(net), leaves, inputs)
    assert_same(
        lambda x, h: net(x, h, method)[0], lambda x, h: net(x, h, "loop")[0], leaves, net.parameters()
    )


def jacobian(run, h: Tensor) -> Tensor:
    return torch.autograd.functional.jacobian(run, h).squeeze()


@pytest.mark.parametrize("T", [1, 7, 63, 500])
def test_the_jacobian_over_any_distance_is_a_rotation(T: int) -> None:
    net = fresh()
    x, h = torch.randn(1, T, D, dtype=torch.float64), torch.randn(1, H, dtype=torch.float64)
    J = jacobian(lambda h: net(x, h)[1][0], h)
    singular = torch.linalg.svdvals(J)
    torch.testing.assert_close(singular, torch.ones(H).double(), rtol=0, atol=1e-10)


def test_that_of_a_tanh_network_with_the_same_matrix_shrinks() -> None:
    net, tanh = fresh(), RNN(D, H).double()
    with torch.no_grad():
        tanh.weight_hh_l0.copy_(rotation(net.A))
    x, h = torch.randn(1, 63, D, dtype=torch.float64), torch.randn(1, 1, H, dtype=torch.float64)
    J = jacobian(lambda h: tanh(x, h)[1].flatten(), h)
    assert torch.linalg.svdvals(J).max() < 0.1


def test_it_stays_orthogonal_however_far_training_goes() -> None:
    net = fresh()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.5)
    for _ in range(20):
        optimiser.zero_grad()
        net(torch.randn(4, 7, D, dtype=torch.float64))[0].square().mean().backward()
        optimiser.step()
    Q = rotation(net.A.detach())
    torch.testing.assert_close(Q.mT @ Q, torch.eye(H).double(), rtol=0, atol=1e-12)


def test_a_fresh_one_is_linear_and_turns_planes_by_a_quarter_at_most() -> None:
    torch.manual_seed(0)
    net = OrthogonalRNN(D, 64).double()
    angles = torch.linalg.eigvals(rotation(net.A.detach())).angle().abs()
    assert angles.max() <= torch.pi / 2 + 1e-12 and angles.max() > 1
    x = torch.randn(1, 7, D, dtype=torch.float64)
    torch.testing.assert_close(net(3 * x)[0], 3 * net(x)[0])


@each_method
def test_state_carries_the_future_does_not_sequences_do_not_mix_and_runs_repeat(method: str) -> None:
    net, x = fresh(), torch.randn(5, 7, D, dtype=torch.float64)
    for sizes in ((0, 7), (1, 6), (2, 2, 3)):
        assert_chunks_join(lambda x, state: net(x, state, method), x, sizes)
    assert_causal(lambda x: net(x, None, method)[0], 7, D)
    assert_batch_permutes(lambda x: net(x, None, method), x)
    assert_repeats(lambda: net(x, None, method))


def test_gradients_are_those_of_differences() -> None:
    net = fresh()
    x = torch.randn(2, 3, D, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, A: torch.func.functional_call(net, {"A": A}, x)[0], (x, net.A))


X = torch.zeros(2, 5, D)
REFUSED = [
    (lambda: rotation(X[0]), "`A` has shape (5, 3); it is square, (H, H)"),
    (lambda: OrthogonalRNN(3, 0), "`hidden_size` is 0; it is at least 1"),
    (lambda: OrthogonalRNN(D, H)(X[0]), "`x` has shape (5, 3); it is (B, T, 3)"),
    (
        lambda: OrthogonalRNN(D, H)(X.double()),
        "`x` is torch.float64 but the parameters are torch.float32; convert one of them",
    ),
    (lambda: OrthogonalRNN(D, H)(X, X[:, 0]), "`state` has shape (2, 3); it is (B, H) = (2, 6)"),
    (
        lambda: OrthogonalRNN(D, H)(X, None, "scan"),
        '`method` is \'scan\'; it is "loop" or "hoisted"',
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
