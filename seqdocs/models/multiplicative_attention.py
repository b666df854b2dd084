r"""Multiplicative attention (Luong): a key answers a query as far as the two point the same way.

Letters: B batch · T queries · S keys · Q width of a query · K width of a key · H hidden units.

::

    dot:      e[t, s] = q[t]·k[s]                       Q = K
    general:  e[t, s] = q[t]ᵀ W k[s]
    concat:   e[t, s] = vᵀ tanh(W [q[t]; k[s]])         additive attention under another name

    p[t, ·] = softmax of e[t, s] over the seen s,   c[t] = Σ_s p[t, s] k[s]

"dot" and "general" are matrix products of all queries with all keys at once. "dot" learns nothing: it asks
the two networks that make q and k to agree. There is no 1/√d yet; that came with
:mod:`~seqdocs.models.scaled_dot_product`.

Conventions: the keys are the values. W [q; k] = W_q q + W_k k, so "concat" is additive attention with W and U
side by side. A query that sees no key reads zeros.

>>> import torch
>>> net = MultiplicativeAttention("general", query_size=3, key_size=4)
>>> c, p = net(torch.randn(2, 1, 3), torch.randn(2, 6, 4))
>>> c.shape, p.shape
(torch.Size([2, 1, 4]), torch.Size([2, 1, 6]))

Source: Luong, Pham & Manning, "Effective approaches to attention-based neural machine translation", EMNLP
2015, section 3.1, https://arxiv.org/abs/1508.04025
"""

from typing import Literal

import torch
from torch import Tensor, nn

from seqdocs import checks
from seqdocs.models.additive_attention import PairMethod, additive_scores, check_pairs, read

Score = Literal["dot", "general", "concat"]


def multiplicative_scores(
    q: Tensor, k: Tensor, W: Tensor | None = None, *, method: PairMethod = "loop"
) -> Tensor:
    """How well each key answers each query: "general", or "dot" without W.

    Args:
        q: (B, T, Q).
        k: (B, S, K).
        W: (Q, K); the identity if omitted, with K = Q.
        method: "loop" over pairs, or "matrix": one product.

    Returns:
        e, (B, T, S).

    Raises:
        ValueError: if shapes do not fit, or ``method`` is unknown.
    """
    check_pairs(q, k, method)
    Q, K = q.shape[2], k.shape[2]
    if W is None and Q != K:
        raise ValueError(f"queries have width {Q} and keys {K}; a plain dot product needs the same width")
    if W is not None:
        checks.shape("W", W, "(Q, K)", (Q, K))
        checks.alike("W", W, q, "`q` is")
    if method == "loop" and q.shape[1] and k.shape[1]:
        keys = [k_s if W is None else k_s @ W.mT for k_s in k.unbind(1)]
        rows = [torch.stack([(q_t * k_s).sum(-1) for k_s in keys], -1) for q_t in q.unbind(1)]
        return torch.stack(rows, 1)
    return (q if W is None else q @ W) @ k.mT


class MultiplicativeAttention(nn.Module):
    """Reads keys by one of Luong's three scores.

    Args:
        score: "dot", "general" or "concat".
        query_size: Q.
        key_size: K; for "dot" the same as Q.
        hidden_size: H, for "concat" only.

    Raises:
        ValueError: if ``score`` is unknown, or a size does not fit it.
    """

    def __init__(self, score: Score, query_size: int, key_size: int, hidden_size: int | None = None) -> None:
        super().__init__()
        checks.one_of("score", score, "dot", "general", "concat")
        checks.whole(1, query_size=query_size, key_size=key_size)
        if score == "dot" and query_size != key_size:
            raise ValueError(
                f"queries have width {query_size} and keys {key_size}; "
                "a plain dot product needs the same width"
            )
        if (score == "concat") != (hidden_size is not None):
            raise ValueError(f'`hidden_size` is {hidden_size}; "concat" needs one, and it alone')
        if hidden_size is not None:
            checks.whole(1, hidden_size=hidden_size)
        self.score: Score = score
        self.query_size = query_size
        if score == "general":
            self.W = nn.Parameter(torch.randn(query_size, key_size) / (query_size * key_size) ** 0.5)
        elif hidden_size is not None:
            both = query_size + key_size
            self.W = nn.Parameter(torch.randn(hidden_size, both) / both**0.5)
            self.v = nn.Parameter(torch.randn(hidden_size) / hidden_size**0.5)

    def forward(
        self, q: Tensor, k: Tensor, mask: Tensor | None = None, *, method: PairMethod = "matrix"
    ) -> tuple[Tensor, Tensor]:
        """Let each query read the keys.

        Args:
            q: (B, T, Q).
            k: (B, S, K).
            mask: boolean, broadcasts to (B, T, S): True where the query may read the key; all if omitted.
            method: "loop" over pairs, or "matrix".

        Returns:
            c, what was read, (B, T, K), and the weights p, (B, T, S).

        Raises:
            ValueError: if shapes do not fit, or ``method`` is unknown.
        """
        if self.score == "concat":
            for_queries, for_keys = self.W[:, : self.query_size], self.W[:, self.query_size :]
            scores = additive_scores(q, k, for_queries, for_keys, self.v, method=method)
        else:
            W = self.W if self.score == "general" else None
            scores = multiplicative_scores(q, k, W, method=method)
        return read(scores, k, mask)
