r"""Multi-head attention: several attentions beside each other, each in a narrow space of its own.

Letters: B batch · T positions · S positions read · D width · n heads · m heads of keys and values · d width
of a head (D = n d).

::

    head_i = attention(x W_q,i , y W_k,i , y W_v,i),   output = [head_1; …; head_n] W_o

One softmax can look at one thing; n heads look at n things at the price of one, since each works with D / n
numbers. With y = x it is *self-attention*, else *cross-attention*: x asks, y answers.

Attention itself does not know where a position is: another order of y changes nothing, and another order of x
gives the outputs in that order.

Conventions: keys and values come from the same sequence. Rows of ``in_proj_weight`` are queries, keys,
values, each head after head, as in ``torch.nn.MultiheadAttention``, whose state dict loads; with m < n there
are n d + 2 m d of them. Masks as in :mod:`seqdocs.models.masks`.

>>> import torch
>>> net = MultiHeadAttention(width=8, heads=4, key_value_heads=2)
>>> x, y = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
>>> net(x, y).shape, net.in_proj_weight.shape
(torch.Size([2, 3, 8]), torch.Size([16, 8]))
>>> turned = net(x, y.flip(1))  # the memory in another order
>>> torch.allclose(turned, net(x, y), atol=1e-6)
True

Source: Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2.2,
https://arxiv.org/abs/1706.03762; for grouped queries see :mod:`seqdocs.models.scaled_dot_product`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqdocs import checks
from seqdocs.models.scaled_dot_product import Method, attention


class MultiHeadAttention(nn.Module):
    """Attention with learned queries, keys, values; parameters as in ``torch.nn.MultiheadAttention``.

    Args:
        width: D, of the inputs and the output.
        heads: n; divides ``width``.
        key_value_heads: m; divides ``heads``; n if omitted.
        bias: add one to every product.

    Raises:
        ValueError: if the numbers of heads do not divide.
    """

    in_proj_bias: Tensor | None

    def __init__(self, width: int, heads: int, key_value_heads: int | None = None, bias: bool = True) -> None:
        super().__init__()
        checks.whole(1, width=width, heads=heads)
        if width % heads:
            raise ValueError(f"`width` is {width} and `heads` is {heads}; heads must divide width")
        shared = heads if key_value_heads is None else key_value_heads
        checks.whole(1, key_value_heads=shared)
        if heads % shared:
            raise ValueError(
                f"`heads` is {heads} and `key_value_heads` is {shared}; the second must divide the first"
            )
        self.heads, self.key_value_heads = heads, shared
        rows = width + 2 * shared * (width // heads)
        self.in_proj_weight = nn.Parameter(torch.empty(rows, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(rows)) if bias else None
        self.out_proj = nn.Linear(width, width, bias=bias)
        nn.init.xavier_uniform_(self.in_proj_weight)
        if bias:
            nn.init.zeros_(self.out_proj.bias)

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        causal: bool = False,
        method: Method = "fused",
    ) -> Tensor:
        """Let the positions of ``x`` read those of ``memory``.

        Args:
            x: (B, T, D).
            memory: (B, S, D); ``x`` itself if omitted.
            mask: as in :func:`~seqdocs.models.scaled_dot_product.attention`: True where it may be read.
            causal: hide what comes after a position; the positions of ``x`` are the last of ``memory``.
            method: as there.

        Returns:
            (B, T, D).

        Raises:
            ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        """
        q, k, v = self.project(x, memory)
        return self.join(attention(q, k, v, mask, causal=causal, method=method))

    def project(self, x: Tensor, memory: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries of ``x``, (B, n, T, d), and keys and values of ``memory``, (B, m, S, d) each."""
        checks.sequence("x", x, self.out_proj.out_features, self.in_proj_weight)
        W, b = self.in_proj_weight, self.in_proj_bias
        D, d = W.shape[1], W.shape[1] // self.heads
        sizes = [D, self.key_value_heads * d, self.key_value_heads * d]
        if memory is None:  # one product for all three
            parts = torch.split(F.linear(x, W, b), sizes, dim=-1)
        else:
            checks.sequence("memory", memory, D, W)
            if len(memory) != len(x):
                raise ValueError(f"`memory` has {len(memory)} sequences and `x` {len(x)}; both have B")
            asked = F.linear(x, W[:D], None if b is None else b[:D])
            told = F.linear(memory, W[D:], None if b is None else b[D:])
            parts = (asked, *torch.split(told, sizes[1:], dim=-1))
        q, k, v = (part.view(*part.shape[:2], part.shape[2] // d, d).transpose(1, 2) for part in parts)
        return q, k, v

    def join(self, o: Tensor) -> Tensor:
        """The heads' outputs, (B, n, T, d), side by side and mixed, (B, T, D)."""
        joined: Tensor = self.out_proj(o.transpose(1, 2).flatten(2))
        return joined
