"""The GRU's reset acts where it is told to: after the product as in torch, before it as in the paper."""

import pytest
import torch
from torch import Tensor

from seqdocs.models.gru import GRU, gru_step
from tests.models.agreement import BATCHES, LENGTHS, assert_causal, assert_chunks_join, assert_same
from tests.models.onnx_cells import run_node

D, H = 3, 4
each_method = pytest.mark.parametrize("method", ["loop", "hoisted", "lean"])
each_reset = pytest.mark.parametrize("reset", ["after", "before"])


def fresh(reset: str, layers: int = 1) -> GRU:
    torch.manual_seed(0)
    return GRU(D, H, layers, reset=reset).double()


def dense(net: GRU):
    """The paper's equations 5 to 8 with z as what keeps, gate by gate; reset before the product."""
    W, U, b, c = (part.chunk(3) for part in net.weights(0))

    def form(x: Tensor, h: Tensor) -> Tensor:
        h, outputs = h[0], []
        for t in range(x.shape[1]):
            r = torch.sigmoid(x[:, t] @ W[0].T + b[0] + h @ U[0].T + c[0])
            z = torch.sigmoid(x[:, t] @ W[1].T + b[1] + h @ U[1].T + c[1])
            n = torch.tanh(x[:, t] @ W[2].T + b[2] + (r * h) @ U[2].T + c[2])
            h = z * h + (1 - z) * n
            outputs.append(h)
        return torch.stack(outputs, 1)

    return form


@each_method
@pytest.mark.parametrize("T", [T for T in LENGTHS if T])
@pytest.mark.parametrize("B", BATCHES)
def test_reset_before_is_the_papers(B: int, T: int, method: str) -> None:
    net = fresh("before")
    leaves = [torch.randn(B, T, D, dtype=torch.float64), torch.randn(1, B, H, dtype=torch.float64)]
    assert_same(lambda x, h: net(x, h, method)[0], dense(net), leaves, net.parameters())


@each_method
@each_reset
@pytest.mark.parametrize("T", [1, 7, 63])
def test_each_reset_is_that_of_onnx(T: int, reset: str, method: str) -> None:
    net = fresh(reset)
    x, h = torch.randn(5, T, D, dtype=torch.float64), torch.randn(1, 5, H, dtype=torch.float64)

    def zrn(rows: Tensor) -> Tensor:
        r, z, n = rows.detach().chunk(3)
        return torch.cat((z, r, n))

    W_ih, W_hh, b_ih, b_hh = net.weights(0)
    inputs = {
        "X": x.transpose(0, 1), "W": zrn(W_ih)[None], "R": zrn(W_hh)[None],
        "B": torch.cat((zrn(b_ih), zrn(b_hh)))[None], "": None, "initial_h": h,
    }  # fmt: skip
    theirs, last = run_node("GRU", inputs, hidden_size=H, linear_before_reset=int(reset == "after"))
    y, state = net(x, h, method)
    torch.testing.assert_close(y.transpose(0, 1)[:, None], theirs, rtol=0, atol=1e-10)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-10)


def test_the_two_resets_differ() -> None:
    x = torch.randn(2, 7, D, dtype=torch.float64)
    after, before = fresh("after"), fresh("before")
    assert (after(x)[0] - before(x)[0]).abs().max() > 1e-3


@each_method
def test_state_carries_and_the_future_does_not(method: str) -> None:
    net = fresh("before", 2)
    x = torch.randn(5, 7, D, dtype=torch.float64)
    for sizes in ((0, 7), (1, 6), (2, 2, 3)):
        assert_chunks_join(lambda x, state: net(x, state, method), x, sizes)
    assert_causal(lambda x: net(x, None, method)[0], 7, D)


@each_reset
def test_a_step_is_a_sequence_of_one(reset: str) -> None:
    net = fresh(reset)
    x, h = torch.randn(5, D, dtype=torch.float64), torch.randn(5, H, dtype=torch.float64)
    torch.testing.assert_close(gru_step(x, h, net.weights(0), reset), net(x[:, None], h[None])[0][:, 0])


def test_an_unknown_reset_is_named() -> None:
    with pytest.raises(ValueError, match=r"^`reset` is 'never'; it is .after. or .before.$"):
        GRU(D, H, reset="never")
