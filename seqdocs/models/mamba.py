r"""Mamba block: a short convolution, a selective scan and a gate between two linear layers.

Letters: B batch · T time · D width of the model · E width inside (twice D) · N states of a channel · R rank
of the step sizes · k steps that the convolution sees.

::

    [u, z] = W_in x                               two branches, (B, T, E) each
    u = silu(conv(u))                             every channel alone, over the last k steps
    [r, B, C] = W_x u,   Δ = softplus(W_Δ r + b_Δ)
    y = W_out (selective_scan(u, Δ, A, B, C, D) ⊙ silu(z)),   A = -exp(A_log)

It takes the place of attention *and* of the feedforward layer of a Transformer. What it remembers has a fixed
size: N numbers per channel and the last k - 1 inputs of the convolution, however long the text.

Both are the state, so reading a prompt at once and then going on token by token is the same call.

Conventions: names of the parameters as in the authors' code, so that its state dict loads. No norm and no
residual: a stack adds x + block(norm(x)). In and out have no bias, the convolution and Δ have one.

>>> import torch
>>> net = Mamba(width=8)
>>> x = torch.randn(2, 5, 8)
>>> y, (window, h) = net(x)
>>> y.shape, window.shape, h.shape
(torch.Size([2, 5, 8]), torch.Size([2, 3, 16]), torch.Size([2, 16, 16]))

Source: Gu & Dao, "Mamba: linear-time sequence modeling with selective state spaces", 2023, section 3.4 and
figure 3, https://arxiv.org/abs/2312.00752
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqdocs import checks
from seqdocs.models.causal_convolution import causal_convolution
from seqdocs.models.selective_scan import SelectiveMethod, selective_scan

SHORTEST, LONGEST = 0.001, 0.1  # of the fresh step sizes Δ
MambaState = tuple[Tensor, Tensor]  # the last k - 1 inputs of the convolution (B, k - 1, E), h (B, E, N)


class Mamba(nn.Module):
    """One block, without norm and residual.

    Args:
        width: D.
        state_size: N.
        kernel_size: k.
        expand: E / D.
        rank: R; D / 16, rounded up, if omitted.

    Raises:
        ValueError: if a size is not positive.
    """

    def __init__(
        self,
        width: int,
        *,
        state_size: int = 16,
        kernel_size: int = 4,
        expand: int = 2,
        rank: int | None = None,
    ) -> None:
        super().__init__()
        checks.whole(1, width=width, state_size=state_size, kernel_size=kernel_size, expand=expand)
        rank = math.ceil(width / 16) if rank is None else rank
        checks.whole(1, rank=rank)
        inner = expand * width
        self.sizes = (rank, state_size, state_size)  # what W_x computes: r, B, C
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)
        self.conv1d = nn.Conv1d(inner, inner, kernel_size, groups=inner)
        self.x_proj = nn.Linear(inner, sum(self.sizes), bias=False)
        self.dt_proj = nn.Linear(rank, inner)
        self.A_log = nn.Parameter(torch.arange(1.0, state_size + 1).log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, width, bias=False)
        with torch.no_grad():  # fresh step sizes are log-uniform
            step = SHORTEST * (LONGEST / SHORTEST) ** torch.rand(inner)
            self.dt_proj.bias.copy_(step + torch.log(-torch.expm1(-step)))  # softplus of this is `step`

    def forward(
        self, x: Tensor, state: MambaState | None = None, method: SelectiveMethod = "chunked"
    ) -> tuple[Tensor, MambaState]:
        """Read a sequence, or one step more of it.

        Args:
            x: (B, T, D).
            state: before the first step, (B, k - 1, E) and (B, E, N); zeros if omitted.
            method: of the scan, "loop", "parallel" or "chunked".

        Returns:
            y, (B, T, D), and the state after the last step.

        Raises:
            ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        """
        window, h = self._checked(x, state)
        u, z = self.in_proj(x).chunk(2, dim=-1)
        u, window = causal_convolution(u, self.conv1d.weight, self.conv1d.bias, window)
        u = F.silu(u)
        r, B, C = self.x_proj(u).split(self.sizes, dim=-1)
        delta = F.softplus(self.dt_proj(r))
        y, h = selective_scan(u, delta, -torch.exp(self.A_log), B, C, self.D, h, method=method)
        return self.out_proj(y * F.silu(z)), (window, h)

    def _checked(self, x: Tensor, state: MambaState | None) -> MambaState:
        """The state to begin with, having refused what does not fit."""
        width, (E, N) = self.in_proj.in_features, self.A_log.shape
        checks.sequence("x", x, width, self.D)
        shapes = (len(x), self.conv1d.kernel_size[0] - 1, E), (len(x), E, N)
        window, h = checks.begin_all(state, "(B, k - 1, E) and (B, E, N)", shapes, x)
        return window, h
