r"""Selective scan: a state-space model that chooses, at every step, what to keep and what to write.

Letters: B batch · T time · D channels · N states of a channel · Δ step size · L chunk. The paper's A, B, C
and D are arguments here; in the shape of a tensor, B and D are the batch and the channels.

::

    h[t] = exp(Δ[t] A) ⊙ h[t-1] + Δ[t] x[t] B[t]      each channel has N states; A < 0, so they fade
    y[t] = C[t] · h[t] + D x[t]

In S4D the step is the same for every input, so a sequence is one convolution. Here Δ, B and C are computed
from the input: a large Δ forgets the past and writes the present, a small one skips it. There is no kernel
any more, but the step is still linear in h, so it is a scan. What makes it slow is memory: the states of all
steps are (B, T, D, N), N times as many numbers as come in and go out.

- ``loop`` walks, as the formula reads. The reference, and how one decodes.
- ``parallel`` writes all states down and computes them by a tree: the fewest steps in order, the most memory.
- ``chunked`` walks too, but prepares L steps at once in two buffers that stay in the processor's cache, and
  keeps of the states only one in L. The backward pass computes those of a chunk once more from its first.

Convention: Ā = exp(Δ A) but B̄ = Δ B, as Mamba's code has it, and not (Ā - 1) / A · B as its equation (4).

>>> import torch
>>> x, delta, A = torch.randn(2, 50, 3), torch.rand(2, 50, 3), -torch.rand(3, 4)
>>> B, C = torch.randn(2, 2, 50, 4)
>>> y, state = selective_scan(x, delta, A, B, C, torch.ones(3))
>>> y.shape, state.shape
(torch.Size([2, 50, 3]), torch.Size([2, 3, 4]))
>>> torch.allclose(y, selective_scan(x, delta, A, B, C, torch.ones(3), method="loop")[0], atol=1e-5)
True

Source: Gu & Dao, "Mamba: linear-time sequence modeling with selective state spaces", 2023, algorithm 2 and
section 3.3 (recomputing the states), https://arxiv.org/abs/2312.00752
"""

import math
from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from seqdocs import checks
from seqdocs.scan import scan

SelectiveMethod = Literal["loop", "parallel", "chunked"]
LOG2_E = 1 / math.log(2)
CACHED = 2**17  # numbers in a buffer; two of them, in float32, are a megabyte
SHORTEST = 16  # steps of a chunk at least, since the backward pass keeps one state per chunk


def selective_scan(  # noqa: PLR0917 - in the order of the formula
    x: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    state: Tensor | None = None,
    *,
    method: SelectiveMethod = "chunked",
) -> tuple[Tensor, Tensor]:
    """Read a sequence with steps that depend on it.

    Args:
        x: input, (B, T, D).
        delta: Δ, step sizes, (B, T, D), positive.
        A: rates of the states, (D, N), negative for states that fade.
        B: what an input writes, (B, T, N).
        C: what is read, (B, T, N).
        D: what of the input passes by, (D,).
        state: h before the first step, (B, D, N); zeros if omitted.
        method: "loop", "parallel" or "chunked"; they differ in speed, memory and rounding only.

    All can be differentiated any number of times; "chunked" saves memory for the first derivative alone.

    Returns:
        y, (B, T, D), and h after the last step, (B, D, N).

    Raises:
        ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
    """
    leaves = _checked(method, x=x, delta=delta, A=A, B=B, C=C, D=D, state=state)
    if method == "loop" or x.shape[1] == 0:
        return _loop(*leaves)
    if method == "parallel":
        return _tree(*leaves)
    y, last = _Chunked.apply(torch.is_grad_enabled(), *leaves)  # type: ignore[no-untyped-call]  # torch's
    return y, last


def _loop(*leaves: Tensor) -> tuple[Tensor, Tensor]:
    """Step by step."""
    x, delta, A, B, C, D, h = leaves
    outputs = []
    for x_t, delta_t, B_t, C_t in zip(*(z.unbind(1) for z in (x, delta, B, C)), strict=True):
        h = torch.exp(delta_t[..., None] * A) * h + (delta_t * x_t)[..., None] * B_t[:, None]
        outputs.append((h @ C_t[..., None]).squeeze(-1) + D * x_t)
    return (torch.stack(outputs, 1) if outputs else x * delta), h


def _tree(*leaves: Tensor) -> tuple[Tensor, Tensor]:
    """All states at once, (B, T, D, N)."""
    x, delta, A, B, C, D, start = leaves
    decay = torch.exp(delta[..., None] * A)
    driven = (delta * x)[..., None] * B[:, :, None]
    h = scan(decay.flatten(2), driven.flatten(2), start.flatten(1), method="parallel").view_as(driven)
    return (h @ C[..., None]).squeeze(-1) + D * x, h[:, -1]


class _Workspace:
    """Two buffers, (L, B, N, D) each, that every chunk uses again: D last, so that inner loops are long."""

    def __init__(self, start: Tensor, L: int) -> None:
        self.decay = start.new_empty(L, *start.shape)
        self.h = start.new_empty(L + 1, *start.shape)  # h[0] is the state before the chunk
        # Taken apart once: a thousand views would cost as much as a thousand small products.
        self.decays, self.states = self.decay.unbind(), self.h.unbind()

    def walk(self, delta: Tensor, driven: Tensor, A: Tensor, B: Tensor) -> int:
        """Fill in decay and h of a chunk, h[0] given and A in units of log 2; return its length."""
        steps = len(delta)
        decay, h = self.decay[:steps], self.h[1 : steps + 1]
        # Powers of two, since torch's exp2 takes a quarter of the time of its exp on a CPU.
        torch.mul(delta[:, :, None], A, out=decay).exp2_()
        torch.mul(driven[:, :, None], B[..., None], out=h)
        for t in range(steps):
            self.states[t + 1].addcmul_(self.decays[t], self.states[t])
        return steps


def _chunks(*sequences: Tensor, L: int, backwards: bool = False) -> Iterator[tuple[Tensor, ...]]:
    """Parts of at most L steps of (B, T, ·) tensors, as views (steps, B, ·)."""
    parts = list(zip(*(torch.split(z.transpose(0, 1), L) for z in sequences), strict=True))
    return reversed(parts) if backwards else iter(parts)


class _Chunked(torch.autograd.Function):
    """The scan, chunk after chunk; everything inside is (…, N, D)."""

    @staticmethod
    def forward(ctx: Any, grad_enabled: bool, *leaves: Tensor) -> tuple[Tensor, Tensor]:
        x, delta, A, B, C, D, state = leaves
        ctx.L = L = min(x.shape[1], max(SHORTEST, CACHED // max(state.numel(), 1)))
        start, A_2, starts = state.mT.contiguous(), LOG2_E * A.mT.contiguous(), []
        work, y = _Workspace(start, L), torch.empty_like(x, memory_format=torch.contiguous_format)
        keep = grad_enabled and any(ctx.needs_input_grad)
        work.states[0].copy_(start)
        for x_c, delta_c, B_c, C_c, y_c in _chunks(x, delta, B, C, y, L=L):
            if keep:
                starts.append(work.states[0].clone())
            steps = work.walk(delta_c, delta_c * x_c, A_2, B_c)
            read = (C_c[:, :, None] @ work.h[1 : steps + 1]).squeeze(2)
            torch.addcmul(read, D, x_c, out=y_c)
            work.states[0].copy_(work.states[steps])
        ctx.save_for_backward(*leaves, *starts)
        return y, work.states[0].mT.contiguous()

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor, grad_state: Tensor) -> tuple[Tensor | None, ...]:
        """G[t] = C[t] grad_y[t] + exp(Δ[t+1] A) G[t+1], against time; E = G[t] exp(Δ[t] A) h[t-1]."""
        x, delta, A, B, C, D, state, *starts = ctx.saved_tensors
        if torch.is_grad_enabled():  # this gradient will itself be differentiated: the loop's graph knows how
            return (
                None,
                *_loop_gradient(
                    (x, delta, A, B, C, D, state), ctx.needs_input_grad[1:], (grad_y, grad_state)
                ),
            )
        A_t = A.mT.contiguous()
        A_2 = LOG2_E * A_t
        work = _Workspace(starts[0], ctx.L)
        grads = [torch.empty_like(z, memory_format=torch.contiguous_format) for z in (x, delta, B, C)]
        grad_A, grad_D = torch.zeros_like(A_t), torch.zeros_like(D)
        G = starts[0].new_empty(ctx.L, *starts[0].shape)
        passed = grad_state.mT.contiguous()  # from the future: what the step after the chunk says of its end
        parts = _chunks(x, delta, B, C, grad_y, *grads, L=ctx.L, backwards=True)
        for start, chunk in zip(reversed(starts), parts, strict=True):
            x_c, delta_c, B_c, C_c, gy, gx, gdelta, gB, gC = chunk
            driven = delta_c * x_c
            work.states[0].copy_(start)
            steps = work.walk(delta_c, driven, A_2, B_c)
            decay, before, h = work.decay[:steps], work.h[:steps], work.h[1 : steps + 1]
            gC.copy_((gy[:, :, None] @ h.mT).squeeze(2))

            G_c = torch.mul(C_c[..., None], gy[:, :, None], out=G[:steps])
            G_c[-1] += passed
            for t in reversed(range(steps - 1)):
                G[t].addcmul_(work.decays[t + 1], G[t + 1])
            passed = work.decays[0] * G[0]
            written = (B_c[:, :, None] @ G_c).squeeze(2)
            gB.copy_((driven[:, :, None] @ G_c.mT).squeeze(2))
            E = G_c.mul_(decay).mul_(before)
            torch.mul(E, delta_c[:, :, None], out=decay)
            grad_A += decay.sum((0, 1))
            gdelta.copy_(torch.addcmul(E.mul_(A_t).sum(2), x_c, written))
            torch.addcmul(delta_c * written, D, gy, out=gx)
            grad_D += (x_c * gy).sum((0, 1))
        return None, grads[0], grads[1], grad_A.mT, grads[2], grads[3], grad_D, passed.mT


def _loop_gradient(
    leaves: tuple[Tensor, ...], wanted: tuple[bool, ...], grads: tuple[Tensor, Tensor]
) -> tuple[Tensor | None, ...]:
    """The gradient by the loop's graph, kept; None where none is wanted."""
    chosen = [leaf for leaf, want in zip(leaves, wanted, strict=True) if want]
    found = iter(torch.autograd.grad(_loop(*leaves), chosen, grads, create_graph=True))
    return tuple(next(found) if want else None for want in wanted)


def _checked(method: str, *, state: Tensor | None, **leaves: Tensor) -> tuple[Tensor, ...]:
    """x, Δ, A, B, C, D and the state to begin with, having refused what does not fit."""
    checks.one_of("method", method, "loop", "parallel", "chunked")
    x, A = leaves["x"], leaves["A"]
    checks.dimensions("x", x, "(B, T, D)")
    checks.floating("x", x)
    batch, T, channels = x.shape
    if A.ndim != 2 or A.shape[0] != channels:
        raise ValueError(f"`A` has shape {tuple(A.shape)}; it is (D, N) = ({channels}, N)")
    N = A.shape[1]
    leaves["state"] = x.new_zeros(batch, channels, N) if state is None else state
    for name, letters, shape in (
        ("delta", "(B, T, D)", (batch, T, channels)),
        ("B", "(B, T, N)", (batch, T, N)),
        ("C", "(B, T, N)", (batch, T, N)),
        ("D", "(D,)", (channels,)),
        ("state", "(B, D, N)", (batch, channels, N)),
    ):
        checks.shape(name, leaves[name], letters, shape)
    for name, z in leaves.items():
        checks.alike(name, z, x, "`x` is")
    return tuple(leaves.values())
