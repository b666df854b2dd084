r"""Nucleus sampling (top-p): keep the smallest set of next tokens that holds a probability of p.

Letters: z logits, (…, V) · p the probability to hold · the *nucleus* is what stays.

::

    tokens in falling probability q[1] ≥ q[2] ≥ …:   token i stays if q[1] + … + q[i-1] < p

Where the model is sure, one token stays; where many would do, many stay.

Conventions: the token that reaches p stays, so the nucleus is never empty. p = 1 keeps every token, also
those that rounding would drop. Of equal ones, those with the smaller number come first.

>>> import torch
>>> q = torch.tensor([0.125, 0.5, 0.25, 0.125])
>>> nucleus(q.log(), 0.75).exp().mul(6).round().tolist()  # 2/3 and 1/3
[0.0, 4.0, 2.0, 0.0]

Source: Holtzman, Buys, Du, Forbes & Choi, "The curious case of neural text degeneration", ICLR 2020,
section 3.1, https://arxiv.org/abs/1904.09751
"""

import math

import torch
from torch import Tensor

from seqdocs import checks


def nucleus(logits: Tensor, p: float) -> Tensor:
    """Log-probabilities with all but the nucleus at -inf.

    Args:
        logits: (…, V), or log-probabilities.
        p: in 0 … 1, without 0.

    Returns:
        (…, V).

    Raises:
        ValueError: if ``p`` is not in that range, or ``logits`` is not (…, V) in floating point.
    """
    checks.number("p", p, 0 < p <= 1, "more than 0 and at most 1")
    checks.logits(logits)
    log_q = logits.log_softmax(-1)
    if p == 1:
        return log_q
    order = log_q.argsort(dim=-1, descending=True, stable=True)
    q = log_q.gather(-1, order).exp()
    before = torch.zeros_like(q)
    before[..., 1:] = q.cumsum(-1)[..., :-1]  # not the sum less q: that would round a second time
    dropped = torch.zeros_like(before, dtype=torch.bool).scatter(-1, order, before >= p)
    return log_q.masked_fill(dropped, -math.inf).log_softmax(-1)
