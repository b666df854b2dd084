r"""Real-time recurrent learning: the gradient carried forward, so that nothing of the past is kept.

Letters: B batch · T time · D input · H hidden; θ all weights of the Elman network as one row, P of them,
(H, D + H + 1) with W_ih, W_hh and the bias side by side, read row by row.

::

    h[t] = tanh(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh)
    S[t] = ∂h[t]/∂θ = (1 - h[t]²) ⊙ (W_hh S[t-1] + ∂a[t]/∂θ)          (H, P), from S[0] = 0
    ∂L/∂θ = Σ ∂L[t]/∂h[t] S[t]

∂a/∂θ is that of the step alone: row k depends on row k of the weights only, by [x[t]; h[t-1]; 1]. After every
step the gradient of all losses so far is there, while :mod:`seqdocs.models.bptt` must go back for it; the two
are equal. The price is S: H P ≈ H³ numbers and H⁴ work in a step. Hence "for the small case".

>>> import torch
>>> from seqdocs.models.bptt import bptt
>>> from seqdocs.models.rnn import RNN
>>> net, x, h0 = RNN(3, 4).double(), torch.randn(2, 7, 3).double(), torch.zeros(2, 4).double()
>>> mine, other = (f(x, h0, net.weights(0), lambda h: 2 * h) for f in (rtrl, bptt))
>>> all(torch.allclose(a, b) for a, b in zip(mine, other))
True

Source: Williams & Zipser, "A learning algorithm for continually running fully recurrent neural networks",
Neural Computation 1(2), 1989, https://doi.org/10.1162/neco.1989.1.2.270
"""

import torch
from torch import Tensor

from seqdocs import checks
from seqdocs.models.bptt import Gradients, LossGradient
from seqdocs.models.recurrent import Weights, check_step


@torch.no_grad()
def rtrl_step(x: Tensor, h: Tensor, S: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    """One step of the network and of its sensitivity.

    Args:
        x: input, (B, D).
        h: state before, (B, H).
        S: how it depends on the weights, ∂h/∂θ, (B, H, P); zeros before the first step.
        weights: W_ih (H, D), W_hh (H, H), b_ih (H,), b_hh (H,).

    Returns:
        State and sensitivity after, (B, H) and (B, H, P).

    Raises:
        ValueError: if shapes do not fit.
    """
    check_step(1, x, h, weights)
    W_ih, W_hh, b_ih, b_hh = weights
    B, H = h.shape
    seen = torch.cat((x, h, h.new_ones(B, 1)), dim=1)  # (B, D + H + 1)
    if S.shape != (B, H, H * seen.shape[1]):
        raise ValueError(f"`S` has shape {tuple(S.shape)}; it is {(B, H, H * seen.shape[1])}")
    checks.alike("S", S, h, "`h` is")
    own = torch.einsum("kl,bj->bklj", torch.eye(H).to(h), seen).flatten(2)  # ∂a/∂θ of this step
    h = torch.tanh(x @ W_ih.mT + b_ih + h @ W_hh.mT + b_hh)
    return h, (1 - h**2)[..., None] * (W_hh @ S + own)


@torch.no_grad()
def rtrl(x: Tensor, h0: Tensor, weights: Weights, loss_gradient: LossGradient) -> Gradients:
    """The gradient of the whole loss, as :func:`seqdocs.models.bptt.bptt` gives it, without going back.

    Args:
        x: (B, T, D).
        h0: state before the first step, (B, H).
        weights: W_ih (H, D), W_hh (H, H), b_ih (H,), b_hh (H,).
        loss_gradient: from states, (B, T, H), to the gradient of the loss by each as far as it does not go
            through later steps; called step by step, with T = 1.

    Raises:
        ValueError: if shapes do not fit.
    """
    checks.dimensions("x", x, "(B, T, D)")
    check_step(1, x.new_zeros(len(x), x.shape[2]), h0, weights)  # also where there is no step
    (B, _, D), H = x.shape, h0.shape[-1]
    h, S = h0, h0.new_zeros(B, H, H * (D + H + 1))
    total = S.new_zeros(S.shape[2])
    for x_t in x.unbind(1):
        h, S = rtrl_step(x_t, h, S, weights)
        total = total + torch.einsum("bh,bhp->p", loss_gradient(h[:, None])[:, 0], S)
    W_ih, W_hh, b = total.view(H, D + H + 1).split_with_sizes((D, H, 1), dim=1)
    return Gradients(W_ih, W_hh, b[:, 0])
