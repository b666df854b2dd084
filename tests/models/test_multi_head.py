"""Multi-head attention is torch's, whose parameters it takes."""

from __future__ import annotations

import re

import pytest
import torch
from torch.func import functional_call

from seqdocs.models.masks import padding
from seqdocs.models.multi_head import MultiHeadAttention
from tests.models.agreement import BATCHES, LENGTHS, assert_batch_permutes, assert_repeats, assert_same

METHODS = ("loop", "matrix", "fused")
D, n = 6, 3
each_method = pytest.mark.parametrize("method", METHODS)


def pair(bias: bool = True) -> tuple[MultiHeadAttention, torch.nn.MultiheadAttention]:
    """Ours and torch's with the same weights, none of them zero."""
    torch.manual_seed(0)
    theirs = torch.nn.MultiheadAttention(D, n, bias=bias, batch_first=True, dtype=torch.float64)
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter)
    ours = MultiHeadAttention(D, n, bias=bias).double()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def compare(ours, theirs, run_ours, run_theirs, leaves):
    """As functions of the inputs and of every parameter."""
    names, weights = zip(*theirs.state_dict().items(), strict=True)

    def form(net, run):
        return lambda *all_: run(
            lambda *a, **kw: functional_call(net, dict(zip(names, all_[len(leaves) :], strict=True)), a, kw),
            *all_[: len(leaves)],
        )

    assert_same(form(ours, run_ours), form(theirs, run_theirs), [*leaves, *weights])


@each_method
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("T", [t for t in LENGTHS if t])
@pytest.mark.parametrize("B", BATCHES)
def test_self_attention_is_torchs(B, T, bias, method):
    x = torch.randn(B, T, D, dtype=torch.float64)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    for causal in (True, False):
        compare(
            *pair(bias),
            lambda net, x, causal=causal: net(x, causal=causal, method=method),
            lambda net, x, causal=causal: net(
                x, x, x, attn_mask=future if causal else None, need_weights=False
            )[0],
            [x],
        )


@each_method
@pytest.mark.parametrize(("T", "S"), [(1, 1), (1, 7), (7, 2), (3, 5)])
@pytest.mark.parametrize("B", BATCHES)
def test_cross_attention_with_padding_is_torchs(B, T, S, method):
    x, memory = torch.randn(B, T, D, dtype=torch.float64), torch.randn(B, S, D, dtype=torch.float64)
    lengths = torch.tensor([S, 1, (S + 1) // 2, S, 1][:B])
    seen = padding(lengths, S)
    compare(
        *pair(),
        lambda net, x, memory: net(x, memory, seen, method=method),
        lambda net, x, memory: net(x, memory, memory, key_padding_mask=~seen[:, 0, 0], need_weights=False)[0],
        [x, memory],
    )


@each_method
def test_no_positions_give_none_and_an_empty_memory_gives_the_bias(method):
    net, _ = pair()
    x = torch.randn(2, 3, D, dtype=torch.float64)
    assert net(x[:, :0], method=method).shape == (2, 0, D)
    assert torch.equal(net(x, x[:, :0], method=method), net.out_proj.bias.expand(2, 3, D))


@each_method
@pytest.mark.parametrize("m", [1, 2])
def test_shared_keys_and_values_are_those_of_full_heads_repeated(m, method):
    torch.manual_seed(0)
    shared = MultiHeadAttention(8, 4, m).double()
    torch.nn.init.normal_(shared.in_proj_bias)
    full = MultiHeadAttention(8, 4).double()
    full.out_proj = shared.out_proj

    def spread(packed):
        q, k, v = packed.split([8, 2 * m, 2 * m])
        rows = [x.view(m, 2, -1).repeat_interleave(4 // m, 0).reshape(8, -1) for x in (k, v)]
        return torch.cat((q.view(8, -1), *rows)).view(24, *packed.shape[1:])

    with torch.no_grad():
        full.in_proj_weight.copy_(spread(shared.in_proj_weight))
        full.in_proj_bias.copy_(spread(shared.in_proj_bias))
    x = torch.randn(5, 7, 8, dtype=torch.float64)
    assert_same(lambda x: shared(x, causal=True, method=method), lambda x: full(x, causal=True), [x])
    assert shared.in_proj_weight.shape == (8 + 4 * m, 8)


@each_method
def test_without_positions_another_order_gives_the_outputs_in_that_order(method):
    net, _ = pair()
    x = torch.randn(2, 7, D, dtype=torch.float64)
    order = torch.randperm(7, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(net(x[:, order], method=method), net(x, method=method)[:, order])
    torch.testing.assert_close(net(x[:, :2], x[:, order], method=method), net(x[:, :2], x, method=method))
    causal = net(x[:, order], causal=True, method=method)
    assert not torch.allclose(causal, net(x, causal=True, method=method)[:, order])


def test_parameters_load_into_torch():
    for bias in (True, False):
        theirs = torch.nn.MultiheadAttention(D, n, bias=bias)
        theirs.load_state_dict(MultiHeadAttention(D, n, bias=bias).state_dict())


def test_sequences_of_a_batch_do_not_meet_and_runs_repeat():
    net = pair()[0].requires_grad_(False)
    x = torch.randn(5, 7, D, dtype=torch.float64)
    assert_batch_permutes(net, x)
    assert_repeats(lambda: net(x, x[:, :3]))


X = torch.zeros(2, 3, D)
NET = MultiHeadAttention(D, n)
REFUSED = [
    (lambda: MultiHeadAttention(8, 3), "`width` is 8 and `heads` is 3; heads must divide width"),
    (lambda: MultiHeadAttention(8, 0), "`heads` is 0; it is at least 1"),
    (
        lambda: MultiHeadAttention(8, 4, 3),
        "`heads` is 4 and `key_value_heads` is 3; the second must divide the first",
    ),
    (lambda: NET(X[0]), "`x` has shape (3, 6); it is (B, T, 6)"),
    (lambda: NET(X, X[..., :5]), "`memory` has shape (2, 3, 5); it is (B, T, 6)"),
    (lambda: NET(X, X[:1]), "`memory` has 1 sequences and `x` 2; both have B"),
    (
        lambda: NET(X.double()),
        "`x` is torch.float64 but the parameters are torch.float32; convert one of them",
    ),
    (
        lambda: NET(X, X.double()),
        "`memory` is torch.float64 but the parameters are torch.float32; convert one of them",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
