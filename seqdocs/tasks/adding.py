"""Adding: two numbers of a long sequence are marked; the answer at the end is their sum.

Letters: B batch · T time.

Each step brings a number in [0, 1) and a mark, 0 or 1. One mark stands in the first half, one in the second.
Who always answers 1 has a mean squared error of 1/6, which is the one to beat.

Convention: the paper draws from [-1, 1] and scales the answer; this is the form in use since.

>>> batch = adding(1, 6, seed=0)
>>> value, mark = batch.x.unbind(2)
>>> bool(((value * mark).sum(1) == batch.y[:, -1]).all()), int(mark.sum())
(True, 2)

Source: Hochreiter & Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997, experiment 4
"""

import torch

from seqdocs.tasks.batch import Batch, Seed, check_sizes, generator, only_last


def adding(batch: int, length: int, seed: Seed) -> Batch:
    """Draw a batch.

    Args:
        batch: B.
        length: T, at least 2.
        seed: a number or a generator.

    Returns:
        Numbers and marks, (B, T, 2), and the sum, (B, T), which counts at the last step alone.

    Raises:
        ValueError: if a size is too small.
    """
    check_sizes(least_length=2, batch=batch, length=length)
    draw = generator(seed)
    value = torch.rand(batch, length, generator=draw)
    half = length // 2
    first = torch.randint(half, (batch, 1), generator=draw)
    second = torch.randint(half, length, (batch, 1), generator=draw)
    mark = torch.zeros_like(value).scatter(1, first, 1.0).scatter(1, second, 1.0)
    y = torch.zeros_like(value)
    y[:, -1] = value.gather(1, first)[:, 0] + value.gather(1, second)[:, 0]
    return Batch(torch.stack((value, mark), dim=2), y, only_last(batch, length))
