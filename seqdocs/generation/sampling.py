r"""Sampling: draw the next token from the model's distribution, with temperature, top-k and nucleus.

Letters: B batch · V vocabulary.

A model gives a distribution, not a token. Drawing from it writes texts as likely as the model thinks they
are; always taking the likeliest writes one text, often dull and repeating.

Convention: the temperature acts first, then top-k, then the nucleus, which is that of what is left. (Applied
after the nucleus, a high temperature would no longer widen it.) Hugging Face's ``generate`` has this order.

>>> import torch
>>> logits = torch.tensor([[2.0, 1.0, 0.0, -9.0]])
>>> filtered(logits, temperature=0.5, top_k=3, top_p=0.9).exp().round(decimals=2).tolist()
[[0.8799999952316284, 0.11999999731779099, 0.0, 0.0]]
>>> pick = sampler(torch.Generator().manual_seed(0), top_k=2)
>>> sorted({int(pick(logits)) for _ in range(50)})
[0, 1]

Sources: see :mod:`~seqdocs.generation.temperature`, :mod:`~seqdocs.generation.top_k` and
:mod:`~seqdocs.generation.nucleus`.
"""

import torch
from torch import Tensor

from seqdocs import checks
from seqdocs.generation import top_k as by_rank
from seqdocs.generation.decoding import Pick
from seqdocs.generation.nucleus import nucleus
from seqdocs.generation.temperature import tempered


def filtered(
    logits: Tensor, *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Tensor:
    """Log-probabilities of what may be drawn.

    Args:
        logits: (…, V).
        temperature: 0 or more.
        top_k: how many tokens stay; all if omitted.
        top_p: probability of the nucleus; all if omitted.

    Returns:
        (…, V).

    Raises:
        ValueError: if a number is out of its range.
    """
    kept = tempered(logits, temperature)
    kept = kept if top_k is None else by_rank.top_k(kept, top_k)
    return kept if top_p is None else nucleus(kept, top_p)


def sampler(
    generator: torch.Generator,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Pick:
    """What draws one token for each row of logits, for :func:`~seqdocs.generation.decoding.generate`.

    Args:
        generator: the only source of chance: the same seed draws the same tokens.
        temperature: as in :func:`filtered`, like what follows.
        top_k: how many tokens stay.
        top_p: probability of the nucleus.

    Raises:
        ValueError: if ``generator`` is none; from the first draw, if a number is out of its range, or a logit
            is not a number.
    """
    checks.generator("generator", generator)

    def pick(logits: Tensor) -> Tensor:
        p = filtered(logits, temperature=temperature, top_k=top_k, top_p=top_p).exp()
        try:  # torch looks at the numbers anyway; on a GPU its assertion comes later, and remains
            return torch.multinomial(p, 1, generator=generator)[:, 0]
        except RuntimeError:
            if p.isnan().any():
                raise ValueError("`logits` hold nan, or -inf alone; a row has a possible token") from None
            raise

    return pick
