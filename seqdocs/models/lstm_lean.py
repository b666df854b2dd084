r"""The LSTM with a backward pass written by hand, as :mod:`seqdocs.models.lean` explains.

Letters: B batch · T time · D input · H hidden · N steps of all sequences together; i, f, g, o, c as in
:mod:`seqdocs.models.lstm`, s = tanh(c); a bar is a gradient of the loss, and ī, f̄, ḡ, ō are those by what is
squashed.

::

    h̄[t], c̄[t+1] known:   c̄[t] = f[t+1] ⊙ c̄[t+1] + h̄ ⊙ o ⊙ (1 - s²)
                          ī = c̄ ⊙ g ⊙ i ⊙ (1 - i)        f̄ = c̄ ⊙ c[t-1] ⊙ f ⊙ (1 - f)
                          ḡ = c̄ ⊙ i ⊙ (1 - g²)           ō = h̄ ⊙ s ⊙ o ⊙ (1 - o)
    h̄[t-1] = ∂L/∂h[t-1] + U_iᵀ ī + U_fᵀ f̄ + U_gᵀ ḡ + U_oᵀ ō

What c̄ is multiplied by to give ī, f̄ and ḡ is known from the forward pass and lies side by side, so the loop
multiplies once for three.

The four gates are squashed at once too: tanh(a) = 2 σ(2 a) - 1, so the rows of g are doubled before.
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
from seqdocs.models.packed import going_on, last_states
from seqdocs.models.recurrent import Weights


def lstm_walk(
    rows: Tensor, sizes: list[int], h: Tensor, c: Tensor, weights: Weights
) -> tuple[Tensor, Tensor, Tensor]:
    """Walk through packed steps.

    Args:
        rows: inputs of all steps, (N, D).
        sizes: how many sequences take each step.
        h: outputs before the first, (B, H).
        c: cells before the first, (B, H).
        weights: W_ih, W_hh, b_ih, b_hh, with rows i, f, g, o.

    Returns:
        Outputs of all steps, (N, H), and the last output and cell of every sequence, both (B, H).
    """
    y, c_last = _Walk.apply(rows, h, c, *weights, sizes)  # type: ignore[no-untyped-call]  # torch's
    return y, last_of(y, h, sizes), c_last


class _Walk(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917  # torch passes them by position
        ctx: Any, rows: Tensor, h: Tensor, c: Tensor, W_ih: Tensor, W_hh: Tensor, b_ih: Tensor, b_hh: Tensor,
        sizes: list[int],
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        B, H = h.shape
        room, cells = buffer(h, len(rows)), buffer(c, len(rows))
        squashed = torch.empty_like(room[B:])  # s
        twice_g = torch.ones(4, H).to(h)
        twice_g[2] = 2
        scale = twice_g.view(-1, 1)
        gates = product(rows, W_ih * scale, (b_ih + b_hh) * scale[:, 0])
        W, minus, tanh = (W_hh * scale).t(), -h.new_ones(()), tanh_for(h)
        states, every_c = room.split_with_sizes([B, *sizes]), cells.split_with_sizes([B, *sizes])
        views = (gates, *gates.chunk(4, 1), squashed)
        steps = zip(
            before_each(states, sizes), states[1:], before_each(every_c, sizes), every_c[1:],
            *(v.split_with_sizes(sizes) for v in views), strict=True,
        )  # fmt: skip
        for h_before, h_t, c_before, c_t, ifgo, i, f, g, o, s in steps:
            ifgo.addmm_(h_before, W).sigmoid_()
            torch.add(minus, g, alpha=2, out=g)
            torch.mul(f, c_before, out=c_t).addcmul_(i, g)
            tanh(s.copy_(c_t))
            torch.mul(o, s, out=h_t)
        ctx.save_for_backward(rows, W_ih, W_hh, room, cells, squashed, gates)
        ctx.sizes, ctx.B = sizes, B
        return room[B:], last_states(every_c, sizes).clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, c_gradient: Tensor) -> tuple[Tensor | None, ...]:
        refuse_twice()
        rows, W_ih, W_hh, room, cells, s, gates = ctx.saved_tensors
        sizes, B = ctx.sizes, ctx.B
        N, H = s.shape
        i, f, g, o = gates.chunk(4, 1)
        one = s.new_ones(())
        by = s.new_empty(N, 4, H)  # what c̄ is multiplied by, for ī, f̄, ḡ, and h̄, for ō
        torch.mul(i, g, out=by[:, 0]).mul_(1 - i)
        torch.mul(all_before(cells, sizes, B), f, out=by[:, 1]).mul_(1 - f)
        torch.addcmul(one, g, g, value=-1, out=by[:, 2]).mul_(i)
        torch.mul(s, o, out=by[:, 3]).mul_(1 - o)
        c_bar = torch.addcmul(one, s, s, value=-1).mul_(o)
        h_bar = gradient.clone(memory_format=torch.contiguous_format)
        ifgo_bar = by.view(N, 4 * H)
        views = (h_bar, c_bar, c_bar.unsqueeze(1), by[:, :3], by[:, 3], ifgo_bar, f)
        later, carried, going = ifgo_bar[:0], c_gradient[:0], 0
        for size, h_t, c_t, c_3, by_c, by_h, ifgo, f_t in zip(
            reversed(sizes), *(reversed(v.split_with_sizes(sizes)) for v in views), strict=True
        ):
            going_on(h_t, going).addmm_(later, W_hh)
            if going < size:  # the last step of some sequences
                carried = torch.cat((carried, c_gradient[going:size]))
            torch.addcmul(carried, h_t, c_t, out=c_t)
            by_c.mul_(c_3)
            by_h.mul_(h_t)
            later, carried, going = ifgo, c_t.mul_(f_t), size
        b = ifgo_bar.sum(0)
        return (
            product(ifgo_bar, W_ih.t()) if ctx.needs_input_grad[0] else None,
            to_start(later @ W_hh, B),
            torch.cat((carried, c_gradient[going:])),
            weight_gradient(ifgo_bar, rows),
            weight_gradient(ifgo_bar, all_before(room, sizes, B)),
            b,
            b.clone(),
            None,
        )
