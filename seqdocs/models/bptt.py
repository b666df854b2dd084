r"""Backpropagation through time, written out for the Elman network, whole and truncated.

Letters: B batch · T time · D input · H hidden; L the loss; δ[t] is the gradient of L by u[t],
what is squashed at step t.

::

    h[t] = tanh(u[t]),   u[t] = W_ih x[t] + b_ih + W_hh h[t-1] + b_hh
    δ[t] = (∂L[t]/∂h[t] + W_hhᵀ δ[t+1]) ⊙ (1 - h[t]²)            from the last step to the first
    ∂L/∂W_hh = Σ δ[t] h[t-1]ᵀ,   ∂L/∂W_ih = Σ δ[t] x[t]ᵀ,   ∂L/∂b = Σ δ[t]

The network is unrolled: T copies of one layer, so that the gradient of the shared weights is the sum over the
copies. Each step back multiplies δ once more by W_hhᵀ and by slopes below one, which is why gradients vanish
or explode.

*Truncated*, for sequences too long for that: every ``k1`` steps go ``k2`` steps back, and no further. The
gradient is that of a network for which the state before those steps is given. It costs k2 steps of memory and
T k2 / k1 of work, and what is further away than k2 steps is not learned.

Conventions: a loss counts once, in the first window that ends at or after its step; it is sent back through
at least k2 - k1 + 1 steps and at most k2. The last window may have fewer than k1 new steps. With k1 = k2 the
sequence falls into pieces that hand on a detached state, the common form. Weights stay as they are
meanwhile; a training that changes them after each window follows a slightly different gradient.

>>> import torch
>>> from seqdocs.models.rnn import RNN
>>> net, x = RNN(3, 4), torch.randn(2, 7, 3)
>>> y, _ = net(x)
>>> y.square().sum().backward()
>>> mine = bptt(x, torch.zeros(2, 4), net.weights(0), lambda h: 2 * h)
>>> torch.allclose(mine.W_hh, net.weight_hh_l0.grad, atol=1e-5)
True

Sources: Werbos, "Backpropagation through time: what it does and how to do it", Proceedings of the IEEE
78(10), 1990; Williams & Peng, "An efficient gradient-based algorithm for on-line training of recurrent
network trajectories", Neural Computation 2(4), 1990 (the truncated form, there BPTT(h; h') with h = k2 and
h' = k1).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from seqdocs import checks
from seqdocs.models.recurrent import Weights, check_step

LossGradient = Callable[[Tensor], Tensor]  # all states (B, T, H) → ∂L[t]/∂h[t] of each step's own loss


class Gradients(NamedTuple):
    """Of the loss, by the weights, each in the shape of what it belongs to; b_ih and b_hh have the same."""

    W_ih: Tensor
    W_hh: Tensor
    b: Tensor


@torch.no_grad()
def bptt(x: Tensor, h0: Tensor, weights: Weights, loss_gradient: LossGradient) -> Gradients:
    """The gradient of the whole loss.

    Args:
        x: (B, T, D).
        h0: state before the first step, (B, H).
        weights: W_ih (H, D), W_hh (H, H), b_ih (H,), b_hh (H,), as ``RNN.weights`` returns them.
        loss_gradient: from the states of all steps, (B, T, H), to the gradient of the loss by each of them
            as far as it does not go through later steps, (B, T, H).

    Raises:
        ValueError: if shapes do not fit.
    """
    h = states(x, h0, weights)
    return _send_back(x, h, loss_gradient(h[:, 1:]), weights)


@torch.no_grad()
def truncated_bptt(
    x: Tensor, h0: Tensor, weights: Weights, loss_gradient: LossGradient, *, k1: int, k2: int
) -> Gradients:
    """The sum of the gradients of all windows; see the module on what that leaves out.

    Args:
        x: (B, T, D).
        h0: state before the first step, (B, H).
        weights: as for :func:`bptt`.
        loss_gradient: as for :func:`bptt`.
        k1: steps from one window's end to the next, at least 1.
        k2: steps of a window, at least k1, so that no loss is left out.

    Raises:
        ValueError: if shapes do not fit, or ``k1`` and ``k2`` are not that.
    """
    checks.whole(1, k1=k1, k2=k2)
    if k1 > k2:
        raise ValueError(f"`k1` is {k1} and `k2` {k2}; 1 ≤ k1 ≤ k2")
    h = states(x, h0, weights)
    by_state = loss_gradient(h[:, 1:])
    T = x.shape[1]
    total = _send_back(x[:, :0], h[:, :1], by_state[:, :0], weights)  # of no step: zeros
    for begin in range(0, T, k1):
        end = min(begin + k1, T)
        first = max(0, end - k2)
        own = by_state[:, first:end].clone()
        own[:, : begin - first] = 0  # earlier windows have counted these
        window = _send_back(x[:, first:end], h[:, first : end + 1], own, weights)
        total = Gradients(*(a + b for a, b in zip(total, window, strict=True)))
    return total


def states(x: Tensor, h0: Tensor, weights: Weights) -> Tensor:
    """h[0] … h[T]: the state before the first step and after each, (B, 1 + T, H)."""
    checks.dimensions("x", x, "(B, T, D)")
    check_step(1, x.new_zeros(x.shape[0], x.shape[2]), h0, weights)
    W_ih, W_hh, b_ih, b_hh = weights
    h = [h0]
    for x_t in x.unbind(1):
        h.append(torch.tanh(F.linear(x_t, W_ih, b_ih) + F.linear(h[-1], W_hh, b_hh)))
    return torch.stack(h, dim=1)


def _send_back(x: Tensor, h: Tensor, by_state: Tensor, weights: Weights) -> Gradients:
    """The δ recursion over x (B, T, D), h (B, 1 + T, H) and ∂L[t]/∂h[t] (B, T, H)."""
    W_ih, W_hh, b_ih, _ = weights
    gradients = Gradients(torch.zeros_like(W_ih), torch.zeros_like(W_hh), torch.zeros_like(b_ih))
    delta = torch.zeros_like(h[:, 0])
    for t in reversed(range(x.shape[1])):
        before, after = h[:, t], h[:, t + 1]
        delta = (by_state[:, t] + delta @ W_hh) * (1 - after**2)
        gradients = Gradients(
            gradients.W_ih + delta.mT @ x[:, t],
            gradients.W_hh + delta.mT @ before,
            gradients.b + delta.sum(0),
        )
    return gradients
