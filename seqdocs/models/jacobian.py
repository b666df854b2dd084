r"""How much the last output feels each input: the norms of ∂y[T-1] / ∂x[T-1-k] by the lag k.

Letters: B batch · T time · D input · H outputs; k lag, 0 for the last input.

For the linear recurrence h[t] = W h[t-1] + U x[t] that Jacobian is W^k U: its norm falls or grows like the
k-th power of the spectral radius of W. For a nonlinear one it is a product of k different matrices, and
here it is taken exactly, by differentiation, not estimated from differences.

>>> import torch
>>> W, U = torch.tensor([[0.5]]), torch.tensor([[3.0]])
>>> def run(x):
...     h, outputs = torch.zeros(x.shape[0], 1), []
...     for x_t in x.unbind(1):
...         h = h @ W.mT + x_t @ U.mT
...         outputs.append(h)
...     return torch.stack(outputs, 1)
>>> state_jacobian_norms(run, torch.zeros(1, 4, 1), lags=[0, 1, 3]).tolist()
[3.0, 1.5, 0.375]

Sources: Hochreiter, "Untersuchungen zu dynamischen neuronalen Netzen", diploma thesis, TU München, 1991;
Bengio, Simard & Frasconi, "Learning long-term dependencies with gradient descent is difficult", IEEE
Transactions on Neural Networks 5(2), 1994; Pascanu, Mikolov & Bengio, "On the difficulty of training
recurrent neural networks", ICML 2013.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from seqdocs import checks

Norm = Literal["spectral", "frobenius"]


def state_jacobian_norms(
    run: Callable[[Tensor], Tensor], x: Tensor, lags: Sequence[int], norm: Norm = "spectral"
) -> Tensor:
    """Norms of the Jacobian of the last output by the input k steps back.

    One forward and one backward pass give all lags: the batch holds H copies of the sequence, and copy i asks
    for the gradient of output i. Use double precision: what vanishes is soon too small for single precision.

    Args:
        run: (B, T, D) to (B, T, H), differentiable, each sequence of the batch on its own.
        x: one sequence, (1, T, D).
        lags: steps back k, each from 0 to T - 1.
        norm: "spectral", the largest factor by which any change of that input is passed on; or "frobenius".

    Returns:
        (number of lags,), in the dtype of ``x``.

    Raises:
        ValueError: if ``x`` is not (1, T, D), a lag is outside 0 … T - 1, or ``norm`` is unknown.
    """
    checks.one_of("norm", norm, "spectral", "frobenius")
    checks.floating("x", x)
    if x.ndim != 3 or x.shape[0] != 1 or x.shape[1] == 0:
        raise ValueError(f"`x` has shape {tuple(x.shape)}; it is one sequence, (1, T, D) with T ≥ 1")
    T = x.shape[1]
    checks.whole(0, **{f"lags[{n}]": lag for n, lag in enumerate(lags)})
    if outside := [k for k in lags if not 0 <= k < T]:
        raise ValueError(f"`lags` holds {outside}; for a sequence of {T} they go from 0 to {T - 1}")
    with torch.no_grad():
        H = run(x).shape[-1]
    copies = x.detach().expand(H, -1, -1).clone().requires_grad_()
    own_output = run(copies)[:, -1].diagonal()  # output i of copy i
    (jacobian,) = torch.autograd.grad(own_output.sum(), copies)  # (H, T, D)
    at_lags = jacobian[:, [T - 1 - k for k in lags]].transpose(0, 1)  # (lags, H, D)
    if norm == "frobenius":
        return at_lags.square().sum((1, 2)).sqrt()
    singular: Tensor = torch.linalg.svdvals(at_lags)  # largest first
    return singular[:, 0]


@torch.no_grad()
def set_spectral_radius(weight: Tensor, radius: float) -> Tensor:
    """Scale a square matrix, in place, so that its largest eigenvalue has the given size.

    Args:
        weight: (H, H); a parameter is fine.
        radius: wanted, not negative.

    Returns:
        ``weight``.

    Raises:
        ValueError: if ``weight`` is not square, has spectral radius zero, or ``radius`` is negative.
    """
    if weight.ndim != 2 or weight.shape[0] != weight.shape[1]:
        raise ValueError(f"`weight` has shape {tuple(weight.shape)}; it is square, (H, H)")
    checks.floating("weight", weight)
    checks.number("radius", radius, 0 <= radius < torch.inf, "finite and not negative")
    now = float(torch.linalg.eigvals(weight.double()).abs().max())
    if now == 0:
        raise ValueError("`weight` has spectral radius 0, which no factor changes")
    return weight.mul_(radius / now)
