"""Gradients are clipped as torch clips them, but for the millionth that torch adds to the norm."""

import re

import pytest
import torch
from torch import Tensor

from seqdocs.models.clipping import clip_by_norm, clip_by_value

SHAPES = [(3, 4), (), (0,), (7,), (2, 1, 5)]
LIMITS = [1e-3, 0.5, 3.0, 1e3]


def draw(dtype: torch.dtype = torch.float64) -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(shape, dtype=dtype) for shape in SHAPES]


def parameters(gradients: list[Tensor]) -> list[torch.nn.Parameter]:
    own = [torch.nn.Parameter(torch.zeros_like(g)) for g in gradients]
    for parameter, gradient in zip(own, gradients, strict=True):
        parameter.grad = gradient.clone()
    return own


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("limit", LIMITS)
def test_by_norm_is_torchs(limit: float, dtype: torch.dtype) -> None:
    gradients = draw(dtype)
    clipped, norm = clip_by_norm(gradients, limit)
    theirs = parameters(gradients)
    torch.testing.assert_close(norm, torch.nn.utils.clip_grad_norm_(theirs, limit))
    bias = (norm + 1e-6) / norm if norm > limit else 1.0
    for own, parameter in zip(clipped, theirs, strict=True):
        torch.testing.assert_close(own, parameter.grad * bias)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("limit", LIMITS)
def test_by_value_is_torchs(limit: float, dtype: torch.dtype) -> None:
    gradients = draw(dtype)
    theirs = parameters(gradients)
    torch.nn.utils.clip_grad_value_(theirs, limit)
    for own, parameter in zip(clip_by_value(gradients, limit), theirs, strict=True):
        assert torch.equal(own, parameter.grad)


def test_a_long_gradient_gets_exactly_the_norm_allowed_and_keeps_its_direction() -> None:
    gradients = draw()
    clipped, norm = clip_by_norm(gradients, 0.5)
    flat, before = (torch.cat([g.flatten() for g in all_]) for all_ in (clipped, gradients))
    torch.testing.assert_close(flat.norm(), torch.tensor(0.5).double(), rtol=1e-12, atol=0)
    torch.testing.assert_close(flat / flat.norm(), before / norm)


def test_a_short_gradient_and_a_gradient_of_zero_stay_as_they_are() -> None:
    for gradients in (draw(), [torch.zeros(3)]):
        clipped, _ = clip_by_norm(gradients, 1e3)
        assert all(torch.equal(own, given) for own, given in zip(clipped, gradients, strict=True))


@pytest.mark.parametrize("clip", [clip_by_norm, clip_by_value])
def test_what_comes_in_is_left_as_it_was(clip) -> None:
    gradients = draw()
    clip(gradients, 0.1)
    assert all(torch.equal(a, b) for a, b in zip(gradients, draw(), strict=True))


def test_not_a_number_is_not_hidden() -> None:
    clipped, norm = clip_by_norm([torch.tensor([torch.nan, 1.0])], 1.0)
    assert norm.isnan() and clipped[0].isnan().all()


REFUSED = [
    (lambda: clip_by_norm(draw(), 0.0), "`max_norm` is 0.0; it is above zero"),
    (lambda: clip_by_norm(draw(), float("nan")), "`max_norm` is nan; it is above zero"),
    (lambda: clip_by_value(draw(), -1.0), "`max_value` is -1.0; it is above zero"),
    (lambda: clip_by_norm([], 1.0), "`gradients` is empty; it holds the gradients of all parameters"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
