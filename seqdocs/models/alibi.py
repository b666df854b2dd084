r"""ALiBi: attention with a penalty for distance instead of an encoding of positions.

Letters: T queries · S keys · n heads · μ_i slope of head i, from 1 on.

::

    score[t, s] = q[t]·k[s] / √d - μ_i |t - s|,   μ_i = 2^(-8 i / n)

Each head forgets at its own rate. Nothing is added to the tokens and nothing is learned, and a distance that
training never saw is only a larger penalty: a model trained on short sequences can be run on longer ones.

Conventions: the queries are the last positions. For n that is no power of two, the slopes are those of the
next lower power of two and then every second one of the double, as in the authors' code. The paper is
causal; looking forward, we penalise the distance all the same.

>>> alibi_slopes(4).tolist()
[0.25, 0.0625, 0.015625, 0.00390625]
>>> alibi_bias(alibi_slopes(2), 2, 3)[0]
tensor([[-0.0625, -0.0000, -0.0625],
        [-0.1250, -0.0625, -0.0000]])

Source: Press, Smith & Lewis, "Train short, test long: attention with linear biases enables input length
extrapolation", ICLR 2022, section 3, https://arxiv.org/abs/2108.12409
"""

import torch
from torch import Tensor

from seqdocs import checks


def alibi_slopes(n: int) -> Tensor:
    """μ for each of n heads, (n,), falling by a constant factor if n is a power of two.

    Raises:
        ValueError: if there is no head.
    """
    checks.whole(1, n=n)
    power = 1 << (n.bit_length() - 1)  # the largest power of two up to n
    slopes = [2.0 ** (-8 * i / power) for i in range(1, power + 1)]
    between = [2.0 ** (-4 * i / power) for i in range(1, 2 * (n - power), 2)]
    return torch.tensor(slopes + between)


def alibi_bias(slopes: Tensor, T: int, S: int | None = None) -> Tensor:
    """What is added to the scores, as a mask for :func:`~seqdocs.models.scaled_dot_product.attention`.

    Args:
        slopes: (n,).
        T: queries.
        S: keys, at least T; T if omitted.

    Returns:
        (n, T, S), in the dtype of the slopes.

    Raises:
        ValueError: if ``slopes`` is not (n,), or there are more queries than keys.
    """
    S = T if S is None else S
    checks.whole(0, T=T, S=S)
    checks.floating("slopes", slopes)
    if slopes.ndim != 1 or S < T:
        raise ValueError(
            f"`slopes` has shape {tuple(slopes.shape)}, `T` is {T} and `S` is {S}; slopes are (n,), and S is "
            "at least T, for queries are the last positions"
        )
    key = torch.arange(S, device=slopes.device)
    distance = (key[S - T :, None] - key).abs()
    return -slopes[:, None, None] * distance
