r"""Layer normalisation and RMS normalisation: give the numbers of each position a common scale.

Letters: D width; ε a small number that keeps the root from being zero; g weight, b bias, (D,).

::

    LayerNorm: y = g ⊙ (x - mean(x)) / √(var(x) + ε) + b     mean and variance over the D numbers
    RMSNorm:   y = g ⊙ x / √(mean(x²) + ε)

Each position is normalised on its own: neither the batch nor the other times matter, so training and decoding
compute the same. RMSNorm leaves out the mean and the bias.

Conventions: the variance is divided by D, not D - 1, and ε stands under the root, as in ``torch.nn``. Its
``RMSNorm`` has the smallest step of the dtype as default ε; ours is 1e-5 in both.

>>> import torch
>>> x = torch.tensor([[3.0, 1.0, -1.0, -3.0]])
>>> LayerNorm(4)(x).mean().abs().item() < 1e-6, round(RMSNorm(4)(x).square().mean().item(), 3)
(True, 1.0)

Sources: Ba, Kiros & Hinton, "Layer normalization", 2016, section 3, https://arxiv.org/abs/1607.06450;
Zhang & Sennrich, "Root mean square layer normalization", NeurIPS 2019, https://arxiv.org/abs/1910.07467
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqdocs import checks

NormMethod = Literal["formula", "fused"]


def layer_norm(
    x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5, *, method: NormMethod = "formula"
) -> Tensor:
    """Normalise to mean 0 and variance 1, then scale and shift.

    Args:
        x: (…, D).
        weight: (D,).
        bias: (D,).
        eps: added to the variance.
        method: "formula", or "fused", torch's kernel.

    Returns:
        (…, D).

    Raises:
        ValueError: if shapes do not fit, or ``method`` is unknown.
    """
    _check(x, method, weight=weight, bias=bias)
    if method == "fused":
        return F.layer_norm(x, weight.shape, weight, bias, eps)
    centred = x - x.mean(-1, keepdim=True)
    return weight * centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + eps) + bias


def rms_norm(x: Tensor, weight: Tensor, eps: float = 1e-5, *, method: NormMethod = "formula") -> Tensor:
    """Divide by the root of the mean square, then scale: arguments as in :func:`layer_norm`."""
    _check(x, method, weight=weight)
    if method == "fused":
        return F.rms_norm(x, weight.shape, weight, eps)
    return weight * x / torch.sqrt(x.square().mean(-1, keepdim=True) + eps)


class LayerNorm(nn.Module):
    """:func:`layer_norm` with the parameters of ``torch.nn.LayerNorm(width)``."""

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        checks.whole(0, width=width)
        checks.number("eps", eps, eps >= 0, "at least 0")
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor, method: NormMethod = "fused") -> Tensor:
        """(…, D) to (…, D)."""
        return layer_norm(x, self.weight, self.bias, self.eps, method=method)


class RMSNorm(nn.Module):
    """:func:`rms_norm` with the parameter of ``torch.nn.RMSNorm(width)``."""

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        checks.whole(0, width=width)
        checks.number("eps", eps, eps >= 0, "at least 0")
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor, method: NormMethod = "fused") -> Tensor:
        """(…, D) to (…, D)."""
        return rms_norm(x, self.weight, self.eps, method=method)


def _check(x: Tensor, method: str, **parameters: Tensor) -> None:
    checks.one_of("method", method, "formula", "fused")
    checks.floating("x", x)
    for name, parameter in parameters.items():
        if x.ndim == 0 or parameter.shape != x.shape[-1:]:
            raise ValueError(
                f"`x` has shape {tuple(x.shape)} and `{name}` {tuple(parameter.shape)}; "
                "they are (…, D) and (D,)"
            )
        checks.alike("x", x, parameter)
