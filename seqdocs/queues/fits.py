"""A straight line and an exponential through points, each with the best chance it can have.

x, y (N,), any unit; both curves leave the smallest squared error that a curve of their kind can leave. Which
of two curves fits better is then a matter of how much of the variation of y each explains, its R².
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqdocs.queues.checks import series

STEPS = 2  # the rates that are tried let the exponential grow or fall by this many e-folds over the largest x
RATES = 4001


class Line(NamedTuple):
    """y = intercept + slope · x, and the share of the variation of y that it explains."""

    slope: float
    intercept: float
    r2: float


class Exponential(NamedTuple):
    """y = amplitude · exp(rate · x), and the share of the variation of y that it explains."""

    amplitude: float
    rate: float
    r2: float


def line_fit(x: Tensor, y: Tensor) -> Line:
    """The straight line with the smallest squared error.

    Args:
        x: (N,).
        y: (N,), in its own unit.

    Raises:
        ValueError: if the lengths differ, or all x or all y are the same.

    >>> line_fit(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, 3.0, 5.0]))
    Line(slope=2.0, intercept=1.0, r2=1.0)
    """
    x, y = _points(x, y)
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum())
    intercept = float(y.mean()) - slope * float(x.mean())
    return Line(slope, intercept, _explained(y, intercept + slope * x))


def exponential_fit(x: Tensor, y: Tensor) -> Exponential:
    """The a·exp(b·x) with the smallest squared error: b from a fine grid, a by least squares for each b.

    Args:
        x: (N,), none below 0.
        y: (N,), in its own unit.

    Raises:
        ValueError: as :func:`line_fit`.
    """
    x, y = _points(x, y)
    rates = torch.linspace(-STEPS, STEPS, RATES, dtype=torch.float64) / x.max()
    shapes = torch.exp(rates[:, None] * x)
    amplitudes = (shapes @ y) / shapes.square().sum(1)
    best = int((y - amplitudes[:, None] * shapes).square().sum(1).argmin())
    return Exponential(
        float(amplitudes[best]), float(rates[best]), _explained(y, amplitudes[best] * shapes[best])
    )


def _points(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    x, y = series("x", x), series("y", y)
    if len(x) != len(y):
        raise ValueError(f"`x` has {len(x)} points but `y` has {len(y)}; each x needs its y")
    for name, values in (("x", x), ("y", y)):
        if not len(values) or bool((values == values[0]).all()):
            raise ValueError(f"`{name}` has {len(values)} values, all alike; a fit needs two that differ")
    return x, y


def _explained(y: Tensor, fitted: Tensor) -> float:
    return 1 - float((y - fitted).square().sum() / (y - y.mean()).square().sum())
