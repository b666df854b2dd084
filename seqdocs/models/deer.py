r"""DEER: a nonlinear recurrence solved for all steps at once, by a few scans.

Letters: B batch · T time · D input · H hidden · J Jacobian of the step.

::

    h[t] = f(x[t], h[t-1])                                     for every t, at once
    J[t] = ∂f/∂h at the guess g[t-1]
    g'[t] = J[t] g'[t-1] + (f(x[t], g[t-1]) - J[t] g[t-1])     the next guess: a linear recurrence, a scan

An RNN or a GRU seems bound to walk, since each step squashes the one before. But the whole trajectory is the
root of one system of equations, and Newton's iteration replaces that system by a linear one, whose recurrence
composes: :func:`seqdocs.scan.associative_scan` solves it in about 2 log2 T dependent operations. A few
iterations give what the loop gives, to rounding. The first i steps are exact after i iterations, so it ends
after T of them at the latest.

- ``newton`` keeps the whole Jacobian, (H, H) per step: few iterations, H³ work per step in each.
- ``quasi`` keeps its diagonal: more iterations, H work, and :func:`seqdocs.scan.scan` solves it.

The gradient is that of the loop, by the implicit function theorem: one more linear recurrence, against time.
It is exact at the solution, and no graph of the iterations is kept.

>>> import torch
>>> from seqdocs.models.gru import GRU, gru_step
>>> net, x = GRU(3, 4).double(), torch.randn(2, 63, 3).double()
>>> step = lambda x, h: gru_step(x, h, net.weights(0))
>>> h, iterations = deer(step, x, torch.zeros(2, 4).double())
>>> torch.allclose(h, net(x)[0], atol=1e-10), iterations < 20
(True, True)

Sources: Lim et al., "Parallelizing non-linear sequential models over the sequence length", ICLR 2024,
https://arxiv.org/abs/2309.12252 (DEER); Gonzalez et al., "Towards scalable and stable parallelization of
nonlinear RNNs", NeurIPS 2024, https://arxiv.org/abs/2407.19115 (the diagonal, and T iterations at most).
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from seqdocs import checks
from seqdocs.scan import Elements, associative_scan, scan

Step = Callable[[Tensor, Tensor], Tensor]
DeerMethod = Literal["newton", "quasi"]
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


class NotConvergedError(ArithmeticError):
    """The iteration was stopped before it agreed with itself."""


def deer(
    step: Step,
    x: Tensor,
    h0: Tensor,
    *,
    method: DeerMethod = "newton",
    tolerance: float | None = None,
    max_iterations: int | None = None,
) -> tuple[Tensor, int]:
    """Solve h[t] = step(x[t], h[t-1]) for all t together.

    Args:
        step: x (M, D), h (M, H) → (M, H), acting on each of the M rows alone; differentiable, and one that
            ``torch.func.vmap`` can go through.
        x: (B, T, D), float32 or float64.
        h0: state before the first step, (B, H).
        method: "newton" or "quasi".
        tolerance: largest change between two iterations that counts as none, as a part of the largest state;
            1e-12 in float64 and 1e-5 in float32 if omitted.
        max_iterations: T + 1 if omitted, which is always enough.

    Returns:
        h, (B, T, H), and how many iterations it took.

    Raises:
        ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        NotConvergedError: if ``max_iterations`` were not enough.
    """
    _check(x, h0)
    checks.one_of("method", method, "newton", "quasi")
    if tolerance is not None:
        checks.number("tolerance", tolerance, tolerance >= 0, "at least 0")
    if max_iterations is not None:
        checks.whole(0, max_iterations=max_iterations)
    (B, T, _), H = x.shape, h0.shape[1]
    if T == 0:
        return x.new_zeros(B, 0, H) + 0 * h0[:, None], 0
    close = TOLERANCE[x.dtype] if tolerance is None else tolerance
    limit = T + 1 if max_iterations is None else max_iterations
    solve = newton_iteration if method == "newton" else _quasi_iteration
    with torch.no_grad():
        guess, iterations = _iterate(
            lambda guess: solve(step, x, h0, guess), h0[:, None].expand(B, T, H), close, limit
        )
    if not torch.is_grad_enabled():
        return guess, iterations
    # One more iteration from the solution moves nothing, but is the implicit function theorem for autograd.
    return newton_iteration(step, x, h0, guess), iterations


def _iterate(
    improve: Callable[[Tensor], Tensor], guess: Tensor, tolerance: float, limit: int
) -> tuple[Tensor, int]:
    """Improve a guess until it stays; return it and the number of iterations."""
    change = float("inf")
    for iteration in range(1, limit + 1):
        found = improve(guess)
        # Steps whose past is still wrong may overflow, and that spreads; a zero there is a new guess.
        found = torch.where(found.isfinite(), found, torch.zeros_like(found))
        scale = found.abs().max().clamp(min=torch.finfo(found.dtype).tiny)
        change = float((found - guess).abs().max() / scale)
        guess = found
        if change <= tolerance:
            return guess, iteration
    raise NotConvergedError(
        f"after {limit} iterations the states still change by {change:.2g} of the largest, more than"
        f" {tolerance:.2g}; allow more iterations"
    )


def _before(h0: Tensor, guess: Tensor) -> Tensor:
    """The state that each step starts from, (B, T, H)."""
    return torch.cat((h0[:, None], guess[:, :-1]), dim=1)


def _images(step: Step, x: Tensor, before: Tensor) -> Tensor:
    """f(x[t], g[t-1]) of all steps side by side, (B, T, H)."""
    found = step(x.flatten(0, 1), before.flatten(0, 1))
    B, T, H = before.shape
    if found.shape != (B * T, H):
        raise ValueError(f"`step` returned {tuple(found.shape)}; for states of width {H} it is {(B * T, H)}")
    return found.view(before.shape)


def _jacobians(step: Step, x: Tensor, before: Tensor) -> Tensor:
    """∂f/∂h of all steps side by side, (B, T, H, H); the first row of steps is left out by who uses it."""

    def one(x: Tensor, h: Tensor) -> Tensor:
        return step(x[None], h[None])[0]

    own = torch.func.vmap(torch.func.jacrev(one, argnums=1))(
        x.detach().flatten(0, 1), before.detach().flatten(0, 1)
    )
    jacobians: Tensor = own.detach().view(*before.shape, before.shape[-1])
    return jacobians


def newton_iteration(step: Step, x: Tensor, h0: Tensor, guess: Tensor) -> Tensor:
    """One iteration with whole Jacobians: the next guess, (B, T, H), from the last one.

    From the solution it returns the solution, and then its gradient is that of the solution.

    Raises:
        ValueError: if shapes or dtypes do not fit, or ``step`` returns another shape.
    """
    _check(x, h0)
    checks.shape("guess", guess, "(B, T, H)", (*x.shape[:2], h0.shape[1]))
    checks.alike("guess", guess, x, "`x` is")
    before = _before(h0, guess)
    images = _images(step, x, before)
    J = _jacobians(step, x, before)
    J[:, 0] = 0  # the first step starts from h0, which is no guess

    def compose(earlier: Elements, later: Elements) -> Elements:
        (J1, b1), (J2, b2) = earlier, later
        return J2 @ J1, J2 @ b1 + b2

    b = images[..., None] - J @ before[..., None]
    return associative_scan(compose, (J, b), dim=1)[1].squeeze(-1)


def _quasi_iteration(step: Step, x: Tensor, h0: Tensor, guess: Tensor) -> Tensor:
    """One iteration with the diagonals of the Jacobians."""
    before = _before(h0, guess)
    images = _images(step, x, before)
    a = _jacobians(step, x, before).diagonal(dim1=-2, dim2=-1).clone()
    a[:, 0] = 0
    return scan(a, images - a * before, method="parallel")


def _check(x: Tensor, h0: Tensor) -> None:
    checks.dimensions("x", x, "(B, T, D)")
    if h0.ndim != 2 or h0.shape[0] != x.shape[0]:
        raise ValueError(f"`h0` has shape {tuple(h0.shape)}; for `x` of {tuple(x.shape)} it is (B, H)")
    if x.dtype not in TOLERANCE or h0.dtype != x.dtype:
        raise ValueError(f"`x` is {x.dtype} and `h0` {h0.dtype}; both are float32 or both float64")
    checks.together("h0", h0, x, "`x` is")
