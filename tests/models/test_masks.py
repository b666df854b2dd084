"""Masks show what they say, entry by entry, and a softmax over nothing is nothing."""

import re

import pytest
import torch

from seqdocs.models.masks import causal, masked_softmax, padding, sliding_window

SIZES = [(0, 0), (0, 3), (1, 1), (1, 7), (3, 7), (7, 7)]


@pytest.mark.parametrize(("T", "S"), SIZES)
def test_causal_shows_the_own_position_and_the_past(T, S):
    seen = causal(T, S)
    assert seen.shape == (T, S)
    assert all(seen[t, s] == (s <= S - T + t) for t in range(T) for s in range(S))


@pytest.mark.parametrize("window", [1, 2, 5, 9])
@pytest.mark.parametrize(("T", "S"), SIZES)
def test_a_window_shows_so_many_positions_and_no_future(T, S, window):
    seen = sliding_window(T, window, S)
    assert seen.shape == (T, S)
    assert all(seen[t, s] == (0 <= S - T + t - s < window) for t in range(T) for s in range(S))


def test_keys_are_as_many_as_queries_unless_told():
    assert torch.equal(causal(4), causal(4, 4))
    assert torch.equal(sliding_window(4, 2), sliding_window(4, 2, 4))


@pytest.mark.parametrize("side", ["right", "left"])
def test_padding_hides_what_only_fills_up(side):
    lengths = torch.tensor([0, 1, 3, 4])
    seen = padding(lengths, 4, side)
    assert seen.shape == (4, 1, 1, 4)
    for row, length in zip(seen[:, 0, 0].tolist(), lengths.tolist(), strict=True):
        told = [True] * length + [False] * (4 - length)
        assert row == (told if side == "right" else told[::-1])
    assert padding(lengths[:0], 4).shape == (0, 1, 1, 4)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_weights_are_a_softmax_of_what_is_seen_and_zero_elsewhere(dtype):
    scores = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0)).to(dtype) * 50
    scores[0] -= 1000  # what is hidden must be lower still
    seen = torch.rand(5, 7, generator=torch.Generator().manual_seed(1)) < 0.5
    seen[2] = False
    weights = masked_softmax(scores, seen)
    assert weights[:, ~seen].eq(0).all()
    for row in (0, 1, 3, 4):
        torch.testing.assert_close(weights[:, row, seen[row]], scores[:, row, seen[row]].softmax(-1))


def test_a_row_that_sees_nothing_has_no_nan_in_value_or_gradient():
    scores = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    seen = torch.ones(3, 4, dtype=torch.bool)
    seen[1] = False
    with torch.autograd.set_detect_anomaly(True):  # nor is there one on the way
        weights = masked_softmax(scores, seen)
        (gradient,) = torch.autograd.grad((weights * torch.arange(4)).sum(), scores)
    assert weights[1].eq(0).all() and gradient[1].eq(0).all()
    assert gradient.isfinite().all() and gradient[0].ne(0).all()


REFUSED = [
    (lambda: causal(3, 2), "`T` is 3 and `S` is 2; queries are the last positions, so S is at least T"),
    (lambda: sliding_window(3, 0), "`window` is 0; it is at least 1"),
    (
        lambda: padding(torch.ones(2), 3),
        "`lengths` is torch.float32 of shape (2,); it is integers, (B,)",
    ),
    (
        lambda: padding(torch.tensor([[1]]), 3),
        "`lengths` is torch.int64 of shape (1, 1); it is integers, (B,)",
    ),
    (
        lambda: padding(torch.tensor([True]), 3),
        "`lengths` is torch.bool of shape (1,); it is integers, (B,)",
    ),
    (lambda: padding(torch.tensor([1, 4]), 3), "`lengths` reaches from 1 to 4; there are 3 positions"),
    (lambda: padding(torch.tensor([-1, 2]), 3), "`lengths` reaches from -1 to 2; there are 3 positions"),
    (lambda: padding(torch.tensor([1]), 3, "top"), '`side` is \'top\'; it is "right" or "left"'),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
