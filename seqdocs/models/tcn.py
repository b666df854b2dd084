r"""Temporal convolutional network: causal convolutions whose gaps double, so that a few layers see far back.

Letters: B batch · T time · D input · H hidden channels · k taps · d dilation · L blocks.

::

    conv_d(x)[t] = b + Σ_{j < k} W[j] x[t - (k - 1 - j) d]              zeros before the first step
    u = relu(conv_d(relu(conv_d(x))))                                  the same d = 2^l twice in block l
    y = relu(u + x),   or relu(u + W x) where the widths differ        the residual

No step waits for another: the whole sequence is a handful of convolutions. What it cannot do is remember
further than its receptive field,

    R = 1 + 2 (k - 1) (1 + 2 + 4 + … ) = 1 + 2 (k - 1) (2^L - 1) steps,

itself included, which grows exponentially with depth. For decoding, each convolution keeps its last
(k - 1) d inputs: together about H R numbers, where a recurrent network keeps H.

- ``loop`` reads one step after the other with those windows. How one decodes.
- ``convolution`` reads all at once.

Left out: the dropout and the weight normalisation of the paper, both means of training.

>>> import torch
>>> net = TCN(input_size=3, channels=[4, 4, 4], kernel_size=3)
>>> y, windows = net(torch.randn(2, 50, 3))
>>> y.shape, [window.shape[1] for window in windows], net.receptive_field
(torch.Size([2, 50, 4]), [2, 2, 4, 4, 8, 8], 29)

Source: Bai, Kolter & Koltun, "An empirical evaluation of generic convolutional and recurrent networks for
sequence modeling", 2018, section 3, https://arxiv.org/abs/1803.01271
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqdocs import checks
from seqdocs.models.causal_convolution import causal_convolution

TCNMethod = Literal["loop", "convolution"]
TCNState = tuple[Tensor, ...]  # of each convolution its last (k - 1) d inputs, (B, (k - 1) d, channels)


class TCN(nn.Module):
    """Residual blocks of two causal convolutions, dilation 1, 2, 4, ….

    Args:
        input_size: D.
        channels: H of every block.
        kernel_size: k.

    Raises:
        ValueError: if there is no block or a size is not positive.
    """

    def __init__(self, input_size: int, channels: Sequence[int], kernel_size: int = 3) -> None:
        super().__init__()
        widths = [input_size, *channels]
        checks.whole(1, input_size=input_size, kernel_size=kernel_size)
        checks.whole(1, **{f"channels[{block}]": H for block, H in enumerate(channels)})
        if not channels:
            raise ValueError("`channels` is empty; there is at least one block")
        self.convolutions, self.residuals = nn.ModuleList(), nn.ModuleList()
        for block, (D, H) in enumerate(pairwise(widths)):
            for width in (D, H):
                self.convolutions.append(nn.Conv1d(width, H, kernel_size, dilation=2**block))
            self.residuals.append(nn.Identity() if D == H else nn.Linear(D, H, bias=False))

    def stack(self) -> list[nn.Conv1d]:
        """The convolutions, the earliest first."""
        return [conv for conv in self.convolutions if isinstance(conv, nn.Conv1d)]

    @property
    def receptive_field(self) -> int:
        """R: how many steps, itself included, one output depends on."""
        return 1 + sum(_reach(conv) for conv in self.stack())

    def forward(
        self, x: Tensor, state: TCNState | None = None, method: TCNMethod = "convolution"
    ) -> tuple[Tensor, TCNState]:
        """Read a sequence.

        Args:
            x: (B, T, D).
            state: of each convolution its last (k - 1) d inputs; zeros if omitted.
            method: "loop" or "convolution".

        Returns:
            y, (B, T, H of the last block), and the state after the last step.

        Raises:
            ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        """
        state = self._checked(x, state, method)
        if method == "convolution" or x.shape[1] == 0:
            return self._read(x, state)
        outputs = []
        for x_t in torch.split(x, 1, dim=1):
            y, state = self._read(x_t, state)
            outputs.append(y)
        return torch.cat(outputs, 1), state

    def _read(self, x: Tensor, state: TCNState) -> tuple[Tensor, TCNState]:
        """All steps of x, after those in the windows."""
        windows: list[Tensor] = []
        stack = self.stack()
        for block, residual in enumerate(self.residuals):
            u = x
            for number in (2 * block, 2 * block + 1):
                conv = stack[number]
                u, window = causal_convolution(
                    u, conv.weight, conv.bias, state[number], dilation=conv.dilation[0]
                )
                u = F.relu(u)
                windows.append(window)
            x = F.relu(u + residual(x))
        return x, tuple(windows)

    def _checked(self, x: Tensor, state: TCNState | None, method: str) -> TCNState:
        """The state to begin with, having refused what does not fit."""
        checks.one_of("method", method, "loop", "convolution")
        stack = self.stack()
        checks.sequence("x", x, stack[0].in_channels, stack[0].weight)
        shapes = [(len(x), _reach(conv), conv.in_channels) for conv in stack]
        return checks.begin_all(state, "(B, (k - 1) d, channels)", shapes, x)


def _reach(conv: nn.Conv1d) -> int:
    """How many steps before its own a convolution sees, (k - 1) d."""
    return (conv.kernel_size[0] - 1) * conv.dilation[0]
