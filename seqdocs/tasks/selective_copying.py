"""Selective copying: the symbols to keep stand at random places among noise; repeat them in order at the end.

Letters: B batch · K symbols to keep · T time.

::

    input    blank blank s1 blank s2 s3 blank …   go blank × (K - 1)
    answer                                        s1 s2 … sK           scored where a symbol is asked for

Tokens: symbols are 0 … S - 1, the blank is S, "go" is S + 1. In plain copying the gaps are always the same,
and a fixed delay is enough. Here a model has to choose by content what it keeps, which a recurrence with
constant coefficients cannot.

>>> batch = selective_copying(1, 10, seed=0, kept=3)
>>> bool((batch.y[batch.scored] == batch.x[0, :7][batch.x[0, :7] < 8]).all())
True

Sources: Gu & Dao, "Mamba: linear-time sequence modeling with selective state spaces", 2023, section 3.1 and
figure 2, https://arxiv.org/abs/2312.00752; Jing et al., "Gated orthogonal recurrent units: on learning to
forget", Neural Computation 31(4), 2019, https://arxiv.org/abs/1706.02761 (the denoising task)
"""

import torch

from seqdocs.tasks.batch import Batch, Seed, check_sizes, distinct, generator


def selective_copying(batch: int, length: int, seed: Seed, *, kept: int = 4, symbols: int = 8) -> Batch:
    """Draw a batch.

    Args:
        batch: B.
        length: T, at least twice ``kept``: the symbols, and as many steps to repeat them.
        seed: a number or a generator.
        kept: K.
        symbols: S, how many there are; the vocabulary is S + 2.

    Returns:
        Tokens and answers, (B, T) each.

    Raises:
        ValueError: if a size is too small.
    """
    check_sizes(batch=batch, kept=kept, symbols=symbols)
    check_sizes(least_length=2 * kept, length=length)
    draw = generator(seed)
    answers = torch.randint(symbols, (batch, kept), generator=draw)
    places = distinct(batch, kept, length - kept, draw).sort(1).values
    x = torch.full((batch, length), symbols).scatter(1, places, answers)
    x[:, length - kept] = symbols + 1
    y = torch.zeros_like(x)
    y[:, length - kept :] = answers
    scored = torch.zeros_like(x, dtype=torch.bool)
    scored[:, length - kept :] = True
    return Batch(x, y, scored)
