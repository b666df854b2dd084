"""Gradient descent with stale gradients: each update uses the gradient of weights that are some updates old.

    w[t+1] = w[t] − η ∇f(w[t − τ_t])        τ_t: the delay of update t, in updates; 0 is plain descent

Workers that do not wait for one another make such updates: while one computes its gradient, others have moved
the weights on. On a quadratic the price is exact. Along a direction of curvature κ the error obeys
e[t+1] = e[t] − η κ e[t − τ], and dies out if and only if 0 < η κ < 2 sin(π / (4 τ + 2)): the older the
gradients, the smaller the steps.

Sources: Levin & May, "A note on difference-delay equations", Theoretical Population Biology 9, 1976, for the
bound (known here from citations; the tests find it again by simulation); Niu et al., "Hogwild!", NeurIPS
2011, and Dean et al., "Large scale distributed deep networks", NeurIPS 2012, for workers that do not wait.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from seqdocs import checks


def descend(
    gradient: Callable[[Tensor], Tensor], start: Tensor, rate: float, delays: Sequence[int]
) -> Tensor:
    """Walk downhill by gradients that may be old.

    Args:
        gradient: of the weights, (D,) to (D,).
        start: first weights, (D,).
        rate: η.
        delays: τ of each update, in updates; older than the start means the start.

    Returns:
        the weights before the first update and after each, (updates + 1, D).

    Raises:
        ValueError: if a delay is negative.

    >>> descend(lambda w: w, torch.tensor([1.0]), 0.5, [0, 0]).flatten().tolist()
    [1.0, 0.5, 0.25]
    """
    checks.whole(0, **{f"delays[{n}]": delay for n, delay in enumerate(delays)})
    checks.dimensions("start", start, "(D,)")
    checks.floating("start", start)
    checks.number("rate", rate, math.isfinite(rate), "finite")
    path = [start]
    for step, delay in enumerate(delays):
        path.append(path[-1] - rate * gradient(path[max(0, step - delay)]))
    return torch.stack(path)


def largest_stable_rate(delay: int, curvature: float = 1.0) -> float:
    """The learning rate from which descent with a constant delay no longer converges on a quadratic.

    Args:
        delay: τ, in updates.
        curvature: κ, the largest eigenvalue of the Hessian.

    Returns:
        2 sin(π / (4 τ + 2)) / κ; 2 / κ without delay.

    Raises:
        ValueError: if ``delay`` is negative or ``curvature`` is not above 0.

    >>> [round(largest_stable_rate(delay), 3) for delay in (0, 1, 3)]
    [2.0, 1.0, 0.445]
    """
    checks.whole(0, delay=delay)
    checks.number("curvature", curvature, curvature > 0, "above 0")
    return 2 * math.sin(math.pi / (4 * delay + 2)) / curvature
