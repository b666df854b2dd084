"""The LSTM of 1997 is today's with its forget gate wide open; that with peepholes is ONNX's."""

import pytest
import torch
from torch import Tensor, nn

from seqdocs.models.lstm import LSTM
from seqdocs.models.lstm_variants import LSTM1997, PeepholeLSTM
from tests.models.agreement import (
    BATCHES,
    LENGTHS,
    assert_batch_permutes,
    assert_causal,
    assert_chunks_join,
    assert_same,
)
from tests.models.onnx_cells import run_node

D, H = 3, 4
each_kind = pytest.mark.parametrize("kind", [LSTM1997, PeepholeLSTM])
each_method = pytest.mark.parametrize("method", ["loop", "hoisted"])


def fresh(kind: type[LSTM], layers: int = 1, **options: bool) -> LSTM:
    torch.manual_seed(0)
    return kind(D, H, layers, **options).double()


def with_open_forget_gate(net: LSTM) -> nn.LSTM:
    """torch's LSTM with the weights of a three-gate one: rows of f are zero, its bias 40, and σ(40) = 1."""
    theirs = nn.LSTM(D, H, net.num_layers, batch_first=True).double()
    full = {}
    for name, value in net.state_dict().items():
        i, g, o = value.chunk(3)
        f = torch.full_like(i, 40.0 if name.startswith("bias_ih") else 0.0)
        full[name] = torch.cat((i, f, g, o))
    theirs.load_state_dict(full)
    return theirs


@each_method
@pytest.mark.parametrize("T", [T for T in LENGTHS if T])
@pytest.mark.parametrize("B", BATCHES)
def test_without_a_forget_gate_it_is_torchs_with_that_gate_open(B: int, T: int, method: str) -> None:
    net = fresh(LSTM1997, 2)
    theirs = with_open_forget_gate(net)
    leaves = [torch.randn(shape, dtype=torch.float64) for shape in ((B, T, D), (2, B, H), (2, B, H))]
    assert_same(
        lambda x, h, c: net(x, (h, c), method), lambda x, h, c: theirs(x, (h, c)), leaves, tolerance=1e-10
    )


@each_method
@pytest.mark.parametrize("T", [1, 2, 7, 63])
def test_peepholes_are_those_of_onnx(T: int, method: str) -> None:
    net = fresh(PeepholeLSTM)
    x, h, c = (torch.randn(shape, dtype=torch.float64) for shape in ((5, T, D), (1, 5, H), (1, 5, H)))
    W_ih, W_hh, b_ih, b_hh, p = (value.detach() for value in net.weights(0))

    def iofg(rows: Tensor) -> Tensor:
        i, f, g, o = rows.chunk(4)
        return torch.cat((i, o, f, g))

    p_i, p_f, p_o = p
    inputs = {
        "X": x.transpose(0, 1),
        "W": iofg(W_ih)[None],
        "R": iofg(W_hh)[None],
        "B": torch.cat((iofg(b_ih), iofg(b_hh)))[None],
        "": None,
        "initial_h": h,
        "initial_c": c,
        "P": torch.cat((p_i, p_o, p_f))[None],
    }
    theirs, h_last = run_node("LSTM", inputs, hidden_size=H)
    mine, (mine_h, _) = net(x, (h, c), method)
    torch.testing.assert_close(mine.transpose(0, 1)[:, None], theirs, rtol=0, atol=1e-10)
    torch.testing.assert_close(mine_h, h_last, rtol=0, atol=1e-10)


@each_method
@pytest.mark.parametrize("T", LENGTHS)
def test_shut_peepholes_leave_the_lstm(T: int, method: str) -> None:
    net, plain = fresh(PeepholeLSTM, 2), LSTM(D, H, 2).double()
    plain.load_state_dict({name: value for name, value in net.state_dict().items() if "peep" not in name})
    for layer in range(2):
        nn.init.zeros_(net.get_parameter(f"peephole_l{layer}"))
    assert_same(lambda x: net(x, None, method), plain, [torch.randn(5, T, D, dtype=torch.float64)])


@each_kind
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
def test_hoisted_is_the_loop(kind: type[LSTM], B: int, T: int) -> None:
    net = fresh(kind, 2)
    x = torch.randn(B, T, D, dtype=torch.float64)
    assert_same(lambda x: net(x, None, "hoisted"), net, [x], net.parameters())


@each_kind
@each_method
def test_state_carries_the_future_does_not_and_sequences_do_not_mix(kind: type[LSTM], method: str) -> None:
    net = fresh(kind, 2)
    x = torch.randn(5, 7, D, dtype=torch.float64)
    for sizes in ((0, 7), (1, 6), (2, 2, 3)):
        assert_chunks_join(lambda x, state: net(x, state, method), x, sizes)
    assert_causal(lambda x: net(x, None, method)[0], 7, D)
    assert_batch_permutes(lambda x: net(x, None, method)[0], x)


@each_kind
def test_gradients_are_those_of_differences(kind: type[LSTM]) -> None:
    net = fresh(kind)
    x = torch.randn(2, 3, D, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: net(x)[0], x)


@each_kind
def test_padding_and_the_other_direction_work_as_in_the_lstm(kind: type[LSTM]) -> None:
    net = fresh(kind, 2, bidirectional=True)
    x = torch.randn(3, 7, D, dtype=torch.float64)
    y, (h, c) = net(x, lengths=[4, 7, 0])
    alone, (h_alone, c_alone) = net(x[:1, :4])
    torch.testing.assert_close(y[0, :4], alone[0])
    torch.testing.assert_close((h[:, 0], c[:, 0]), (h_alone[:, 0], c_alone[:, 0]))
    assert not y[0, 4:].any() and not y[2].any()


def test_without_a_forget_gate_the_gradient_along_the_cell_is_one() -> None:
    net = fresh(LSTM1997)
    nn.init.zeros_(net.weight_hh_l0)  # else the cell also acts through the output
    c = torch.randn(1, 1, H, dtype=torch.float64)
    x, h = torch.randn(1, 63, D, dtype=torch.float64), torch.zeros(1, 1, H, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda c: net(x, (h, c))[1][1].flatten(), c)
    assert torch.equal(jacobian.view(H, H), torch.eye(H, dtype=torch.float64))


@each_kind
def test_lean_is_refused(kind: type[LSTM]) -> None:
    with pytest.raises(ValueError, match=r'"loop" or "hoisted"$'):
        fresh(kind)(torch.zeros(1, 1, D, dtype=torch.float64), None, "lean")
