r"""Gradient clipping: a step of training gets no longer than is allowed, however steep the loss.

::

    by norm     g ← g · min(1, c / ‖g‖)      ‖g‖ over all parameters together: the direction stays
    by value    g ← min(max(g, -c), c)       number by number: the direction may change

The loss of a recurrent network has cliffs: the gradient explodes there, and one long step undoes what was
learned. Clipping by norm keeps the direction and bounds the step.

Conventions: torch adds 10⁻⁶ to the norm, so that it clips a little below c; the paper and we do not. The
gradients that come in are left as they are. What is not a finite number stays so: clipping repairs no NaN.

>>> import torch
>>> clipped, norm = clip_by_norm([torch.tensor([3.0]), torch.tensor([4.0])], 1.0)
>>> [g.tolist() for g in clipped], norm.item()
([[0.6000000238418579], [0.800000011920929]], 5.0)
>>> clip_by_value([torch.tensor([3.0, -0.5])], 1.0)
[tensor([ 1.0000, -0.5000])]

Source: Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks", ICML 2013,
section 3.2 and algorithm 1, https://arxiv.org/abs/1211.5063
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from seqdocs import checks


def clip_by_norm(gradients: Sequence[Tensor], max_norm: float) -> tuple[list[Tensor], Tensor]:
    """Scale all gradients by one factor.

    Args:
        gradients: of all parameters, in any shapes.
        max_norm: c, above zero.

    Returns:
        The gradients, of norm ``max_norm`` at most, and the norm before, a scalar.

    Raises:
        ValueError: if ``max_norm`` is not above zero, or there is no gradient.
    """
    _check("max_norm", max_norm, gradients)
    norm = torch.stack([torch.linalg.vector_norm(g) for g in gradients]).norm()
    factor = (max_norm / norm).clamp(max=1)  # a norm of zero gives infinity, and so a factor of one
    return [g * factor for g in gradients], norm


def clip_by_value(gradients: Sequence[Tensor], max_value: float) -> list[Tensor]:
    """Bound each number of each gradient.

    Args:
        gradients: of all parameters, in any shapes.
        max_value: c, above zero.

    Raises:
        ValueError: if ``max_value`` is not above zero, or there is no gradient.
    """
    _check("max_value", max_value, gradients)
    return [g.clamp(-max_value, max_value) for g in gradients]


def _check(name: str, limit: float, gradients: Sequence[Tensor]) -> None:
    checks.number(name, limit, limit > 0, "above zero")
    if not gradients:
        raise ValueError("`gradients` is empty; it holds the gradients of all parameters")
    for n, gradient in enumerate(gradients):
        checks.floating(f"gradients[{n}]", gradient, real=False)
        checks.together(f"gradients[{n}]", gradient, gradients[0], "`gradients[0]` is")
