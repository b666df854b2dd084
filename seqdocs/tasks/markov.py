r"""A source whose distribution is known: the next token depends on the last few, and on nothing else.

Letters: B batch · T time · V vocabulary · r order · P table of transitions.

::

    P[x[t-r], …, x[t-1], v] = probability that x[t] = v

Every context allows a few tokens and forbids the others. So one can say of any text how likely it is, and
whether it is possible at all, which no corpus of real language lets one do.

Convention: the first r tokens are drawn uniformly; probabilities are of the tokens after them.

>>> P = transitions(6, 2, 3, seed=0)
>>> P.shape, int((P[0, 0] > 0).sum())
(torch.Size([6, 6, 6]), 3)
>>> x = draw(P, 1, 5, seed=1)
>>> log_probability(P, x).shape, bool(log_probability(P, x).isfinite().all())
(torch.Size([1, 3]), True)

Source: Shannon, "A mathematical theory of communication", 1948, section 3 (texts drawn from tables).
"""

import torch
from torch import Tensor

from seqdocs import checks
from seqdocs.tasks.batch import Batch, Seed, check_sizes, generator


def transitions(vocabulary: int, order: int, choices: int, seed: Seed, *, fall: float = 0.5) -> Tensor:
    """A random table: each context allows ``choices`` tokens, each ``fall`` times as likely as the last.

    Args:
        vocabulary: V.
        order: r, how many tokens the next one depends on; 0 is a source without a memory.
        choices: how many tokens may follow, 1 … V.
        seed: a number, or a generator, which goes on drawing.
        fall: 1 makes all choices equally likely.

    Returns:
        P, (V, …, V, V) with r + 1 dimensions, float64; its last dimension sums to one.

    Raises:
        ValueError: if a size does not fit, or ``fall`` is not in 0 … 1, without 0.
    """
    check_sizes(vocabulary=vocabulary, choices=choices)
    checks.whole(0, order=order)
    if choices > vocabulary:
        raise ValueError(
            f"`choices` is {choices} and `order` is {order}; there are {vocabulary} tokens, and no order is "
            "negative"
        )
    checks.number("fall", fall, 0 < fall <= 1, "more than 0 and at most 1")
    shape = (vocabulary,) * (order + 1)
    ranked = torch.rand(shape, generator=generator(seed), dtype=torch.float64).argsort(-1)
    p = torch.zeros(vocabulary, dtype=torch.float64)
    p[:choices] = fall ** torch.arange(choices, dtype=torch.float64)
    return (p / p.sum())[ranked]


def draw(P: Tensor, batch: int, length: int, seed: Seed, start: Tensor | None = None) -> Tensor:
    """Texts from the source.

    Args:
        P: from :func:`transitions`.
        batch: B.
        length: T.
        seed: a number, or a generator, which goes on drawing.
        start: how every text begins, (B, S), S from r to T.

    Returns:
        Tokens, (B, T).

    Raises:
        ValueError: if a size is too small, ``P`` is no table, or ``start`` does not fit.
    """
    _check_table(P)
    checks.whole(0, batch=batch, length=length)
    V, order, rng = P.shape[-1], P.ndim - 1, generator(seed)
    tokens = torch.randint(V, (batch, length), generator=rng)
    known = order if start is None else _checked(start, batch, order, length, V).shape[1]
    if start is not None:
        tokens[:, :known] = start
    for t in range(known, length):
        p = P[tuple(tokens[:, t - order : t].unbind(1))].expand(batch, V)
        tokens[:, t] = torch.multinomial(p, 1, generator=rng)[:, 0]
    return tokens


def log_probability(P: Tensor, tokens: Tensor) -> Tensor:
    """How likely each token is after those before it, in nats; -inf where it is impossible.

    Args:
        P: from :func:`transitions`, on the device of ``tokens``.
        tokens: (B, T), T ≥ r.

    Returns:
        (B, T - r).

    Raises:
        ValueError: if ``P`` is no table, or ``tokens`` are not (B, T), T ≥ r, below V and on its device.
    """
    _check_table(P)
    checks.tokens("tokens", tokens)
    checks.together("tokens", tokens, P, "`P` is")
    order, T = P.ndim - 1, tokens.shape[1]
    if order > T:
        raise ValueError(f"`tokens` has shape {tuple(tokens.shape)}; it is (B, T) with T ≥ r = {order}")
    if ((tokens < 0) | (tokens >= len(P))).any():
        raise checks.unknown("tokens", tokens, len(P))
    return P[tuple(tokens[:, i : T - order + i] for i in range(order + 1))].log()


def next_tokens(P: Tensor, batch: int, length: int, seed: Seed) -> Batch:
    """The task of predicting each next token of a text: scored where the source has its whole context."""
    checks.whole(0, length=length)
    x = draw(P, batch, length + 1, seed)
    scored = torch.ones(batch, length, dtype=torch.bool)
    scored[:, : max(0, P.ndim - 2)] = False
    return Batch(x[:, :-1], x[:, 1:], scored)


def _checked(start: Tensor, batch: int, order: int, length: int, V: int) -> Tensor:
    checks.tokens("start", start, "(B, S)")
    if len(start) != batch or not order <= start.shape[1] <= length:
        wanted = f"(B, S) = ({batch}, {order} … {length})"
        raise ValueError(f"`start` has shape {tuple(start.shape)}; it is {wanted}")
    if ((start < 0) | (start >= V)).any():
        raise checks.unknown("start", start, V)
    return start


def _check_table(P: Tensor) -> None:
    if P.ndim < 1 or len(set(P.shape)) != 1 or not P.is_floating_point():
        raise ValueError(f"`P` is {P.dtype} of shape {tuple(P.shape)}; it is floating point, (V, …, V)")
