"""The sentences that bad arguments get: the name, what it was, what it should have been."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def positive(name: str, value: float, unit: str) -> float:
    """``value`` as a float if it is finite and above zero; one clear ValueError otherwise."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"`{name}` is {value} {unit} but must be finite and above 0")
    return float(value)


def not_negative(name: str, value: float, unit: str) -> float:
    """``value`` as a float if it is finite and at least zero; one clear ValueError otherwise."""
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"`{name}` is {value} {unit} but must be finite and at least 0")
    return float(value)


def series(name: str, values: Tensor) -> Tensor:
    """``values`` as fp64 of shape (N,) with finite numbers; one clear ValueError otherwise."""
    out = torch.as_tensor(values, dtype=torch.float64)
    if out.ndim != 1:
        raise ValueError(f"`{name}` has shape {tuple(out.shape)} but must be (N,), one number per request")
    if not bool(out.isfinite().all()):
        raise ValueError(f"`{name}` holds numbers that are not finite")
    return out


def rising(name: str, values: Tensor) -> Tensor:
    """A :func:`series` that never goes down; one clear ValueError otherwise."""
    out = series(name, values)
    down = torch.nonzero(out.diff() < 0)
    if len(down):
        at = int(down[0]) + 1
        raise ValueError(
            f"`{name}` must never go down but does at request {at}: {out[at - 1]} then {out[at]}"
        )
    return out
