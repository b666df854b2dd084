"""The causal convolution: loop, torch's own and a window that carries agree; no future leaks in."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from seqdocs.models.causal_convolution import causal_convolution
from tests.models.agreement import BATCHES, LENGTHS, assert_causal, assert_repeats, assert_same

METHODS = ["loop", "convolution"]
SHAPES = [(4, 6, 3, 1, 1), (4, 4, 3, 2, 4), (4, 6, 2, 5, 2), (3, 3, 1, 1, 1)]  # D, O, k, d, g


def drawn(D, outputs, k, g, B=2, T=7, dtype=torch.float64):
    """x, weight, bias."""
    torch.manual_seed(D + outputs + k)
    return [torch.randn(shape, dtype=dtype) for shape in ((B, T, D), (outputs, D // g, k), (outputs,))]


@pytest.mark.parametrize("B", BATCHES)
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize(("D", "outputs", "k", "d", "g"), SHAPES)
def test_the_convolution_is_the_loop(D, outputs, k, d, g, T, B):
    leaves = [*drawn(D, outputs, k, g, B, T), torch.randn(B, (k - 1) * d, D, dtype=torch.float64)]
    assert_same(
        lambda *given: causal_convolution(*given, dilation=d),
        lambda *given: causal_convolution(*given, dilation=d, method="loop"),
        leaves,
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("D", "outputs", "k", "d", "g"), SHAPES)
def test_it_is_torchs_convolution_of_a_sequence_with_zeros_before_it(D, outputs, k, d, g, method):
    x, weight, bias = drawn(D, outputs, k, g)
    conv = nn.Conv1d(D, outputs, k, dilation=d, groups=g, padding=(k - 1) * d).double()
    conv.load_state_dict({"weight": weight, "bias": bias})
    found, window = causal_convolution(x, weight, bias, dilation=d, method=method)
    torch.testing.assert_close(found, conv(x.mT).mT[:, : x.shape[1]], rtol=0, atol=1e-12)
    padded = torch.cat((x.new_zeros(2, (k - 1) * d, D), x), 1)
    torch.testing.assert_close(window, padded[:, x.shape[1] :], rtol=0, atol=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("cuts", [(0, 7), (1, 6), (3, 3), (2, 2)])
def test_the_window_carries_across_chunks(method, cuts):
    x, weight, bias = drawn(4, 6, 3, 1)
    whole, last = causal_convolution(x, weight, bias, dilation=2, method=method)
    window, parts = None, []
    for part in x.tensor_split(cuts, dim=1):
        y, window = causal_convolution(part, weight, bias, window, dilation=2, method=method)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(window, last, rtol=0, atol=0)


@pytest.mark.parametrize("method", METHODS)
def test_the_future_does_not_reach_the_past(method):
    _, weight, bias = drawn(4, 6, 3, 1)
    assert_causal(lambda x: causal_convolution(x, weight, bias, method=method)[0], T=9, D=4, reach=3)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_call_gives_the_same_bits(method):
    x, weight, bias = drawn(4, 6, 3, 1, dtype=torch.float32)
    assert_repeats(lambda: causal_convolution(x, weight, bias, method=method))


def test_gradients_are_those_of_finite_differences():
    leaves = [leaf.requires_grad_() for leaf in drawn(2, 2, 2, 1, T=3)]
    assert torch.autograd.gradcheck(lambda *given: causal_convolution(*given, dilation=2)[0], leaves)


SHARED = "for each of {} outputs; whole groups of equal size share them"
SHAPED = "they are (B, T, D) and (O, D / g, k)"
REFUSED = [
    ((2, 3), (4, 4, 2), {}, "`x` has shape (2, 3) and `weight` (4, 4, 2); " + SHAPED),
    ((2, 3, 4), (4, 0, 2), {}, "`x` has shape (2, 3, 4) and `weight` (4, 0, 2); " + SHAPED),
    ((2, 3, 4), (4, 3, 2), {}, "`x` has 4 channels and `weight` takes 3 " + SHARED.format(4)),
    ((2, 3, 4), (5, 1, 2), {}, "`x` has 4 channels and `weight` takes 1 " + SHARED.format(5)),
    ((2, 3, 4), (4, 4, 2), {"dilation": 0}, "`dilation` is 0; it is at least 1"),
    ((2, 3, 4), (4, 4, 2), {"method": "fft"}, "`method` is 'fft'; it is \"loop\" or \"convolution\""),
    ((2, 3, 4), (4, 4, 2), {"window": torch.zeros(2, 2, 4)},
     "`window` has shape (2, 2, 4); it is (B, (k - 1) d, D) = (2, 1, 4)"),
]  # fmt: skip


@pytest.mark.parametrize(("x", "weight", "options", "words"), REFUSED)
def test_what_does_not_fit_is_refused(x, weight, options, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        causal_convolution(torch.zeros(x), torch.zeros(weight), **options)


def test_two_precisions_are_refused():
    words = "`x` is torch.float64 but `weight` is torch.float32; convert one of them"
    with pytest.raises(ValueError, match="^" + words + "$"):
        causal_convolution(torch.zeros(1, 2, 3, dtype=torch.float64), torch.zeros(3, 3, 2))
