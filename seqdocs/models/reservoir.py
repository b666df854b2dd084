r"""Echo-state network: a recurrence drawn at random and never trained, read out by linear regression.

Letters: B batch · T time · D input · H units of the reservoir · O output; a leak, ρ spectral radius.

::

    h[t] = (1 - a) h[t-1] + a tanh(W_in x[t] + W h[t-1])         W_in, W fixed
    y[t] = W_out [h[t]; 1]                                       W_out by ridge regression

Backpropagation through time is not needed: the states do not depend on what is learned, so the only trained
weights solve a linear system. What the reservoir offers is a great many fading echoes of its input, and the
regression picks from them.

It must forget where it started (the *echo state property*): two states under the same input approach each
other. ρ(W) below one is the usual choice; a largest *singular* value below one is sufficient if a = 1.

Conventions: W_in uniform in ± ``input_scale``, W normal, with a part ``density`` of its entries kept, scaled
to ``radius``; no feedback from the output. The strength of the ridge is not divided by the number of steps,
and the bias is not shrunk.

>>> import torch
>>> net = EchoState(input_size=1, units=100, input_scale=0.1).double()
>>> x = torch.randn(1, 500, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
>>> h, _ = net(x)
>>> three_ago = x.roll(3, dims=1)
>>> W, b = ridge_readout(h[:, 50:], three_ago[:, 50:], strength=1e-8)
>>> error = (h @ W.mT + b - three_ago)[:, 50:]
>>> bool(error.square().mean() < 1e-3)
True

Sources: Jaeger, "The 'echo state' approach to analysing and training recurrent neural networks", GMD report
148, 2001; Lukoševičius, "A practical guide to applying echo state networks", in Neural Networks: Tricks of
the Trade, 2012 (leak, ridge).
"""

import math

import torch
from torch import Tensor, nn

from seqdocs import checks
from seqdocs.models.jacobian import set_spectral_radius


class EchoState(nn.Module):
    """A fixed random recurrence; it has buffers and no parameters.

    Args:
        input_size: D.
        units: H.
        radius: spectral radius ρ(W).
        leak: a, above 0 and at most 1; small is slow.
        input_scale: largest weight of an input.
        density: part of the entries of W that is not zero, above 0 and at most 1.
        seed: of the draw.

    Raises:
        ValueError: if an argument is out of its range.
    """

    W_in: Tensor
    W: Tensor

    def __init__(
        self, input_size: int, units: int, *, radius: float = 0.9, leak: float = 1.0,
        input_scale: float = 1.0, density: float = 1.0, seed: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        checks.whole(1, input_size=input_size, units=units)
        checks.number("leak", leak, 0 < leak <= 1, "above 0 and at most 1")
        checks.number("density", density, 0 < density <= 1, "above 0 and at most 1")
        checks.number("input_scale", input_scale, math.isfinite(input_scale), "finite")
        draw = torch.Generator().manual_seed(seed)
        W_in = input_scale * (2 * torch.rand(units, input_size, generator=draw) - 1)
        W = torch.randn(units, units, generator=draw)
        W *= torch.rand(units, units, generator=draw) < density
        self.input_size, self.units, self.leak = input_size, units, leak
        self.register_buffer("W_in", W_in)
        self.register_buffer("W", set_spectral_radius(W, radius))

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Drive the reservoir.

        Args:
            x: (B, T, D).
            state: before the first step, (B, H); zeros if omitted.

        Returns:
            States, (B, T, H), and the last, (B, H).

        Raises:
            ValueError: if shapes or dtypes do not fit.
        """
        checks.sequence("x", x, self.input_size, self.W)
        shape = (len(x), self.units)
        h = checks.begin(state, "(B, H)", shape, x)
        outputs = []
        for from_input in (x @ self.W_in.mT).unbind(1):
            h = (1 - self.leak) * h + self.leak * torch.tanh(from_input + h @ self.W.mT)
            outputs.append(h)
        return torch.stack(outputs, dim=1) if outputs else x.new_zeros(shape[0], 0, shape[1]), h


def ridge_readout(h: Tensor, y: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """The weights that read ``y`` off ``h`` best, in closed form.

    ::

        minimise Σ ‖W h + b - y‖² + λ ‖W‖²:    W (H̃ᵀH̃ + λ 1) = ỸᵀH̃,   b = mean(y) - W mean(h)

    where H̃ and Ỹ are less their means.

    Args:
        h: states, (B, T, H); leave out the first steps, which still know the state before them.
        y: wanted outputs, (B, T, O).
        strength: λ, above zero.

    Returns:
        W (O, H) and b (O,).

    Raises:
        ValueError: if shapes do not fit, there is no step, or ``strength`` is not above zero.
    """
    if h.ndim != 3 or y.ndim != 3 or h.shape[:2] != y.shape[:2] or not h.shape[0] * h.shape[1]:
        raise ValueError(
            f"`h` has shape {tuple(h.shape)} and `y` {tuple(y.shape)};"
            " they are (B, T, H) and (B, T, O) with at least one step"
        )
    checks.number("strength", strength, strength > 0, "above zero")
    checks.floating("h", h)
    checks.alike("y", y, h, "`h` is")
    rows, wanted = h.flatten(0, 1), y.flatten(0, 1)
    mean, mean_wanted = rows.mean(0), wanted.mean(0)
    rows, wanted = rows - mean, wanted - mean_wanted
    system = rows.mT @ rows + strength * torch.eye(h.shape[2]).to(h)
    W: Tensor = torch.linalg.solve(system, rows.mT @ wanted).mT
    return W, mean_wanted - W @ mean
