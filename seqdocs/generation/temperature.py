r"""Temperature: make a distribution over the next token sharper or flatter, without changing its order.

Letters: z logits, (…, V) · τ temperature.

::

    p = softmax(z / τ)

τ = 1 leaves the model's distribution, τ → 0 puts everything on the likeliest token (greedy decoding), τ → ∞
makes all tokens equally likely.

Convention: τ = 0 is the limit; of several likeliest tokens it takes the first, as greedy decoding does.

>>> import torch
>>> z = torch.tensor([0.0, 1.0, 2.0]).mul(2).log_softmax(0)  # what is tempered once can be tempered again
>>> torch.allclose(tempered(z, 2.0).exp(), torch.tensor([0.0, 1.0, 2.0]).softmax(0))
True
>>> tempered(z, 0.0).exp().tolist()
[0.0, 0.0, 1.0]

Source: Ackley, Hinton & Sejnowski, "A learning algorithm for Boltzmann machines", Cognitive Science 9, 1985.
"""

import math

import torch
from torch import Tensor

from seqdocs import checks


def tempered(logits: Tensor, temperature: float) -> Tensor:
    """Log-probabilities at a temperature.

    Args:
        logits: z, (…, V), or log-probabilities; -inf where a token is impossible.
        temperature: τ ≥ 0.

    Returns:
        (…, V).

    Raises:
        ValueError: if ``temperature`` is negative, infinite or not a number, or ``logits`` is not (…, V) in
            floating point.
    """
    checks.number("temperature", temperature, 0 <= temperature < math.inf, "finite and at least 0")
    checks.logits(logits)
    if temperature == 0:
        first = logits.argmax(-1, keepdim=True)
        return torch.full_like(logits, -math.inf).scatter(-1, first, 0.0)
    # The largest is taken away first, or a small temperature would make two large logits infinite.
    return ((logits - logits.amax(-1, keepdim=True)) / temperature).log_softmax(-1)
