"""Rotary positions are a complex product, and a match depends on the distance alone."""

import re

import pytest
import torch

from seqdocs.models.rotary import rotary, rotary_angles, rotate
from tests.models.agreement import assert_same

LAYOUTS = ("interleaved", "half")
each_layout = pytest.mark.parametrize("layout", LAYOUTS)


def complex_formula(x, start, base, layout):
    """(x_a + i x_b) exp(i t θ)."""
    T, d = x.shape[-2:]
    t = torch.arange(start, start + T, dtype=torch.float64)
    theta = base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    halves = layout == "half"
    a, b = (x[..., : d // 2], x[..., d // 2 :]) if halves else (x[..., 0::2], x[..., 1::2])
    z = torch.complex(a, b) * torch.exp(1j * t[:, None] * theta)
    return torch.cat((z.real, z.imag), -1) if halves else torch.view_as_real(z).flatten(-2)


@each_layout
@pytest.mark.parametrize(("start", "base"), [(0, 10000.0), (3, 100.0), (100_000, 10000.0)])
@pytest.mark.parametrize("d", [2, 6])
@pytest.mark.parametrize("T", [0, 1, 2, 7, 63])
def test_values_and_gradients_are_those_of_the_complex_product(T, d, start, base, layout):
    x = torch.randn(2, 3, T, d, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert_same(
        lambda x: rotary(x, start, base=base, layout=layout),
        lambda x: complex_formula(x, start, base, layout),
        [x],
    )


@each_layout
def test_a_match_depends_on_the_distance_alone_and_the_length_stays(layout):
    q, k = torch.randn(2, 1, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))[:, None]

    def match(t, s):
        return rotary(q, t, layout=layout) @ rotary(k, s, layout=layout).mT

    for shift in (1, 10, 100_000):
        torch.testing.assert_close(match(5 + shift, 2 + shift), match(5, 2), rtol=1e-9, atol=1e-9)
    assert not torch.allclose(match(5, 2), match(2, 5))  # the sign of the distance matters
    torch.testing.assert_close(rotary(q, 7, layout=layout).norm(), q.norm())
    assert torch.equal(rotary(q, 0, layout=layout), q)


def test_the_layouts_differ_by_an_order_of_the_numbers():
    x = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    order = [0, 2, 4, 1, 3, 5]  # first numbers of the pairs, then second ones
    torch.testing.assert_close(rotary(x[:, order], layout="half"), rotary(x)[:, order])
    assert not torch.allclose(rotary(x, layout="half"), rotary(x))


@each_layout
def test_each_row_may_have_positions_of_its_own(layout):
    x = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    cos, sin = rotary_angles(torch.tensor([[0, 1, 2], [5, 6, 7]]), 4)
    rows = [rotary(x[0], 0, layout=layout), rotary(x[1], 5, layout=layout)]
    assert torch.equal(rotate(x, cos, sin, layout=layout), torch.stack(rows))


def test_far_positions_keep_their_angles_in_single_precision():
    x = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        rotary(x, 100_000), complex_formula(x.double(), 100_000, 10000.0, "interleaved").float()
    )


X = torch.zeros(3, 4)
REFUSED = [
    (
        lambda: rotary(X[:, :3]),
        "`x` has shape (3, 3); it is (…, T, d) with d even, for pairs are turned",
    ),
    (lambda: rotary(X[0]), "`x` has shape (4,); it is (…, T, d) with d even, for pairs are turned"),
    (lambda: rotary(X, layout="pairs"), '`layout` is \'pairs\'; it is "interleaved" or "half"'),
    (
        lambda: rotate(X, X, X),
        "`cos` has shape (3, 4) and `sin` (3, 4); for `x` of (3, 4) they are (…, T, 2)",
    ),
    (
        lambda: rotate(X, X[:, :2], X[:2, :2]),
        "`cos` has shape (3, 2) and `sin` (2, 2); for `x` of (3, 4) they are (…, T, 2)",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
