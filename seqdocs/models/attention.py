r"""Causal self-attention: every position reads all positions up to its own, weighted by how well they match.

Letters: B batch · T time · D input · n heads · m heads of keys and values · d width of a head (D = n d; d is
d_k in the paper) · w window.

::

    o[t] = Σ_{s≤t} p[t, s] v[s],   p[t, ·] = softmax over s ≤ t of q[t]·k[s] / √d

Nothing is handed from step to step, so no position waits for another; the price is about T² / 2 products of q
and k, and while generating, a memory of all keys and values so far, the KV cache. A *sliding window* reads
t - w < s ≤ t only: T w products and a cache of w - 1 positions, but what is further back is reached only
through the layers below.

Convention: when there are fewer queries than keys, the queries are the *last* positions (the mask is aligned
at the bottom right). ``torch``'s ``is_causal=True`` aligns it at the top left, which is wrong with a cache.

>>> import torch
>>> q = k = torch.zeros(1, 1, 3, 1)  # all matches are equal, so the output is the running mean of v
>>> v = torch.tensor([3.0, 1.0, 5.0]).view(1, 1, 3, 1)
>>> causal_attention(q, k, v).flatten().tolist()
[3.0, 2.0, 3.0]

Sources: Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2,
https://arxiv.org/abs/1706.03762; Beltagy, Peters & Cohan, "Longformer: the long-document transformer", 2020,
section 3.1 (windows), https://arxiv.org/abs/2004.05150
"""

import math
from typing import Literal

import torch
from torch import Tensor

from seqdocs import checks
from seqdocs.models import masks
from seqdocs.models.alibi import alibi_bias, alibi_slopes
from seqdocs.models.kv_cache import Cache, KVCache, WindowCache
from seqdocs.models.multi_head import MultiHeadAttention
from seqdocs.models.rotary import Layout, rotary
from seqdocs.models.scaled_dot_product import Method, attention

Distance = Literal["none", "rotary", "alibi"]


def causal_attention(q: Tensor, k: Tensor, v: Tensor, *, method: Method = "loop") -> Tensor:
    """Attend from each query to the keys at its own position and before.

    Args:
        q: queries, (B, n, T, d).
        k: keys, (B, m, S, d), S ≥ T; query t sits at position S - T + t.
        v: values, (B, m, S, d).
        method: as in :func:`~seqdocs.models.scaled_dot_product.attention`.

    Returns:
        (B, n, T, d).

    Raises:
        ValueError: if shapes do not fit or ``method`` is unknown.
    """
    return attention(q, k, v, causal=True, method=method)


class CausalSelfAttention(MultiHeadAttention):
    """Multi-head causal self-attention; parameters named and shaped as in ``torch.nn.MultiheadAttention``.

    Args:
        width: D, of the input and the output.
        heads: n; divides ``width``.
        key_value_heads: m; divides ``heads``; n if omitted.
        distance: what tells how far a key is: "none" but the mask, "rotary" or "alibi".
        layout: of "rotary".
        window: w, how many positions a position sees, its own included; all if omitted.

    Raises:
        ValueError: if the numbers of heads do not divide, ``distance`` is unknown, or the window is empty.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        key_value_heads: int | None = None,
        *,
        distance: Distance = "none",
        layout: Layout = "interleaved",
        window: int | None = None,
    ) -> None:
        super().__init__(width, heads, key_value_heads)
        checks.one_of("distance", distance, "none", "rotary", "alibi")
        checks.one_of("layout", layout, "interleaved", "half")
        if window is not None:
            checks.whole(1, window=window)
        self.distance: Distance = distance
        self.layout: Layout = layout
        self.window = window

    def forward(  # type: ignore[override]  # the memory is its own past
        self, x: Tensor, cache: Cache | None = None, method: Method = "fused"
    ) -> Tensor:
        """Let the positions of ``x`` read one another and what is in the cache.

        Args:
            x: (B, T, D).
            cache: the positions before ``x``; the positions of ``x`` are added to it, in place.
            method: as in :func:`~seqdocs.models.scaled_dot_product.attention`.

        Returns:
            (B, T, D).

        Raises:
            ValueError: if the shape or dtype of ``x`` does not fit, or the cache is full.
        """
        q, k, v = self.project(x)
        filler = None if cache is None else cache.filler
        if self.distance == "rotary":  # from the first place, filler or not: only distances will count
            start = 0 if cache is None else cache.length
            q, k = rotary(q, start, layout=self.layout), rotary(k, start, layout=self.layout)
        end = x.shape[1]
        if cache is not None:
            k, v = cache.extend(k, v)  # keys are kept as they were turned
            end = cache.length
        return self.join(attention(q, k, v, self._mask(q, k, end, filler), causal=True, method=method))

    def new_cache(self, B: int, capacity: int) -> Cache:
        """An empty cache for B sequences, in this module's dtype, on its device.

        It holds ``capacity`` positions; with a window, what the window still sees of any number.
        """
        checks.whole(0, B=B, capacity=capacity)
        m, d = self.key_value_heads, self.out_proj.weight.shape[0] // self.heads
        if self.window is not None:
            return WindowCache.empty(self.in_proj_weight, (B, m, d), self.window)
        keys, values = self.in_proj_weight.new_zeros(2, B, m, capacity, d)
        return KVCache(keys, values)

    def _mask(self, q: Tensor, k: Tensor, end: int, filler: Tensor | None) -> Tensor | None:
        """What else than the future is hidden, and what distance costs; None if nothing."""
        T, S = q.shape[2], k.shape[2]
        seen = None
        if self.window is not None and self.window < S:
            seen = masks.sliding_window(T, self.window, S, device=q.device)
        if filler is not None:
            place = torch.arange(end - S, end, device=q.device)
            token = (place >= filler[:, None])[:, None, None]  # (B, 1, 1, S)
            seen = token if seen is None else seen & token
        if self.distance != "alibi":
            return seen
        bias = alibi_bias(alibi_slopes(self.heads).to(q), T, S)
        return bias if seen is None else bias.masked_fill(~seen, -math.inf)
