"""Parity: is the number of ones so far odd? Two states are enough, and no input may be overlooked.

Letters: B batch · T time.

    y[t] = x[0] ⊕ x[1] ⊕ … ⊕ x[t]

Every subset of the inputs that leaves one out says nothing about the answer, so it cannot be had by degrees.

>>> parity(1, 5, seed=0).x.tolist(), parity(1, 5, seed=0).y.tolist()
([[0, 1, 1, 0, 1]], [[0, 1, 0, 0, 1]])

Source: Minsky & Papert, "Perceptrons", MIT Press, 1969, chapter 3
"""

import torch

from seqdocs.tasks.batch import Batch, Seed, check_sizes, uniform_bits


def parity(batch: int, length: int, seed: Seed) -> Batch:
    """Draw a batch.

    Args:
        batch: B.
        length: T.
        seed: a number or a generator.

    Returns:
        Bits and the parity so far, (B, T) each; every step counts.

    Raises:
        ValueError: if a size is too small.
    """
    check_sizes(batch=batch, length=length)
    x = uniform_bits(batch, length, seed)
    return Batch(x, x.cumsum(1) % 2, torch.ones_like(x, dtype=torch.bool))
