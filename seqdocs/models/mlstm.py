r"""mLSTM: an LSTM whose cell is a matrix of keys and values, with gates that may grow exponentially.

Letters: B batch · n heads · T time · K width of keys · V width of values · C cell (K, V) · z normaliser (K) ·
m stabiliser · ĩ, log f what the gates are the exponentials of · L chunk.

::

    C[t] = f[t] C[t-1] + i[t] k[t] v[t]ᵀ        i = exp(ĩ)
    z[t] = f[t] z[t-1] + i[t] k[t]
    y[t] = C[t]ᵀ q[t] / max(|z[t] · q[t]|, 1)

An input gate without a ceiling can outweigh everything written before, so a memory can be revised; but exp
overflows. The stabiliser is the logarithm of the largest weight so far, and everything is kept divided by it:

::

    m[t] = max(log f[t] + m[t-1], ĩ[t])
    C'[t] = exp(log f[t] + m[t-1] - m[t]) C'[t-1] + exp(ĩ[t] - m[t]) k[t] v[t]ᵀ        z' likewise
    y[t] = C'[t]ᵀ q[t] / max(|z'[t] · q[t]|, exp(-m[t]))

No gate looks at the state, so y is also a sum over the past with the weights exp(log f[s+1] + … + log f[t] +
ĩ[s]), and the best m[t] is the largest of the exponents.

- ``loop`` walks through time with the state. The reference, and how one decodes.
- ``parallel`` computes the weights of all pairs.
- ``chunked`` does so within chunks of L steps and hands the state on.

Conventions: the paper calls z n, and has C transposed. The forget gate is σ or exp, as ``log_forget`` says.
The floor is exp(-m) and not 1, without which the stabiliser would change the answer. Queries and keys are
scaled, and the output is gated, by who calls.

>>> import torch
>>> q, k, v = torch.randn(3, 2, 4, 50, 8).unbind()
>>> log_input, log_forget = torch.randn(2, 4, 50), torch.nn.functional.logsigmoid(torch.randn(2, 4, 50))
>>> y, (C, z, m) = mlstm(q, k, v, log_input, log_forget)
>>> y.shape, C.shape, z.shape, m.shape
(torch.Size([2, 4, 50, 8]), torch.Size([2, 4, 8, 8]), torch.Size([2, 4, 8]), torch.Size([2, 4]))

Source: Beck et al., "xLSTM: extended long short-term memory", NeurIPS 2024, section 2.3 and appendix A,
https://arxiv.org/abs/2405.04517
"""

from typing import Literal

import torch
from torch import Tensor

from seqdocs import checks

MLSTMMethod = Literal["loop", "parallel", "chunked"]
MLSTMState = tuple[Tensor, Tensor, Tensor]  # C' (B, n, K, V), z' (B, n, K), m (B, n)
CHUNK = 64


def mlstm(  # noqa: PLR0917 - in the order of the formula
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_input: Tensor,
    log_forget: Tensor,
    state: MLSTMState | None = None,
    *,
    method: MLSTMMethod = "chunked",
) -> tuple[Tensor, MLSTMState]:
    """Read and write a normalised matrix memory.

    Args:
        q: queries, (B, n, T, K).
        k: keys, (B, n, T, K).
        v: values, (B, n, T, V).
        log_input: ĩ, (B, n, T), finite; of any size.
        log_forget: log f, (B, n, T), finite; at most 0 for a memory that stays bounded.
        state: C', z' and m before the first step; zeros if omitted.
        method: "loop", "parallel" or "chunked".

    Returns:
        y, (B, n, T, V), and the state after the last step.

    Raises:
        ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
    """
    state = _checked(method, state, q=q, k=k, v=v, log_input=log_input, log_forget=log_forget)
    T = q.shape[2]
    L = {"loop": 1, "parallel": max(T, 1), "chunked": CHUNK}[method]
    solve, outputs = _step if method == "loop" else _pairs, []
    for start in range(0, T, L):
        part = (x[:, :, start : start + L] for x in (q, k, v, log_input, log_forget))
        y, state = solve(*part, state=state)
        outputs.append(y)
    return (torch.cat(outputs, 2) if outputs else v * 0), state


def _step(*leaves: Tensor, state: MLSTMState) -> tuple[Tensor, MLSTMState]:
    """One step, (B, n, 1, ·)."""
    (q, k, v, log_input, log_forget), (C, z, m) = (x.squeeze(2) for x in leaves), state
    carried = log_forget + m
    m = torch.maximum(carried, log_input)
    keep, write = torch.exp(carried - m)[..., None], torch.exp(log_input - m)[..., None]
    C = keep[..., None] * C + (write * k)[..., None] * v[..., None, :]
    z = keep * z + write * k
    said, weight = torch.einsum("bnkv,bnk->bnv", C, q), (z * q).sum(-1)
    y = said / torch.maximum(weight.abs(), torch.exp(-m))[..., None]
    return y[:, :, None], (C, z, m)


def _pairs(*leaves: Tensor, state: MLSTMState) -> tuple[Tensor, MLSTMState]:
    """All pairs of L steps, and what the state before them says."""
    (q, k, v, log_input, log_forget), (C, z, m) = leaves, state
    L = q.shape[2]
    faded = log_forget.cumsum(2)  # log f[1] + … + log f[t]
    late = torch.ones(L, L, dtype=torch.bool, device=q.device).triu(1)
    written = faded[..., :, None] - faded[..., None, :] + log_input[..., None, :]
    written = written.masked_fill(late, -torch.inf)  # (B, n, L, L): log weight of step s at step t
    carried = faded + m[..., None]
    m = torch.maximum(carried, written.amax(-1))  # (B, n, L)
    keep, write = torch.exp(carried - m)[..., None], torch.exp(written - m[..., None])
    scores = write * (q @ k.mT)
    said = scores @ v + keep * (q @ C)
    weight = scores.sum(-1) + keep.squeeze(-1) * (q @ z[..., None]).squeeze(-1)
    y = said / torch.maximum(weight.abs(), torch.exp(-m))[..., None]
    last, weighed = keep[:, :, -1], write[:, :, -1, :, None] * k
    return y, (last[..., None] * C + weighed.mT @ v, last * z + weighed.sum(2), m[..., -1])


def _checked(method: str, state: MLSTMState | None, **leaves: Tensor) -> MLSTMState:
    """The state to begin with, having refused what does not fit."""
    checks.one_of("method", method, "loop", "parallel", "chunked")
    q, v = leaves["q"], leaves["v"]
    checks.dimensions("q", q, "(B, n, T, K)")
    checks.floating("q", q)
    B, n, T, K = q.shape
    if v.ndim != 4 or v.shape[:3] != q.shape[:3]:
        raise ValueError(f"`v` has shape {tuple(v.shape)}; for `q` of {tuple(q.shape)} it is (B, n, T, V)")
    for name, letters, shape in (
        ("k", "(B, n, T, K)", (B, n, T, K)),
        ("log_input", "(B, n, T)", (B, n, T)),
        ("log_forget", "(B, n, T)", (B, n, T)),
    ):
        checks.shape(name, leaves[name], letters, shape)
    for name, x in leaves.items():
        checks.alike(name, x, q, "`q` is")
    shapes = (B, n, K, v.shape[3]), (B, n, K), (B, n)
    C, z, m = checks.begin_all(state, "(B, n, K, V), (B, n, K) and (B, n)", shapes, q, "`q` is")
    return C, z, m
