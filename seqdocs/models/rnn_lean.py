r"""The Elman network with a backward pass written by hand, as :mod:`seqdocs.models.lean` explains.

Letters: B batch · T time · D input · H hidden · N steps of all sequences together; δ[t] is the gradient of
the loss by what is squashed at step t, φ the squashing.

::

    h[t] = φ(a[t]),   a[t] = W_ih x[t] + b_ih + b_hh + W_hh h[t-1]
    δ[t] = (∂L/∂h[t] + W_hhᵀ δ[t+1]) ⊙ φ'(a[t])        tanh: φ' = 1 - h²      relu: φ' = 1 where h > 0
    ∂L/∂W_hh = Σ δ[t] h[t-1]ᵀ,   ∂L/∂W_ih = Σ δ[t] x[t]ᵀ,   ∂L/∂x[t] = W_ihᵀ δ[t]

:mod:`seqdocs.models.bptt` has the same recursion to read; this one is to run.
"""

from typing import Any

import torch
from torch import Tensor

from seqdocs.models.lean import (
    all_before,
    before_each,
    buffer,
    last_of,
    product,
    refuse_twice,
    tanh_for,
    to_start,
    weight_gradient,
)
from seqdocs.models.packed import going_on
from seqdocs.models.recurrent import Weights


def rnn_walk(
    rows: Tensor, sizes: list[int], h: Tensor, weights: Weights, nonlinearity: str
) -> tuple[Tensor, Tensor]:
    """Walk through packed steps.

    Args:
        rows: inputs of all steps, (N, D).
        sizes: how many sequences take each step.
        h: states before the first, (B, H).
        weights: W_ih, W_hh, b_ih, b_hh.
        nonlinearity: "tanh" or "relu".

    Returns:
        States after all steps, (N, H), and the last of every sequence, (B, H).
    """
    y: Tensor = _Walk.apply(rows, h, *weights, sizes, nonlinearity)  # type: ignore[no-untyped-call]  # torch's
    return y, last_of(y, h, sizes)


class _Walk(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917  # torch passes them by position
        ctx: Any, rows: Tensor, h: Tensor, W_ih: Tensor, W_hh: Tensor, b_ih: Tensor, b_hh: Tensor,
        sizes: list[int], nonlinearity: str,
    ) -> Tensor:  # fmt: skip
        B = h.shape[0]
        room = buffer(h, len(rows))
        y = room[B:]
        y[:] = product(rows, W_ih, b_ih + b_hh)
        squash = tanh_for(h) if nonlinearity == "tanh" else Tensor.relu_
        W, states = W_hh.t(), room.split_with_sizes([B, *sizes])
        for before, state in zip(before_each(states, sizes), states[1:], strict=True):
            squash(state.addmm_(before, W))
        ctx.save_for_backward(rows, W_ih, W_hh, room)
        ctx.sizes, ctx.nonlinearity, ctx.B = sizes, nonlinearity, B
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        refuse_twice()
        rows, W_ih, W_hh, room = ctx.saved_tensors
        sizes, B = ctx.sizes, ctx.B
        y = room[B:]
        slope = torch.addcmul(y.new_ones(()), y, y, value=-1) if ctx.nonlinearity == "tanh" else (y > 0).to(y)
        delta = gradient.clone(memory_format=torch.contiguous_format)
        later = delta[:0]
        for own, by in zip(
            reversed(delta.split_with_sizes(sizes)), reversed(slope.split_with_sizes(sizes)), strict=True
        ):
            going_on(own, len(later)).addmm_(later, W_hh)
            later = own.mul_(by)
        b = delta.sum(0)
        return (
            product(delta, W_ih.t()) if ctx.needs_input_grad[0] else None,
            to_start(later @ W_hh, B),
            weight_gradient(delta, rows),
            weight_gradient(delta, all_before(room, sizes, B)),
            b,
            b.clone(),
            None,
            None,
        )
