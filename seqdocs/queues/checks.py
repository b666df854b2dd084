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


def whole(name: str, value: float, unit: str, least: int = 0) -> int:
    """``value`` as an int if it is a whole number, at least ``least``; one clear ValueError otherwise."""
    if not (math.isfinite(value) and value >= least and value == int(value)):
        raise ValueError(f"`{name}` is {value} {unit} but must be a whole number of at least {least}")
    return int(value)


def series(name: str, values: Tensor) -> Tensor:
    """``values`` as fp64 of shape (N,) with finite numbers; one clear ValueError otherwise."""
    out = torch.as_tensor(values, dtype=torch.float64)
    if out.ndim != 1:
        raise ValueError(f"`{name}` has shape {tuple(out.shape)} but must be (N,), one number per request")
    if len(out) and not all(
        math.isfinite(end) for end in out.aminmax()
    ):  # NaN is its own smallest and largest
        raise ValueError(f"`{name}` holds numbers that are not finite")
    return out


def rising(name: str, values: Tensor) -> Tensor:
    """A :func:`series` that never goes down; one clear ValueError otherwise."""
    out = series(name, values)
    down = out[1:] < out[:-1]
    if bool(down.any()):
        at = int(down.nonzero()[0]) + 1
        raise ValueError(
            f"`{name}` must never go down but does at request {at}: {out[at - 1]} then {out[at]}"
        )
    return out
