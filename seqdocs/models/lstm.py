r"""Long short-term memory: a cell that is added to, and gates that decide what enters, stays and leaves.

Letters: B batch · T time · D input · H hidden; c is the cell, h the output.

::

    i, f, o = σ(W_i x + U_i h + b_i), …      input, forget and output gate
    g = tanh(W_g x + U_g h + b_g)            what could be written
    c[t] = f ⊙ c[t-1] + i ⊙ g,   h[t] = o ⊙ tanh(c[t])

Along the cell the gradient is multiplied by f alone, so a forget gate near one carries it far. A fresh LSTM
has f near σ(0) = ½ and halves it at every step; :func:`set_forget_bias` opens the gate.

Conventions: rows of the weights in the order i, f, g, o, and two biases, as in ``torch.nn.LSTM``; no
peepholes. The LSTM of 1997 had no forget gate; it came in 2000.

>>> import torch
>>> net = LSTM(input_size=3, hidden_size=4)
>>> set_forget_bias(net, 1.0)
>>> output, (h, c) = net(torch.randn(2, 5, 3))
>>> output.shape, h.shape, c.shape
(torch.Size([2, 5, 4]), torch.Size([1, 2, 4]), torch.Size([1, 2, 4]))

Sources: Hochreiter & Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997; Gers, Schmidhuber
& Cummins, "Learning to forget", Neural Computation 12(10), 2000 (the forget gate); Jozefowicz, Zaremba &
Sutskever, "An empirical exploration of recurrent network architectures", ICML 2015 (its bias).
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqdocs.models.recurrent import Method, Recurrent, Weights, check_step, stack_time


def lstm_step(x: Tensor, h: Tensor, c: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    """One step.

    Args:
        x: input, (B, D).
        h: output before, (B, H).
        c: cell before, (B, H).
        weights: W_ih (4 H, D), W_hh (4 H, H), b_ih (4 H,), b_hh (4 H,), each with rows i, f, g, o, as
            :meth:`LSTM.weights` returns them.

    Returns:
        Output and cell after, both (B, H).

    Raises:
        ValueError: if shapes do not fit.
    """
    check_step(4, x, h, weights)
    W_ih, W_hh, b_ih, b_hh = weights
    if c.shape != h.shape:
        raise ValueError(f"`c` has shape {tuple(c.shape)} and `h` {tuple(h.shape)}; both are (B, H)")
    return _update(F.linear(x, W_ih, b_ih), h, c, W_hh, b_hh)


def _update(from_input: Tensor, h: Tensor, c: Tensor, W_hh: Tensor, b_hh: Tensor) -> tuple[Tensor, Tensor]:
    """The part of a step that must wait for the state before."""
    i, f, g, o = (from_input + F.linear(h, W_hh, b_hh)).chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    return h, c


def _layer(
    x: Tensor, h: Tensor, c: Tensor, weights: Weights, method: Method
) -> tuple[Tensor, Tensor, Tensor]:
    """Walk through time; all outputs (B, T, H), then the last output and cell (B, H)."""
    W_ih, W_hh, b_ih, b_hh = weights
    outputs = []
    if method == "loop":
        for x_t in x.unbind(1):
            h, c = lstm_step(x_t, h, c, weights)
            outputs.append(h)
    else:  # the inputs of all steps are known: multiply them at once, and walk with the rest only
        for from_input in F.linear(x, W_ih, b_ih).unbind(1):
            h, c = _update(from_input, h, c, W_hh, b_hh)
            outputs.append(h)
    return stack_time(outputs, h), h, c


class LSTM(Recurrent):
    """LSTM with the parameters of ``torch.nn.LSTM(..., batch_first=True)``; state_dicts load both ways.

    Args:
        input_size: D.
        hidden_size: H.
        num_layers: layers on top of each other.

    Raises:
        ValueError: if a size is not positive.
    """

    gates: ClassVar[int] = 4

    def forward(
        self, x: Tensor, state: tuple[Tensor, Tensor] | None = None, method: Method = "loop"
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Read a sequence.

        Args:
            x: (B, T, D).
            state: output and cell before the first step, both (num_layers, B, H); zeros if omitted.
            method: "loop", or "hoisted": the input products of all steps in one matrix product.

        Returns:
            The top layer's outputs, (B, T, H), and the last outputs and cells of every layer, both
            (num_layers, B, H).

        Raises:
            ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        """
        self.check_input(x, method)
        h0, c0 = (None, None) if state is None else state
        hs, cs = self.check_state("state[0]", h0, x), self.check_state("state[1]", c0, x)
        last_h, last_c = [], []
        for layer, (h, c) in enumerate(zip(hs, cs, strict=True)):
            x, h_last, c_last = _layer(x, h, c, self.weights(layer), method)
            last_h.append(h_last)
            last_c.append(c_last)
        return x, (torch.stack(last_h), torch.stack(last_c))


@torch.no_grad()
def set_forget_bias(lstm: LSTM | nn.LSTM, bias: float) -> None:
    """Set the forget gate's bias in every layer: ``bias`` in b_ih and zero in b_hh, since the two are added.

    Args:
        lstm: ours or torch's; changed in place.
        bias: 0 leaves the gate half open, 1 is the usual choice, σ(3) = 0.95.
    """
    H = lstm.hidden_size
    for layer in range(lstm.num_layers):
        lstm.get_parameter(f"bias_ih_l{layer}")[H : 2 * H] = bias
        lstm.get_parameter(f"bias_hh_l{layer}")[H : 2 * H] = 0.0
