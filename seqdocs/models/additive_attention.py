r"""Additive attention (Bahdanau): a small network scores how well each key answers the query.

Letters: B batch · T queries · S keys · Q width of a query · K width of a key · H hidden units.

::

    e[t, s] = vᵀ tanh(W q[t] + U k[s])
    p[t, ·] = softmax of e[t, s] over the seen s,   c[t] = Σ_s p[t, s] k[s]

Query and key may have different widths. W q and U k are computed once for each, but the tanh is taken for
every pair: T × S × H of them, which is why products of q and k took its place.

Conventions: the keys are the values. No biases, as in the paper. A query that sees no key reads zeros.

>>> import torch
>>> net = AdditiveAttention(query_size=3, key_size=4, hidden_size=5)
>>> c, p = net(torch.randn(2, 1, 3), torch.randn(2, 6, 4))
>>> c.shape, p.shape, torch.allclose(p.sum(-1), torch.ones(2, 1))
(torch.Size([2, 1, 4]), torch.Size([2, 1, 6]), True)

Source: Bahdanau, Cho & Bengio, "Neural machine translation by jointly learning to align and translate",
ICLR 2015, section 3.1 and appendix A.1.2, https://arxiv.org/abs/1409.0473
"""

from typing import Literal

import torch
from torch import Tensor, nn

from seqdocs import checks
from seqdocs.models.masks import masked_softmax

PairMethod = Literal["loop", "matrix"]


def additive_scores(
    q: Tensor, k: Tensor, W: Tensor, U: Tensor, v: Tensor, *, method: PairMethod = "loop"
) -> Tensor:
    """How well each key answers each query.

    Args:
        q: (B, T, Q).
        k: (B, S, K).
        W: (H, Q).
        U: (H, K).
        v: (H,).
        method: "loop" over pairs, or "matrix": all pairs at once, (B, T, S, H) numbers.

    Returns:
        e, (B, T, S).

    Raises:
        ValueError: if shapes, dtypes or devices do not fit, or ``method`` is unknown.
    """
    check_pairs(q, k, method)
    checks.dimensions("v", v, "(H,)")
    if W.shape != (len(v), q.shape[2]) or U.shape != (len(v), k.shape[2]):
        got = f"`W` has shape {tuple(W.shape)}, `U` {tuple(U.shape)} and `v` {tuple(v.shape)}"
        wanted = f"(H, {q.shape[2]}), (H, {k.shape[2]}) and (H,)"
        raise ValueError(f"{got}; for these queries and keys they are {wanted}")
    for name, weight in (("W", W), ("U", U), ("v", v)):
        checks.alike(name, weight, q, "`q` is")
    if method == "loop" and q.shape[1] and k.shape[1]:
        rows = [
            torch.stack([torch.tanh(q_t @ W.mT + k_s @ U.mT) @ v for k_s in k.unbind(1)], -1)
            for q_t in q.unbind(1)
        ]
        return torch.stack(rows, 1)
    return torch.tanh((q @ W.mT).unsqueeze(2) + (k @ U.mT).unsqueeze(1)) @ v


class AdditiveAttention(nn.Module):
    """Reads keys by :func:`additive_scores`.

    Args:
        query_size: Q.
        key_size: K.
        hidden_size: H.

    Raises:
        ValueError: if a size is not positive.
    """

    def __init__(self, query_size: int, key_size: int, hidden_size: int) -> None:
        super().__init__()
        checks.whole(1, query_size=query_size, key_size=key_size, hidden_size=hidden_size)
        self.W = nn.Parameter(torch.randn(hidden_size, query_size) / query_size**0.5)
        self.U = nn.Parameter(torch.randn(hidden_size, key_size) / key_size**0.5)
        self.v = nn.Parameter(torch.randn(hidden_size) / hidden_size**0.5)

    def forward(
        self, q: Tensor, k: Tensor, mask: Tensor | None = None, *, method: PairMethod = "matrix"
    ) -> tuple[Tensor, Tensor]:
        """Let each query read the keys.

        Args:
            q: (B, T, Q).
            k: (B, S, K).
            mask: boolean, broadcasts to (B, T, S): True where the query may read the key; all if omitted.
            method: as in :func:`additive_scores`.

        Returns:
            c, what was read, (B, T, K), and the weights p, (B, T, S).

        Raises:
            ValueError: if shapes, dtypes or devices do not fit, or ``method`` is unknown.
        """
        return read(additive_scores(q, k, self.W, self.U, self.v, method=method), k, mask)


def read(scores: Tensor, k: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """The mean of the keys (B, S, K), weighted by a softmax of the scores (B, T, S), and the weights."""
    if mask is not None:
        checks.broadcasts("mask", mask, "(B, T, S)", scores.shape)
        checks.boolean("mask", mask)
        checks.together("mask", mask, scores, "`q` is")
    p = scores.softmax(-1) if mask is None else masked_softmax(scores, mask)
    return p @ k, p


def check_pairs(q: Tensor, k: Tensor, method: str) -> None:
    """Raise ValueError unless q is (B, T, Q), k (B, S, K) and like it, and ``method`` is known."""
    checks.one_of("method", method, "loop", "matrix")
    if q.ndim != 3 or k.ndim != 3 or len(q) != len(k):
        raise ValueError(
            f"`q` has shape {tuple(q.shape)} and `k` {tuple(k.shape)}; they are (B, T, Q) and (B, S, K)"
        )
    checks.floating("q", q)
    checks.alike("k", k, q, "`q` is")
