r"""S4D: a bank of damped oscillators for every channel, run as a recurrence or as one convolution.

Letters: B batch · T time · D channels · N states of a channel (complex, each standing for itself and its
conjugate) · Δ step size.

::

    h'(s) = A h(s) + x(s),   y(s) = 2 Re(C h(s)) + D x(s)          in continuous time
    Ā = exp(Δ A),   B̄ = (Ā - 1) / A                                 x held constant over a step of length Δ
    h[t] = Ā ⊙ h[t-1] + B̄ x[t],   y[t] = 2 Re(C · h[t]) + D x[t]    in steps
    y = K * x + D x,   K[t] = 2 Re(Σ_n C_n B̄_n Ā_n^t)               the same as one convolution

A state-space model whose matrix A is diagonal: each state turns at its own frequency and fades at its own
rate. Since nothing in the step depends on the input, what the model does to any sequence is one fixed
kernel, and a Fourier transform applies it in T log T. The same parameters decode step by step with a state of
fixed size.

Convention: S4D-Lin, A_n = -1/2 + iπn; B is one (only C B matters); Δ per channel, log-uniform in 0.001 to
0.1; hold (ZOH) and not the bilinear rule. Nothing is mixed between channels.

>>> import torch
>>> net = S4D(channels=3, state_size=4)
>>> x = torch.randn(2, 50, 3)
>>> y, state = net(x)
>>> y.shape, state.shape
(torch.Size([2, 50, 3]), torch.Size([2, 3, 4]))
>>> torch.allclose(y, net(x, method="loop")[0], atol=1e-5)
True

Sources: Gu, Goel & Ré, "Efficiently modeling long sequences with structured state spaces", ICLR 2022,
https://arxiv.org/abs/2111.00396; Gu et al., "On the parameterization and initialization of diagonal state
space models", NeurIPS 2022, https://arxiv.org/abs/2206.11893 (diagonal A, S4D-Lin)
"""

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from seqdocs import checks
from seqdocs.scan import scan

S4DMethod = Literal["loop", "parallel", "chunked", "convolution"]
METHODS = get_args(S4DMethod)
SHORTEST, LONGEST = 0.001, 0.1  # of the fresh step sizes Δ


class S4D(nn.Module):
    """One diagonal state-space model per channel.

    Args:
        channels: D.
        state_size: N, complex states of each channel.

    Raises:
        ValueError: if a size is not positive.
    """

    def __init__(self, channels: int, state_size: int = 32) -> None:
        super().__init__()
        checks.whole(1, channels=channels, state_size=state_size)
        self.channels, self.state_size = channels, state_size
        spread = math.log(SHORTEST) + torch.rand(channels) * math.log(LONGEST / SHORTEST)
        self.log_step = nn.Parameter(spread)
        self.log_decay = nn.Parameter(torch.full((channels, state_size), math.log(0.5)))
        self.frequency = nn.Parameter(math.pi * torch.arange(state_size).float().repeat(channels, 1))
        self.C = nn.Parameter(torch.randn(channels, state_size, 2) / (2 * state_size) ** 0.5)
        self.D = nn.Parameter(torch.ones(channels))

    def discrete(self) -> tuple[Tensor, Tensor]:
        """Ā and B̄, each (D, N), complex: what is left of a state after one step, and what an input adds."""
        A = torch.complex(-torch.exp(self.log_decay), self.frequency)
        steps = torch.exp(self.log_step)[:, None] * A
        return torch.exp(steps), torch.expm1(steps) / A  # expm1: Ā - 1 loses all digits for a small step

    def kernel(self, T: int) -> Tensor:
        """K of the first T steps, (D, T), real."""
        checks.whole(0, T=T)
        A, B = self.discrete()
        powers = A[..., None] ** torch.arange(T, device=A.device)
        return 2 * torch.einsum("dn,dnt->dt", self.weights() * B, powers).real

    def weights(self) -> Tensor:
        """C, (D, N), complex."""
        return torch.view_as_complex(self.C)

    def forward(
        self, x: Tensor, state: Tensor | None = None, method: S4DMethod = "convolution"
    ) -> tuple[Tensor, Tensor]:
        """Read a sequence.

        Args:
            x: (B, T, D).
            state: before the first step, (B, D, N), complex; zeros if omitted.
            method: "convolution" by Fourier transforms, or that of the scan: "loop", "parallel", "chunked".

        Returns:
            y, (B, T, D), and the last state, (B, D, N), complex.

        Raises:
            ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        """
        state = self._checked(x, state, method)
        T = x.shape[1]
        if method == "convolution":
            y, state = self._convolve(x, state)
        else:
            A, B_in = (own.flatten() for own in self.discrete())
            driven = x.repeat_interleave(self.state_size, dim=2) * B_in  # (B, T, D N)
            h = scan(A.expand_as(driven), driven, state.flatten(1), method=method)
            h = h.view(len(x), T, self.channels, self.state_size)
            y = 2 * torch.einsum("dn,btdn->btd", self.weights(), h).real
            state = h[:, -1] if T else state
        return y + self.D * x, state

    def _convolve(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Kernel times input, what the old state still says, and the state after it."""
        T = x.shape[1]
        if T == 0:
            return x, state
        A, B_in = self.discrete()
        padded = 2 * T  # a Fourier transform goes round in circles: zeros keep the end off the beginning
        spectrum = torch.fft.rfft(self.kernel(T), n=padded) * torch.fft.rfft(x.mT, n=padded)
        y = torch.fft.irfft(spectrum, n=padded)[..., :T].mT
        fading = A[..., None] ** torch.arange(T + 1, device=x.device)  # (D, N, T + 1)
        y = y + 2 * torch.einsum("dn,bdn,dnt->btd", self.weights(), state, fading[..., 1:]).real
        driven = torch.einsum("dn,dnt,btd->bdn", B_in, fading[..., :T].flip(-1), x.to(A.dtype))
        return y, fading[..., T] * state + driven

    def _checked(self, x: Tensor, state: Tensor | None, method: str) -> Tensor:
        """The state to begin with, having refused what does not fit."""
        checks.one_of("method", method, *METHODS)
        checks.sequence("x", x, self.channels, self.D)
        shape, dtype = (x.shape[0], self.channels, self.state_size), self.weights().dtype
        if state is None:
            return x.new_zeros(shape, dtype=dtype)
        if state.shape != shape or state.dtype != dtype:
            raise ValueError(
                f"`state` is {state.dtype} of shape {tuple(state.shape)}; it is {dtype}, (B, D, N) = {shape}"
            )
        checks.together("state", state, x, "`x` is")
        return state
