r"""Gated recurrent unit: the next state is a weighted mean of the last one and a candidate. It has no cell.

Letters: B batch · T time · D input · H hidden.

::

    r = σ(W_r x + b_r + U_r h + c_r)             reset: how much of the old state the candidate sees
    z = σ(W_z x + b_z + U_z h + c_z)             update: how much of the old state stays
    n = tanh(W_n x + b_n + r ⊙ (U_n h + c_n))    candidate
    h[t] = z ⊙ h[t-1] + (1 - z) ⊙ n

Conventions, on which papers and libraries differ: z *keeps* (elsewhere it replaces), and the reset acts
*after* the product with U_n, ``reset="after"``. Both, and the row order r, z, n with two biases b and c, are
those of ``torch.nn.GRU``. In the paper's equation 8 the reset acts *before* it, on h, so that U_n must wait
for r, ``reset="before"``::

    n = tanh(W_n x + b_n + U_n (r ⊙ h) + c_n)

>>> import torch
>>> net = GRU(input_size=3, hidden_size=4)
>>> output, state = net(torch.randn(2, 5, 3))
>>> output.shape, state.shape
(torch.Size([2, 5, 4]), torch.Size([1, 2, 4]))

Source: Cho et al., "Learning phrase representations using RNN encoder–decoder for statistical machine
translation", EMNLP 2014, section 2.3, https://arxiv.org/abs/1406.1078
"""

from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from seqdocs import checks
from seqdocs.models.gru_lean import gru_walk
from seqdocs.models.packed import Lengths
from seqdocs.models.recurrent import Method, Recurrent, States, Weights, check_step, walk_through

Reset = Literal["after", "before"]


def gru_step(x: Tensor, h: Tensor, weights: Weights, reset: Reset = "after") -> Tensor:
    """One step.

    Args:
        x: input, (B, D).
        h: state before, (B, H).
        weights: W_ih (3 H, D), W_hh (3 H, H), b_ih (3 H,), b_hh (3 H,), each with rows r, z, n, as
            :meth:`GRU.weights` returns them.
        reset: whether the reset gate acts "after" or "before" the product with U_n.

    Returns:
        The state after, (B, H).

    Raises:
        ValueError: if shapes, dtypes or devices do not fit, or ``reset`` is unknown.
    """
    checks.one_of("reset", reset, "after", "before")
    check_step(3, x, h, weights)
    W_ih, W_hh, b_ih, b_hh = weights
    return _update(F.linear(x, W_ih, b_ih), h, W_hh, b_hh, reset)


def _update(from_input: Tensor, h: Tensor, W_hh: Tensor, b_hh: Tensor, reset: Reset) -> Tensor:
    """The part of a step that must wait for the state before."""
    H = h.shape[-1]
    x_r, x_z, x_n = from_input.chunk(3, dim=-1)
    if reset == "after":
        h_r, h_z, h_n = F.linear(h, W_hh, b_hh).chunk(3, dim=-1)
        r = torch.sigmoid(x_r + h_r)
        n = torch.tanh(x_n + r * h_n)
    else:
        h_r, h_z = F.linear(h, W_hh[: 2 * H], b_hh[: 2 * H]).chunk(2, dim=-1)
        r = torch.sigmoid(x_r + h_r)
        n = torch.tanh(x_n + F.linear(r * h, W_hh[2 * H :], b_hh[2 * H :]))
    z = torch.sigmoid(x_z + h_z)
    return z * h + (1 - z) * n


class GRU(Recurrent):
    """GRU with the parameters of ``torch.nn.GRU(..., batch_first=True)``; state_dicts load both ways.

    Args:
        input_size: D.
        hidden_size: H.
        num_layers: layers on top of each other.
        reset: "after" the product with U_n, as in torch, or "before" it, as in the paper.
        bidirectional: whether each layer also reads backwards.

    Raises:
        ValueError: if a size is not positive or ``reset`` is unknown.
    """

    gates: ClassVar[int] = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        reset: Reset = "after",
        bidirectional: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bidirectional)
        checks.one_of("reset", reset, "after", "before")
        self.reset: Reset = reset

    def walk(
        self, rows: Tensor, sizes: list[int], states: States, weights: Weights, method: Method
    ) -> tuple[Tensor, States]:
        """Read packed steps in one layer."""
        W_ih, W_hh, b_ih, b_hh = weights
        if method == "loop":
            return walk_through(lambda x, h: [gru_step(x, h, weights, self.reset)], rows, sizes, states)
        if method == "hoisted":  # the inputs of all steps are known: multiply them at once
            return walk_through(
                lambda given, h: [_update(given, h, W_hh, b_hh, self.reset)],
                F.linear(rows, W_ih, b_ih), sizes, states,
            )  # fmt: skip
        y, h = gru_walk(rows, sizes, states[0], weights, self.reset)
        return y, [h]

    def forward(
        self,
        x: Tensor,
        state: Tensor | None = None,
        method: Method = "loop",
        lengths: Lengths | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Read a sequence.

        Args:
            x: (B, T, D).
            state: before the first step, (L, B, H); zeros if omitted.
            method: "loop"; "hoisted", the input products of all steps in one matrix product; or "lean", that
                and a backward pass written by hand (:mod:`seqdocs.models.gru_lean`).
            lengths: how many steps of each sequence count, (B,); what follows is padding.

        Returns:
            The top layer's states, (B, T, H), zero in the padding, and the last state of every layer,
            (L, B, H). Reading both ways, L and H are twice that.

        Raises:
            ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        """
        self.check_input(x, method)
        y, (h,) = self.read(x, [self.check_state("state", state, x)], method, lengths)
        return y, h
