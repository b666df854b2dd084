r"""Scheduled sampling: while learning, read the true token with a probability that falls as training goes on.

Letters: i training step · ε[i] probability of the true token · k, c constants.

::

    linear           ε[i] = max(ε_min, k - c i)
    exponential      ε[i] = k^i,              k < 1
    inverse sigmoid  ε[i] = k / (k + e^(i/k)), k ≥ 1

A model that learnt by teacher forcing alone has never read its own mistakes. Here it begins with the truth,
as a beginner must, and is weaned. It is no longer the likelihood that is maximised: a model that ignored its
input could be optimal (Huszár 2015), so it is a heuristic.

Convention: a coin is thrown for each token, not for each sequence.

>>> exponential(0.5, 3), linear(1.0, 0.1, 0.25, 100)
(0.125, 0.25)

Sources: Bengio, Vinyals, Jaitly & Shazeer, "Scheduled sampling for sequence prediction with recurrent neural
networks", NeurIPS 2015, section 2.4, https://arxiv.org/abs/1506.03099; Huszár, "How (not) to train your
generative model", 2015, https://arxiv.org/abs/1511.05101
"""

import math

import torch
from torch import Tensor

from seqdocs import checks


def linear(k: float, c: float, least: float, i: int) -> float:
    """Falls by ``c`` a step from ``k`` to ``least``.

    Raises:
        ValueError: if ``i`` is no step, or a number out of its range: 0 ≤ ``least`` ≤ ``k`` ≤ 1, 0 ≤ ``c``.
    """
    checks.whole(0, i=i)
    checks.number("k", k, 0 <= k <= 1, "a probability, in 0 … 1")
    checks.number("c", c, 0 <= c < math.inf, "finite and at least 0")
    checks.number("least", least, 0 <= least <= k, f"in 0 … `k` = {k}")
    return max(least, k - c * i)


def exponential(k: float, i: int) -> float:
    """Falls by the factor ``k`` a step, from 1.

    Raises:
        ValueError: if ``i`` is no step, or ``k`` is not in 0 … 1.
    """
    checks.whole(0, i=i)
    checks.number("k", k, 0 <= k <= 1, "in 0 … 1")
    return k**i


def inverse_sigmoid(k: float, i: int) -> float:
    """Stays near 1, then falls; it crosses ½ at i = k ln k.

    Raises:
        ValueError: if ``i`` is no step, or ``k`` is less than 1.
    """
    checks.whole(0, i=i)
    checks.number("k", k, 1 <= k < math.inf, "finite and at least 1")
    return 1 / (1 + math.exp(i / k) / k) if i / k < 700 else 0.0  # e^710 is no float


def truth(shape: tuple[int, int], probability: float, generator: torch.Generator) -> Tensor:
    """Which inputs are the true ones, for :func:`~seqdocs.generation.teacher_forcing.unroll`.

    Args:
        shape: (B, T).
        probability: ε, of each.
        generator: the only source of chance.

    Returns:
        Boolean, (B, T).

    Raises:
        ValueError: if ``probability`` is not in 0 … 1.
    """
    for n, size in enumerate(shape):
        checks.whole(0, **{f"shape[{n}]": size})
    checks.number("probability", probability, 0 <= probability <= 1, "in 0 … 1")
    checks.generator("generator", generator)
    return torch.rand(shape, generator=generator, dtype=torch.float64) < probability
