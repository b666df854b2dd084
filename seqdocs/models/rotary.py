r"""Rotary position embedding (RoPE): turn queries and keys by their position, so that matches see distances.

Letters: T positions · d width of a head, even · θ_i the angle of pair i per position.

::

    (x_a, x_b)  ←  (x_a cos tθ_i - x_b sin tθ_i,  x_a sin tθ_i + x_b cos tθ_i),   θ_i = base^(-2i/d)

Each pair of numbers is a point in the plane and turns at its own speed, the first by one radian a step, the
last hardly. The product of a query turned by t and a key turned by s depends on t - s alone: absolute
positions go in, relative ones come out, and nothing is learned. Values are not turned.

Convention: which two numbers are a pair. "interleaved": 2i and 2i + 1, as in the paper; "half": i and
i + d/2, as in most published weights (GPT-NeoX, Llama). Weights trained with one are wrong with the other,
without any error; reordering the rows of W_q and W_k turns one into the other.

>>> import torch
>>> q, k = torch.randn(2, 1, 4, dtype=torch.float64)
>>> def match(t, s):
...     return rotary(q, start=t) @ rotary(k, start=s).mT
>>> torch.allclose(match(5, 2), match(105, 102)), torch.allclose(match(5, 2), match(5, 3))
(True, False)

Source: Su et al., "RoFormer: enhanced transformer with rotary position embedding", 2021, sections 3.2.2 and
3.4.2, https://arxiv.org/abs/2104.09864
"""

from typing import Literal

import torch
from torch import Tensor

from seqdocs import checks

Layout = Literal["interleaved", "half"]


def rotary(x: Tensor, start: int = 0, *, base: float = 10000.0, layout: Layout = "interleaved") -> Tensor:
    """Turn the positions start, start + 1, …

    Args:
        x: queries or keys, (…, T, d).
        start: position of the first.
        base: of the angles.
        layout: which numbers are a pair, "interleaved" or "half".

    Returns:
        (…, T, d).

    Raises:
        ValueError: if d is odd, ``x`` is not floating point, ``start`` is negative or ``layout`` is unknown.
    """
    checks.whole(0, start=start)
    _check(x, layout)
    positions = torch.arange(start, start + x.shape[-2], device=x.device)
    cos, sin = rotary_angles(positions, x.shape[-1], base)
    return rotate(x, cos.to(x), sin.to(x), layout=layout)


def rotary_angles(positions: Tensor, d: int, base: float = 10000.0) -> tuple[Tensor, Tensor]:
    """Cosine and sine of tθ_i, each (…, T, d/2) in float64, for positions t (…, T).

    At position 100,000 the angle itself in float32 would be some thousandths off.

    Raises:
        ValueError: if d is odd or negative, or ``base`` is not above zero.
    """
    checks.whole(0, d=d)
    checks.number("d", d, d % 2 == 0, "even, for pairs are turned")
    checks.number("base", base, base > 0, "above 0")
    i = torch.arange(d // 2, dtype=torch.float64, device=positions.device)
    angles = positions.unsqueeze(-1) * base ** (-2 * i / d)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor, *, layout: Layout = "interleaved") -> Tensor:
    """Turn each pair of x, (…, T, d), by its angle: cos and sin broadcast to (…, T, d/2)."""
    _check(x, layout)
    d = x.shape[-1]
    if cos.shape != sin.shape or cos.shape[-1] != d // 2:
        raise ValueError(
            f"`cos` has shape {tuple(cos.shape)} and `sin` {tuple(sin.shape)}; for `x` of "
            f"{tuple(x.shape)} they are (…, T, {d // 2})"
        )
    checks.alike("cos", cos, x, "`x` is")
    checks.alike("sin", sin, x, "`x` is")
    if layout == "half":
        a, b = x.chunk(2, dim=-1)
        return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1).flatten(-2)


def _check(x: Tensor, layout: str) -> None:
    checks.one_of("layout", layout, "interleaved", "half")
    checks.floating("x", x)
    if x.ndim < 2 or x.shape[-1] % 2:
        raise ValueError(f"`x` has shape {tuple(x.shape)}; it is (…, T, d) with d even, for pairs are turned")
