r"""Linear recurrent unit: a bank of damped rotations that starts near the unit circle, solved by a scan.

Letters: B batch · T time · D input · N states (complex) · O output · λ what is left of a state after a step.

::

    λ = exp(-exp(ν) + iθ),   θ = exp(log_phase)          |λ| < 1 whatever ν is
    h[t] = λ ⊙ h[t-1] + γ ⊙ (W_in x[t])
    y[t] = Re(W_out h[t]) + d ⊙ x[t],   γ = √(1 - |λ|²)  when fresh

An RNN without its squashing, in the coordinates in which its matrix is diagonal; those are complex. A real
decay can only fade; a complex one also turns, so a state can count and oscillate. Three things make it train
on long sequences: no ν makes it explode, ``|λ|`` starts close to 1 (a ring), and γ keeps the size of a state
the same however slowly it fades: white noise of variance one gives it a variance of one.

Conventions: only the real part of the output, without the factor 2 of S4D. γ is a parameter, ``log_gamma``,
which starts at its formula. D = O for the skip, so there is none if O is another.

>>> import torch
>>> net = LRU(input_size=3, state_size=4)
>>> y, state = net(torch.randn(2, 5, 3))
>>> y.shape, state.shape, state.dtype
(torch.Size([2, 5, 3]), torch.Size([2, 4]), torch.complex64)
>>> bool((net.decay().abs() < 1).all())
True

Source: Orvieto et al., "Resurrecting recurrent neural networks for long sequences", ICML 2023,
sections 3.2 to 3.4 and lemma 3.2 (the ring), https://arxiv.org/abs/2303.06349
"""

import math

import torch
from torch import Tensor, nn

from seqdocs import checks
from seqdocs.scan import Method, scan


class LRU(nn.Module):
    """One linear recurrent unit.

    Args:
        input_size: D.
        state_size: N.
        output_size: O; D if omitted.
        ring: the smallest and the largest fresh ``|λ|``, uniform on the area between the two circles.
        max_phase: the fresh θ are uniform between 0 and this.

    Raises:
        ValueError: if a size is not positive or the ring is none.
    """

    def __init__(
        self,
        input_size: int,
        state_size: int,
        output_size: int | None = None,
        *,
        ring: tuple[float, float] = (0.9, 0.999),
        max_phase: float = 2 * math.pi,
    ) -> None:
        super().__init__()
        output_size = input_size if output_size is None else output_size
        checks.whole(1, input_size=input_size, state_size=state_size, output_size=output_size)
        inner, outer = ring
        if not (0 <= inner < outer < 1 and max_phase > 0):
            raise ValueError(
                f"`ring` is {ring} and `max_phase` {max_phase}; they need 0 <= inner < outer < 1, phase > 0"
            )
        squared = inner**2 + (outer**2 - inner**2) * torch.rand(state_size).clamp(1e-6, 1 - 1e-6)
        self.nu = nn.Parameter((-0.5 * squared.log()).log())
        self.log_phase = nn.Parameter((max_phase * torch.rand(state_size).clamp(min=1e-6)).log())
        self.log_gamma = nn.Parameter(0.5 * (1 - squared).log())
        self.W_in = nn.Parameter(torch.randn(state_size, input_size, 2) / (2 * input_size) ** 0.5)
        self.W_out = nn.Parameter(torch.randn(output_size, state_size, 2) / state_size**0.5)
        self.skip = nn.Parameter(torch.randn(input_size)) if output_size == input_size else None

    def decay(self) -> Tensor:
        """λ, (N,), complex: what one step leaves of each state."""
        return torch.exp(torch.complex(-torch.exp(self.nu), torch.exp(self.log_phase)))

    def forward(
        self, x: Tensor, state: Tensor | None = None, method: Method = "chunked"
    ) -> tuple[Tensor, Tensor]:
        """Read a sequence.

        Args:
            x: (B, T, D).
            state: before the first step, (B, N), complex; zeros if omitted.
            method: of the scan, "loop", "parallel" or "chunked".

        Returns:
            y, (B, T, O), and the last state, (B, N), complex.

        Raises:
            ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        """
        decay = self.decay()
        state = self._checked(x, state, decay.dtype)
        W_in = torch.exp(self.log_gamma)[:, None] * torch.view_as_complex(self.W_in)
        driven = torch.complex(x @ W_in.real.mT, x @ W_in.imag.mT)  # x is real: two real products, not four
        h = scan(decay.expand_as(driven), driven, state, method=method)
        y = (h @ torch.view_as_complex(self.W_out).mT).real
        y = y if self.skip is None else y + self.skip * x
        return y, h[:, -1] if x.shape[1] else state

    def _checked(self, x: Tensor, state: Tensor | None, dtype: torch.dtype) -> Tensor:
        """The state to begin with, having refused what does not fit."""
        N, D, _ = self.W_in.shape
        checks.sequence("x", x, D, self.nu)
        if state is None:
            return x.new_zeros(len(x), N, dtype=dtype)
        if state.shape != (len(x), N) or state.dtype != dtype:
            got = f"`state` is {state.dtype} of shape {tuple(state.shape)}"
            raise ValueError(f"{got}; it is {dtype}, (B, N) = {(len(x), N)}")
        checks.together("state", state, x, "`x` is")
        return state
