r"""Quasi-recurrent network: a convolution computes the gates, and what is left for the loop is a pooling.

Letters: B batch · T time · D input · H hidden · k steps that the convolution sees · c cell.

::

    n[t] = tanh(W_n x[t-k+1 … t] + b_n)       f[t] = σ(W_f x[t-k+1 … t] + b_f)       o[t] likewise
    c[t] = f[t] ⊙ c[t-1] + (1 - f[t]) ⊙ n[t]                                         "fo-pooling"
    h[t] = o[t] ⊙ c[t]

An LSTM's gates look at its last output. These look at the last k inputs instead, so all of them are one
convolution, and the pooling is a :func:`seqdocs.scan.scan`. A step back of the output is lost; a window of
inputs and a second layer make up for it.

Conventions: the paper calls n z; f *keeps*. Rows of the weights are n, f, o. One layer, no zoneout.

>>> import torch
>>> net = QRNN(input_size=3, hidden_size=4)
>>> h, (window, c) = net(torch.randn(2, 5, 3))
>>> h.shape, window.shape, c.shape
(torch.Size([2, 5, 4]), torch.Size([2, 1, 3]), torch.Size([2, 4]))

Source: Bradbury et al., "Quasi-recurrent neural networks", ICLR 2017, section 2, equations 1 to 4,
https://arxiv.org/abs/1611.01576
"""

import torch
from torch import Tensor, nn

from seqdocs import checks
from seqdocs.models.causal_convolution import causal_convolution
from seqdocs.scan import Method, scan

QRNNState = tuple[Tensor, Tensor]  # the last k - 1 inputs (B, k - 1, D), c (B, H)


class QRNN(nn.Module):
    """One layer with fo-pooling.

    Args:
        input_size: D.
        hidden_size: H.
        kernel_size: k.

    Raises:
        ValueError: if a size is not positive.
    """

    def __init__(self, input_size: int, hidden_size: int, kernel_size: int = 2) -> None:
        super().__init__()
        checks.whole(1, input_size=input_size, hidden_size=hidden_size, kernel_size=kernel_size)
        self.conv = nn.Conv1d(input_size, 3 * hidden_size, kernel_size)

    def forward(
        self, x: Tensor, state: QRNNState | None = None, method: Method = "chunked"
    ) -> tuple[Tensor, QRNNState]:
        """Read a sequence.

        Args:
            x: (B, T, D).
            state: before the first step, (B, k - 1, D) and (B, H); zeros if omitted.
            method: of the scan, "loop", "parallel" or "chunked".

        Returns:
            h, (B, T, H), and the state after the last step.

        Raises:
            ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        """
        window, c = self._checked(x, state)
        gates, window = causal_convolution(x, self.conv.weight, self.conv.bias, window)
        n, f, o = gates.chunk(3, dim=-1)
        cells = scan(torch.sigmoid(f), torch.sigmoid(-f) * torch.tanh(n), c, method=method)
        return torch.sigmoid(o) * cells, (window, cells[:, -1] if x.shape[1] else c)

    def _checked(self, x: Tensor, state: QRNNState | None) -> QRNNState:
        """The state to begin with, having refused what does not fit."""
        D, H = self.conv.in_channels, self.conv.out_channels // 3
        checks.sequence("x", x, D, self.conv.weight)
        shapes = (len(x), self.conv.kernel_size[0] - 1, D), (len(x), H)
        window, c = checks.begin_all(state, "(B, k - 1, D) and (B, H)", shapes, x)
        return window, c
