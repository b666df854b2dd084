"""Luong's three scores are their dense formulas, pair by pair or all at once."""

from __future__ import annotations

import re

import pytest
import torch

from seqdocs.models.masks import padding
from seqdocs.models.multiplicative_attention import MultiplicativeAttention, multiplicative_scores
from tests.models.agreement import assert_batch_permutes, assert_repeats, assert_same

Q, K, H = 4, 3, 5
SCORES = ("dot", "general", "concat")
each_score = pytest.mark.parametrize("score", SCORES)
each_method = pytest.mark.parametrize("method", ("loop", "matrix"))
SIZES = [(0, 0), (0, 3), (3, 0), (1, 1), (2, 7), (7, 2), (7, 63)]


def make(score):
    torch.manual_seed(0)
    net = MultiplicativeAttention(score, Q, Q if score == "dot" else K, H if score == "concat" else None)
    return net.double()


def keys(score, B, S):
    return torch.randn(B, S, Q if score == "dot" else K, dtype=torch.float64)


def formula(net, q, k):
    """Scores by the paper's equation 8."""
    if net.score == "dot":
        return torch.einsum("btq,bsq->bts", q, k)
    if net.score == "general":
        return torch.einsum("btq,qk,bsk->bts", q, net.W, k)
    B, T, S = *q.shape[:2], k.shape[1]
    pairs = torch.cat((q[:, :, None].expand(-1, -1, S, -1), k[:, None].expand(-1, T, -1, -1)), -1)
    assert pairs.shape[:3] == (B, T, S)
    return torch.einsum("h,btsh->bts", net.v, torch.einsum("hp,btsp->btsh", net.W, pairs).tanh())


@each_score
@each_method
@pytest.mark.parametrize(("T", "S"), SIZES)
@pytest.mark.parametrize("B", [1, 5])
def test_each_score_is_its_formula(B, T, S, method, score):
    net = make(score)

    def dense(q, k):
        p = formula(net, q, k).softmax(-1)
        return torch.einsum("bts,bsk->btk", p, k), p

    leaves = [torch.randn(B, T, Q, dtype=torch.float64), keys(score, B, S)]
    assert_same(lambda q, k: net(q, k, method=method), dense, leaves, net.parameters())


@each_score
@each_method
def test_padding_changes_nothing_and_a_query_that_sees_no_key_reads_zeros(method, score):
    net = make(score)
    q, k = torch.randn(5, 3, Q, dtype=torch.float64), keys(score, 5, 7)
    lengths = torch.tensor([7, 1, 0, 4, 2])
    together, weights = net(q, k, padding(lengths, 7)[:, 0], method=method)
    for b, length in enumerate(lengths.tolist()):
        alone, _ = net(q[b : b + 1], k[b : b + 1, :length], method=method)
        torch.testing.assert_close(together[b], alone[0])
    assert together[2].eq(0).all() and weights[2].eq(0).all()


@each_method
def test_gradients_pass_torchs_own_check_and_single_precision_agrees(method):
    q, k, W = (torch.randn(s, dtype=torch.float64) for s in ((1, 2, Q), (1, 3, K), (Q, K)))
    assert torch.autograd.gradcheck(
        lambda *x: multiplicative_scores(*x, method=method), [x.requires_grad_() for x in (q, k, W)]
    )
    assert_same(
        lambda *x: multiplicative_scores(*x, method=method),
        lambda q, k, W: torch.einsum("btq,qk,bsk->bts", q, W, k),
        [x.float() for x in (q, k, W)],
    )


@each_score
def test_sequences_of_a_batch_do_not_meet_and_runs_repeat(score):
    net = make(score).requires_grad_(False)
    q, k = torch.randn(5, 3, Q, dtype=torch.float64), keys(score, 5, 7)
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(net(q[order], k[order])[0], net(q, k)[0][order])
    assert_repeats(lambda: net(q, k))
    if score == "dot":
        assert_batch_permutes(lambda x: net(x, x), q)


X = torch.zeros(2, 3, 4)
REFUSED = [
    (
        lambda: MultiplicativeAttention("cosine", 3, 3),
        '`score` is \'cosine\'; it is "dot", "general" or "concat"',
    ),
    (
        lambda: MultiplicativeAttention("dot", 3, 4),
        "queries have width 3 and keys 4; a plain dot product needs the same width",
    ),
    (
        lambda: MultiplicativeAttention("concat", 3, 4),
        '`hidden_size` is None; "concat" needs one, and it alone',
    ),
    (
        lambda: MultiplicativeAttention("general", 3, 4, 5),
        '`hidden_size` is 5; "concat" needs one, and it alone',
    ),
    (
        lambda: multiplicative_scores(X, X[..., :2]),
        "queries have width 4 and keys 2; a plain dot product needs the same width",
    ),
    (
        lambda: multiplicative_scores(X, X, torch.zeros(4, 3)),
        "`W` has shape (4, 3); it is (Q, K) = (4, 4)",
    ),
    (
        lambda: multiplicative_scores(X, X[0]),
        "`q` has shape (2, 3, 4) and `k` (3, 4); they are (B, T, Q) and (B, S, K)",
    ),
    (
        lambda: multiplicative_scores(X, X, method="fused"),
        '`method` is \'fused\'; it is "loop" or "matrix"',
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
