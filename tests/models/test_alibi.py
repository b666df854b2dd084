"""Slopes and penalties are those of the paper."""

import re

import pytest
import torch

from seqdocs.models.alibi import alibi_bias, alibi_slopes


def test_slopes_of_the_paper():
    """Section 3: eight heads have 1/2 … 1/256, sixteen 1/2^0.5, 1/2^1, … 1/2^8."""
    assert alibi_slopes(8).tolist() == [2.0**-i for i in range(1, 9)]
    torch.testing.assert_close(alibi_slopes(16), torch.tensor([2.0 ** (-i / 2) for i in range(1, 17)]))
    assert alibi_slopes(1).tolist() == [2.0**-8]


@pytest.mark.parametrize("n", [3, 5, 6, 7, 12])
def test_between_powers_of_two_every_second_slope_of_the_double_is_added(n):
    power = 2 ** (n.bit_length() - 1)
    expected = torch.cat((alibi_slopes(power), alibi_slopes(2 * power)[0::2][: n - power]))
    assert torch.equal(alibi_slopes(n), expected)


@pytest.mark.parametrize(("T", "S"), [(0, 0), (0, 3), (1, 1), (1, 7), (3, 7), (7, 7)])
def test_the_penalty_is_the_slope_times_the_distance(T, S):
    slopes = torch.tensor([0.5, 0.1], dtype=torch.float64)
    bias = alibi_bias(slopes, T, S)
    assert bias.shape == (2, T, S) and bias.dtype == torch.float64
    for t in range(T):
        for s in range(S):
            torch.testing.assert_close(bias[:, t, s], -slopes * abs(S - T + t - s))


def test_a_longer_sequence_begins_with_the_penalties_of_a_shorter_one():
    slopes = alibi_slopes(4)
    assert torch.equal(alibi_bias(slopes, 20)[:, :7, :7], alibi_bias(slopes, 7))
    assert torch.equal(alibi_bias(slopes, 3, 20), alibi_bias(slopes, 20)[:, 17:])


REFUSED = [
    (lambda: alibi_slopes(0), "`n` is 0; it is at least 1"),
    (
        lambda: alibi_bias(torch.ones(2), 3, 2),
        "`slopes` has shape (2,), `T` is 3 and `S` is 2; slopes are (n,), and S is at least T, "
        "for queries are the last positions",
    ),
    (
        lambda: alibi_bias(torch.ones(2, 1), 3),
        "`slopes` has shape (2, 1), `T` is 3 and `S` is 3; slopes are (n,), and S is at least T, "
        "for queries are the last positions",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
