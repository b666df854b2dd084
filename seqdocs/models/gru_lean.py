r"""The GRU with a backward pass written by hand, as :mod:`seqdocs.models.lean` explains.

Letters: B batch · T time · D input · H hidden · N steps of all sequences together; r, z, n as in
:mod:`seqdocs.models.gru`, u = U_n h + c_n; a bar is a gradient of the loss, and r̄, z̄, n̄ are those by what
is squashed.

::

    h̄[t] is known:    n̄ = h̄ ⊙ (1 - z) ⊙ (1 - n²)        z̄ = h̄ ⊙ (h[t-1] - n) ⊙ z ⊙ (1 - z)
                      ū = n̄ ⊙ r                        r̄ = n̄ ⊙ u ⊙ r ⊙ (1 - r)
    h̄[t-1] = ∂L/∂h[t-1] + h̄ ⊙ z + U_rᵀ r̄ + U_zᵀ z̄ + U_nᵀ ū

Each of n̄, z̄, ū, r̄ is h̄ times something known from the forward pass, so the loop multiplies once for three.
If the reset acts before the product, r̄ must wait for v = U_nᵀ n̄::

    r̄ = v ⊙ h[t-1] ⊙ r ⊙ (1 - r)
    h̄[t-1] = ∂L/∂h[t-1] + h̄ ⊙ z + v ⊙ r + U_rᵀ r̄ + U_zᵀ z̄
"""

from typing import Any

import torch
from torch import Tensor

from seqdocs.models.lean import (
    all_before,
    before_each,
    buffer,
    each_step,
    last_of,
    product,
    refuse_twice,
    tanh_for,
    to_start,
    weight_gradient,
)
from seqdocs.models.packed import going_on
from seqdocs.models.recurrent import Weights


def gru_walk(
    rows: Tensor, sizes: list[int], h: Tensor, weights: Weights, reset: str
) -> tuple[Tensor, Tensor]:
    """Walk through packed steps.

    Args:
        rows: inputs of all steps, (N, D).
        sizes: how many sequences take each step.
        h: states before the first, (B, H).
        weights: W_ih, W_hh, b_ih, b_hh, with rows r, z, n.
        reset: "after" or "before".

    Returns:
        States after all steps, (N, H), and the last of every sequence, (B, H).
    """
    walk = _After if reset == "after" else _Before
    keep = torch.is_grad_enabled()
    y: Tensor = walk.apply(rows, h, *weights, sizes, keep)  # type: ignore[no-untyped-call]  # torch's
    return y, last_of(y, h, sizes)


def _from_inputs(rows: Tensor, W_ih: Tensor, b: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Products of all inputs: those of r and z in the first columns of (N, width), those of n, (N, H)."""
    H = len(b) // 3
    gates = rows.new_empty(len(rows), width)
    total = product(rows, W_ih, b)
    gates[:, : 2 * H] = total[:, : 2 * H]
    return gates, total[:, 2 * H :].contiguous()


class _After(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917  # torch passes them by position
        ctx: Any, rows: Tensor, h: Tensor, W_ih: Tensor, W_hh: Tensor, b_ih: Tensor, b_hh: Tensor,
        sizes: list[int], keep: bool,
    ) -> Tensor:  # fmt: skip
        B, H = h.shape
        room, W, tanh = buffer(h, len(rows)), W_hh.t(), tanh_for(h)
        b = torch.cat((b_ih[: 2 * H] + b_hh[: 2 * H], b_ih[2 * H :]))
        gates, n = _from_inputs(rows, W_ih, b, 3 * H)
        gates[:, 2 * H :] = b_hh[2 * H :]
        states = room.split_with_sizes([B, *sizes])
        squashed = gates if keep else gates.new_empty(B, 3 * H)
        steps = zip(
            before_each(states, sizes), states[1:], gates.split_with_sizes(sizes), n.split_with_sizes(sizes),
            *(each_step(v, sizes, keep) for v in (squashed, squashed[:, : 2 * H], *squashed.chunk(3, 1))),
            strict=True,
        )  # fmt: skip
        for before, state, given, n_t, rzu, rz, r, z, u in steps:
            torch.addmm(given, before, W, out=rzu)
            rz.sigmoid_()
            tanh(n_t.addcmul_(r, u))
            torch.lerp(n_t, before, z, out=state)
        ctx.save_for_backward(rows, W_ih, W_hh, room, gates, n)
        ctx.sizes, ctx.B = sizes, B
        return room[B:]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        refuse_twice()
        rows, W_ih, W_hh, room, gates, n = ctx.saved_tensors
        sizes, B = ctx.sizes, ctx.B
        N, H = n.shape
        before = all_before(room, sizes, B)
        r, z, u = gates.view(N, 3, H).unbind(1)
        by = torch.empty_like(gates).view(N, 3, H)  # what h̄ is multiplied by, for r̄, z̄ and ū
        by_n = torch.addcmul(n.new_ones(()), n, n, value=-1).mul_(1 - z)
        torch.mul(by_n, r, out=by[:, 2])
        torch.mul(by[:, 2], u, out=by[:, 0]).mul_(1 - r)
        torch.sub(before, n, out=by[:, 1]).mul_(z).mul_(1 - z)
        h_bar = gradient.clone(memory_format=torch.contiguous_format)
        views = (h_bar, h_bar.unsqueeze(1), by, by.view(N, 3 * H), z)
        later: tuple[Tensor, ...] | None = None
        for own, own_3, by_t, rzu, z_t in zip(
            *(reversed(v.split_with_sizes(sizes)) for v in views), strict=True
        ):
            if later is not None:
                into = going_on(own, len(later[0]))
                into.addcmul_(later[0], later[1]).addmm_(later[2], W_hh)
            by_t.mul_(own_3)
            later = own, z_t, rzu
        start = h_bar[:0] if later is None else torch.addcmul(later[2] @ W_hh, later[0], later[1])
        to_state = by.view(N, 3 * H)
        b_hh, W_hh_bar = to_state.sum(0), weight_gradient(to_state, before)
        by[:, 2] = by_n.mul_(h_bar)  # from here on n̄, which is what the input has led to
        return (
            product(to_state, W_ih.t()) if ctx.needs_input_grad[0] else None,
            to_start(start, B),
            weight_gradient(to_state, rows),
            W_hh_bar,
            to_state.sum(0),
            b_hh,
            None,
            None,
        )


class _Before(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917  # torch passes them by position
        ctx: Any, rows: Tensor, h: Tensor, W_ih: Tensor, W_hh: Tensor, b_ih: Tensor, b_hh: Tensor,
        sizes: list[int], keep: bool,
    ) -> Tensor:  # fmt: skip
        B, H = h.shape
        room, W_rz, U_n = buffer(h, len(rows)), W_hh[: 2 * H].t(), W_hh[2 * H :].t()
        gates, n = _from_inputs(rows, W_ih, b_ih + b_hh, 2 * H)
        states, tanh = room.split_with_sizes([B, *sizes]), tanh_for(h)
        squashed = gates if keep else gates.new_empty(B, 2 * H)
        kept = n.new_empty(len(squashed), H)  # r ⊙ h
        steps = zip(
            before_each(states, sizes), states[1:], gates.split_with_sizes(sizes), n.split_with_sizes(sizes),
            *(each_step(v, sizes, keep) for v in (squashed, *squashed.chunk(2, 1), kept)), strict=True,
        )  # fmt: skip
        for before, state, given, n_t, rz, r, z, kept_t in steps:
            torch.addmm(given, before, W_rz, out=rz).sigmoid_()
            tanh(n_t.addmm_(torch.mul(r, before, out=kept_t), U_n))
            torch.lerp(n_t, before, z, out=state)
        ctx.save_for_backward(rows, W_ih, W_hh, room, gates, kept, n)
        ctx.sizes, ctx.B = sizes, B
        return room[B:]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        refuse_twice()
        rows, W_ih, W_hh, room, gates, kept, n = ctx.saved_tensors
        sizes, B = ctx.sizes, ctx.B
        N, H = n.shape
        W_rz, U_n = W_hh[: 2 * H], W_hh[2 * H :]
        before = all_before(room, sizes, B)
        r, z = gates.view(N, 2, H).unbind(1)
        by = n.new_empty(N, 3, H)  # first what v and h̄ are multiplied by, then r̄, z̄, n̄
        torch.mul(before, r, out=by[:, 0]).mul_(1 - r)
        torch.sub(before, n, out=by[:, 1]).mul_(z).mul_(1 - z)
        torch.addcmul(n.new_ones(()), n, n, value=-1, out=by[:, 2]).mul_(1 - z)
        h_bar = gradient.clone(memory_format=torch.contiguous_format)
        views = (h_bar, h_bar.unsqueeze(1), by[:, 1:], by[:, 0], by[:, 2], by[:, :2].flatten(1), r, z)
        earlier = h_bar[:0]
        for own, own_2, by_zn, r_bar, n_bar, rz, r_t, z_t in zip(
            *(reversed(v.split_with_sizes(sizes)) for v in views), strict=True
        ):
            going_on(own, len(earlier)).add_(earlier)
            by_zn.mul_(own_2)
            v = n_bar @ U_n
            r_bar.mul_(v)
            earlier = torch.mul(own, z_t).addcmul_(v, r_t).addmm_(rz, W_rz)
        total = by.view(N, 3 * H)
        W_hh_bar = torch.cat(
            (weight_gradient(total[:, : 2 * H], before), weight_gradient(total[:, 2 * H :], kept))
        )
        b = total.sum(0)
        return (
            product(total, W_ih.t()) if ctx.needs_input_grad[0] else None,
            to_start(earlier, B),
            weight_gradient(total, rows),
            W_hh_bar,
            b,
            b.clone(),
            None,
            None,
        )
