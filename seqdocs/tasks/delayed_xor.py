"""Delayed XOR: were the two bits of some steps ago different? A short memory and one nonlinearity.

Letters: B batch · T time.

    y[t] = x[t-delay] ⊕ x[t-delay-1]

Each bit alone says nothing about the answer, so no linear readout of what was kept is enough. The first
``delay + 1`` steps have no answer.

>>> batch = delayed_xor(1, 6, seed=0, delay=1)
>>> batch.x.tolist(), batch.y[batch.scored].tolist()
([[0, 1, 1, 0, 1, 1]], [1, 0, 1, 1])

Sources: Elman, "Finding structure in time", Cognitive Science 14(2), 1990 (XOR in time); Bertschinger &
Natschläger, "Real-time computation at the edge of chaos in recurrent neural networks", Neural Computation
16(7), 2004 (parity after a delay)
"""

import torch

from seqdocs import checks
from seqdocs.tasks.batch import Batch, Seed, check_sizes, uniform_bits


def delayed_xor(batch: int, length: int, seed: Seed, *, delay: int = 0) -> Batch:
    """Draw a batch.

    Args:
        batch: B.
        length: T, at least ``delay + 2``.
        seed: a number or a generator.
        delay: how many steps ago the later of the two bits came; 0 is the present one.

    Returns:
        Bits and answers, (B, T) each.

    Raises:
        ValueError: if a size is too small.
    """
    checks.whole(0, delay=delay)
    check_sizes(least_length=delay + 2, batch=batch, length=length)
    x = uniform_bits(batch, length, seed)
    y = torch.zeros_like(x)
    y[:, delay + 1 :] = x[:, 1 : length - delay] ^ x[:, : length - delay - 1]
    scored = torch.zeros_like(x, dtype=torch.bool)
    scored[:, delay + 1 :] = True
    return Batch(x, y, scored)
