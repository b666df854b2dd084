r"""The language model with a cache and without detours: the same operations, nothing around them.

Letters: B batch · T time · D width · n heads · m heads of keys and values · d width of a head · S positions
seen.

A decoding step for one token per sequence does little arithmetic. On a small model most of its time goes into
starting operations: views and copies of shapes that are one position long, checks of what was checked before.
So :class:`Reader` looks up every weight once for all steps, drops the dimension of time, and writes keys and
values straight into the cache.

Of a prompt, only the last position's logits and the keys and values are wanted. So the other positions do not
go through the attention and the network of the last block, from where nothing leads on.

Large products are handed to oneDNN (:func:`seqdocs.models.lean.product`).

Limits: learned positions or none, no window, no filler, a cache that keeps all. :func:`fits` says so;
:class:`~seqdocs.models.language_model.CausalLM` walks through its blocks otherwise. Hooks on the modules
inside are not called.

>>> import torch
>>> from seqdocs.models.language_model import CausalLM
>>> _ = torch.manual_seed(0)
>>> model = CausalLM(vocabulary=10, context=8, width=16, layers=2, heads=2)
>>> prompt, token = torch.tensor([[1, 2]]), torch.tensor([3])
>>> walked, cache = model.prefill(prompt, method="blocks")
>>> reader = Reader(model, model.new_cache(1, 8))
>>> torch.allclose(reader.prefill(prompt), walked)
True
>>> torch.allclose(reader.decode(token), model.decode(token, cache, method="blocks"))
True

Source: none needed beyond the blocks themselves, which are the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqdocs import checks
from seqdocs.models.kv_cache import Cache, KVCache
from seqdocs.models.lean import product
from seqdocs.models.normalisation import LayerNorm, RMSNorm
from seqdocs.models.positional import LearnedPositions
from seqdocs.models.scaled_dot_product import attention

if TYPE_CHECKING:
    from seqdocs.models.language_model import Block, CausalLM

Map = Callable[[Tensor], Tensor]


def fits(model: CausalLM, tokens: Tensor, cache: Sequence[Cache]) -> bool:
    """Whether a reader can take ``tokens``: (B,) after what is in the cache, or (B, T) into an empty one.

    Where it cannot because an argument is wrong, the blocks will say what.
    """
    if tokens.ndim not in (1, 2) or tokens.is_floating_point() or not cache:
        return False
    if model.positions is not None and not isinstance(model.positions, LearnedPositions):
        return False
    plain = all(block.attention.distance == "none" for block in model.each_block())
    first, T = cache[0], tokens.shape[1] if tokens.ndim == 2 else 1
    roomy = isinstance(first, KVCache) and first.length + T <= min(model.context, first.keys.shape[2])
    fit = len(first.keys) == len(tokens) and first.keys.dtype == model.tokens.weight.dtype
    return plain and roomy and fit and first.filler is None


class Reader:
    """A model that reads into one cache, its weights looked up once: they must stay the tensors they are.

    It checks that tokens are in the vocabulary; :func:`fits` does the rest.

    Args:
        model: learned positions or none, no window.
        cache: a :class:`~seqdocs.models.kv_cache.KVCache` for each block, without filler.
    """

    def __init__(self, model: CausalLM, cache: Sequence[Cache]) -> None:
        self._tokens = model.tokens.weight
        positions = model.positions
        self._positions = positions.weight if isinstance(positions, LearnedPositions) else None
        self._layers = [_Layer(block, c) for block, c in zip(model.each_block(), cache, strict=True)]
        self._norm, self._head = _norm(model.norm), _linear(model.head)
        self._cache = cache[0]

    @torch.no_grad()
    def prefill(self, tokens: Tensor) -> Tensor:
        """Logits after the last token of each prompt, (B, T) to (B, V); fills the empty cache."""
        x = checks.looked_up("tokens", tokens, self._tokens)
        if self._positions is not None:
            x = x + self._positions[: tokens.shape[1]]
        *others, last = self._layers
        for layer in others:
            x = layer.read(x)
        return self._head(self._norm(last.read_last(x)))

    @torch.no_grad()
    def decode(self, token: Tensor) -> Tensor:
        """Logits after one more token of each sequence, (B,) to (B, V); the cache grows by one, in place."""
        x = checks.looked_up("token", token, self._tokens)
        if self._positions is not None:
            x = x + self._positions[self._cache.length]
        for layer in self._layers:
            x = layer.decode(x)
        return self._head(self._norm(x))


class _Layer:
    """A block and its cache."""

    def __init__(self, block: Block, cache: Cache) -> None:
        reader, (first, _, second) = block.attention, block.mlp
        assert isinstance(first, nn.Linear) and isinstance(second, nn.Linear)  # for mypy
        self.cache, self.n, self.m = cache, reader.heads, reader.key_value_heads
        self.norm1, self.norm2 = _norm(block.norm1), _norm(block.norm2)
        self.project: Map = partial(product, W=reader.in_proj_weight, b=reader.in_proj_bias)
        self.join, self.widen, self.narrow = _linear(reader.out_proj), _linear(first), _linear(second)

    def read(self, x: Tensor) -> Tensor:
        """All positions, (B, T, D) to (B, T, D)."""
        q, k, v = self._projected(x)
        o = attention(q, *self.cache.extend(k, v), causal=True, method="fused")
        x = x + self.join(o.transpose(1, 2).flatten(2))
        return x + self._mlp(x)

    def read_last(self, x: Tensor) -> Tensor:
        """All positions, of which only the last goes on, (B, T, D) to (B, D)."""
        q, k, v = self._projected(x)
        self.cache.extend(k, v)
        x = x[:, -1] + self._newest(q[:, :, -1])
        return x + self._mlp(x)

    def decode(self, x: Tensor) -> Tensor:
        """One more position, (B, D) to (B, D)."""
        (B, D), n, m, cache = x.shape, self.n, self.m, self.cache
        q, k, v = torch.split(self.project(self.norm1(x)).view(B, n + 2 * m, D // n), [n, m, m], dim=1)
        cache.keys.select(2, cache.length).copy_(k)
        cache.values.select(2, cache.length).copy_(v)
        cache.length += 1
        x = x + self._newest(q)
        return x + self._mlp(x)

    def _projected(self, x: Tensor) -> tuple[Tensor, ...]:
        """Queries of all positions, (B, n, T, d), keys and values, (B, m, T, d)."""
        (B, T, D), n, m = x.shape, self.n, self.m
        projected = self.project(self.norm1(x)).view(B, T, n + 2 * m, D // n)
        return torch.split(projected.transpose(1, 2), [n, m, m], dim=1)

    def _newest(self, q: Tensor) -> Tensor:
        """What the newest position, (B, n, d), hears of all in the cache, itself the last; (B, D)."""
        (B, n, d), m, S = q.shape, self.m, self.cache.length
        keys, values = self.cache.keys.narrow(2, 0, S), self.cache.values.narrow(2, 0, S)
        # Queries that share a key stand where positions do: the newest sees every key, so no mask is needed.
        o = F.scaled_dot_product_attention(q.reshape(B, m, n // m, d), keys, values)
        return self.join(o.reshape(B, n * d))

    def _mlp(self, x: Tensor) -> Tensor:
        return self.narrow(F.gelu(self.widen(self.norm2(x))))


def _linear(layer: nn.Linear) -> Map:
    return partial(product, W=layer.weight, b=layer.bias)


def _norm(norm: LayerNorm | RMSNorm) -> Map:
    shape, weight, eps = norm.weight.shape, norm.weight, norm.eps
    if isinstance(norm, LayerNorm):
        return partial(F.layer_norm, normalized_shape=shape, weight=weight, bias=norm.bias, eps=eps)
    return partial(F.rms_norm, normalized_shape=shape, weight=weight, eps=eps)
