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

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqdocs import checks
from seqdocs.models.lstm_lean import lstm_walk
from seqdocs.models.packed import Lengths
from seqdocs.models.recurrent import Method, Recurrent, States, Weights, check_step, walk_through


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
        ValueError: if shapes, dtypes or devices do not fit.
    """
    check_step(4, x, h, weights)
    W_ih, W_hh, b_ih, b_hh = weights
    if c.shape != h.shape:
        raise ValueError(f"`c` has shape {tuple(c.shape)} and `h` {tuple(h.shape)}; both are (B, H)")
    checks.alike("c", c, h, "`h` is")
    return _update(F.linear(x, W_ih, b_ih), h, c, W_hh, b_hh)


def _update(from_input: Tensor, h: Tensor, c: Tensor, W_hh: Tensor, b_hh: Tensor) -> tuple[Tensor, Tensor]:
    """The part of a step that must wait for the state before."""
    i, f, g, o = (from_input + F.linear(h, W_hh, b_hh)).chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    return h, c


class LSTM(Recurrent):
    """LSTM with the parameters of ``torch.nn.LSTM(..., batch_first=True)``; state_dicts load both ways.

    Args:
        input_size: D.
        hidden_size: H.
        num_layers: layers on top of each other.
        bidirectional: whether each layer also reads backwards.

    Raises:
        ValueError: if a size is not positive.
    """

    gates: ClassVar[int] = 4

    def walk(
        self, rows: Tensor, sizes: list[int], states: States, weights: Weights, method: Method
    ) -> tuple[Tensor, States]:
        """Read packed steps in one layer."""
        W_ih, W_hh, b_ih, b_hh = weights
        if method == "loop":
            return walk_through(lambda x, h, c: list(lstm_step(x, h, c, weights)), rows, sizes, states)
        if method == "hoisted":  # the inputs of all steps are known: multiply them at once
            return walk_through(
                lambda given, h, c: list(_update(given, h, c, W_hh, b_hh)),
                F.linear(rows, W_ih, b_ih), sizes, states,
            )  # fmt: skip
        y, h, c = lstm_walk(rows, sizes, states[0], states[1], weights)
        return y, [h, c]

    def forward(
        self,
        x: Tensor,
        state: tuple[Tensor, Tensor] | None = None,
        method: Method = "loop",
        lengths: Lengths | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Read a sequence.

        Args:
            x: (B, T, D).
            state: output and cell before the first step, both (L, B, H); zeros if omitted.
            method: "loop"; "hoisted", the input products of all steps in one matrix product; or "lean", that
                and a backward pass written by hand (:mod:`seqdocs.models.lstm_lean`).
            lengths: how many steps of each sequence count, (B,); what follows is padding.

        Returns:
            The top layer's outputs, (B, T, H), zero in the padding, and the last outputs and cells of every
            layer, both (L, B, H). Reading both ways, L and H of the outputs are twice that.

        Raises:
            ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        """
        self.check_input(x, method)
        given = (None, None) if state is None else state
        states = [self.check_state(f"state[{n}]", one, x) for n, one in enumerate(given)]
        y, (h, c) = self.read(x, states, method, lengths)
        return y, (h, c)


@torch.no_grad()
def set_forget_bias(lstm: LSTM | nn.LSTM, bias: float) -> None:
    """Set the forget gate's bias in every layer: ``bias`` in b_ih and zero in b_hh, since the two are added.

    Args:
        lstm: ours or torch's; changed in place, in both directions if it has two.
        bias: 0 leaves the gate half open, 1 is the usual choice, σ(3) = 0.95.

    Raises:
        ValueError: if the rows of ``lstm`` are not i, f, g, o, or ``bias`` is not finite.
    """
    known = isinstance(lstm, LSTM | nn.LSTM) and getattr(lstm, "gates", 4) == 4  # that of 1997 has three
    if not known or not getattr(lstm, "bias", True):
        raise ValueError(f"`lstm` is {type(lstm).__name__}; it is an LSTM with a forget gate and biases")
    checks.number("bias", bias, math.isfinite(bias), "finite")
    H = lstm.hidden_size
    for layer in range(lstm.num_layers):
        for direction in ("", "_reverse") if lstm.bidirectional else ("",):
            lstm.get_parameter(f"bias_ih_l{layer}{direction}")[H : 2 * H] = bias
            lstm.get_parameter(f"bias_hh_l{layer}{direction}")[H : 2 * H] = 0.0
