r"""Top-k: keep the k likeliest next tokens, so that the long tail of bad ones is never drawn.

Letters: z logits, (…, V) · k how many stay.

::

    p[v] ∝ exp(z[v]) if v is among the k largest, else 0

k = 1 is greedy decoding, k = V changes nothing. k is the same whether the model is sure or not; nucleus
sampling (:mod:`seqdocs.generation.nucleus`) adapts.

Convention: exactly k stay; of equal ones, those with the smaller number.

>>> import torch
>>> top_k(torch.tensor([0.0, 2.0, 1.0, 2.0]), 2).exp().tolist()
[0.0, 0.5, 0.0, 0.5]

Source: Fan, Lewis & Dauphin, "Hierarchical neural story generation", ACL 2018,
https://arxiv.org/abs/1805.04833
"""

import math

from torch import Tensor

from seqdocs import checks


def top_k(logits: Tensor, k: int) -> Tensor:
    """Log-probabilities with all but the k likeliest at -inf.

    Args:
        logits: (…, V), or log-probabilities.
        k: at least 1; V or more keeps all.

    Returns:
        (…, V).

    Raises:
        ValueError: if ``k`` is less than 1 or not whole, or ``logits`` is not (…, V) in floating point.
    """
    checks.whole(1, k=k)
    checks.logits(logits)
    if k >= logits.shape[-1]:
        return logits.log_softmax(-1)
    order = logits.argsort(
        dim=-1, descending=True, stable=True
    )  # topk leaves open which of equal ones it takes
    return logits.scatter(-1, order[..., k:], -math.inf).log_softmax(-1)
