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

from seqdocs.models.recurrent import Method, Recurrent, Weights, check_step, stack_time

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
        ValueError: if shapes do not fit.
    """
    check_step(1, x, h, weights)
    W_ih, W_hh, b_ih, b_hh = weights
    return _update(F.linear(x, W_ih, b_ih), h, W_hh, b_hh, nonlinearity)


def _update(from_input: Tensor, h: Tensor, W_hh: Tensor, b_hh: Tensor, nonlinearity: str) -> Tensor:
    """The part of a step that must wait for the state before."""
    total = from_input + F.linear(h, W_hh, b_hh)
    return torch.tanh(total) if nonlinearity == "tanh" else torch.relu(total)


def _layer(
    x: Tensor, h: Tensor, weights: Weights, nonlinearity: Nonlinearity, method: Method
) -> tuple[Tensor, Tensor]:
    """Walk through time; all states (B, T, H) and the last one (B, H)."""
    W_ih, W_hh, b_ih, b_hh = weights
    outputs = []
    if method == "loop":
        for x_t in x.unbind(1):
            h = rnn_step(x_t, h, weights, nonlinearity)
            outputs.append(h)
    else:  # the inputs of all steps are known: multiply them at once, and walk with the rest only
        for from_input in F.linear(x, W_ih, b_ih).unbind(1):
            h = _update(from_input, h, W_hh, b_hh, nonlinearity)
            outputs.append(h)
    return stack_time(outputs, h), h


class RNN(Recurrent):
    """Elman network with the parameters of ``torch.nn.RNN(batch_first=True)``; state_dicts load both ways.

    Args:
        input_size: D.
        hidden_size: H.
        num_layers: layers on top of each other.
        nonlinearity: "tanh" or "relu".

    Raises:
        ValueError: if a size is not positive or ``nonlinearity`` is unknown.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: Nonlinearity = "tanh"
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f'`nonlinearity` is {nonlinearity!r}; it is "tanh" or "relu"')
        self.nonlinearity: Nonlinearity = nonlinearity

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
            x, h_last = _layer(x, h, self.weights(layer), self.nonlinearity, method)
            last.append(h_last)
        return x, torch.stack(last)
