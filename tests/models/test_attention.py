"""Attention by loop, by matrix and fused agree with each other and with torch.nn.MultiheadAttention."""

import re

import pytest
import torch

from seqdocs.models.attention import CausalSelfAttention, causal_attention
from seqdocs.models.kv_cache import KVCache

METHODS = ("loop", "matrix", "fused")
LENGTHS = (1, 2, 7, 63)
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", [1, 5])
def test_module_is_torchs_multihead_attention(B: int, T: int, dtype: torch.dtype, method: str) -> None:
    torch.manual_seed(0)
    theirs = torch.nn.MultiheadAttention(6, 3, batch_first=True, dtype=dtype)
    torch.nn.init.normal_(theirs.in_proj_bias)
    torch.nn.init.normal_(theirs.out_proj.bias)
    ours = CausalSelfAttention(6, 3).to(dtype)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(B, T, 6, dtype=dtype)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    weight = torch.randn(B, T, 6, dtype=dtype)
    results = []
    for net, run in (
        (ours, lambda x: ours(x, method=method)),
        (theirs, lambda x: theirs(x, x, x, attn_mask=future, need_weights=False)[0]),
    ):
        leaf = x.clone().requires_grad_()
        o = run(leaf)
        (o * weight).sum().backward()
        results.append([o, leaf.grad, *(p.grad for _, p in sorted(net.named_parameters()))])
    for mine, reference in zip(*results, strict=True):
        torch.testing.assert_close(mine, reference, rtol=10 * TOLERANCE[dtype], atol=10 * TOLERANCE[dtype])


def test_parameters_load_into_torch() -> None:
    theirs = torch.nn.MultiheadAttention(6, 3)
    theirs.load_state_dict(CausalSelfAttention(6, 3).state_dict())


@pytest.mark.parametrize("method", METHODS)
def test_the_future_does_not_reach_the_past(method: str) -> None:
    torch.manual_seed(0)
    net = CausalSelfAttention(4, 2).double()
    jacobian = torch.autograd.functional.jacobian(
        lambda x: net(x, method=method), torch.randn(1, 7, 4).double()
    )
    reached = jacobian[0, :, :, 0].abs().amax((1, 3))  # (output time, input time)
    assert torch.equal(reached > 0, torch.ones(7, 7, dtype=torch.bool).tril())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("sizes", [(7,), (1, 1, 1, 1, 1, 1, 1), (3, 4), (4, 1, 2)])
def test_a_cache_gives_what_the_whole_sequence_gives(sizes: tuple[int, ...], method: str) -> None:
    torch.manual_seed(0)
    net = CausalSelfAttention(6, 2).double().requires_grad_(False)
    x = torch.randn(5, 7, 6, dtype=torch.float64)
    cache = net.new_cache(5, capacity=9)
    parts = [net(part, cache, method) for part in x.split(list(sizes), dim=1)]
    torch.testing.assert_close(torch.cat(parts, 1), net(x, method=method), rtol=0, atol=1e-12)
    assert cache.length == 7


def test_the_cache_is_allocated_once() -> None:
    net = CausalSelfAttention(4, 2).requires_grad_(False)
    cache = net.new_cache(1, capacity=4)
    places = cache.keys.data_ptr(), cache.values.data_ptr()
    for _ in range(4):
        keys, values = cache.extend(torch.ones(1, 2, 1, 2), torch.ones(1, 2, 1, 2))
        assert (keys.data_ptr(), values.data_ptr()) == places


X = torch.zeros(2, 3, 5, 4)
Y, Z = X[:, :2], X[:, :, :2]
REFUSED = [
    (
        lambda: causal_attention(X, Y, Y),
        "`q` has shape (2, 3, 5, 4), `k` (2, 2, 5, 4), `v` (2, 2, 5, 4); "
        "the heads of keys must divide those of queries",
    ),
    (
        lambda: causal_attention(X, Z, Z),
        "`q` has shape (2, 3, 5, 4), `k` (2, 3, 2, 4), `v` (2, 3, 2, 4); "
        "there are more queries than keys, but queries are the last positions",
    ),
    (
        lambda: causal_attention(X, X, X, method="flash"),
        '`method` is \'flash\'; it is "loop", "matrix" or "fused"',
    ),
    (lambda: CausalSelfAttention(8, 3), "`width` is 8 and `heads` is 3; heads must divide width"),
    (lambda: CausalSelfAttention(8, 2)(X[0]), "`x` has shape (3, 5, 4); it is (B, T, 8)"),
    (
        lambda: CausalSelfAttention(4, 2)(X[0].double()),
        "`x` is torch.float64 but the parameters are torch.float32; convert one of them",
    ),
    (lambda: KVCache(X, X, 4).extend(Z, Z), "the cache holds 5 positions; 4 and 2 more do not fit"),
    (
        lambda: KVCache(X, X).extend(X[:1], X[:1]),
        "keys have shape (1, 3, 5, 4); this cache holds (B, m, T, d) = (2, 3, T, 4)",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
