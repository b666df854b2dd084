r"""Diagonal linear recurrence: a memory of fading sums, with no squashing, so that a scan can solve it.

Letters: B batch · T time · D input · N state · O output.

::

    h[t] = a ⊙ h[t-1] + W_in x[t],   y[t] = W_out h[t]

Each of the N states forgets at its own constant rate a in (0, 1). Because the step is linear, all T of them
are one :func:`seqdocs.scan.scan`: no step of the state has to wait for a squashed one. What it gives up is
a state-dependent step; layers of it with a nonlinearity in between are the usual remedy.

Convention: a = exp(-exp(log_rate)), so that any ``log_rate`` is stable. The fresh rates are spread evenly
in the logarithm: memories that halve in 1 to 1000 steps. No bias, and no skip from x to y.

>>> import torch
>>> net = LinearRNN(input_size=3, state_size=4)
>>> x = torch.randn(2, 5, 3)
>>> y, state = net(x)
>>> y.shape, state.shape
(torch.Size([2, 5, 3]), torch.Size([2, 4]))
>>> torch.allclose(y, net(x, method="loop")[0], atol=1e-6)
True

Sources: Martin & Cundy, "Parallelizing linear recurrent neural nets over sequence length", ICLR 2018,
https://arxiv.org/abs/1709.04057; Orvieto et al., "Resurrecting recurrent neural networks for long
sequences", ICML 2023, section 3.3 (the stable parametrisation), https://arxiv.org/abs/2303.06349
"""

import math

import torch
from torch import Tensor, nn

from seqdocs import checks
from seqdocs.scan import Method, scan

SHORTEST, LONGEST = 1.0, 1000.0  # half-lives of the fresh states, in steps


class LinearRNN(nn.Module):
    """Linear recurrence with one decay per state.

    Args:
        input_size: D.
        state_size: N.
        output_size: O; D if omitted.

    Raises:
        ValueError: if a size is not positive.
    """

    def __init__(self, input_size: int, state_size: int, output_size: int | None = None) -> None:
        super().__init__()
        output_size = input_size if output_size is None else output_size
        checks.whole(1, input_size=input_size, state_size=state_size, output_size=output_size)
        half_lives = torch.logspace(math.log10(SHORTEST), math.log10(LONGEST), state_size)
        self.log_rate = nn.Parameter((math.log(2) / half_lives).log())
        self.W_in = nn.Parameter(torch.randn(state_size, input_size) / input_size**0.5)
        self.W_out = nn.Parameter(torch.randn(output_size, state_size) / state_size**0.5)

    def decay(self) -> Tensor:
        """a, (N,): what is left of each state after one step."""
        return torch.exp(-torch.exp(self.log_rate))

    def forward(
        self, x: Tensor, state: Tensor | None = None, method: Method = "chunked"
    ) -> tuple[Tensor, Tensor]:
        """Read a sequence.

        Args:
            x: (B, T, D).
            state: before the first step, (B, N); zeros if omitted.
            method: of the scan, "loop", "parallel" or "chunked".

        Returns:
            y, (B, T, O), and the last state, (B, N).

        Raises:
            ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        """
        N, D = self.W_in.shape
        checks.sequence("x", x, D, self.W_in)
        state = checks.begin(state, "(B, N)", (len(x), N), x)
        driven = x @ self.W_in.mT  # (B, T, N)
        h = scan(self.decay().expand_as(driven), driven, state, method=method)
        return h @ self.W_out.mT, h[:, -1] if x.shape[1] else state
