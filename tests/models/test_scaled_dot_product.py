"""Attention pair by pair, by matrix and fused is one function, and a dense formula says which."""

from __future__ import annotations

import re

import pytest
import torch

from seqdocs.models.alibi import alibi_bias, alibi_slopes
from seqdocs.models.masks import causal, padding, sliding_window
from seqdocs.models.scaled_dot_product import attention, attention_weights
from tests.models.agreement import assert_batch_permutes, assert_repeats, assert_same

METHODS = ("loop", "matrix", "fused")
n, d, e = 4, 3, 5
SIZES = [(0, 0), (0, 7), (7, 0), (1, 1), (2, 2), (7, 7), (1, 7), (3, 7), (7, 3)]
each_method = pytest.mark.parametrize("method", METHODS)


def qkv(B, T, S, m=n, dtype=torch.float64):
    torch.manual_seed(0)
    shapes = ((B, n, T, d), (B, m, S, d), (B, m, S, e))
    return [torch.randn(shape, dtype=dtype) for shape in shapes]


def dense(q, k, v, seen, bias):
    """exp(q·k / √d + bias) of what is seen, over its sum; an empty sum is zero. n heads of keys."""
    weights = (torch.einsum("bntd,bnsd->bnts", q, k) / d**0.5 + bias).exp() * seen
    total = weights.sum(-1, keepdim=True)
    return torch.einsum("bnts,bnse->bnte", weights / total.where(total > 0, 1.0), v)


@each_method
@pytest.mark.parametrize(("T", "S"), SIZES)
@pytest.mark.parametrize("B", [1, 5])
def test_every_query_sees_every_key(B, T, S, method):
    assert_same(
        lambda *leaves: attention(*leaves, method=method), lambda q, k, v: dense(q, k, v, 1, 0), qkv(B, T, S)
    )


@each_method
@pytest.mark.parametrize(("T", "S"), [(T, S) for T, S in SIZES if T <= S])
@pytest.mark.parametrize("B", [1, 5])
def test_causal_queries_are_the_last_positions(B, T, S, method):
    seen = torch.tensor([[s <= S - T + t for s in range(S)] for t in range(T)]).view(T, S)
    assert_same(
        lambda *leaves: attention(*leaves, causal=True, method=method),
        lambda q, k, v: dense(q, k, v, seen, 0),
        qkv(B, T, S),
    )


MASKS = {
    "pairs": lambda T, S: torch.rand(T, S, generator=torch.Generator().manual_seed(1)) < 0.6,
    "heads": lambda T, S: torch.rand(n, T, S, generator=torch.Generator().manual_seed(2)) < 0.6,
    "padding": lambda T, S: padding(torch.tensor([S, 0, 1, S // 2, S]), S),
    "nothing": lambda T, S: torch.zeros(T, S, dtype=torch.bool),
}


@each_method
@pytest.mark.parametrize("past", [False, True])
@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize(("T", "S"), [(0, 7), (1, 1), (1, 7), (3, 7), (7, 7)])
def test_a_mask_hides_and_a_query_that_sees_nothing_gives_zeros(T, S, kind, past, method):
    mask = MASKS[kind](T, S)
    seen = mask & causal(T, S) if past else mask
    assert_same(
        lambda *leaves: attention(*leaves, mask, causal=past, method=method),
        lambda q, k, v: dense(q, k, v, seen, 0),
        qkv(5, T, S),
    )


@each_method
@pytest.mark.parametrize("past", [False, True])
@pytest.mark.parametrize(("T", "S"), [(1, 7), (3, 7), (7, 7)])
def test_a_bias_is_added_gets_a_gradient_and_hides_where_it_is_infinite(T, S, past, method):
    torch.manual_seed(3)
    hidden = torch.rand(T, S) < 0.3
    hidden[0] = True
    bias = torch.randn(n, T, S, dtype=torch.float64)
    seen = ~hidden & causal(T, S) if past else ~hidden
    assert_same(
        lambda q, k, v, bias: attention(
            q, k, v, bias.masked_fill(hidden, -torch.inf), causal=past, method=method
        ),
        lambda q, k, v, bias: dense(q, k, v, seen, bias),
        [*qkv(5, T, S), bias],
    )


@each_method
@pytest.mark.parametrize("past", [False, True])
@pytest.mark.parametrize("m", [1, 2])
@pytest.mark.parametrize(("T", "S"), [(0, 0), (1, 1), (1, 7), (3, 7), (7, 7)])
def test_query_heads_in_a_row_share_a_key_head(T, S, m, past, method):
    seen = causal(T, S) if past else torch.ones(T, S, dtype=torch.bool)
    rows = [head // (n // m) for head in range(n)]
    assert_same(
        lambda *leaves: attention(*leaves, causal=past, method=method),
        lambda q, k, v: dense(q, k[:, rows], v[:, rows], seen, 0),
        qkv(5, T, S, m),
    )


@each_method
@pytest.mark.parametrize("m", [1, 2])
@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("T", [1, 3])
def test_shared_key_heads_are_masked_for_each_query_head(T, kind, m, method):
    mask, rows = MASKS[kind](T, 7), [head // (n // m) for head in range(n)]
    assert_same(
        lambda *leaves: attention(*leaves, mask, causal=True, method=method),
        lambda q, k, v: dense(q, k[:, rows], v[:, rows], mask & causal(T, 7), 0),
        qkv(5, T, 7, m),
    )


@pytest.mark.parametrize("mask", [None, sliding_window(63, 10), alibi_bias(alibi_slopes(n).double(), 63)])
def test_long_sequences_agree(mask):
    for method in METHODS[1:]:
        assert_same(
            lambda *leaves, method=method: attention(*leaves, mask, causal=True, method=method),
            lambda *leaves: attention(*leaves, mask, causal=True),
            qkv(2, 63, 63, 2),
        )


@each_method
def test_single_precision_agrees_as_closely_as_it_can(method):
    assert_same(
        lambda *leaves: attention(*leaves, causal=True, method=method),
        lambda q, k, v: dense(q, k, v, causal(7), 0),
        qkv(5, 7, 7, dtype=torch.float32),
    )


@each_method
def test_large_scores_do_not_overflow(method):
    q, k, v = qkv(2, 3, 7)
    o = attention(1e3 * q, 1e3 * k, v, causal=True, method=method)
    best = (q @ k.mT).masked_fill(~causal(3, 7), -torch.inf).argmax(-1)
    torch.testing.assert_close(o, v.gather(2, best[..., None].expand(-1, -1, -1, e)))


@each_method
def test_gradients_pass_torchs_own_check(method):
    leaves = [x.requires_grad_() for x in qkv(1, 2, 3, 2)]
    assert torch.autograd.gradcheck(lambda *x: attention(*x, causal=True, method=method), leaves)


@pytest.mark.parametrize("past", [False, True])
def test_weights_sum_to_one_and_give_the_output(past):
    q, k, v = qkv(2, 3, 7, 2)
    p = attention_weights(q, k, causal=past)
    torch.testing.assert_close(p.sum(-1), torch.ones(2, n, 3, dtype=torch.float64))
    torch.testing.assert_close(p @ v.repeat_interleave(2, 1), attention(q, k, v, causal=past))


@each_method
def test_the_order_of_keys_does_not_matter_and_that_of_queries_is_that_of_outputs(method):
    q, k, v = qkv(2, 7, 7)
    order = torch.randperm(7, generator=torch.Generator().manual_seed(4))
    o = attention(q, k, v, method=method)
    torch.testing.assert_close(attention(q, k[:, :, order], v[:, :, order], method=method), o)
    torch.testing.assert_close(attention(q[:, :, order], k, v, method=method), o[:, :, order])


@each_method
def test_sequences_of_a_batch_do_not_meet_and_runs_repeat(method):
    q, k, v = qkv(5, 7, 7)
    assert_batch_permutes(lambda x: attention(x, x, x, causal=True, method=method), q)
    assert_repeats(lambda: attention(q, k, v, causal=True, method=method))


@pytest.mark.parametrize("T", [1, 2])
def test_keys_of_shared_heads_are_read_where_they_are_when_decoding(T, monkeypatch):
    """One query reads a cache that may be large: a copy for every head would cost its size again."""
    copies = []
    original = torch.Tensor.repeat_interleave
    monkeypatch.setattr(
        torch.Tensor, "repeat_interleave", lambda x, *a, **kw: copies.append(1) or original(x, *a, **kw)
    )
    attention(*qkv(2, T, 7, 2), causal=True, method="fused")
    assert bool(copies) == (T > 1)


Q = torch.zeros(2, 4, 5, 3)
REFUSED = [
    (
        lambda: attention(Q, Q[:, :, :4], Q),
        "`q` has shape (2, 4, 5, 3), `k` (2, 4, 4, 3), `v` (2, 4, 5, 3); "
        "they are (B, n, T, d), (B, m, S, d) and (B, m, S, e)",
    ),
    (
        lambda: attention(Q[0], Q, Q),
        "`q` has shape (4, 5, 3), `k` (2, 4, 5, 3), `v` (2, 4, 5, 3); "
        "they are (B, n, T, d), (B, m, S, d) and (B, m, S, e)",
    ),
    (
        lambda: attention(Q, Q[..., :2], Q),
        "`q` has shape (2, 4, 5, 3), `k` (2, 4, 5, 2), `v` (2, 4, 5, 3); "
        "they are (B, n, T, d), (B, m, S, d) and (B, m, S, e)",
    ),
    (
        lambda: attention(Q, Q[:, :3], Q[:, :3]),
        "`q` has shape (2, 4, 5, 3), `k` (2, 3, 5, 3), `v` (2, 3, 5, 3); "
        "the heads of keys must divide those of queries",
    ),
    (
        lambda: attention(Q, Q[:, :, :4], Q[:, :, :4], causal=True),
        "`q` has shape (2, 4, 5, 3), `k` (2, 4, 4, 3), `v` (2, 4, 4, 3); "
        "there are more queries than keys, but queries are the last positions",
    ),
    (
        lambda: attention(Q, Q.double(), Q),
        "`k` is torch.float64 but `q` is torch.float32; convert one of them",
    ),
    (lambda: attention(Q, Q, Q.half()), "`v` is torch.float16 but `q` is torch.float32; convert one of them"),
    (
        lambda: attention(Q, Q, Q, torch.ones(4, 5, dtype=torch.bool)),
        "`mask` has shape (4, 5); it broadcasts to (B, n, T, S) = (2, 4, 5, 5)",
    ),
    (
        lambda: attention(Q, Q, Q, torch.ones(1, 2, 4, 5, 5, dtype=torch.bool)),
        "`mask` has shape (1, 2, 4, 5, 5); it broadcasts to (B, n, T, S) = (2, 4, 5, 5)",
    ),
    (
        lambda: attention(Q, Q, Q, torch.ones(5, 5, dtype=torch.int64)),
        "`mask` is torch.int64; it is boolean, or a bias of torch.float32 as `q` is",
    ),
    (
        lambda: attention(Q, Q, Q, torch.ones(5, 5, dtype=torch.float64)),
        "`mask` is torch.float64; it is boolean, or a bias of torch.float32 as `q` is",
    ),
    (lambda: attention(Q, Q, Q, method="flash"), '`method` is \'flash\'; it is "loop", "matrix" or "fused"'),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
