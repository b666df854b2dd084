"""Attention by loop, by matrix and fused agree with each other and with torch.nn.MultiheadAttention."""

import re

import pytest
import torch

from seqdocs.models.alibi import alibi_bias, alibi_slopes
from seqdocs.models.attention import CausalSelfAttention, causal_attention
from seqdocs.models.rotary import rotary
from seqdocs.models.scaled_dot_product import attention
from tests.models.agreement import (
    assert_batch_permutes,
    assert_causal,
    assert_repeats,
    assert_same,
)

METHODS = ("loop", "matrix", "fused")
LENGTHS = (1, 2, 7, 63)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", [1, 5])
def test_module_is_torchs_multihead_attention(B: int, T: int, method: str) -> None:
    torch.manual_seed(0)
    theirs = torch.nn.MultiheadAttention(6, 3, batch_first=True, dtype=torch.float64)
    torch.nn.init.normal_(theirs.in_proj_bias)
    torch.nn.init.normal_(theirs.out_proj.bias)
    ours = CausalSelfAttention(6, 3).double()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(B, T, 6, dtype=torch.float64)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    weight = torch.randn(B, T, 6, dtype=torch.float64)
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
        torch.testing.assert_close(mine, reference, rtol=1e-10, atol=1e-10)


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


KINDS = {
    "grouped": {"key_value_heads": 1},
    "rotary": {"distance": "rotary"},
    "rotary by halves": {"distance": "rotary", "layout": "half"},
    "alibi": {"distance": "alibi"},
    "window": {"window": 3},
    "window of one": {"window": 1},
    "all": {"distance": "rotary", "window": 4, "key_value_heads": 1},
    "alibi in a window": {"distance": "alibi", "window": 4},
}
each_kind = pytest.mark.parametrize("kind", KINDS)


def make(kind: str) -> CausalSelfAttention:
    torch.manual_seed(0)
    net = CausalSelfAttention(8, 2, **KINDS[kind]).double()
    torch.nn.init.normal_(net.in_proj_bias)
    return net


def formula(net: CausalSelfAttention, x: torch.Tensor) -> torch.Tensor:
    """Scores of one head and one pair after the other; rotary as a complex product."""
    n, m, d = net.heads, net.key_value_heads, 4
    q, k, v = torch.nn.functional.linear(x, net.in_proj_weight, net.in_proj_bias).split([8, m * d, m * d], -1)

    def turned(y: torch.Tensor, t: int) -> torch.Tensor:
        if net.distance != "rotary":
            return y
        angles = t * 10000.0 ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
        by_halves = net.layout == "half"
        a, b = (y[..., : d // 2], y[..., d // 2 :]) if by_halves else (y[..., 0::2], y[..., 1::2])
        z = torch.complex(a, b) * torch.polar(torch.ones_like(angles), angles)
        return torch.cat((z.real, z.imag), -1) if by_halves else torch.view_as_real(z).flatten(-2)

    heads = []
    for i in range(n):
        own, shared = slice(i * d, i * d + d), slice(i * m // n * d, i * m // n * d + d)
        rows = []
        for t in range(x.shape[1]):
            seen = range(0 if net.window is None else max(0, t - net.window + 1), t + 1)
            scores = [(turned(q[:, t, own], t) * turned(k[:, s, shared], s)).sum(-1) / d**0.5 for s in seen]
            if net.distance == "alibi":
                scores = [e - 2.0 ** (-8 * (i + 1) / n) * (t - s) for s, e in zip(seen, scores, strict=True)]
            p = torch.stack(scores, -1).softmax(-1)
            rows.append(torch.einsum("bs,bsd->bd", p, v[:, seen.start : t + 1, shared]))
        heads.append(torch.stack(rows, 1) if rows else x[..., :d])
    return net.out_proj(torch.cat(heads, -1))


@each_kind
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("T", [0, 1, 2, 7])
@pytest.mark.parametrize("B", [1, 5])
def test_distances_windows_and_shared_keys_are_their_formulas(B, T, method, kind):
    net = make(kind)
    x = torch.randn(B, T, 8, dtype=torch.float64)
    parameters = list(net.parameters()) if T else []
    assert_same(lambda x: net(x, method=method), lambda x: formula(net, x), [x], parameters)


@each_kind
def test_every_kind_agrees_on_long_sequences(kind):
    net = make(kind)
    x = torch.randn(1, 63, 8, dtype=torch.float64)
    for method in ("matrix", "fused"):
        assert_same(lambda x, method=method: net(x, method=method), lambda x: formula(net, x), [x])


@each_kind
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("sizes", [(1,) * 9, (4, 5), (4, 1, 0, 2, 2), (0, 9)])
def test_every_kind_gives_with_a_cache_what_it_gives_without(sizes, method, kind):
    net = make(kind).requires_grad_(False)
    x = torch.randn(5, 9, 8, dtype=torch.float64)
    cache = net.new_cache(5, capacity=9)
    parts = [net(part, cache, method) for part in x.split(list(sizes), dim=1)]
    torch.testing.assert_close(torch.cat(parts, 1), net(x, method=method), rtol=0, atol=1e-12)


@each_kind
@pytest.mark.parametrize("sizes", [(7, 1, 1), (3, 6), (1,) * 9])
def test_rows_that_begin_with_filler_are_the_rows_without(sizes, kind):
    net = make(kind).requires_grad_(False)
    filler = torch.tensor([0, 3, 6])
    x = torch.randn(3, 9, 8, dtype=torch.float64)
    cache = net.new_cache(3, capacity=9)
    cache.filler = filler
    together = torch.cat([net(part, cache) for part in x.split(list(sizes), dim=1)], 1)
    for b, first in enumerate(filler.tolist()):
        torch.testing.assert_close(together[b, first:], net(x[b : b + 1, first:])[0], rtol=0, atol=1e-12)
    assert together.isfinite().all()


@each_kind
def test_no_kind_lets_the_future_or_what_left_the_window_through(kind):
    net = make(kind)
    assert_causal(net, 9, 8, reach=net.window)


def test_the_cache_of_a_window_stays_bounded():
    net = CausalSelfAttention(8, 2, window=4, distance="rotary").requires_grad_(False)
    cache = net.new_cache(1, capacity=4)
    for _ in range(50):
        net(torch.randn(1, 1, 8), cache)
        assert cache.keys.shape[2] <= 3
    assert cache.length == 50


def test_where_a_sequence_stands_does_not_matter_to_rotary_or_alibi():
    x = torch.randn(1, 5, 8, dtype=torch.float64)
    net = make("rotary").requires_grad_(False)
    q, k, v = net.project(x)
    late = attention(rotary(q, 95), rotary(k, 95), v, causal=True)
    torch.testing.assert_close(net.join(late), net(x))
    net = make("alibi").requires_grad_(False)
    late_bias = alibi_bias(alibi_slopes(2).double(), 100)[:, 95:, 95:]
    torch.testing.assert_close(net.join(attention(*net.project(x), late_bias, causal=True)), net(x))


@each_kind
def test_sequences_of_a_batch_do_not_meet_and_runs_repeat(kind):
    net = make(kind).requires_grad_(False)
    x = torch.randn(5, 7, 8, dtype=torch.float64)
    assert_batch_permutes(net, x)
    assert_repeats(lambda: net(x))


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
    (
        lambda: CausalSelfAttention(8, 2, distance="rope"),
        '`distance` is \'rope\'; it is "none", "rotary" or "alibi"',
    ),
    (
        lambda: CausalSelfAttention(8, 2, window=0),
        "`window` is 0; it is at least 1",
    ),
    (
        lambda: CausalSelfAttention(6, 2, distance="rotary")(torch.zeros(1, 2, 6)),
        "`x` has shape (1, 2, 2, 3); it is (…, T, d) with d even, for pairs are turned",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
