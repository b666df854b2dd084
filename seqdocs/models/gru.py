r"""Gated recurrent unit: the next state is a weighted mean of the last one and a candidate. It has no cell.

Letters: B batch · T time · D input · H hidden.

::

    r = σ(W_r x + b_r + U_r h + c_r)             reset: how much of the old state the candidate sees
    z = σ(W_z x + b_z + U_z h + c_z)             update: how much of the old state stays
    n = tanh(W_n x + b_n + r ⊙ (U_n h + c_n))    candidate
    h[t] = z ⊙ h[t-1] + (1 - z) ⊙ n

Conventions, on which papers and libraries differ: z *keeps* (elsewhere it replaces), and the reset acts
*after* the product with U_n (in the paper's equation 8 before it, on h, so that U_n must wait for r). Both,
and the row order r, z, n with two biases b and c, are those of ``torch.nn.GRU``.

>>> import torch
>>> net = GRU(input_size=3, hidden_size=4)
>>> output, state = net(torch.randn(2, 5, 3))
>>> output.shape, state.shape
(torch.Size([2, 5, 4]), torch.Size([1, 2, 4]))

Source: Cho et al., "Learning phrase representations using RNN encoder–decoder for statistical machine
translation", EMNLP 2014, section 2.3, https://arxiv.org/abs/1406.1078
"""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from seqdocs.models.recurrent import Method, Recurrent, Weights, check_step, stack_time


def gru_step(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    """One step.

    Args:
        x: input, (B, D).
        h: state before, (B, H).
        weights: W_ih (3 H, D), W_hh (3 H, H), b_ih (3 H,), b_hh (3 H,), each with rows r, z, n, as
            :meth:`GRU.weights` returns them.

    Returns:
        The state after, (B, H).

    Raises:
        ValueError: if shapes do not fit.
    """
    check_step(3, x, h, weights)
    W_ih, W_hh, b_ih, b_hh = weights
    return _update(F.linear(x, W_ih, b_ih), h, W_hh, b_hh)


def _update(from_input: Tensor, h: Tensor, W_hh: Tensor, b_hh: Tensor) -> Tensor:
    """The part of a step that must wait for the state before."""
    x_r, x_z, x_n = from_input.chunk(3, dim=-1)
    h_r, h_z, h_n = F.linear(h, W_hh, b_hh).chunk(3, dim=-1)
    r = torch.sigmoid(x_r + h_r)
    z = torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return z * h + (1 - z) * n


def _layer(x: Tensor, h: Tensor, weights: Weights, method: Method) -> tuple[Tensor, Tensor]:
    """Walk through time; all states (B, T, H) and the last one (B, H)."""
    W_ih, W_hh, b_ih, b_hh = weights
    outputs = []
    if method == "loop":
        for x_t in x.unbind(1):
            h = gru_step(x_t, h, weights)
            outputs.append(h)
    else:  # the inputs of all steps are known: multiply them at once, and walk with the rest only
        for from_input in F.linear(x, W_ih, b_ih).unbind(1):
            h = _update(from_input, h, W_hh, b_hh)
            outputs.append(h)
    return stack_time(outputs, h), h


class GRU(Recurrent):
    """GRU with the parameters of ``torch.nn.GRU(..., batch_first=True)``; state_dicts load both ways.

    Args:
        input_size: D.
        hidden_size: H.
        num_layers: layers on top of each other.

    Raises:
        ValueError: if a size is not positive.
    """

    gates: ClassVar[int] = 3

    def forward(
        self, x: Tensor, state: Tensor | None = None, method: Method = "loop"
    ) -> tuple[Tensor, Tensor]:
        """Read a sequence.

        Args:
            x: (B, T, D).
            state: before the first step, (num_layers, B, H); zeros if omitted.
            method: "loop", or "hoisted": the input products of all steps in one matrix product.

        Returns:
            The top layer's states, (B, T, H), and the last state of every layer, (num_layers, B, H).

        Raises:
            ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        """
        self.check_input(x, method)
        last = []
        for layer, h in enumerate(self.check_state("state", state, x)):
            x, h_last = _layer(x, h, self.weights(layer), method)
            last.append(h_last)
        return x, torch.stack(last)
