"""Sinusoids are the paper's, and positions make attention see an order."""

import math
import re

import pytest
import torch

from seqdocs.models.positional import LearnedPositions, SinusoidalPositions, places, sinusoidal
from seqdocs.models.scaled_dot_product import attention


@pytest.mark.parametrize("T", [0, 1, 2, 7, 63])
@pytest.mark.parametrize("D", [2, 6])
def test_the_table_is_the_papers_formula(T, D):
    table = sinusoidal(T, D, start=2)
    assert table.shape == (T, D)
    for t in range(T):
        for i in range(D // 2):
            angle = (t + 2) / 10000 ** (2 * i / D)
            torch.testing.assert_close(
                table[t, 2 * i : 2 * i + 2], torch.tensor([math.sin(angle), math.cos(angle)])
            )


def test_a_step_of_k_is_the_same_turn_everywhere():
    D, k = 6, 5
    omega = 10000.0 ** (-torch.arange(0, D, 2) / D)
    turn = torch.block_diag(
        *(
            torch.tensor([[math.cos(k * w), math.sin(k * w)], [-math.sin(k * w), math.cos(k * w)]])
            for w in omega
        )
    )
    torch.testing.assert_close(sinusoidal(40, D, start=k), sinusoidal(40, D) @ turn.T, rtol=1e-5, atol=1e-5)


def test_far_positions_are_exact_and_never_repeat():
    table = sinusoidal(1, 8, start=1_000_000)
    assert math.isclose(table[0, 0].item(), math.sin(1_000_000), rel_tol=1e-6)
    assert len(sinusoidal(5000, 8).unique(dim=0)) == 5000


@pytest.mark.parametrize("kind", ["sinusoidal", "learned"])
def test_positions_are_added_and_begin_where_told(kind):
    torch.manual_seed(0)
    add = SinusoidalPositions() if kind == "sinusoidal" else LearnedPositions(9, 4)
    table = sinusoidal(9, 4) if kind == "sinusoidal" else add.weight
    x = torch.randn(2, 3, 4)
    torch.testing.assert_close(add(x), x + table[:3])
    torch.testing.assert_close(add(x, start=6), x + table[6:])
    torch.testing.assert_close(add(x[:, :0], start=9), x[:, :0])


@pytest.mark.parametrize("kind", ["sinusoidal", "learned"])
def test_a_row_that_begins_with_filler_counts_from_its_first_token(kind):
    torch.manual_seed(0)
    add = SinusoidalPositions() if kind == "sinusoidal" else LearnedPositions(9, 4)
    x = torch.randn(2, 5, 4)
    filled = add(x, filler=torch.tensor([0, 2]))
    torch.testing.assert_close(filled[0], add(x[:1])[0])
    torch.testing.assert_close(filled[1, 2:], add(x[1:, 2:])[0])
    later = add(x, start=4, filler=torch.tensor([0, 2]))
    torch.testing.assert_close(later[1], add(x[1:], start=2)[0])


def test_places_count_on_and_filler_is_at_zero():
    assert places(3, 5).tolist() == [5, 6, 7]
    assert places(3, 1, torch.tensor([0, 2])).tolist() == [[1, 2, 3], [0, 0, 1]]


def test_with_positions_another_order_is_another_input():
    """Without, outputs follow the order of the inputs: tests of attention say so."""
    x = torch.randn(1, 1, 5, 4, generator=torch.Generator().manual_seed(0))
    order = [4, 3, 2, 1, 0]

    def read(x):
        x = x + sinusoidal(5, 4)
        return attention(x, x, x)

    assert not torch.allclose(read(x[:, :, order]), read(x)[:, :, order], atol=1e-2)


REFUSED = [
    (lambda: sinusoidal(3, 5), "`D` is 5; it is even: half are sines, half cosines"),
    (lambda: sinusoidal(3, 4, -1), "`start` is -1; it is at least 0"),
    (
        lambda: LearnedPositions(4, 2)(torch.zeros(1, 2, 2), start=3),
        "`x` reaches position 5; the table has 4 positions",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
