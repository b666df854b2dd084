"""Counted bytes: those of real tensors, of a real cache, and no more than fit."""

import pytest
import torch
from torch import nn

from seqdocs.models.language_model import CausalLM
from seqdocs.models.memory import cache_bytes, largest_context, weight_bytes


def small(**options):
    return CausalLM(vocabulary=11, context=16, width=12, layers=3, heads=4, **options)


def test_tied_weights_count_once():
    tied, apart = (weight_bytes(small(tied=tied)) for tied in (True, False))
    assert apart - tied == 11 * 12 * 4


def test_buffers_count():
    model = nn.BatchNorm1d(5)  # two parameters and two buffers of 5, and a counter of 8 bytes
    assert weight_bytes(model) == 4 * 5 * 4 + 8


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_cache_of_a_model_has_the_counted_bytes(heads, dtype):
    model = small(key_value_heads=heads).to(dtype)
    _, cache = model.prefill(torch.zeros(2, 3, dtype=torch.long), capacity=7)
    real = sum(t.numel() * t.element_size() for layer in cache for t in (layer.keys, layer.values))
    assert (
        cache_bytes(2, 7, layers=3, key_value_heads=heads, head_width=3, element_size=dtype.itemsize) == real
    )


def test_one_position_more_than_the_largest_context_does_not_fit():
    shape = {"layers": 4, "key_value_heads": 2, "head_width": 16, "element_size": 2}
    fits = largest_context(100_000, 30_000, **shape)
    assert cache_bytes(1, fits, **shape) <= 70_000 < cache_bytes(1, fits + 1, **shape)


def test_nothing_fits_beside_weights_that_do_not_fit():
    assert largest_context(10, 20, layers=1, key_value_heads=1, head_width=1) == 0


def test_a_negative_count_is_named():
    with pytest.raises(ValueError, match=r"^`positions` is -1; it is at least 0$"):
        cache_bytes(1, -1, layers=1, key_value_heads=1, head_width=1)


def test_a_position_of_no_bytes_is_refused():
    with pytest.raises(ValueError, match="0 bytes"):
        largest_context(10, 0, layers=0, key_value_heads=1, head_width=1)
