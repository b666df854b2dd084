r"""Scaled dot-product attention: each query reads all values, weighted by how well their keys match it.

Letters: B batch · n heads · m heads of keys and values · T queries · S keys · d width of a query and a key ·
e width of a value.

::

    o[t] = Σ_s p[t, s] v[s],   p[t, ·] = softmax over the seen s of q[t]·k[s] / √d (+ bias[t, s])

A sum of d products of independent numbers of variance one has variance d; dividing by √d keeps the softmax
from saturating as heads get wider.

- ``loop`` takes pair by pair. The reference.
- ``matrix`` holds all T × S scores at once.
- ``fused`` is torch's kernel, which need not hold them.

Conventions: masks are those of :mod:`seqdocs.models.masks`: True is seen, the queries are the last positions,
and a query that sees no key gives zeros. A mask of numbers instead of truth values is a *bias* that is added
to the scores; -inf in it hides. With m < n heads of keys and values (*grouped queries*; *multi-query* for
m = 1), n/m queries in a row share one: query head i reads key head ⌊i m/n⌋.

>>> import torch
>>> q, k = torch.tensor([[1.0], [0.0]]).view(1, 1, 2, 1), torch.tensor([0.0, 0.0, 100.0]).view(1, 1, 3, 1)
>>> v = torch.tensor([3.0, 1.0, 5.0]).view(1, 1, 3, 1)
>>> attention(q, k, v).flatten().tolist()  # one match that outweighs all; all matches equal, so the mean
[5.0, 3.0]
>>> attention(q, k, v, torch.tensor([[True, True, False], [False, False, False]])).flatten().tolist()
[2.0, 0.0]

Sources: Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2.1,
https://arxiv.org/abs/1706.03762; Shazeer, "Fast transformer decoding: one write-head is all you need", 2019
(multi-query), https://arxiv.org/abs/1911.02150; Ainslie et al., "GQA: training generalized multi-query
transformer models from multi-head checkpoints", EMNLP 2023, https://arxiv.org/abs/2305.13245
"""

import math
from itertools import product
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from seqdocs import checks
from seqdocs.models import masks

Method = Literal["loop", "matrix", "fused"]


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    *,
    causal: bool = False,
    method: Method = "loop",
) -> Tensor:
    """Let each query read the values whose keys it may see.

    Args:
        q: queries, (B, n, T, d).
        k: keys, (B, m, S, d); m divides n.
        v: values, (B, m, S, e).
        mask: broadcasts to (B, n, T, S): boolean, True where the query may read the key, or a bias in the
            dtype of ``q`` that is added to the scores. All is seen if omitted.
        causal: also hide all keys after the query's own position, S - T + t.
        method: "loop" over pairs, "matrix" of all scores at once, or "fused", torch's kernel.

    Returns:
        (B, n, T, e).

    Raises:
        ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
    """
    _check(q, k, v, mask, causal=causal, method=method)
    if method == "loop" and q.numel():
        return _loop(q, k, v, mask, causal)
    if method != "fused":
        return attention_weights(q, k, mask, causal=causal) @ _shared(v, q.shape[1])
    return _fused(q, k, v, mask, causal)


def attention_weights(q: Tensor, k: Tensor, mask: Tensor | None = None, *, causal: bool = False) -> Tensor:
    """p, how much each query reads of each key: arguments as in :func:`attention`, (B, n, T, S)."""
    _check(q, k, k, mask, causal=causal, method="matrix")
    seen, bias = _visible(q, k, mask, causal)
    scores = q @ _shared(k, q.shape[1]).mT / math.sqrt(q.shape[-1])
    if bias is not None:
        scores = scores + bias
    if seen is None:
        return scores.softmax(-1)
    if mask is None:  # causal alone: every query sees its own position, so no row is empty
        return scores.masked_fill(~seen, -math.inf).softmax(-1)
    return masks.masked_softmax(scores, seen)


def _loop(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    (B, n, T, d), (_, m, S, e) = q.shape, v.shape
    seen, bias = _visible(q, k, mask, causal)
    readable = torch.ones(B, n, T, S, dtype=torch.bool) if seen is None else seen.expand(B, n, T, S)
    bias = None if bias is None else bias.expand(B, n, T, S)
    keys, values = k.flatten(0, 2).unbind(), v.flatten(0, 2).unbind()
    outputs = []
    for b, head, t in product(range(B), range(n), range(T)):
        first = (b * m + head * m // n) * S  # of the keys that this head reads
        pairs = readable[b, head, t].nonzero().flatten().tolist()
        if not pairs:  # the empty sum
            outputs.append(v.new_zeros(e))
            continue
        query = q[b, head, t] / math.sqrt(d)
        scores = torch.stack([query @ keys[first + s] for s in pairs])
        if bias is not None:
            scores = scores + bias[b, head, t, pairs]
        outputs.append(torch.stack([values[first + s] for s in pairs], 1) @ scores.softmax(0))
    return torch.stack(outputs).view(B, n, T, e)


def _fused(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    (B, n, T, d), (_, m, S, e) = q.shape, v.shape
    if mask is None and T == 1 and m < n:
        # One query sees every key, so the queries that share a key may stand where positions do: no copies.
        return F.scaled_dot_product_attention(q.reshape(B, m, n // m, d), k, v).view(B, n, 1, e)
    k, v = _shared(k, n), _shared(v, n)
    if mask is None and (T == 1 or not causal):
        return F.scaled_dot_product_attention(q, k, v)
    if mask is None and T == S:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    seen, bias = _visible(q, k, mask, causal)
    assert seen is not None  # there is a mask, or the past to see
    blind = ~seen.any(-1, keepdim=True)
    shown = seen | blind if bias is None else bias.masked_fill(~seen, -math.inf).masked_fill(blind, 0)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=shown).masked_fill(blind, 0)


def _shared(x: Tensor, n: int) -> Tensor:
    """Keys or values of m heads, each as often as query heads read it: (B, n, S, ·)."""
    return x if x.shape[1] == n else x.repeat_interleave(n // x.shape[1], dim=1)


def _visible(q: Tensor, k: Tensor, mask: Tensor | None, causal: bool) -> tuple[Tensor | None, Tensor | None]:
    """What may be read (all if None), and what is added to the scores, finite (nothing if None)."""
    past = masks.causal(q.shape[2], k.shape[2], device=q.device) if causal else None
    if mask is None or mask.dtype == torch.bool:
        return (past if mask is None else mask if past is None else mask & past), None
    shown = mask != -math.inf
    return (shown if past is None else shown & past), mask.masked_fill(~shown, 0)


def _check(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, *, causal: bool, method: str) -> None:
    checks.one_of("method", method, "loop", "matrix", "fused")
    shapes = f"`q` has shape {tuple(q.shape)}, `k` {tuple(k.shape)}, `v` {tuple(v.shape)}"
    fit = q.ndim == k.ndim == v.ndim == 4 and q.shape[0] == k.shape[0] and q.shape[3] == k.shape[3]
    if not fit or k.shape[:3] != v.shape[:3]:
        raise ValueError(f"{shapes}; they are (B, n, T, d), (B, m, S, d) and (B, m, S, e)")
    if k.shape[1] < 1 or q.shape[1] % k.shape[1]:
        raise ValueError(f"{shapes}; the heads of keys must divide those of queries")
    if causal and q.shape[2] > k.shape[2]:
        raise ValueError(f"{shapes}; there are more queries than keys, but queries are the last positions")
    checks.floating("q", q)
    checks.alike("k", k, q, "`q` is")
    checks.alike("v", v, q, "`q` is")
    if mask is None:
        return
    checks.broadcasts("mask", mask, "(B, n, T, S)", (*q.shape[:3], k.shape[2]))
    checks.together("mask", mask, q, "`q` is")
    if mask.dtype not in (torch.bool, q.dtype):
        raise ValueError(f"`mask` is {mask.dtype}; it is boolean, or a bias of {q.dtype} as `q` is")
