r"""The LSTM before and after the one everybody uses: without a forget gate (1997), and with peepholes (2000).

Letters: B batch · T time · D input · H hidden; c is the cell, h the output; i, f, o input, forget and output
gate, g what could be written.

::

    1997         c[t] = c[t-1] + i ⊙ g                           nothing is ever forgotten
    forget       c[t] = f ⊙ c[t-1] + i ⊙ g                       seqdocs.models.lstm, torch.nn.LSTM
    peepholes    i = σ(W_i x + U_i h + b_i + p_i ⊙ c[t-1])       the gates see the cell as well:
                 f = σ(W_f x + U_f h + b_f + p_f ⊙ c[t-1])       before the step
                 o = σ(W_o x + U_o h + b_o + p_o ⊙ c[t])         o after it

In all of them g = tanh(W_g x + U_g h + b_g) and h[t] = o ⊙ tanh(c[t]). Without a forget gate the gradient
along the cell is exactly one, and the cell grows as long as something is written. Behind a shut output gate h
is zero and tells the gates nothing of the cell; through a peephole they see it.

Conventions: rows of the weights are i, g, o (1997) and i, f, g, o, of the peepholes i, f, o; two biases as
in torch. The networks of the papers had several cells to a gate, squashed by scaled logistic functions and
not by tanh, and cut the gradient at the gates; none of that here.

>>> import torch
>>> y, (h, c) = LSTM1997(input_size=3, hidden_size=4)(torch.randn(2, 5, 3))
>>> y.shape, h.shape, c.shape
(torch.Size([2, 5, 4]), torch.Size([1, 2, 4]), torch.Size([1, 2, 4]))

Sources: Hochreiter & Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997; Gers, Schmidhuber
& Cummins, "Learning to forget", Neural Computation 12(10), 2000; Gers & Schmidhuber, "Recurrent nets that
time and count", IJCNN 2000 (peepholes).
"""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from seqdocs.models.lstm import LSTM
from seqdocs.models.recurrent import Method, States, Weights, walk_through


class LSTM1997(LSTM):
    """LSTM without a forget gate; used as :class:`seqdocs.models.lstm.LSTM`, by "loop" or "hoisted"."""

    gates: ClassVar[int] = 3
    methods: ClassVar[tuple[str, ...]] = ("loop", "hoisted")

    def walk(
        self, rows: Tensor, sizes: list[int], states: States, weights: Weights, method: Method
    ) -> tuple[Tensor, States]:
        """Read packed steps in one layer."""
        W_ih, W_hh, b_ih, b_hh = weights

        def update(from_input: Tensor, h: Tensor, c: Tensor) -> States:
            i, g, o = (from_input + F.linear(h, W_hh, b_hh)).chunk(3, dim=-1)
            c = c + torch.sigmoid(i) * torch.tanh(g)
            return [torch.sigmoid(o) * torch.tanh(c), c]

        if method == "loop":
            return walk_through(lambda x, h, c: update(F.linear(x, W_ih, b_ih), h, c), rows, sizes, states)
        return walk_through(update, F.linear(rows, W_ih, b_ih), sizes, states)


class PeepholeLSTM(LSTM):
    """LSTM whose gates see the cell; used as :class:`seqdocs.models.lstm.LSTM`, by "loop" or "hoisted".

    Beside the parameters of the LSTM each layer has ``peephole``, (3, H), with rows p_i, p_f, p_o.
    """

    methods: ClassVar[tuple[str, ...]] = ("loop", "hoisted")

    def shapes(self, D: int) -> dict[str, tuple[int, ...]]:
        """Parameters of one layer in one direction."""
        return super().shapes(D) | {"peephole": (3, self.hidden_size)}

    def walk(
        self, rows: Tensor, sizes: list[int], states: States, weights: Weights, method: Method
    ) -> tuple[Tensor, States]:
        """Read packed steps in one layer."""
        W_ih, W_hh, b_ih, b_hh, (p_i, p_f, p_o) = weights

        def update(from_input: Tensor, h: Tensor, c: Tensor) -> States:
            i, f, g, o = (from_input + F.linear(h, W_hh, b_hh)).chunk(4, dim=-1)
            i, f = torch.sigmoid(i + p_i * c), torch.sigmoid(f + p_f * c)
            c = f * c + i * torch.tanh(g)
            return [torch.sigmoid(o + p_o * c) * torch.tanh(c), c]

        if method == "loop":
            return walk_through(lambda x, h, c: update(F.linear(x, W_ih, b_ih), h, c), rows, sizes, states)
        return walk_through(update, F.linear(rows, W_ih, b_ih), sizes, states)
