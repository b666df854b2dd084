r"""Linear attention: attention whose weights are products of features, so that the past fits into a matrix.

Letters: B batch · n heads · T time · K width of keys · V width of values · S state (K, V + 1) · φ features.

::

    y[t] = Σ_{s ≤ t} (φ(q[t]) · φ(k[s])) v[s]  /  Σ_{s ≤ t} φ(q[t]) · φ(k[s]),      φ(x) = elu(x) + 1

Softmax attention is the same weighted mean with the weights exp(q · k). Since φ is positive, these are
weights too; since they are plain products, both sums are a state that is read by φ(q): no cache that grows.
What it costs is focus: no weight can stand out as an exponential does.

The two sums are one: a column of ones appended to v makes the denominator the last column of y, and all is
:func:`seqdocs.models.gated_linear_attention.gated_linear_attention` without a gate.

Convention: causal, without the small number that the authors' code adds to the denominator.

>>> import torch
>>> q, k, v = torch.randn(3, 2, 4, 50, 8).unbind()
>>> y, state = linear_attention(q, k, v)
>>> y.shape, state.shape
(torch.Size([2, 4, 50, 8]), torch.Size([2, 4, 8, 9]))
>>> bool((y <= v.cummax(2).values + 1e-4).all())  # a mean of what was written
True

Source: Katharopoulos et al., "Transformers are RNNs: fast autoregressive Transformers with linear attention",
ICML 2020, section 3.2, equations 5 and 7, and section 3.3, https://arxiv.org/abs/2006.16236
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seqdocs import checks
from seqdocs.models.gated_linear_attention import LinearMethod, gated_linear_attention


def features(x: Tensor) -> Tensor:
    """φ(x) = x + 1 above zero and exp(x) below; positive.

    Raises:
        ValueError: if ``x`` is not floating point.
    """
    checks.floating("x", x)
    return F.elu(x) + 1


def linear_attention(
    q: Tensor, k: Tensor, v: Tensor, state: Tensor | None = None, *, method: LinearMethod = "chunked"
) -> tuple[Tensor, Tensor]:
    """Read the weighted mean of all values so far.

    Args:
        q: queries, (B, n, T, K), before φ.
        k: keys, (B, n, T, K), before φ.
        v: values, (B, n, T, V).
        state: S before the first step, (B, n, K, V + 1), the last column for the denominator; zeros if
            omitted.
        method: "loop", "parallel" or "chunked".

    Returns:
        y, (B, n, T, V), and S after the last step, (B, n, K, V + 1).

    Raises:
        ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
    """
    checks.dimensions("v", v, "(B, n, T, V)")
    checks.floating("q", q)
    checks.alike("k", k, q, "`q` is")
    V = v.shape[3]
    if state is not None and state.shape[-1] != V + 1:
        raise ValueError(f"`state` has shape {tuple(state.shape)}; it is (B, n, K, V + 1), here with V = {V}")
    counted = torch.cat((v, torch.ones_like(v[..., :1])), dim=-1)
    sums, state = gated_linear_attention(features(q), features(k), counted, None, state, method=method)
    return sums[..., :V] / sums[..., V:], state
