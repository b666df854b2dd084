r"""Gated linear attention: a matrix of what was said under which key, that fades; three ways to compute it.

Letters: B batch · n heads · T time · K width of keys · V width of values · S state (K, V) · L chunk.

::

    S[t] = Diag(g[t]) S[t-1] + k[t] v[t]ᵀ          write, after forgetting
    y[t] = S[t]ᵀ q[t]                              read
    y[t] = Σ_{s ≤ t} (q[t] · (g[s+1] ⊙ … ⊙ g[t] ⊙ k[s])) v[s]      the same, without a state

It is attention without the softmax: because the score is a plain product, the sum over the past can be kept
in a matrix of fixed size instead of a cache that grows. A softmax cannot be split that way.

- ``loop`` walks through time with the state. The reference, and how one decodes.
- ``parallel`` computes the scores of all pairs: T² work, no step waits for another.
- ``chunked`` does both: all pairs within chunks of L steps, the state from chunk to chunk by a scan.

One function, many papers, by what g is:

=========================  ===========================================  ==========================
gate                       ``log_gate``                                 paper
=========================  ===========================================  ==========================
none, g = 1                omitted                                      linear attention (Katharopoulos 2020)
a constant per head        (n, 1, 1)                                    RetNet (Sun 2023)
a number per step          (B, n, T, 1)                                 Mamba-2 (Dao & Gu 2024)
a vector per step          (B, n, T, K)                                 GLA (Yang 2024)
=========================  ===========================================  ==========================

Every exponent is a sum of logarithms of gates between two steps, so never above zero: a strong gate
underflows to nothing and never overflows.

>>> import torch
>>> q, k, v = torch.randn(3, 2, 4, 50, 8).unbind()
>>> y, state = gated_linear_attention(q, k, v)
>>> y.shape, state.shape
(torch.Size([2, 4, 50, 8]), torch.Size([2, 4, 8, 8]))
>>> torch.allclose(y, gated_linear_attention(q, k, v, method="loop")[0], atol=1e-4)
True

Sources: Katharopoulos et al., "Transformers are RNNs", ICML 2020, https://arxiv.org/abs/2006.16236; Sun et
al., "Retentive network", 2023, https://arxiv.org/abs/2307.08621; Yang et al., "Gated linear attention
transformers with hardware-efficient training", ICML 2024, section 4, https://arxiv.org/abs/2312.06635
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from seqdocs import checks
from seqdocs.scan import Method as ScanMethod
from seqdocs.scan import scan

LinearMethod = Literal["loop", "parallel", "chunked"]
CHUNK = 16  # with a vector for a gate, the pairs of a chunk cost L K numbers per step


def gated_linear_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_gate: Tensor | None = None,
    state: Tensor | None = None,
    *,
    method: LinearMethod = "chunked",
) -> tuple[Tensor, Tensor]:
    """Read and write a fading matrix.

    Args:
        q: queries, (B, n, T, K); scaled by who calls, if at all.
        k: keys, (B, n, T, K).
        v: values, (B, n, T, V).
        log_gate: log g, at most 0; anything that broadcasts to (B, n, T, K). No gate if omitted.
        state: S before the first step, (B, n, K, V); zeros if omitted.
        method: "loop", "parallel" or "chunked".

    Returns:
        y, (B, n, T, V), and S after the last step, (B, n, K, V).

    Raises:
        ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
    """
    state = _checked(q, k, v, log_gate=log_gate, state=state, method=method)
    T = q.shape[2]
    gate = q.new_zeros(()) if log_gate is None else log_gate
    # (…, T, K) or, when one number serves all of K, (…, T, 1): that is a K-th of the work below.
    gate = gate.expand(*q.shape[:3], gate.shape[-1] if gate.ndim else 1)
    if method == "loop" or T == 0:
        return _walk(q, k, v, gate, state)
    L = T if method == "parallel" else min(CHUNK, T)
    return _chunks(q, k, v, gate, state, L=L)


def _walk(q: Tensor, k: Tensor, v: Tensor, gate: Tensor, S: Tensor) -> tuple[Tensor, Tensor]:
    """Step by step."""
    outputs = []
    for t in range(q.shape[2]):
        S = torch.exp(gate[:, :, t, :, None]) * S + k[:, :, t, :, None] * v[:, :, t, None, :]
        outputs.append(torch.einsum("bnkv,bnk->bnv", S, q[:, :, t]))
    return (torch.stack(outputs, 2) if outputs else v * 0), S


def _chunks(q: Tensor, k: Tensor, v: Tensor, gate: Tensor, S: Tensor, *, L: int) -> tuple[Tensor, Tensor]:
    """All pairs within a chunk of L steps, the state between chunks."""
    T, V = q.shape[2], v.shape[3]
    # Filled up at the end with steps that write nothing and forget nothing: the last state is the true one.
    q, k, v, gate = (
        F.pad(x, (0, 0, 0, -T % L)).reshape(*x.shape[:2], -1, L, x.shape[3]) for x in (q, k, v, gate)
    )
    since_start = gate.cumsum(3)  # (B, n, T/L, L, K): log of what a step keeps of the chunk's first state
    whole = since_start[..., -1:, :]
    ends = (torch.exp(whole - since_start) * k).mT @ v  # what each chunk leaves by itself, (B, n, T/L, K, V)
    starts, last = _between(torch.exp(whole.squeeze(3)), ends, S)
    y = (torch.exp(since_start) * q) @ starts + fading_scores(q, k, since_start) @ v
    return y.flatten(2, 3)[:, :, :T], last.reshape(*S.shape[:3], V)


def fading_scores(q: Tensor, k: Tensor, since_start: Tensor) -> Tensor:
    """Scores of the pairs of a chunk, zero above the diagonal.

    Args:
        q: queries, (…, L, K).
        k: keys, (…, L, K).
        since_start: log of what a step keeps of the chunk's first state, (…, L, K), or (…, L, 1).

    Returns:
        (…, L, L).
    """
    L = q.shape[-2]
    late = torch.ones(L, L, dtype=torch.bool, device=q.device).triu(1)
    between = since_start[..., :, None, :] - since_start[..., None, :, :]  # (…, L, L, K or 1)
    fading = torch.exp(between.masked_fill(late[..., None], -torch.inf))
    if fading.shape[-1] == 1:
        return (q @ k.mT) * fading.squeeze(-1)
    return torch.einsum("...ik,...jk,...ijk->...ij", q, k, fading)


def _between(decay: Tensor, ends: Tensor, S: Tensor) -> tuple[Tensor, Tensor]:
    """The state at the start of every chunk, (B, n, T/L, K, V), and after the last one."""
    B, n, _, K, V = ends.shape
    a = decay[..., None].expand_as(ends).flatten(0, 1).flatten(2)  # (B n, T/L, K V)
    method: ScanMethod = "chunked" if len(a[0]) > 1 else "loop"  # one chunk is one step, nothing to prepare
    h = scan(a, ends.flatten(0, 1).flatten(2), S.flatten(0, 1).flatten(1), method=method)
    h = h.view(B, n, -1, K, V)
    return torch.cat((S[:, :, None], h[:, :, :-1]), 2), h[:, :, -1]


def _checked(
    q: Tensor, k: Tensor, v: Tensor, *, log_gate: Tensor | None, state: Tensor | None, method: str
) -> Tensor:
    """The state to begin with, having refused what does not fit."""
    checks.one_of("method", method, "loop", "parallel", "chunked")
    if q.ndim != 4 or k.shape != q.shape:
        raise ValueError(f"`q` has shape {tuple(q.shape)} and `k` {tuple(k.shape)}; both are (B, n, T, K)")
    if v.ndim != 4 or v.shape[:3] != q.shape[:3]:
        raise ValueError(f"`v` has shape {tuple(v.shape)}; for `q` of {tuple(q.shape)} it is (B, n, T, V)")
    if log_gate is not None:
        checks.broadcasts("log_gate", log_gate, "(B, n, T, K)", q.shape)
    checks.floating("q", q)
    for name, x in (("k", k), ("v", v), ("log_gate", log_gate)):
        if x is not None:
            checks.alike(name, x, q, "`q` is")
    return checks.begin(state, "(B, n, K, V)", (*q.shape[:2], q.shape[3], v.shape[3]), q, "`q` is")
