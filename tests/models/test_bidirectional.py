"""Both directions, several layers and padded batches are torch's, by every method."""

import re

import pytest
import torch
from torch import Tensor, nn

from seqdocs.models.bidirectional import both_ways
from seqdocs.models.gru import GRU
from seqdocs.models.lstm import LSTM
from seqdocs.models.recurrent import Recurrent
from seqdocs.models.rnn import RNN
from tests.models.agreement import assert_same, flat

D, H = 3, 4
KINDS = {"rnn": (RNN, nn.RNN), "lstm": (LSTM, nn.LSTM), "gru": (GRU, nn.GRU)}
each_kind = pytest.mark.parametrize("kind", KINDS)
each_method = pytest.mark.parametrize("method", ["loop", "hoisted", "lean"])
each_direction = pytest.mark.parametrize("both", [False, True])


def pair(kind: str, layers: int, both: bool) -> tuple[Recurrent, nn.RNNBase]:
    torch.manual_seed(0)
    ours, theirs = KINDS[kind]
    theirs = theirs(D, H, layers, batch_first=True, bidirectional=both).double()
    ours = ours(D, H, layers, bidirectional=both).double()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def leaves(kind: str, B: int, T: int, rows: int) -> list[Tensor]:
    states = [torch.randn(rows, B, H, dtype=torch.float64) for _ in range(2 if kind == "lstm" else 1)]
    return [torch.randn(B, T, D, dtype=torch.float64), *states]


def mine(net: Recurrent, method: str, lengths: object = None):
    return lambda x, *state: flat(net(x, state if len(state) == 2 else state[0], method, lengths))


def packed(net: nn.RNNBase, lengths: list[int], T: int):
    """torch over a packed batch, with zeros where padding was."""

    def form(x: Tensor, *state: Tensor):
        given = nn.utils.rnn.pack_padded_sequence(
            x, torch.tensor(lengths), batch_first=True, enforce_sorted=False
        )
        y, last = net(given, state if len(state) == 2 else state[0])
        return flat((nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=T)[0], last))

    return form


@each_method
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(("B", "T"), [(1, 1), (5, 2), (1, 7), (5, 63)])
@each_kind
def test_both_ways_is_torchs(kind: str, B: int, T: int, layers: int, method: str) -> None:
    ours, theirs = pair(kind, layers, both=True)
    given = leaves(kind, B, T, 2 * layers)
    found = [
        torch.autograd.grad(sum((y * (n + 1)).sin().sum() for n, y in enumerate(run(*given))), params)
        for run, params in (
            (mine(ours, method), list(ours.parameters())),
            (lambda x, *s: flat(theirs(x, s if len(s) == 2 else s[0])), list(theirs.parameters())),
        )
    ]
    for own, right in zip(*found, strict=True):
        torch.testing.assert_close(own, right, rtol=1e-10, atol=1e-10)
    assert_same(mine(ours, method), lambda x, *s: flat(theirs(x, s if len(s) == 2 else s[0])), given)


@each_method
@each_direction
@pytest.mark.parametrize("lengths", [[7, 5, 5, 2, 1], [2, 7, 1, 5, 5], [3, 3, 3, 3, 3]])
@each_kind
def test_padded_batches_are_torchs_packed_ones(
    kind: str, lengths: list[int], both: bool, method: str
) -> None:
    ours, theirs = pair(kind, 2, both)
    given = leaves(kind, 5, 7, 4 if both else 2)
    assert_same(mine(ours, method, lengths), packed(theirs, lengths, 7), given)
    assert_same(mine(ours, method, torch.tensor(lengths)), mine(ours, method, lengths), given)


@each_method
@each_direction
@each_kind
def test_a_sequence_in_a_padded_batch_is_that_sequence_alone(kind: str, both: bool, method: str) -> None:
    ours, _ = pair(kind, 2, both)
    x, *states = leaves(kind, 3, 7, 4 if both else 2)
    lengths = [4, 0, 7]
    whole = flat(mine(ours, method, lengths)(x, *states))
    for b, length in enumerate(lengths):
        y, *last = mine(ours, method)(x[b : b + 1, :length], *(s[:, b : b + 1] for s in states))
        torch.testing.assert_close(whole[0][b, :length], y[0], rtol=0, atol=1e-12)
        assert not whole[0][b, length:].any()
        for own, right in zip(whole[1:], last, strict=True):
            torch.testing.assert_close(own[:, b], right[:, 0], rtol=0, atol=1e-12)


@each_method
@each_direction
@each_kind
def test_a_sequence_of_no_length_has_no_output_and_keeps_its_state(
    kind: str, both: bool, method: str
) -> None:
    ours, _ = pair(kind, 2, both)
    x, *states = leaves(kind, 3, 7, 4 if both else 2)
    for lengths in ([4, 0, 7], [0, 0, 0]):
        y, *last = mine(ours, method, lengths)(x, *states)
        assert y.shape == (3, 7, 2 * H if both else H) and not y[1].any()
        assert all(torch.equal(after[:, 1], before[:, 1]) for after, before in zip(last, states, strict=True))


@each_method
@pytest.mark.parametrize("B", [1, 5])
@each_kind
def test_no_time_gives_no_output_and_leaves_the_states_of_both_directions(
    kind: str, B: int, method: str
) -> None:
    ours, _ = pair(kind, 2, both=True)
    x, *states = leaves(kind, B, 0, 4)
    y, *last = mine(ours, method)(x, *states)
    assert y.shape == (B, 0, 2 * H)
    assert all(torch.equal(after, before) for after, before in zip(last, states, strict=True))


@each_method
@each_direction
@each_kind
def test_what_stands_in_the_padding_does_not_matter(kind: str, both: bool, method: str) -> None:
    ours, _ = pair(kind, 2, both)
    x = torch.randn(2, 7, D, dtype=torch.float64)
    soiled = x.clone()
    soiled[0, 3:] = torch.nan
    lengths = [3, 7]
    results = []
    for given in (x, soiled):
        given.requires_grad_()
        y, state = ours(given, None, method, lengths)
        total = y.sum() + sum(s.sum() for s in flat(state))
        results.append([y, *torch.autograd.grad(total, [given, *ours.parameters()])])
    for own, right in zip(*results, strict=True):
        assert torch.equal(own, right)
    assert not results[0][1][0, 3:].any()


@each_method
@each_kind
def test_both_ways_every_output_sees_all_of_its_sequence_and_no_more(kind: str, method: str) -> None:
    ours, _ = pair(kind, 1, both=True)
    x = torch.rand(1, 7, D, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda x: ours(x, None, method, [4])[0], x)
    reached = jacobian[0, :, :, 0].abs().amax((1, 3)) > 0
    allowed = torch.zeros(7, 7, dtype=torch.bool)
    allowed[:4, :4] = True
    assert torch.equal(reached, allowed)


@each_kind
def test_parameters_of_both_directions_load_both_ways(kind: str) -> None:
    ours, theirs = pair(kind, 2, both=True)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())


@each_kind
def test_a_fresh_module_draws_the_numbers_that_torch_draws(kind: str) -> None:
    drawn = []
    for make, extra in zip(KINDS[kind], ({}, {"batch_first": True}), strict=True):
        torch.manual_seed(3)
        drawn.append(make(D, H, 2, bidirectional=True, **extra))
    for own, right in zip(*(net.parameters() for net in drawn), strict=True):
        assert torch.equal(own, right)


def test_one_walk_reads_forwards_only() -> None:
    rows = torch.arange(6.0).view(3, 2)
    y, states = both_ways(rows, [lambda x: (x + 1, "end")], None)
    assert torch.equal(y, rows + 1) and states == ["end"]


REFUSED = [
    (
        lambda net: net(torch.zeros(2, 5, D), torch.zeros(1, 2, H)),
        "`state` has shape (1, 2, 4); it is (2 num_layers, B, H) = (2, 2, 4)",
    ),
    (
        lambda net: net(torch.zeros(2, 5, D), torch.zeros(2, 2, H).double()),
        "`state` is torch.float64 but `x` is torch.float32; convert one of them",
    ),
    (
        lambda net: net(torch.zeros(2, 5, D), lengths=[6, 1]),
        "`lengths` hold 6; they are whole numbers from 0 to T = 5",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call(GRU(D, H, bidirectional=True))
