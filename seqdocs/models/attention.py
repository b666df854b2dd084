r"""Causal self-attention: every position reads all positions up to its own, weighted by how well they match.

Letters: B batch · T time · D input · n heads · d width of a head (D = n d; d is d_k in the paper).

::

    o[t] = Σ_{s≤t} p[t, s] v[s],   p[t, ·] = softmax over s ≤ t of q[t]·k[s] / √d

Nothing is handed from step to step, so no position waits for another; the price is about T² / 2 products of q
and k, and while generating, a memory of all keys and values so far, the KV cache.

Convention: when there are fewer queries than keys, the queries are the *last* positions (the mask is aligned
at the bottom right). ``torch``'s ``is_causal=True`` aligns it at the top left, which is wrong with a cache.

>>> import torch
>>> q = k = torch.zeros(1, 1, 3, 1)  # all matches are equal, so the output is the running mean of v
>>> v = torch.tensor([3.0, 1.0, 5.0]).view(1, 1, 3, 1)
>>> causal_attention(q, k, v).flatten().tolist()
[3.0, 2.0, 3.0]

Source: Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2, https://arxiv.org/abs/1706.03762
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Method = Literal["loop", "matrix", "fused"]


def causal_attention(q: Tensor, k: Tensor, v: Tensor, *, method: Method = "loop") -> Tensor:
    """Attend from each query to the keys at its own position and before.

    Args:
        q: queries, (B, n, T, d).
        k: keys, (B, n, S, d), S ≥ T; query t sits at position S - T + t.
        v: values, (B, n, S, d).
        method: "loop" over queries, "matrix" of all scores at once with the future masked, or "fused",
            torch's ``scaled_dot_product_attention``, which need not hold that matrix in memory.

    Returns:
        (B, n, T, d).

    Raises:
        ValueError: if shapes do not fit or ``method`` is unknown.
    """
    _check(q, k, v, method)
    T, S = q.shape[2], k.shape[2]
    if method == "loop":
        return _loop(q, k, v, S - T)
    if method == "matrix":
        scores = q @ k.mT / math.sqrt(q.shape[-1])  # (B, n, T, S)
        return scores.masked_fill(~_seen(T, S, q.device), -math.inf).softmax(-1) @ v
    if T == S:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    # One query sees every key: leaving the mask out lets torch choose its fastest kernel for decoding.
    return F.scaled_dot_product_attention(q, k, v, attn_mask=None if T == 1 else _seen(T, S, q.device))


def _loop(q: Tensor, k: Tensor, v: Tensor, before: int) -> Tensor:
    outputs = []
    for t, q_t in enumerate(q.unbind(2)):  # (B, n, d)
        k_seen, v_seen = k[:, :, : before + t + 1], v[:, :, : before + t + 1]
        p = (q_t.unsqueeze(2) @ k_seen.mT / math.sqrt(q.shape[-1])).softmax(-1)  # (B, n, 1, keys seen)
        outputs.append(p @ v_seen)
    return torch.cat(outputs, dim=2) if outputs else q


def _seen(T: int, S: int, device: torch.device) -> Tensor:
    """Which key (column) each query (row) may read."""
    return torch.ones(T, S, dtype=torch.bool, device=device).tril(S - T)


@dataclass
class KVCache:
    """Keys and values of the positions so far, in memory that is allocated once.

    Attributes:
        keys: (B, n, capacity, d); positions from ``length`` on are not filled yet.
        values: likewise.
        length: positions that are filled.
    """

    keys: Tensor
    values: Tensor
    length: int = 0

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Store (B, n, T, d) more keys and values; return all of them so far, as views.

        Raises:
            ValueError: if they do not fit, in batch, heads, width or capacity.
        """
        end = self.length + k.shape[2]
        B, n, capacity, d = self.keys.shape
        if (k.shape[0], k.shape[1], k.shape[3]) != (B, n, d):
            raise ValueError(
                f"keys have shape {tuple(k.shape)}; this cache holds (B, n, T, d) = ({B}, {n}, T, {d})"
            )
        if end > capacity:
            raise ValueError(
                f"the cache holds {capacity} positions; {self.length} and {k.shape[2]} more do not fit"
            )
        self.keys[:, :, self.length : end] = k
        self.values[:, :, self.length : end] = v
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class CausalSelfAttention(nn.Module):
    """Multi-head causal self-attention; parameters named and shaped as in ``torch.nn.MultiheadAttention``.

    Args:
        width: D, of the input and the output.
        heads: n; divides ``width``.

    Raises:
        ValueError: if ``heads`` does not divide ``width``.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(f"`width` is {width} and `heads` is {heads}; heads must divide width")
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))  # rows: queries, keys, values
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor, cache: KVCache | None = None, method: Method = "fused") -> Tensor:
        """Let the positions of ``x`` read one another and what is in the cache.

        Args:
            x: (B, T, D).
            cache: the positions before ``x``; the positions of ``x`` are added to it, in place.
            method: as in :func:`causal_attention`.

        Returns:
            (B, T, D).

        Raises:
            ValueError: if the shape or dtype of ``x`` does not fit, or the cache is full.
        """
        D = self.in_proj_weight.shape[1]
        if x.ndim != 3 or x.shape[2] != D:
            raise ValueError(f"`x` has shape {tuple(x.shape)}; it is (B, T, {D})")
        if x.dtype != self.in_proj_weight.dtype:
            dtype = self.in_proj_weight.dtype
            raise ValueError(f"`x` is {x.dtype} but the parameters are {dtype}; convert one of them")
        B, T, _ = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = qkv.view(B, T, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)  # each (B, n, T, d)
        if cache is not None:
            k, v = cache.extend(k, v)
        o = causal_attention(q, k, v, method=method)
        joined: Tensor = self.out_proj(o.transpose(1, 2).reshape(B, T, D))
        return joined

    def new_cache(self, B: int, capacity: int) -> KVCache:
        """An empty cache for ``capacity`` positions of B sequences, in this module's dtype, on its device."""
        n, d = self.heads, self.out_proj.weight.shape[0] // self.heads
        keys, values = self.in_proj_weight.new_zeros(2, B, n, capacity, d)
        return KVCache(keys, values)


def _check(q: Tensor, k: Tensor, v: Tensor, method: str) -> None:
    if method not in ("loop", "matrix", "fused"):
        raise ValueError(f'`method` is {method!r}; it is "loop", "matrix" or "fused"')
    shapes = f"`q` has shape {tuple(q.shape)}, `k` {tuple(k.shape)}, `v` {tuple(v.shape)}"
    if q.ndim != 4 or k.shape != v.shape or q.shape[:2] != k.shape[:2] or q.shape[3] != k.shape[3]:
        raise ValueError(f"{shapes}; they are (B, n, T, d), (B, n, S, d) and (B, n, S, d)")
    if q.shape[2] > k.shape[2]:
        raise ValueError(f"{shapes}; there are more queries than keys, but queries are the last positions")
