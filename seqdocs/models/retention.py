r"""Retention: linear attention that forgets at a fixed rate, another for every head.

Letters: B batch · n heads · T time · K width of keys · V width of values · S state (K, V) · γ what
a step keeps.

::

    S[t] = γ S[t-1] + k[t] v[t]ᵀ,   y[t] = S[t]ᵀ q[t] / √K
    y[t] = Σ_{s ≤ t} γ^(t-s) (q[t] · k[s]) v[s] / √K
    γ of head i = 1 - 2^(-5-i)

The first head remembers about 32 steps, each further one twice as long. The rate does not depend on the
input: this is :func:`seqdocs.models.gated_linear_attention.gated_linear_attention` with one number per head.

Left out, all of it around the state and not in it: the rotation of queries and keys by their position
(xPos), the norm of each head, the gate on the output, and the divisions that keep the scores small in half
precision, which the norm undoes.

>>> import torch
>>> decay(3).tolist()
[0.96875, 0.984375, 0.9921875]
>>> q, k, v = torch.randn(3, 2, 4, 50, 8).unbind()
>>> y, state = retention(q, k, v)
>>> y.shape, state.shape
(torch.Size([2, 4, 50, 8]), torch.Size([2, 4, 8, 8]))

Source: Sun et al., "Retentive network: a successor to Transformer for large language models", 2023, section
2.1 (the three forms), section 2.2, equation 8 (γ), https://arxiv.org/abs/2307.08621
"""

import torch
from torch import Tensor

from seqdocs import checks
from seqdocs.models.gated_linear_attention import LinearMethod, gated_linear_attention


def decay(heads: int) -> Tensor:
    """γ of every head, (n,), float64.

    Raises:
        ValueError: if ``heads`` is not positive.
    """
    checks.whole(1, heads=heads)
    return 1 - torch.exp2(-5 - torch.arange(heads, dtype=torch.float64))


def retention(
    q: Tensor, k: Tensor, v: Tensor, state: Tensor | None = None, *, method: LinearMethod = "chunked"
) -> tuple[Tensor, Tensor]:
    """Read and write a memory that fades.

    Args:
        q: queries, (B, n, T, K).
        k: keys, (B, n, T, K).
        v: values, (B, n, T, V).
        state: S before the first step, (B, n, K, V); zeros if omitted.
        method: "loop", "parallel" or "chunked".

    Returns:
        y, (B, n, T, V), and S after the last step, (B, n, K, V).

    Raises:
        ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
    """
    checks.dimensions("q", q, "(B, n, T, K)")
    checks.floating("q", q)
    rates = decay(q.shape[1]).log().to(q)  # the logarithm before the rounding: γ is close to one
    scaled = q / max(q.shape[3], 1) ** 0.5
    return gated_linear_attention(scaled, k, v, rates[:, None, None], state, method=method)
