r"""One decoding step of the language model without detours: the same operations, nothing around them.

Letters: B batch · D width · n heads · m heads of keys and values · d width of a head · S positions seen.

A step for one token per sequence does little arithmetic. On a small model most of its time goes into starting
operations: views and copies of shapes that are one position long, checks of what was checked before. So this
form drops the dimension of time, writes keys and values straight into the cache, and asks no module.

Limits: learned positions or none, no window, no filler, a cache that keeps all. :func:`fits` says so;
:meth:`~seqdocs.models.language_model.CausalLM.decode` walks through its blocks otherwise. Hooks on the
modules inside are not called.

>>> import torch
>>> from seqdocs.models.language_model import CausalLM
>>> _ = torch.manual_seed(0)
>>> model = CausalLM(vocabulary=10, context=8, width=16, layers=2, heads=2)
>>> (_, one), (_, other) = model.prefill(torch.tensor([[1, 2]])), model.prefill(torch.tensor([[1, 2]]))
>>> token = torch.tensor([3])
>>> torch.allclose(model.decode(token, one), model.decode(token, other, method="blocks"))
True

Source: none needed beyond the blocks themselves, which are the reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqdocs.models.kv_cache import Cache, KVCache
from seqdocs.models.normalisation import LayerNorm, RMSNorm
from seqdocs.models.positional import LearnedPositions

if TYPE_CHECKING:
    from seqdocs.models.language_model import Block, CausalLM


def fits(model: CausalLM, token: Tensor, cache: Sequence[Cache]) -> bool:
    """Whether :func:`decode` can read ``token``, (B,), after what is in the cache.

    Where it cannot because an argument is wrong, the blocks will say what.
    """
    if token.ndim != 1 or token.is_floating_point() or not cache:
        return False
    if model.positions is not None and not isinstance(model.positions, LearnedPositions):
        return False
    plain = all(block.attention.distance == "none" for block in model.each_block())
    first = cache[0]
    roomy = isinstance(first, KVCache) and first.length < min(model.context, first.keys.shape[2])
    fit = len(first.keys) == len(token) and first.keys.dtype == model.tokens.weight.dtype
    return plain and roomy and fit and first.filler is None


def decode(model: CausalLM, token: Tensor, cache: Sequence[Cache]) -> Tensor:
    """Logits after one more token of each sequence, (B,) to (B, V); the cache grows by one, in place."""
    t = cache[0].length
    x = F.embedding(token, model.tokens.weight)
    if isinstance(model.positions, LearnedPositions):
        x = x + model.positions.weight[t]
    for block, layer in zip(model.each_block(), cache, strict=True):
        x = x + _attend(block, _normed(x, block.norm1), layer, t)
        first, _, second = block.mlp
        assert isinstance(first, nn.Linear) and isinstance(second, nn.Linear)  # for mypy
        h = F.gelu(F.linear(_normed(x, block.norm2), first.weight, first.bias))
        x = x + F.linear(h, second.weight, second.bias)
        layer.length = t + 1
    return F.linear(_normed(x, model.norm), model.head.weight)


def _attend(block: Block, x: Tensor, cache: Cache, t: int) -> Tensor:
    """Attention of the newest position to all before it, (B, D) to (B, D)."""
    reader = block.attention
    (B, D), n, m = x.shape, reader.heads, reader.key_value_heads
    projected = F.linear(x, reader.in_proj_weight, reader.in_proj_bias).view(B, n + 2 * m, D // n)
    q, k, v = torch.split(projected, [n, m, m], dim=1)
    cache.keys.select(2, t).copy_(k)
    cache.values.select(2, t).copy_(v)
    keys, values = cache.keys.narrow(2, 0, t + 1), cache.values.narrow(2, 0, t + 1)
    # Queries that share a key stand where positions do: the newest sees every key, so no mask is needed.
    o = F.scaled_dot_product_attention(q.reshape(B, m, n // m, D // n), keys, values)
    return F.linear(o.reshape(B, D), reader.out_proj.weight, reader.out_proj.bias)


def _normed(x: Tensor, norm: LayerNorm | RMSNorm) -> Tensor:
    if isinstance(norm, LayerNorm):
        return F.layer_norm(x, norm.weight.shape, norm.weight, norm.bias, norm.eps)
    return F.rms_norm(x, norm.weight.shape, norm.weight, norm.eps)
