"""Copying: read some symbols, wait, and repeat them in order when told to.

Letters: B batch · K symbols to keep · T = 2 K + lag time.

::

    input    s1 s2 … sK   blank × lag   go blank × (K - 1)
    answer   –  –  … –    –             s1 s2 … sK           scored where a symbol is asked for

Tokens: symbols are 0 … S - 1, the blank is S, "go" is S + 1. Nothing can be guessed: the symbols are drawn
independently, so a model that kept nothing answers right once in S.

Conventions: the lag counts the blanks between the last symbol and "go". The papers also ask for blanks before
the end; here only the symbols count, so that no score is won by silence.

>>> batch = copying(1, 3, seed=0, lag=2)
>>> batch.x.shape, batch.y[batch.scored].tolist() == batch.x[0, :3].tolist()
(torch.Size([1, 8]), True)

Sources: Hochreiter & Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997 (remembering over a
lag); Arjovsky, Shah & Bengio, "Unitary evolution recurrent neural networks", ICML 2016, section 4.1,
https://arxiv.org/abs/1511.06464 (this form)
"""

import torch

from seqdocs.tasks.batch import Batch, Seed, check_sizes, generator


def copying(batch: int, length: int, seed: Seed, *, lag: int = 0, symbols: int = 8) -> Batch:
    """Draw a batch.

    Args:
        batch: B.
        length: K, symbols to keep.
        seed: a number or a generator.
        lag: blanks between the last symbol and "go".
        symbols: S, how many there are; the vocabulary is S + 2.

    Returns:
        Tokens and answers, (B, 2 K + lag) each.

    Raises:
        ValueError: if a size is too small.
    """
    check_sizes(batch=batch, length=length, lag=lag, symbols=symbols)
    kept = torch.randint(symbols, (batch, length), generator=generator(seed))
    x = torch.full((batch, 2 * length + lag), symbols)
    x[:, :length] = kept
    x[:, length + lag] = symbols + 1
    y = torch.zeros_like(x)
    y[:, length + lag :] = kept
    scored = torch.zeros_like(x, dtype=torch.bool)
    scored[:, length + lag :] = True
    return Batch(x, y, scored)
