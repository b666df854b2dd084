r"""Elman's simple recurrent network: the state is a squashed mix of the input and the state before.

Letters: B batch · T time · D input · H hidden.

::

    h[t] = tanh(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh)

Convention: the output is the state itself (Elman's network reads it out by one more layer); two biases, of
which one would do, as in ``torch.nn.RNN``.

>>> import torch
>>> net = RNN(input_size=3, hidden_size=4)
>>> x = torch.randn(2, 5, 3)
>>> output, state = net(x)
>>> output.shape, state.shape, torch.equal(output[:, -1], state[0])
(torch.Size([2, 5, 4]), torch.Size([1, 2, 4]), True)

Source: Elman, "Finding structure in time", Cognitive Science 14(2), 1990, https://doi.org/10.1207/s15516709cog1402_1
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from seqdocs import checks
from seqdocs.models.packed import Lengths
from seqdocs.models.recurrent import Method, Recurrent, States, Weights, check_step, walk_through
from seqdocs.models.rnn_lean import rnn_walk

Nonlinearity = Literal["tanh", "relu"]


def rnn_step(x: Tensor, h: Tensor, weights: Weights, nonlinearity: Nonlinearity = "tanh") -> Tensor:
    """One step.

    Args:
        x: input, (B, D).
        h: state before, (B, H).
        weights: W_ih (H, D), W_hh (H, H), b_ih (H,), b_hh (H,), as :meth:`RNN.weights` returns them.
        nonlinearity: "tanh" or "relu".

    Returns:
        The state after, (B, H).

    Raises:
        ValueError: if shapes, dtypes or devices do not fit, or ``nonlinearity`` is unknown.
    """
    checks.one_of("nonlinearity", nonlinearity, "tanh", "relu")
    check_step(1, x, h, weights)
    W_ih, W_hh, b_ih, b_hh = weights
    return _update(F.linear(x, W_ih, b_ih), h, W_hh, b_hh, nonlinearity)


def _update(from_input: Tensor, h: Tensor, W_hh: Tensor, b_hh: Tensor, nonlinearity: str) -> Tensor:
    """The part of a step that must wait for the state before."""
    total = from_input + F.linear(h, W_hh, b_hh)
    return torch.tanh(total) if nonlinearity == "tanh" else torch.relu(total)


class RNN(Recurrent):
    """Elman network with the parameters of ``torch.nn.RNN(batch_first=True)``; state_dicts load both ways.

    Args:
        input_size: D.
        hidden_size: H.
        num_layers: layers on top of each other.
        nonlinearity: "tanh" or "relu".
        bidirectional: whether each layer also reads backwards.

    Raises:
        ValueError: if a size is not positive or ``nonlinearity`` is unknown.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: Nonlinearity = "tanh",
        bidirectional: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bidirectional)
        checks.one_of("nonlinearity", nonlinearity, "tanh", "relu")
        self.nonlinearity: Nonlinearity = nonlinearity

    def walk(
        self, rows: Tensor, sizes: list[int], states: States, weights: Weights, method: Method
    ) -> tuple[Tensor, States]:
        """Read packed steps in one layer."""
        W_ih, W_hh, b_ih, b_hh = weights
        if method == "loop":
            return walk_through(
                lambda x, h: [rnn_step(x, h, weights, self.nonlinearity)], rows, sizes, states
            )
        if method == "hoisted":  # the inputs of all steps are known: multiply them at once
            return walk_through(
                lambda given, h: [_update(given, h, W_hh, b_hh, self.nonlinearity)],
                F.linear(rows, W_ih, b_ih), sizes, states,
            )  # fmt: skip
        y, h = rnn_walk(rows, sizes, states[0], weights, self.nonlinearity)
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
                and a backward pass written by hand (:mod:`seqdocs.models.rnn_lean`).
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
