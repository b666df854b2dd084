r"""Delta rule: a matrix memory that corrects what stands under a key instead of adding to it.

Letters: B batch · n heads · T time · K width of keys · V width of values · S state (K, V) · L chunk ·
β how much of the error is corrected.

::

    u[t] = β[t] (v[t] - S[t-1]ᵀ k[t])         the error of what the memory says under this key
    S[t] = S[t-1] + k[t] u[t]ᵀ
    y[t] = S[t]ᵀ q[t]

Linear attention adds: what was written under one key disturbs what stands under all that are not at right
angles to it, and writing again under the same key gives the sum of both. The delta rule first reads what the
memory says, and writes the difference. With unit keys and β = 1 the key then gives exactly its new value.

The step is linear in S but its decay I - β k kᵀ is a matrix, so the elementwise scan does not apply. Within a
chunk, though, the errors u solve one triangular system (each depends on the earlier ones through k[s]·k[t]):

::

    (I + tril(Diag(β) K Kᵀ, -1)) U = Diag(β) (V - K S₀)
    Y = Q S₀ + tril(Q Kᵀ) U,   S_L = S₀ + Kᵀ U

- ``loop`` walks through time. The reference, and how one decodes.
- ``chunked`` solves chunks of L steps, one after the other.

A *gated* delta rule also forgets: S[t-1] is first multiplied by g[t], a number or one for each key channel.
The products of keys then fade with the gates between their steps, as in gated linear attention.

Keys longer than √(2/β) make the memory grow without bound; callers normalise them.

>>> import torch
>>> q, k, v = torch.randn(3, 2, 4, 50, 8).unbind()
>>> k = k / k.norm(dim=-1, keepdim=True)
>>> y, state = delta_rule(q, k, v, torch.rand(2, 4, 50))
>>> y.shape, state.shape
(torch.Size([2, 4, 50, 8]), torch.Size([2, 4, 8, 8]))

Sources: Widrow & Hoff, "Adaptive switching circuits", 1960 (the rule); Schlag, Irie & Schmidhuber, "Linear
transformers are secretly fast weight programmers", ICML 2021, https://arxiv.org/abs/2102.11174; Yang et al.,
"Parallelizing linear transformers with the delta rule over sequence length", NeurIPS 2024, section 3 (the
chunks), https://arxiv.org/abs/2406.06484; Yang, Kautz & Hatamizadeh, "Gated delta networks: improving Mamba2
with delta rule", ICLR 2025 (the gate), https://arxiv.org/abs/2412.06464
"""

from typing import Literal

import torch
from torch import Tensor

from seqdocs import checks
from seqdocs.models.gated_linear_attention import fading_scores

DeltaMethod = Literal["loop", "chunked"]
CHUNK = 32


def delta_rule(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    state: Tensor | None = None,
    *,
    log_gate: Tensor | None = None,
    method: DeltaMethod = "chunked",
) -> tuple[Tensor, Tensor]:
    """Read and correct a matrix memory.

    Args:
        q: queries, (B, n, T, K).
        k: keys, (B, n, T, K); of length 1 for a memory that stays bounded.
        v: values, (B, n, T, V).
        beta: how much of the error is corrected, (B, n, T), in [0, 1] (up to 2 it stays bounded).
        state: S before the first step, (B, n, K, V); zeros if omitted.
        log_gate: log g, at most 0; anything that broadcasts to (B, n, T, K). No gate if omitted.
        method: "loop" or "chunked".

    Returns:
        y, (B, n, T, V), and S after the last step, (B, n, K, V).

    Raises:
        ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
    """
    S = _checked(q, k, v, beta, state, log_gate=log_gate, method=method)
    if log_gate is not None:
        log_gate = log_gate.expand(*q.shape[:3], log_gate.shape[-1] if log_gate.ndim else 1)
    outputs = []
    length = 1 if method == "loop" else CHUNK
    solve = _step if method == "loop" else _chunk
    for start in range(0, q.shape[2], length):
        part = slice(start, start + length)
        read = q[:, :, part], k[:, :, part], v[:, :, part], beta[:, :, part, None]
        if log_gate is None:
            y, S = solve(*read, S)
        elif method == "loop":
            y, S = _step(*read, torch.exp(log_gate[:, :, part]).mT * S)
        else:
            y, S = _fading_chunk(*read, log_gate[:, :, part], S)
        outputs.append(y)
    return (torch.cat(outputs, 2) if outputs else v * 0), S


def _step(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, S: Tensor) -> tuple[Tensor, Tensor]:
    """One step, (B, n, 1, ·)."""
    u = beta * (v - k @ S)
    S = S + k.mT @ u
    return q @ S, S


def _chunk(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, S: Tensor) -> tuple[Tensor, Tensor]:
    """L steps at once, (B, n, L, ·)."""
    coupling = (beta * (k @ k.mT)).tril(-1)
    u = torch.linalg.solve_triangular(coupling, beta * (v - k @ S), upper=False, unitriangular=True)
    return q @ S + (q @ k.mT).tril() @ u, S + k.mT @ u


def _fading_chunk(  # noqa: PLR0917 - as the others
    q: Tensor, k: Tensor, v: Tensor, beta: Tensor, log_gate: Tensor, S: Tensor
) -> tuple[Tensor, Tensor]:
    """L steps at once, (B, n, L, ·), of a memory that fades."""
    since_start = log_gate.cumsum(2)
    kept, whole = torch.exp(since_start), since_start[:, :, -1:]
    pairs = (beta * fading_scores(k, k, since_start)).tril(-1)
    wanted = beta * (v - kept * k @ S)
    u = torch.linalg.solve_triangular(pairs, wanted, upper=False, unitriangular=True)
    S_after = torch.exp(whole).mT * S + (torch.exp(whole - since_start) * k).mT @ u
    return kept * q @ S + fading_scores(q, k, since_start) @ u, S_after


def _checked(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    state: Tensor | None,
    *,
    log_gate: Tensor | None,
    method: str,
) -> Tensor:
    """The state to begin with, having refused what does not fit."""
    checks.one_of("method", method, "loop", "chunked")
    if q.ndim != 4 or k.shape != q.shape:
        raise ValueError(f"`q` has shape {tuple(q.shape)} and `k` {tuple(k.shape)}; both are (B, n, T, K)")
    if v.ndim != 4 or v.shape[:3] != q.shape[:3]:
        raise ValueError(f"`v` has shape {tuple(v.shape)}; for `q` of {tuple(q.shape)} it is (B, n, T, V)")
    checks.shape("beta", beta, "(B, n, T)", q.shape[:3])
    if log_gate is not None:
        checks.broadcasts("log_gate", log_gate, "(B, n, T, K)", q.shape)
    checks.floating("q", q)
    for name, x in (("k", k), ("v", v), ("beta", beta), ("log_gate", log_gate)):
        if x is not None:
            checks.alike(name, x, q, "`q` is")
    return checks.begin(state, "(B, n, K, V)", (*q.shape[:2], q.shape[3], v.shape[3]), q, "`q` is")
