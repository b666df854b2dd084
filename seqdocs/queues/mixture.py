"""Requests of mixed lengths: random prompts, so many tokens each, and so many tokens asked for."""

from __future__ import annotations

import torch
from torch import Tensor

from seqdocs.queues.engines.request import Request


def mixed_requests(prompts: Tensor, answers: Tensor, vocabulary: int, seed: int) -> list[Request]:
    """Make requests of given lengths; which tokens they hold is drawn.

    Args:
        prompts: tokens of each prompt, (N,), at least 1; see :func:`seqdocs.queues.arrivals.mix`.
        answers: tokens asked for, (N,), at least 1.
        vocabulary: tokens are below it.
        seed: of the generator.

    Raises:
        ValueError: if the lengths of ``prompts`` and ``answers`` differ, or one is below 1.

    >>> [one.positions for one in mixed_requests(torch.tensor([3, 5]), torch.tensor([2, 1]), 10, seed=0)]
    [4, 5]
    """
    if prompts.shape != answers.shape or prompts.ndim != 1:
        raise ValueError(
            f"`prompts` has shape {tuple(prompts.shape)} and `answers` {tuple(answers.shape)}; both are (N,)"
        )
    if bool((torch.cat((prompts, answers)) < 1).any()):
        raise ValueError("a length is below 1; prompts and answers have at least 1 token")
    draw = torch.Generator().manual_seed(seed)
    tokens = torch.randint(vocabulary, (int(prompts.sum()),), generator=draw).tolist()
    ends = prompts.long().cumsum(0).tolist()
    return [
        Request(tuple(tokens[end - length : end]), wanted)
        for end, length, wanted in zip(ends, prompts.int().tolist(), answers.int().tolist(), strict=True)
    ]
