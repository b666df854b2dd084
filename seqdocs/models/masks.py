r"""Masks of attention: which key each query may read.

Letters: B batch · T queries · S keys.

A mask is boolean, True where the query (row) *may* read the key (column), and broadcasts to (B, n, T, S).
Masks are joined with ``&``.

Conventions that libraries do not share:

- True means *seen*, as in ``torch.nn.functional.scaled_dot_product_attention``. In
  ``torch.nn.MultiheadAttention`` and ``torch.nn.Transformer`` True means hidden.
- With fewer queries than keys, the queries are the *last* positions: query t sits at S - T + t. (A mask that
  is "aligned at the bottom right"; torch's ``is_causal`` aligns at the top left.)
- A window of w holds the query's own position and the w - 1 before it.
- A query that may read no key has weights of zero, so its output is zero; a plain softmax would give nan.

>>> causal(2, 3).int().tolist()
[[1, 1, 0], [1, 1, 1]]
>>> sliding_window(4, 2).int().tolist()
[[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
>>> padding(torch.tensor([3, 1]), 3).int().flatten(1).tolist()
[[1, 1, 1], [1, 0, 0]]

Sources: Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2.3 (causal),
https://arxiv.org/abs/1706.03762; Beltagy, Peters & Cohan, "Longformer: the long-document transformer", 2020,
section 3.1 (windows), https://arxiv.org/abs/2004.05150
"""

from typing import Literal

import torch
from torch import Tensor

from seqdocs import checks

Side = Literal["right", "left"]


def causal(T: int, S: int | None = None, *, device: torch.device | None = None) -> Tensor:
    """See your own position and all before it.

    Args:
        T: queries.
        S: keys, at least T; T if omitted.
        device: of the mask.

    Returns:
        (T, S), boolean.

    Raises:
        ValueError: if there are more queries than keys.
    """
    S = _keys(T, S)
    return torch.ones(T, S, dtype=torch.bool, device=device).tril(S - T)


def sliding_window(
    T: int, window: int, S: int | None = None, *, device: torch.device | None = None
) -> Tensor:
    """See your own position and the ``window - 1`` before it, and no future.

    Args:
        T: queries.
        window: how many positions a query sees, at least 1.
        S: keys, at least T; T if omitted.
        device: of the mask.

    Returns:
        (T, S), boolean.

    Raises:
        ValueError: if the window is empty, or there are more queries than keys.
    """
    checks.whole(1, window=window)
    S = _keys(T, S)
    return causal(T, S, device=device).triu(S - T - window + 1)


def padding(lengths: Tensor, S: int, side: Side = "right") -> Tensor:
    """See what is a sequence, not what only fills it up to the length of the longest.

    Args:
        lengths: (B,) integers in 0 … S.
        S: length after filling.
        side: where the filling is.

    Returns:
        (B, 1, 1, S), boolean.

    Raises:
        ValueError: if lengths are not such integers, or ``side`` is unknown.
    """
    checks.one_of("side", side, "right", "left")
    checks.whole(0, S=S)
    if lengths.ndim != 1 or lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise ValueError(
            f"`lengths` is {lengths.dtype} of shape {tuple(lengths.shape)}; it is integers, (B,)"
        )
    if len(lengths) and not 0 <= int(lengths.min()) <= int(lengths.max()) <= S:
        raise ValueError(
            f"`lengths` reaches from {int(lengths.min())} to {int(lengths.max())}; there are {S} positions"
        )
    place = torch.arange(S, device=lengths.device)
    if side == "left":
        place = S - 1 - place  # counted from the end
    return (place < lengths[:, None])[:, None, None]


def masked_softmax(scores: Tensor, seen: Tensor) -> Tensor:
    """Weights over the last dimension; exactly zero where not ``seen``, also where nothing is.

    Args:
        scores: (…, S).
        seen: boolean, broadcasts to ``scores``.

    Returns:
        (…, S). Rows sum to one, or to zero where nothing is seen. Neither value nor gradient is ever nan.

    Raises:
        ValueError: if ``seen`` is not that, or ``scores`` is not floating point.
    """
    checks.floating("scores", scores)
    checks.boolean("seen", seen)
    checks.broadcasts("seen", seen, "the shape of `scores`", scores.shape)
    checks.together("seen", seen, scores, "`scores` is")
    # The lowest number, not -inf: a row that sees nothing, zeroed afterwards, has no nan even on the way.
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~seen, lowest).softmax(-1).masked_fill(~seen, 0)


def _keys(T: int, S: int | None) -> int:
    S = T if S is None else S
    checks.whole(0, T=T, S=S)
    if S < T:
        raise ValueError(f"`T` is {T} and `S` is {S}; queries are the last positions, so S is at least T")
    return S
