r"""Orthogonal recurrence: a matrix that turns the state and never stretches it, nor any gradient.

Letters: B batch · T time · D input · H hidden.

::

    Q = exp(A - Aᵀ)                                 skew matrix → rotation: QᵀQ = 1 for every A
    h[t] = modReLU(W x[t] + Q h[t-1]; b),           modReLU(z; b) = sign(z) · max(|z| + b, 0)

All singular values of Q are one, so W_hhᵀ in backpropagation through time neither shrinks nor stretches, at
any A that training may reach: it moves A, and Q stays orthogonal. The squashing must not shrink either: the
slope of modReLU is one where it passes something on and zero where it is shut. With b ≥ 0 it is never shut,
and the Jacobian ∂h[t]/∂h[s] is a rotation over any distance.

Conventions: a real A gives rotations, determinant +1; reflections are not reached. A complex one gives
unitary matrices by exp(A - Aᴴ), which :func:`rotation` does; :class:`OrthogonalRNN` is real. Only the part
of A below the diagonal counts, and for a complex one the diagonal's imaginary part. b starts at zero, where
modReLU does nothing and the network is linear.

>>> import torch
>>> Q = rotation(torch.randn(5, 5).double())
>>> torch.allclose(Q.mT @ Q, torch.eye(5).double())
True

Sources: Arjovsky, Shah & Bengio, "Unitary evolution recurrent neural networks", ICML 2016,
https://arxiv.org/abs/1511.06464 (modReLU, there for complex states); Lezcano-Casado &
Martínez-Rubio, "Cheap orthogonal constraints in neural networks: a simple parametrization of the orthogonal
and unitary group", ICML 2019, https://arxiv.org/abs/1901.08428 (the exponential).
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqdocs import checks

Method = Literal["loop", "hoisted"]


def rotation(A: Tensor) -> Tensor:
    """exp(A - Aᴴ) of the part of A below the diagonal: orthogonal, or unitary if A is complex.

    Args:
        A: (H, H); what stands above the diagonal is not looked at.

    Raises:
        ValueError: if ``A`` is not square, or not floating point.
    """
    if A.ndim != 2 or A.shape[0] != A.shape[1]:
        raise ValueError(f"`A` has shape {tuple(A.shape)}; it is square, (H, H)")
    checks.floating("A", A, real=False)
    lower = A.tril()
    Q: Tensor = torch.linalg.matrix_exp(lower - lower.mH)
    return Q


def modrelu(z: Tensor, b: Tensor) -> Tensor:
    """``sign(z) · max(|z| + b, 0)``, number by number; ``b`` broadcasts to ``z``.

    Raises:
        ValueError: if it does not, or the two differ in dtype or device.
    """
    checks.broadcasts("b", b, "the shape of `z`", z.shape)
    checks.alike("b", b, z, "`z` is")
    return torch.sign(z) * torch.relu(z.abs() + b)


class OrthogonalRNN(nn.Module):
    """Recurrent network with a rotation between the steps.

    Args:
        input_size: D.
        hidden_size: H.

    Raises:
        ValueError: if a size is not positive.

    A starts uniform in ±π/2 next to the diagonal, in every second place, and zero elsewhere: Q turns H/2
    planes by angles up to a quarter of a turn.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        checks.whole(1, input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.input = nn.Linear(input_size, hidden_size, bias=False)
        A = torch.zeros(hidden_size, hidden_size)
        A.diagonal(-1)[::2].uniform_(-torch.pi / 2, torch.pi / 2)
        self.A = nn.Parameter(A)
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(
        self, x: Tensor, state: Tensor | None = None, method: Method = "loop"
    ) -> tuple[Tensor, Tensor]:
        """Read a sequence.

        Args:
            x: (B, T, D).
            state: before the first step, (B, H); zeros if omitted.
            method: "loop", or "hoisted": the input products of all steps in one matrix product.

        Returns:
            States, (B, T, H), and the last, (B, H).

        Raises:
            ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        """
        checks.one_of("method", method, "loop", "hoisted")
        checks.sequence("x", x, self.input_size, self.A)
        shape = (len(x), self.hidden_size)
        h = checks.begin(state, "(B, H)", shape, x)
        Q = rotation(self.A)
        from_inputs = (self.input(x_t) for x_t in x.unbind(1))
        if method == "hoisted":
            from_inputs = (from_input for from_input in self.input(x).unbind(1))
        outputs = []
        for from_input in from_inputs:
            h = modrelu(from_input + F.linear(h, Q), self.bias)
            outputs.append(h)
        return torch.stack(outputs, dim=1) if outputs else x.new_zeros(shape[0], 0, shape[1]), h
