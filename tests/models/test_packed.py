"""Padding is taken out and put back, whatever stands in it, and lengths that cannot be are named."""

import re

import pytest
import torch

from seqdocs.models.packed import ends, last_states, pack, reversal, unpack

LENGTHS = [(3, 7, 0, 5, 7), (0, 0), (7,), (1, 2, 3), (2, 2)]


def padded(lengths: tuple[int, ...], T: int = 7) -> torch.Tensor:
    x = torch.arange(1.0, len(lengths) * T * 2 + 1).view(len(lengths), T, 2)
    for own, length in zip(x, lengths, strict=True):
        own[length:] = 0
    return x


@pytest.mark.parametrize("lengths", LENGTHS)
def test_unpacking_undoes_packing(lengths: tuple[int, ...]) -> None:
    x = padded(lengths)
    packed = pack(x, lengths)
    assert torch.equal(unpack(packed.rows, packed), x)
    assert packed.rows.shape == (sum(lengths), 2) and sum(packed.sizes) == sum(lengths)


@pytest.mark.parametrize("lengths", [lengths for lengths in LENGTHS if 0 not in lengths])
def test_the_steps_are_torchs(lengths: tuple[int, ...]) -> None:
    x = padded(lengths)
    theirs = torch.nn.utils.rnn.pack_padded_sequence(
        x, torch.tensor(lengths), batch_first=True, enforce_sorted=False
    )
    mine = pack(x, lengths)
    assert mine.sizes == theirs.batch_sizes.tolist()
    assert {tuple(row) for row in mine.rows.tolist()} == {tuple(row) for row in theirs.data.tolist()}


@pytest.mark.parametrize(("B", "T"), [(3, 4), (1, 5), (3, 0), (0, 4)])
def test_without_lengths_every_step_has_all_sequences(B: int, T: int) -> None:
    x = torch.randn(B, T, 2)
    packed = pack(x)
    assert packed.sizes == [B] * T
    assert torch.equal(unpack(packed.rows, packed), x)
    assert torch.equal(packed.rows, x.transpose(0, 1).reshape(-1, 2))


@pytest.mark.parametrize("lengths", [*LENGTHS, None])
def test_reversal_reads_each_sequence_from_its_own_end(lengths: tuple[int, ...] | None) -> None:
    x = padded(lengths or (7, 7))
    packed = pack(x, lengths)
    back = unpack(packed.rows[reversal(packed)], packed)
    for own, reverse, length in zip(x, back, lengths or (7, 7), strict=True):
        assert torch.equal(reverse[:length], own[:length].flip(0))
        assert not reverse[length:].any()


def test_the_last_state_is_the_one_after_the_last_step_and_the_first_where_there_is_none() -> None:
    lengths = (7, 4, 4, 1, 0)
    sizes = [4, 3, 3, 3, 1, 1, 1]
    states = [torch.full((size, 1), float(t)) for t, size in enumerate([5, *sizes])]
    assert last_states(states, sizes).flatten().tolist() == list(lengths)
    assert ends(sizes, 5) == [(7, 0, 1), (4, 1, 3), (1, 3, 4), (0, 4, 5)]


def test_padding_gets_no_gradient_even_if_it_is_not_a_number() -> None:
    x = torch.full((2, 3, 1), torch.nan)
    x[0, :2] = 1.0
    x.requires_grad_()
    packed = pack(x, [2, 0])
    (gradient,) = torch.autograd.grad(unpack(packed.rows, packed).square().sum(), x)
    assert gradient.flatten().tolist() == [2, 2, 0, 0, 0, 0]


X = torch.zeros(2, 5, 3)
WANTED = "they are whole numbers from 0 to T = 5"
REFUSED = [
    ([1], "`lengths` has shape (1,); it is (B,) = (2,)"),
    ([[1, 2]], "`lengths` has shape (1, 2); it is (B,) = (2,)"),
    ([6, 7], f"`lengths` hold 6; {WANTED}"),
    ([0, -1], f"`lengths` hold -1; {WANTED}"),
    ([float("nan"), 2.0], f"`lengths` are torch.float32 and hold nan; {WANTED}"),
    (torch.tensor([2.0, 3.0]), f"`lengths` are torch.float32 and hold 2.0; {WANTED}"),
    ([True, False], f"`lengths` are torch.bool and hold True; {WANTED}"),
]


@pytest.mark.parametrize(("lengths", "words"), REFUSED)
def test_lengths_that_cannot_be_are_named(lengths: object, words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        pack(X, lengths)
