"""RNN, LSTM and GRU are torch.nn's: values, gradients, parameters loaded both ways, by either method."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from seqdocs.models.gru import GRU, gru_step
from seqdocs.models.lstm import LSTM, lstm_step, set_forget_bias
from seqdocs.models.recurrent import Recurrent
from seqdocs.models.rnn import RNN, rnn_step

Pair = tuple[Callable[..., Recurrent], Callable[..., nn.RNNBase]]
PAIRS: dict[str, Pair] = {
    "tanh": (RNN, nn.RNN),
    "relu": (
        lambda *sizes: RNN(*sizes, nonlinearity="relu"),
        lambda *s, **k: nn.RNN(*s, nonlinearity="relu", **k),
    ),
    "lstm": (LSTM, nn.LSTM),
    "gru": (GRU, nn.GRU),
}
METHODS = ("loop", "hoisted", "lean")
LENGTHS = (1, 2, 7, 63)
D, H = 3, 4

each_pair = pytest.mark.parametrize("name", PAIRS)
each_method = pytest.mark.parametrize("method", METHODS)


def pair(name: str, layers: int) -> tuple[Recurrent, nn.RNNBase]:
    """Ours and theirs with the same random parameters."""
    torch.manual_seed(0)
    ours, theirs = (
        make(D, H, layers, **k) for make, k in zip(PAIRS[name], ({}, {"batch_first": True}), strict=True)
    )
    ours.load_state_dict(theirs.state_dict())
    return ours.double(), theirs.double()


def random_state(name: str, layers: int, B: int):
    h = torch.randn(layers, B, H, dtype=torch.float64)
    return (h, torch.randn_like(h)) if name == "lstm" else h


def tensors(result) -> list[Tensor]:
    """Output and states as one flat list."""
    output, state = result
    return [output, *(state if isinstance(state, tuple) else [state])]


@each_method
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", [1, 5])
@each_pair
def test_values_and_gradients_are_torchs(name: str, B: int, T: int, layers: int, method: str) -> None:
    ours, theirs = pair(name, layers)
    x, state = torch.randn(B, T, D, dtype=torch.float64), random_state(name, layers, B)
    weights = [torch.randn_like(t) for t in tensors(theirs(x, state))]
    results = []
    for net, extra in ((ours, {"method": method}), (theirs, {})):
        leaves = [x.clone().requires_grad_()]
        leaves += [s.clone().requires_grad_() for s in (state if name == "lstm" else [state])]
        found = tensors(net(leaves[0], tuple(leaves[1:]) if name == "lstm" else leaves[1], **extra))
        leaves += list(net.parameters())
        total = sum((w * t).sum() for w, t in zip(weights, found, strict=True))
        results.append(found + list(torch.autograd.grad(total, leaves)))
    for mine, reference in zip(*results, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-10, atol=1e-10)


@each_method
@each_pair
def test_no_state_is_a_state_of_zeros(name: str, method: str) -> None:
    ours, theirs = pair(name, 2)
    x = torch.randn(5, 7, D, dtype=torch.float64)
    for mine, reference in zip(tensors(ours(x, method=method)), tensors(theirs(x)), strict=True):
        torch.testing.assert_close(mine, reference, rtol=0, atol=1e-12)


@each_pair
def test_parameters_load_both_ways(name: str) -> None:
    ours, theirs = pair(name, 2)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = torch.randn(1, 7, D, dtype=torch.float64)
    for parameter in ours.parameters():
        nn.init.normal_(parameter)
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(x)[0], theirs(x)[0], rtol=0, atol=1e-12)


@each_pair
def test_a_fresh_module_draws_the_numbers_that_torch_draws(name: str) -> None:
    modules = []
    for make, extra in zip(PAIRS[name], ({}, {"batch_first": True}), strict=True):
        torch.manual_seed(3)
        modules.append(make(D, H, 2, **extra))
    for mine, reference in zip(modules[0].parameters(), modules[1].parameters(), strict=True):
        assert torch.equal(mine, reference)


@each_method
@each_pair
def test_no_time_gives_no_output_and_leaves_the_state(name: str, method: str) -> None:
    ours, _ = pair(name, 2)
    state = random_state(name, 2, 5)
    output, *states = tensors(ours(torch.zeros(5, 0, D, dtype=torch.float64), state, method))
    assert output.shape == (5, 0, H)
    for after, before in zip(states, state if name == "lstm" else [state], strict=True):
        assert torch.equal(after, before)


@each_method
@pytest.mark.parametrize("sizes", [(0, 7), (1, 6), (3, 4), (2, 2, 3)])
@each_pair
def test_state_carries_across_chunks(name: str, sizes: tuple[int, ...], method: str) -> None:
    ours, _ = pair(name, 2)
    x, state = torch.randn(5, 7, D, dtype=torch.float64), random_state(name, 2, 5)
    whole = tensors(ours(x, state, method))
    outputs = []
    for part in x.split(list(sizes), dim=1):
        output, state = ours(part, state, method)
        outputs.append(output)
    for mine, reference in zip(tensors((torch.cat(outputs, 1), state)), whole, strict=True):
        torch.testing.assert_close(mine, reference, rtol=0, atol=1e-12)


@each_method
@each_pair
def test_the_future_does_not_reach_the_past(name: str, method: str) -> None:
    ours, _ = pair(name, 2)
    for parameter in ours.parameters():
        nn.init.uniform_(parameter, 0.0, 1.0)  # positive, so that no rectifier is shut and every path is open
    x = torch.rand(1, 7, D, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda x: ours(x, method=method)[0], x)
    reached = jacobian[0, :, :, 0].abs().amax((1, 3))  # (output time, input time)
    assert torch.equal(reached > 0, torch.ones(7, 7, dtype=torch.bool).tril())


@pytest.mark.parametrize("B", [1, 5])
def test_steps_are_torchs_cells(B: int) -> None:
    torch.manual_seed(0)
    x, h, c = (torch.randn(B, size, dtype=torch.float64) for size in (D, H, H))

    def weights(cell: nn.RNNCellBase):
        return cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh

    tanh, relu = (nn.RNNCell(D, H, nonlinearity=f).double() for f in ("tanh", "relu"))
    lstm, gru = nn.LSTMCell(D, H).double(), nn.GRUCell(D, H).double()
    close = {"rtol": 0, "atol": 1e-12}
    torch.testing.assert_close(rnn_step(x, h, weights(tanh)), tanh(x, h), **close)
    torch.testing.assert_close(rnn_step(x, h, weights(relu), "relu"), relu(x, h), **close)
    torch.testing.assert_close(lstm_step(x, h, c, weights(lstm)), lstm(x, (h, c)), **close)
    torch.testing.assert_close(gru_step(x, h, weights(gru)), gru(x, h), **close)


BOTH = {"bidirectional": True}


@pytest.mark.parametrize(
    "lstm", [LSTM(D, H, 2), nn.LSTM(D, H, 2), LSTM(D, H, 2, **BOTH), nn.LSTM(D, H, 2, **BOTH)]
)
def test_the_forget_bias_reaches_the_forget_gate_only(lstm: LSTM | nn.LSTM) -> None:
    before = {name: value.clone() for name, value in lstm.state_dict().items()}
    set_forget_bias(lstm, 30.0)
    for name, value in lstm.state_dict().items():
        kept = torch.ones(len(value), dtype=torch.bool)
        if name.startswith("bias"):
            kept[H : 2 * H] = False
            assert torch.all(value[~kept] == (30.0 if "ih" in name else 0.0))
        assert torch.equal(value[kept], before[name][kept])


def test_an_open_forget_gate_and_a_shut_input_gate_keep_the_cell() -> None:
    lstm = LSTM(D, H)
    set_forget_bias(lstm, 40.0)
    with torch.no_grad():
        lstm.bias_ih_l0[:H] = -40.0
    c = torch.randn(1, 2, H)
    _, (_, after) = lstm(torch.randn(2, 63, D), (torch.zeros(1, 2, H), c))
    torch.testing.assert_close(after, c)


X, S = torch.zeros(2, 5, D), torch.zeros(1, 2, H)
WEIGHTS = RNN(D, H).weights(0)
REFUSED = [
    (lambda: RNN(D, H)(X[0]), "`x` has shape (5, 3); it is (B, T, 3)"),
    (lambda: GRU(D, H)(X[..., :2]), "`x` has shape (2, 5, 2); it is (B, T, 3)"),
    (
        lambda: LSTM(D, H)(X.double()),
        "`x` is torch.float64 but the parameters are torch.float32; convert one of them",
    ),
    (lambda: RNN(D, H)(X, S[0]), "`state` has shape (2, 4); it is (num_layers, B, H) = (1, 2, 4)"),
    (
        lambda: LSTM(D, H)(X, (S, S[:, :1])),
        "`state[1]` has shape (1, 1, 4); it is (num_layers, B, H) = (1, 2, 4)",
    ),
    (lambda: GRU(D, H, 2)(X, S), "`state` has shape (1, 2, 4); it is (num_layers, B, H) = (2, 2, 4)"),
    (lambda: GRU(D, H)(X, method="scan"), '`method` is \'scan\'; it is "loop", "hoisted" or "lean"'),
    (lambda: RNN(D, H, nonlinearity="gelu"), '`nonlinearity` is \'gelu\'; it is "tanh" or "relu"'),
    (lambda: RNN(D, 0), "`hidden_size` is 0; it is at least 1"),
    (
        lambda: rnn_step(X[0], S[0], WEIGHTS),
        "`x` has shape (5, 3) and `h` (2, 4); they are (B, D) and (B, H)",
    ),
    (
        lambda: gru_step(X[:, 0], S[0], WEIGHTS),
        "`W_ih` has shape (4, 3) and `W_hh` (4, 4); for x (B, 3) and h (B, 4) they are (12, 3) and (12, 4)",
    ),
    (
        lambda: lstm_step(X[:, 0], S[0], S, LSTM(D, H).weights(0)),
        "`c` has shape (1, 2, 4) and `h` (2, 4); both are (B, H)",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
