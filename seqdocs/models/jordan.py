r"""Jordan's recurrent network: what feeds back is the output, not the hidden layer.

Letters: B batch · T time · D input · H hidden · O output; s is the context, the memory of past outputs.

::

    h[t] = tanh(W_x x[t] + b_h + W_s s[t-1])
    y[t] = tanh(W_y h[t] + b_y)
    s[t] = μ s[t-1] + y[t]

Whatever the next step is to know must show in the output. Elman's network (:mod:`seqdocs.models.rnn`) feeds
the hidden state back and may keep to itself what it remembers. On the other hand, where the wanted outputs
are known, as in training, they can take the place of the own ones, and then no step waits for another.

Conventions: μ, ``decay``, is 0 unless given: the context is the last output. Jordan's has a decay, so that
older outputs fade by it. The output is squashed by tanh.

>>> import torch
>>> net = Jordan(input_size=3, hidden_size=8, output_size=2)
>>> y, state = net(torch.randn(2, 5, 3))
>>> y.shape, state.shape, torch.equal(y[:, -1], state)
(torch.Size([2, 5, 2]), torch.Size([2, 2]), True)

Source: Jordan, "Attractor dynamics and parallelism in a connectionist sequential machine", Proceedings of the
8th Annual Conference of the Cognitive Science Society, 1986.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from seqdocs import checks

Method = Literal["loop", "hoisted"]


class Jordan(nn.Module):
    """One hidden layer whose output comes back.

    Args:
        input_size: D.
        hidden_size: H.
        output_size: O.
        decay: μ, what stays of the context in each step, from 0 to below 1.

    Raises:
        ValueError: if a size is not positive, or ``decay`` is outside [0, 1).
    """

    def __init__(self, input_size: int, hidden_size: int, output_size: int, decay: float = 0.0) -> None:
        super().__init__()
        checks.whole(1, input_size=input_size, hidden_size=hidden_size, output_size=output_size)
        checks.number("decay", decay, 0 <= decay < 1, "at least 0 and below 1")
        self.input_size, self.output_size, self.decay = input_size, output_size, decay
        self.input = nn.Linear(input_size, hidden_size)
        self.context = nn.Linear(output_size, hidden_size, bias=False)
        self.output = nn.Linear(hidden_size, output_size)

    def forward(
        self, x: Tensor, state: Tensor | None = None, method: Method = "loop"
    ) -> tuple[Tensor, Tensor]:
        """Read a sequence.

        Args:
            x: (B, T, D).
            state: context before the first step, (B, O); zeros if omitted.
            method: "loop", or "hoisted": the input products of all steps in one matrix product.

        Returns:
            Outputs, (B, T, O), and the last context, (B, O).

        Raises:
            ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        """
        checks.one_of("method", method, "loop", "hoisted")
        checks.sequence("x", x, self.input_size, self.input.weight)
        shape = (len(x), self.output_size)
        s = checks.begin(state, "(B, O)", shape, x)
        from_inputs = (self.input(x_t) for x_t in x.unbind(1))
        if method == "hoisted":
            from_inputs = (from_input for from_input in self.input(x).unbind(1))
        outputs = []
        for from_input in from_inputs:
            h = torch.tanh(from_input + self.context(s))
            y = torch.tanh(self.output(h))
            s = self.decay * s + y
            outputs.append(y)
        return torch.stack(outputs, dim=1) if outputs else x.new_zeros(shape[0], 0, shape[1]), s
