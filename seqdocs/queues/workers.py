"""Workers that make updates to one thing: waiting for one another in rounds, or not.

n workers · R tasks of each · times in seconds

In step, a round is as long as its slowest task, and everybody sees what all have done. Out of step nobody
waits, and while a worker is at a task others finish theirs: what it saw at the beginning is by then stale.
With exponential tasks a round takes 1 + 1/2 + … + 1/n mean tasks, and an update is n − 1 others old.

Sources: the mean of the largest of n exponentials is folklore (its tests are simulations); for the two ways
to train, Dean et al., "Large scale distributed deep networks", NeurIPS 2012.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Updates(NamedTuple):
    """When updates happened, and how many others came between what each saw and what it did.

    Attributes:
        finish: (n · R,), seconds, never going down.
        staleness: (n · R,), updates, int64.
    """

    finish: Tensor
    staleness: Tensor


def in_step(tasks: Tensor) -> Updates:
    """Every round waits for its slowest task; all updates of a round are made together, of fresh weights.

    Args:
        tasks: seconds of each, (n, R).

    Returns:
        the updates, n at the end of each round.

    Raises:
        ValueError: if ``tasks`` is not (n, R) of numbers of at least 0.

    >>> in_step(torch.tensor([[1.0, 1.0], [3.0, 1.0]])).finish.tolist()
    [3.0, 3.0, 4.0, 4.0]
    """
    finish = _checked(tasks).max(0).values.cumsum(0).repeat_interleave(len(tasks))
    return Updates(finish, torch.zeros(len(finish), dtype=torch.int64))


def out_of_step(tasks: Tensor) -> Updates:
    """Nobody waits: each worker begins its next task at once, of the weights as they then are.

    Args:
        tasks: seconds of each, (n, R).

    Returns:
        the updates until the first worker has none left; after that there would be fewer workers.

    Raises:
        ValueError: as :func:`in_step`.

    >>> out_of_step(torch.tensor([[1.0, 1.0, 1.0, 1.0], [2.5, 2.5, 2.5, 2.5]]))
    Updates(finish=tensor([1.0000, 2.0000, 2.5000, 3.0000, 4.0000]), staleness=tensor([0, 0, 2, 1, 0]))
    """
    ends = _checked(tasks).cumsum(1)
    begins = torch.cat([torch.zeros_like(ends[:, :1]), ends[:, :-1]], 1).flatten()  # exactly those ends
    finish, order = ends.flatten().sort(stable=True)
    seen = torch.searchsorted(finish, begins[order].contiguous(), right=True)  # updates made by its begin
    together = finish <= (ends[:, -1].min() if ends.numel() else 0)
    staleness = torch.arange(len(finish)) - seen
    return Updates(finish[together], staleness[together])


def _checked(tasks: Tensor) -> Tensor:
    if tasks.ndim != 2 or not bool((tasks >= 0).all()):
        raise ValueError(f"`tasks` has shape {tuple(tasks.shape)}; it is (n, R) of seconds of at least 0")
    return tasks
