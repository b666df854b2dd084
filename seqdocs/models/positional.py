r"""Sinusoidal and learned positions: a vector added to each token, so that attention can tell them apart.

Letters: T positions · D width, even · P table of positions (T, D).

::

    P[t, 2i] = sin(t ω_i),   P[t, 2i+1] = cos(t ω_i),   ω_i = base^(-2i/D)

Attention treats its input as a set: the same tokens in another order give the same outputs in that order.
What breaks the tie is added to the tokens (here), is added to the scores (:mod:`~seqdocs.models.alibi`), or
turns queries and keys (:mod:`~seqdocs.models.rotary`). A causal mask breaks it too: the first position sees
one key, the second two, so a causal model can do without any.

Sinusoids exist for every position, and P[t + k] is P[t] turned by an angle that depends on k alone. A learned
table ends where training ended.

Convention: sine and cosine alternate, as in the paper's formula; much code puts all sines first.

>>> sinusoidal(3, 4)[0].tolist()
[0.0, 1.0, 0.0, 1.0]
>>> torch.equal(sinusoidal(2, 4, start=1), sinusoidal(3, 4)[1:])
True

Sources: Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.5,
https://arxiv.org/abs/1706.03762; Gehring et al., "Convolutional sequence to sequence learning", ICML 2017,
section 3.1 (learned), https://arxiv.org/abs/1705.03122; Haviv et al., "Transformer language models without
positional encodings still learn positional information", Findings of EMNLP 2022 (none),
https://arxiv.org/abs/2203.16634
"""

import math

import torch
from torch import Tensor, nn

from seqdocs import checks


def sinusoidal(T: int, D: int, start: int = 0, *, base: float = 10000.0) -> Tensor:
    """Rows start, start + 1, … of the table.

    Args:
        T: positions.
        D: width, even.
        start: first position.
        base: of the wavelengths, which grow from 2π to 2π base.

    Returns:
        (T, D), in torch's default dtype.

    Raises:
        ValueError: if D is odd, or a number is negative.
    """
    checks.whole(0, T=T, D=D, start=start)
    return sinusoids(torch.arange(start, start + T), D, base=base).to(torch.get_default_dtype())


def sinusoids(positions: Tensor, D: int, *, base: float = 10000.0) -> Tensor:
    """Rows of the table for any positions, (…) to (…, D) in float64.

    Raises:
        ValueError: if D is odd or negative, or ``base`` is not above zero.
    """
    checks.whole(0, D=D)
    checks.number("D", D, D % 2 == 0, "even: half are sines, half cosines")
    checks.number("base", base, 0 < base < math.inf, "finite and above 0")
    i = torch.arange(D // 2, dtype=torch.float64, device=positions.device)
    angles = positions.unsqueeze(-1) * base ** (-2 * i / D)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)


def places(
    T: int, start: int = 0, filler: Tensor | None = None, device: torch.device | None = None
) -> Tensor:
    """Positions start, start + 1, …, (T,); with a filler, counted from each row's first token, (B, T).

    Args:
        T: how many.
        start: the first.
        filler: how many places each row begins with that hold no token, (B,); their position is 0.
        device: of the result.

    Raises:
        ValueError: if ``T`` or ``start`` is negative, or ``filler`` is not (B,) integers.
    """
    checks.whole(0, T=T, start=start)
    if filler is not None:
        checks.tokens("filler", filler, "(B,)")
    counted = torch.arange(start, start + T, device=device)
    return counted if filler is None else (counted - filler[:, None]).clamp(min=0)


class SinusoidalPositions(nn.Module):
    """Adds :func:`sinusoidal` to tokens; nothing to learn, and no last position."""

    def forward(self, x: Tensor, start: int = 0, filler: Tensor | None = None) -> Tensor:
        """(B, T, D) to (B, T, D): the first token is at ``start``; ``filler`` as in :func:`places`.

        Raises:
            ValueError: if ``x`` is not (B, T, D), D even, ``start`` is negative, or ``filler`` does not fit.
        """
        checks.dimensions("x", x, "(B, T, D)")
        _check_filler(filler, x)
        return x + sinusoids(places(x.shape[1], start, filler, x.device), x.shape[2]).to(x)


class LearnedPositions(nn.Embedding):
    """Adds a learned vector for each of ``context`` positions, and refuses those beyond.

    Args:
        context: positions.
        width: D.
    """

    def __init__(self, context: int, width: int) -> None:
        checks.whole(1, context=context, width=width)
        super().__init__(context, width)

    def forward(self, x: Tensor, start: int = 0, filler: Tensor | None = None) -> Tensor:
        """(B, T, D) to (B, T, D): the first token is at ``start``; ``filler`` as in :func:`places`.

        Raises:
            ValueError: if ``x`` is not (B, T, D) and like the table, ``start`` is negative, ``filler`` does
                not fit, or the table ends before the tokens do.
        """
        checks.whole(0, start=start)
        checks.sequence("x", x, self.embedding_dim, self.weight)
        _check_filler(filler, x)
        end = start + x.shape[1]
        if end > self.num_embeddings:
            raise ValueError(f"`x` reaches position {end}; the table has {self.num_embeddings} positions")
        if filler is None:
            return x + self.weight[start:end]
        return x + super().forward(places(x.shape[1], start, filler, x.device))


def _check_filler(filler: Tensor | None, x: Tensor) -> None:
    if filler is not None:
        checks.shape("filler", filler, "(B,)", (len(x),))
        checks.together("filler", filler, x, "`x` is")
