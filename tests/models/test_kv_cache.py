"""A cache gives back what went in: all of it, or what a window still sees."""

import re

import pytest
import torch

from seqdocs.models.kv_cache import KVCache, WindowCache


def test_the_cache_is_allocated_once():
    cache = KVCache(*torch.zeros(2, 1, 2, 4, 3))
    where = cache.keys.data_ptr(), cache.values.data_ptr()
    for _ in range(4):
        keys, values = cache.extend(torch.ones(1, 2, 1, 3), torch.ones(1, 2, 1, 3))
        assert (keys.data_ptr(), values.data_ptr()) == where


@pytest.mark.parametrize("sizes", [(7,), (1,) * 7, (3, 4), (0, 2, 0, 5)])
def test_all_is_kept_in_order(sizes):
    k, v = torch.randn(2, 2, 3, 7, 4, generator=torch.Generator().manual_seed(0))
    cache, end = KVCache(torch.zeros(2, 3, 9, 4), torch.zeros(2, 3, 9, 4)), 0
    for size in sizes:
        keys, values = cache.extend(k[:, :, end : end + size], v[:, :, end : end + size])
        end += size
        assert torch.equal(keys, k[:, :, :end]) and torch.equal(values, v[:, :, :end])
    assert cache.length == 7


@pytest.mark.parametrize("window", [1, 2, 4, 20])
@pytest.mark.parametrize("sizes", [(9,), (1,) * 9, (4, 5), (0, 2, 0, 7)])
def test_a_window_gets_what_it_sees_and_keeps_what_it_will_see(sizes, window):
    k, v = torch.randn(2, 2, 3, 9, 4, generator=torch.Generator().manual_seed(0))
    cache, end = WindowCache.empty(k, (2, 3, 4), window), 0
    for size in sizes:
        first = max(0, end - window + 1)  # what the first new position sees
        keys, values = cache.extend(k[:, :, end : end + size], v[:, :, end : end + size])
        end += size
        assert torch.equal(keys, k[:, :, first:end]) and torch.equal(values, v[:, :, first:end])
        assert cache.length == end
        for kept in (cache.keys, cache.values):
            assert kept.shape[2] == min(end, window - 1)
            assert kept.untyped_storage().nbytes() == kept.numel() * kept.element_size()  # nothing hangs on


X = torch.zeros(2, 3, 5, 4)
REFUSED = [
    (lambda: KVCache(X, X, 4).extend(X[:, :, :2], X[:, :, :2]),
     "the cache holds 5 positions; 4 and 2 more do not fit"),
    (lambda: KVCache(X, X).extend(X[:1], X[:1]),
     "keys have shape (1, 3, 5, 4); this cache holds (B, m, T, d) = (2, 3, T, 4)"),
    (lambda: WindowCache.empty(X, (2, 3, 4), 3).extend(X[:, :1], X[:, :1]),
     "keys have shape (2, 1, 5, 4); this cache holds (B, m, T, d) = (2, 3, T, 4)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
