"""Compare answers before anyone is called fast."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

# Largest difference of two answers over the largest entry of the baseline: sums in another order.
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 3e-2, torch.float16: 5e-3}


class DisagreementError(AssertionError):
    """Two competitors were asked the same and answered differently."""


def _leaves(answer: object, path: str) -> Iterator[tuple[str, torch.Tensor]]:
    """Walk through an answer and yield its tensors, each with the words that name it."""
    if isinstance(answer, torch.Tensor):
        yield path, answer.detach()
    elif isinstance(answer, (bool, int, float, complex, np.ndarray, np.generic)):
        yield path, torch.as_tensor(answer)
    elif isinstance(answer, Mapping):
        for key, value in answer.items():
            yield from _leaves(value, f"{path}[{key!r}]")
    elif isinstance(answer, Sequence) and not isinstance(answer, (str, bytes)):
        for index, value in enumerate(answer):
            yield from _leaves(value, f"{path}[{index}]")
    else:
        raise TypeError(
            f"{path} is a {type(answer).__name__}; return tensors, numbers, or lists and dicts of them, "
            "or pass agree=False"
        )


def difference(answer: torch.Tensor, other: torch.Tensor) -> float:
    """Return the largest difference over the largest entry of ``other``; infinite if only one is finite."""
    if answer.numel() == 0:
        return 0.0
    wide = torch.complex128 if answer.is_complex() or other.is_complex() else torch.float64
    first, second = answer.cpu().to(wide), other.cpu().to(wide)
    same = (first == second) | (first.isnan() & second.isnan())
    gap = torch.where(same, torch.zeros_like(first), first - second).abs().max().item()
    size = torch.where(second.isfinite(), second, torch.zeros_like(second)).abs().max().item()
    return math.inf if math.isnan(gap) else gap / size if size else gap


def check_agreement(answers: Mapping[str, object], baseline: str, tolerance: float | None = None) -> None:
    """Compare every answer with the baseline's.

    Args:
        answers: name → tensor, number, or (nested) list, tuple or dict of them.
        baseline: the name that is right.
        tolerance: largest relative difference; by default what the coarser of the two dtypes allows.

    Raises:
        DisagreementError: naming both, the place, and by how much they differ.
    """
    want = list(_leaves(answers[baseline], f"`{baseline}`"))
    for name, answer in answers.items():
        have = list(_leaves(answer, f"`{name}`"))
        if len(have) != len(want):
            raise DisagreementError(f"`{name}` returned {len(have)} tensors but `{baseline}` {len(want)}")
        for (place, mine), (_, right) in zip(have, want, strict=True):
            if mine.shape != right.shape:
                raise DisagreementError(
                    f"{place} has shape {tuple(mine.shape)} but `{baseline}` has {tuple(right.shape)}"
                )
            allowed = tolerance
            if allowed is None:
                allowed = max(TOLERANCE.get(tensor.dtype, 0.0) for tensor in (mine, right))
            if (gap := difference(mine, right)) > allowed:
                raise DisagreementError(
                    f"{place} and `{baseline}` disagree: they differ by {gap:.2g} of the largest entry, "
                    f"where {allowed:.2g} is allowed"
                )
