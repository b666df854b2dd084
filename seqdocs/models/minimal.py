r"""minGRU and minLSTM: gates that read the input alone, which leaves a linear recurrence, a scan.

Letters: B batch · T time · D input · H hidden.

::

    minGRU    z = σ(W_z x + b_z)                        n = g(W_n x + b_n)
              h[t] = (1 - z) ⊙ h[t-1] + z ⊙ n

    minLSTM   f = σ(W_f x + b_f)    i = σ(W_i x + b_i)    n = g(W_n x + b_n)
              h[t] = f / (f + i) ⊙ h[t-1] + i / (f + i) ⊙ n

A GRU's and an LSTM's gates look at the state before, and so each step waits for the last. These do not look;
what is left of the recurrence is a decay and an input per step, which :func:`seqdocs.scan.scan` takes. Nor
is the candidate squashed. A memory over steps remains, a decision that depends on it needs a second layer.

Conventions: z *replaces* (in :mod:`seqdocs.models.gru` it keeps). Rows of the weights are n, z and n, f, i.
``candidate="linear"`` takes g as the identity, the paper's algorithms 1 to 6; ``"positive"`` takes the g of
its log-space version, x + 1/2 above zero and σ(x) below, which keeps every state positive.

>>> import torch
>>> net = MinGRU(input_size=3, hidden_size=4)
>>> y, state = net(torch.randn(2, 5, 3))
>>> y.shape, state.shape
(torch.Size([2, 5, 4]), torch.Size([2, 4]))

Source: Feng et al., "Were RNNs all we needed?", 2024, sections 3.1 and 3.2 and appendix B,
https://arxiv.org/abs/2410.01201
"""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqdocs import checks
from seqdocs.scan import Method, scan

Candidate = Literal["linear", "positive"]


class _Minimal(nn.Module):
    """What both share: one product for all steps, then a scan."""

    rows: ClassVar[int]

    def __init__(
        self, input_size: int, hidden_size: int, *, bias: bool = True, candidate: Candidate = "linear"
    ) -> None:
        super().__init__()
        checks.whole(1, input_size=input_size, hidden_size=hidden_size)
        checks.one_of("candidate", candidate, "linear", "positive")
        self.input_size, self.hidden_size, self.candidate = input_size, hidden_size, candidate
        self.linear = nn.Linear(input_size, self.rows * hidden_size, bias=bias)

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Decay a and input b of every step, each (B, T, H): h[t] = a[t] ⊙ h[t-1] + b[t]."""
        raise NotImplementedError

    def squashed(self, n: Tensor) -> Tensor:
        """The candidate, g(n)."""
        if self.candidate == "linear":
            return n
        return torch.maximum(n + 0.5, torch.sigmoid(n))  # they meet at zero; a branch costs a CPU more

    def forward(
        self, x: Tensor, state: Tensor | None = None, method: Method = "chunked"
    ) -> tuple[Tensor, Tensor]:
        """Read a sequence.

        Args:
            x: (B, T, D).
            state: before the first step, (B, H); zeros if omitted.
            method: of the scan, "loop", "parallel" or "chunked".

        Returns:
            h, (B, T, H), and the last state, (B, H).

        Raises:
            ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        """
        checks.sequence("x", x, self.input_size, self.linear.weight)
        state = checks.begin(state, "(B, H)", (len(x), self.hidden_size), x)
        h = scan(*self.coefficients(x), state, method=method)
        return h, h[:, -1] if x.shape[1] else state


class MinGRU(_Minimal):
    """minGRU: one gate.

    Args:
        input_size: D.
        hidden_size: H.
        bias: whether there are b_n and b_z.
        candidate: "linear" or "positive".

    Raises:
        ValueError: if a size is not positive, or ``candidate`` is unknown.
    """

    rows: ClassVar[int] = 2

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Decay 1 - z and input z ⊙ n, each (B, T, H)."""
        n, z = self.linear(x).chunk(2, dim=-1)
        return torch.sigmoid(-z), torch.sigmoid(z) * self.squashed(n)  # 1 - σ(z) = σ(-z), without rounding


class MinLSTM(_Minimal):
    """minLSTM: a forget gate and an input gate, scaled to sum to one.

    Args:
        input_size: D.
        hidden_size: H.
        bias: whether there are b_n, b_f and b_i.
        candidate: "linear" or "positive".

    Raises:
        ValueError: if a size is not positive, or ``candidate`` is unknown.
    """

    rows: ClassVar[int] = 3

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Decay f / (f + i) and input i / (f + i) ⊙ n, each (B, T, H)."""
        n, f, i = self.linear(x).chunk(3, dim=-1)
        odds = F.logsigmoid(f) - F.logsigmoid(i)  # log f/i; both gates may underflow, their odds do not
        return torch.sigmoid(odds), torch.sigmoid(-odds) * self.squashed(n)
