"""Additive attention is its dense formula, pair by pair or all at once."""

from __future__ import annotations

import re

import pytest
import torch

from seqdocs.models.additive_attention import AdditiveAttention, additive_scores
from seqdocs.models.masks import padding
from tests.models.agreement import assert_batch_permutes, assert_repeats, assert_same

Q, K, H = 3, 4, 5
METHODS = ("loop", "matrix")
each_method = pytest.mark.parametrize("method", METHODS)
SIZES = [(0, 0), (0, 3), (3, 0), (1, 1), (2, 7), (7, 2), (7, 63)]


def leaves(B, T, S, dtype=torch.float64):
    torch.manual_seed(0)
    shapes = ((B, T, Q), (B, S, K), (H, Q), (H, K), (H,))
    return [torch.randn(shape, dtype=dtype) for shape in shapes]


def formula(q, k, W, U, v):
    """One column [W U] against [q; k] of every pair."""
    B, T, S = *q.shape[:2], k.shape[1]
    pairs = torch.cat((q[:, :, None].expand(B, T, S, Q), k[:, None].expand(B, T, S, K)), -1)
    return torch.einsum("h,btsh->bts", v, torch.einsum("hp,btsp->btsh", torch.cat((W, U), 1), pairs).tanh())


@each_method
@pytest.mark.parametrize(("T", "S"), SIZES)
@pytest.mark.parametrize("B", [1, 5])
def test_scores_are_the_formula(B, T, S, method):
    assert_same(lambda *x: additive_scores(*x, method=method), formula, leaves(B, T, S))


@each_method
@pytest.mark.parametrize("B", [1, 5])
def test_the_keys_are_read_by_a_softmax_over_what_is_seen(B, method):
    torch.manual_seed(0)
    net = AdditiveAttention(Q, K, H).double()
    lengths = torch.tensor([7, 1, 0, 4, 7][:B])
    seen = padding(lengths, 7)[:, 0]

    def dense(q, k):
        weights = formula(q, k, net.W, net.U, net.v).exp() * seen
        p = weights / weights.sum(-1, keepdim=True).clamp(min=1e-300)
        return torch.einsum("bts,bsk->btk", p, k), p

    read = leaves(B, 3, 7)[:2]
    assert_same(lambda q, k: net(q, k, seen, method=method), dense, read, net.parameters())
    if B > 2:
        assert net(*read, seen, method=method)[0][2].eq(0).all()  # it sees no key


def test_single_precision_and_torchs_own_check():
    assert_same(lambda *x: additive_scores(*x, method="matrix"), formula, leaves(5, 7, 7, torch.float32))
    for method in METHODS:
        assert torch.autograd.gradcheck(
            lambda *x, method=method: additive_scores(*x, method=method),
            [x.requires_grad_() for x in leaves(1, 2, 3)],
        )


def test_padding_changes_nothing():
    net = AdditiveAttention(Q, K, H).double()
    q, k = leaves(5, 3, 7)[:2]
    lengths = torch.tensor([7, 1, 3, 4, 2])
    together, _ = net(q, k, padding(lengths, 7)[:, 0])
    for b, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(together[b], net(q[b : b + 1], k[b : b + 1, :length])[0][0])


def test_sequences_of_a_batch_do_not_meet_and_runs_repeat():
    net = AdditiveAttention(4, 4, H).double().requires_grad_(False)
    k = leaves(5, 1, 7)[1]
    assert_batch_permutes(lambda x: net(x, x), k)
    assert_repeats(lambda: net(k, k))


X = torch.zeros(2, 3, Q)
NET = AdditiveAttention(Q, Q, H)
REFUSED = [
    (lambda: NET(X[0], X), "`q` has shape (3, 3) and `k` (2, 3, 3); they are (B, T, Q) and (B, S, K)"),
    (lambda: NET(X, X[:1]), "`q` has shape (2, 3, 3) and `k` (1, 3, 3); they are (B, T, Q) and (B, S, K)"),
    (
        lambda: NET(X, X[..., :2]),
        "`W` has shape (5, 3), `U` (5, 3) and `v` (5,); for these queries and keys they are "
        "(H, 3), (H, 2) and (H,)",
    ),
    (lambda: NET(X, X, method="fused"), '`method` is \'fused\'; it is "loop" or "matrix"'),
    (lambda: AdditiveAttention(3, 0, 2), "`key_size` is 0; it is at least 1"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
