"""A padded batch is its sequences one by one, in every method, both directions and both resets."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqdocs.models.gru import GRU
from seqdocs.models.lstm import LSTM
from seqdocs.models.packed import pack, reversal, unpack
from seqdocs.models.recurrent import Recurrent
from seqdocs.models.rnn import RNN
from tests.models.agreement import assert_same, flat

D, H, LAYERS = 3, 4, 2
LENGTHS = [[4, 7, 2], [3, 3, 3], [0, 7, 0, 1], [1, 0], [0, 0], [7, 5, 5, 2]]
MAKERS = {
    "rnn": lambda both: RNN(D, H, LAYERS, bidirectional=both),
    "relu": lambda both: RNN(D, H, LAYERS, nonlinearity="relu", bidirectional=both),
    "gru": lambda both: GRU(D, H, LAYERS, bidirectional=both),
    "gru, reset before": lambda both: GRU(D, H, LAYERS, reset="before", bidirectional=both),
    "lstm": lambda both: LSTM(D, H, LAYERS, bidirectional=both),
}
each_model = pytest.mark.parametrize("name", MAKERS)
each_method = pytest.mark.parametrize("method", ["loop", "hoisted", "lean"])
both_or_one = pytest.mark.parametrize("both", [False, True])


def fresh(name: str, both: bool = False) -> Recurrent:
    torch.manual_seed(0)
    return MAKERS[name](both).double()


def random_state(net: Recurrent, B: int) -> list[Tensor]:
    parts = 2 if isinstance(net, LSTM) else 1
    directions = 2 if net.bidirectional else 1
    return [torch.randn(LAYERS * directions, B, H, dtype=torch.float64) for _ in range(parts)]


def called(net: Recurrent, x: Tensor, state: list[Tensor], **options: object) -> list[Tensor]:
    return flat(net(x, tuple(state) if len(state) > 1 else state[0], **options))


def one_by_one(net: Recurrent, x: Tensor, state: list[Tensor], lengths: list[int]) -> list[Tensor]:
    """Each sequence alone and without padding, by the loop; then zeros behind it."""
    outputs, states = [], []
    for b, length in enumerate(lengths):
        y, *last = called(net, x[b : b + 1, :length], [s[:, b : b + 1] for s in state])
        outputs.append(torch.cat((y, y.new_zeros(1, x.shape[1] - length, y.shape[2])), 1))
        states.append(last)
    return [torch.cat(outputs), *(torch.cat(parts, 1) for parts in zip(*states, strict=True))]


@each_method
@both_or_one
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@each_model
def test_values_and_gradients_are_those_of_the_sequences_one_by_one(name, lengths, both, method):
    net = fresh(name, both)
    x = torch.randn(len(lengths), 7, D, dtype=torch.float64)
    assert_same(
        lambda x, *s: called(net, x, list(s), method=method, lengths=lengths),
        lambda x, *s: one_by_one(net, x, list(s), lengths),
        [x, *random_state(net, len(lengths))],
        net.parameters(),
    )


@each_method
@both_or_one
@pytest.mark.parametrize(("name", "theirs"), [("rnn", nn.RNN), ("gru", nn.GRU), ("lstm", nn.LSTM)])
def test_lengths_are_torchs_packed_sequences(name, theirs, both, method):
    net, lengths = fresh(name, both), [4, 7, 2, 4]
    right = theirs(D, H, LAYERS, batch_first=True, bidirectional=both).double()
    right.load_state_dict(net.state_dict())
    x = torch.randn(4, 7, D, dtype=torch.float64)
    packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    y, state = right(packed)
    wanted = flat((pad_packed_sequence(y, batch_first=True)[0], state))
    for mine, reference in zip(flat(net(x, method=method, lengths=lengths)), wanted, strict=True):
        torch.testing.assert_close(mine, reference, rtol=0, atol=1e-12)


@each_method
@each_model
def test_what_stands_in_the_padding_reaches_neither_a_state_nor_a_gradient(name, method):
    net, lengths = fresh(name), [2, 0, 5]
    x = torch.randn(3, 5, D, dtype=torch.float64)
    results = []
    for filler in (0.0, float("nan")):
        padded = x.masked_fill(torch.arange(5)[None, :, None] >= torch.tensor(lengths)[:, None, None], filler)
        padded.requires_grad_()
        found = flat(net(padded, method=method, lengths=lengths))
        (gradient,) = torch.autograd.grad(sum(one.sum() for one in found), padded)
        results.append([*found, gradient])
    for mine, reference in zip(*results, strict=True):
        assert torch.equal(mine, reference)


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_packing_and_reversing_twice_change_nothing(lengths):
    x = torch.randn(len(lengths), 7, D)
    packed = pack(x, lengths)
    there = packed.taken if packed.taken is not None else None
    assert len(packed.rows) == sum(lengths) == sum(packed.sizes)
    assert there is not None
    assert int(there.sum()) == sum(lengths)
    back = unpack(packed.rows, packed)
    for b, length in enumerate(lengths):
        assert torch.equal(back[b, :length], x[b, :length])
        assert not back[b, length:].any()
    turned = packed.rows[reversal(packed)]
    assert torch.equal(turned[reversal(packed)], packed.rows)
    of_each = unpack(turned, packed)
    for b, length in enumerate(lengths):
        assert torch.equal(of_each[b, :length], x[b, :length].flip(0))


@each_model
def test_a_second_derivative_of_the_lean_walk_is_refused(name):
    net = fresh(name)
    x = torch.randn(1, 3, D, dtype=torch.float64, requires_grad=True)
    y, _ = net(x, method="lean")
    with pytest.raises(RuntimeError, match='"lean", whose gradient has no derivative'):
        torch.autograd.grad(y.sum(), x, create_graph=True)
