r"""n-gram: predict the next token from the last few, by counting what followed them before.

Letters: T time · V tokens of the vocabulary · n order, so that n - 1 tokens are looked at; α strength.

::

    p_0(v)           = 1 / V
    p_m(v | context) = (count(context v) + α p_{m-1}(v | shorter context)) / (count(context) + α)

Each order corrects the one below it, as far as it has seen the context: a context that never occurred adds
nothing, one that occurred often decides alone. Nothing is trained by gradients, and nothing is remembered
beyond n - 1 tokens.

Convention: of many ways to smooth we take the one in which the shorter context is the prior of the longer
(a Dirichlet prior of strength α, the same for all contexts). An n-gram sees n - 1 tokens and names the n-th.

>>> import torch
>>> net = NGram(order=2, vocabulary=3, strength=0.01).fit(torch.tensor([0, 1, 0, 1, 0, 1, 2]))
>>> net(torch.tensor([0, 1])).round(decimals=2).tolist()
[[0.0, 1.0, 0.0], [0.67, 0.0, 0.33]]

Sources: Shannon, "Prediction and entropy of printed English", Bell System Technical Journal 30(1), 1951
(n-grams of letters); MacKay & Peto, "A hierarchical Dirichlet language model", Natural Language Engineering
1(3), 1995 (the smoothing).
"""

from typing import Self

import torch
from torch import Tensor

from seqdocs import checks


class NGram:
    """Counts of token sequences up to a length, and the predictions that follow from them.

    Args:
        order: n, at least 1; 1 looks at no token before.
        vocabulary: V.
        strength: α, above zero: so many observations the shorter context is worth.

    Raises:
        ValueError: if an argument is out of its range, or Vⁿ is too large to count with 63 bits.
    """

    def __init__(self, order: int, vocabulary: int, strength: float = 5.0) -> None:
        checks.whole(1, order=order, vocabulary=vocabulary)
        checks.number("strength", strength, strength > 0, "above zero")
        if vocabulary**order >= 2**63:
            raise ValueError(f"`order` {order} of {vocabulary} tokens has more sequences than 63 bits number")
        self.order, self.vocabulary, self.strength = order, vocabulary, strength
        empty = torch.zeros(0, dtype=torch.long)
        self.seen = [(empty, empty)] * order  # by length of the context: numbers of sequences, sorted; counts

    def fit(self, tokens: Tensor) -> Self:
        """Count a text, (T,), in place of what was counted before; return the model."""
        self._check(tokens)
        self.seen = []
        for m in range(self.order):
            before = self._contexts(tokens, m)[: max(len(tokens) - m, 0)]
            self.seen.append(torch.unique(before * self.vocabulary + tokens[m:], return_counts=True))
        return self

    def __call__(self, tokens: Tensor) -> Tensor:
        """Probabilities of the token after each.

        Args:
            tokens: (T,).

        Returns:
            (T, V); row t knows tokens 0 … t, of which it looks at the last n - 1, and sums to one.

        Raises:
            ValueError: if ``tokens`` is not (T,) or holds something else than tokens.
        """
        self._check(tokens)
        T, V = len(tokens), self.vocabulary
        p = torch.full((T, V), 1 / V, dtype=torch.float64, device=tokens.device)
        for m, (numbers, counts) in enumerate(self.seen):
            contexts = self._contexts(tokens, m)[1 if m == 0 else 0 :]  # of the tokens t - m + 1 … t
            asked = contexts[:, None] * V + torch.arange(V, device=tokens.device)
            place = torch.searchsorted(numbers, asked).clamp(max=max(len(numbers) - 1, 0))
            if not len(numbers):
                continue
            count = torch.where(numbers[place] == asked, counts[place], 0).double()
            rest = p[T - len(count) :]
            total = count.sum(1, keepdim=True)
            p[T - len(count) :] = (count + self.strength * rest) / (total + self.strength)
        return p

    def _contexts(self, tokens: Tensor, m: int) -> Tensor:
        """The number of each m tokens in a row, (T - m + 1,); of no tokens it is zero."""
        if m > len(tokens):
            return tokens[:0]
        if m == 0:
            return torch.zeros(len(tokens) + 1, dtype=torch.long, device=tokens.device)
        powers = self.vocabulary ** torch.arange(m - 1, -1, -1, device=tokens.device)
        return (tokens.unfold(0, m, 1) * powers).sum(1)

    def _check(self, tokens: Tensor) -> None:
        if tokens.ndim != 1 or tokens.dtype != torch.long:
            raise ValueError(f"`tokens` is {tokens.dtype} of shape {tuple(tokens.shape)}; it is int64, (T,)")
        if len(tokens) and not 0 <= int(tokens.min()) <= int(tokens.max()) < self.vocabulary:
            raise checks.unknown("tokens", tokens, self.vocabulary)
