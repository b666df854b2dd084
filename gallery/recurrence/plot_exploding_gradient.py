"""
Exploding gradient
==================

The product that makes gradients vanish below a spectral radius of one makes them grow above it. Then one step
of training can throw the weights out of all sense. Clipping the gradient's norm prevents that; a recurrence
that only rotates never gets there.
"""

# %%
# Above one, below one, exactly one
# ---------------------------------
# How much the last state feels an input k steps back, relative to the last input, in double precision. A tanh
# squashes and so holds back, more than a radius slightly above one can make up for. A ReLU holds nothing
# back. A rotation between the steps has all singular values at one, and stays there while it is trained.

import math
import statistics

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.models.clipping import clip_by_norm
from seqdocs.models.jacobian import set_spectral_radius, state_jacobian_norms
from seqdocs.models.orthogonal import OrthogonalRNN
from seqdocs.models.rnn import RNN


def tanh_rnn(width, radius):
    """An Elman network whose recurrent matrix has the given spectral radius."""
    net = RNN(width, width)
    set_spectral_radius(net.weight_hh_l0, radius)
    return net


@torch.no_grad()
def scaled_identity(inputs, width, scale):
    """A ReLU network without biases whose recurrent matrix is a multiple of the identity."""
    net = RNN(inputs, width, nonlinearity="relu")
    net.weight_hh_l0.copy_(scale * torch.eye(width))
    net.bias_ih_l0.zero_()
    net.bias_hh_l0.zero_()
    return net


@experiment(small={"steps": 8, "width": 4, "seeds": 2}, seconds=60)
def growth(device, *, steps=100, width=32, seeds=5):
    """Norm of the Jacobian over the distance, over its value at distance zero."""
    torch.set_num_threads(1)
    makers = {
        "tanh_09": lambda: tanh_rnn(width, 0.9),
        "tanh_11": lambda: tanh_rnn(width, 1.1),
        "tanh_20": lambda: tanh_rnn(width, 2.0),
        "relu_11": lambda: scaled_identity(width, width, 1.1),
        "rotation": lambda: OrthogonalRNN(width, width),
    }
    lags = list(range(0, steps + 1, 4))
    runs = {name: [] for name in makers}
    for seed in range(seeds):
        torch.manual_seed(seed)
        x = 0.001 * torch.randn(1, steps + 1, width, dtype=torch.float64, device=device)
        for name, make in makers.items():
            net = make().to(x)
            norms = state_jacobian_norms(lambda x, net=net: net(x)[0], x, lags).tolist()
            runs[name].append([norm / norms[0] for norm in norms])
    middle = {name: [statistics.median(at) for at in zip(*own, strict=True)] for name, own in runs.items()}
    ends = {name: sorted(curve[-1] for curve in own) for name, own in runs.items()}
    return {
        "lags": lags,
        "curves": middle,
        "steps": quantity(steps, "steps"),
        "left": {
            name: quantity(statistics.median(end), "×", low=end[0], high=end[-1])
            for name, end in ends.items()
        },
        "off_one": quantity(max(abs(norm - 1) for curve in runs["rotation"] for norm in curve), ""),
    }


NAMES = {
    "relu_11": ("ReLU, $W_h = 1.1\\, I$", "ReLU at 1.1 times the identity", figures.VERMILION),
    "tanh_20": ("tanh, $\\rho(W_h) = 2$", "tanh at radius 2", figures.PURPLE),
    "tanh_11": ("tanh, $\\rho(W_h) = 1.1$", "tanh at radius 1.1", figures.ORANGE),
    "rotation": ("rotation", "rotation", figures.GREEN),
    "tanh_09": ("tanh, $\\rho(W_h) = 0.9$", "tanh at radius 0.9", figures.BLUE),
}

for run in growth():
    fig, axes = figures.figure(
        alt=f"Influence against distance, logarithmic. After {run['lags'][-1]} steps: "
        + "; ".join(f"{words}: {run['curves'][name][-1]:.2g}" for name, (_, words, _) in NAMES.items())
        + ".",
        caption="Influence of the input k steps back on the last state, relative to k = 0.",
        run=run,
    )
    for name, (label, _, colour) in NAMES.items():
        axes.plot(run["lags"], run["curves"][name], color=colour, label=label)
    axes.set(xlabel="steps back, $k$", ylabel="influence", yscale="log")
    axes.legend()

# %%
# A cliff
# -------
# One unit, :math:`h_t = \tanh(w h_{t-1} + b)`, and the loss :math:`(h_T - 0.6)^2` after T steps. For w above
# one the unit falls to one of two sides, and a small change of the bias decides to which. At the bias where
# it would stay where it begins, the loss has a step, and on the step a gradient that grows with T. Everywhere
# else it is harmless.


@experiment(small={"lengths": (2, 4), "points": 9}, seconds=30)
def cliff(device, *, lengths=(5, 10, 20, 40), points=201, w=2.0, start=0.3):
    """Loss of one unit and its gradient over the bias, ever closer to the cliff, for several lengths."""
    edge = math.atanh(start) - w * start  # here the start is a fixed point, and an unstable one
    off = torch.logspace(-14, math.log10(0.5), points, dtype=torch.float64)
    b = (edge + torch.cat((-off.flip(0), off))).to(device).requires_grad_()
    losses, slopes = {}, {}
    for T in lengths:
        h = torch.full_like(b, start)
        for _ in range(T):
            h = torch.tanh(w * h + b)
        loss = (h - 0.6).square()
        (slope,) = torch.autograd.grad(loss.sum(), b)
        losses[str(T)], slopes[str(T)] = loss.tolist(), slope.abs().tolist()
    steepest = [max(own) for own in slopes.values()]
    return {
        "b": b.tolist(),
        "off": off.tolist(),
        "losses": losses,
        "slopes": slopes,
        "steepest": quantity(steepest[-1], ""),
        "away": quantity(slopes[str(lengths[-1])][0], ""),  # half a unit from the edge
        "T": quantity(lengths[-1], "steps"),
        "table": table(
            ["steps", "steepest gradient"],
            [[T, quantity(most, "")] for T, most in zip(lengths, steepest, strict=True)],
        ),
    }


for run in cliff():
    fig, (left, right) = figures.figure(
        alt="Left, the loss over the bias: a ramp for few steps, a cliff for many. Right, the size of its "
        "gradient over the distance from the cliff, both logarithmic: the steepest gradient is "
        + ", ".join(f"{max(own):.1g} after {T} steps" for T, own in run["slopes"].items())
        + ".",
        caption="Loss of one tanh unit after T steps over its bias, and its gradient near the cliff; "
        "solid above it, dashed below.",
        run=run,
        columns=2,
    )
    colours = (figures.SKY, figures.BLUE, figures.ORANGE, figures.VERMILION)
    for (T, slope), colour in zip(run["slopes"].items(), colours, strict=False):
        left.plot(run["b"], run["losses"][T], color=colour, label=f"T = {T}")
        below, above = slope[: len(slope) // 2][::-1], slope[len(slope) // 2 :]
        right.plot(run["off"], above, color=colour, label=f"T = {T}")
        right.plot(run["off"], below, "--", linewidth=1.2, color=colour)
    left.set(xlabel="bias, $b$", ylabel="loss")
    right.set(xlabel="distance from the cliff", ylabel="$|\\partial L / \\partial b|$")
    right.set(xscale="log", yscale="log", ylim=(1e-3, None))
    right.legend()

# %%
# Training, with and without clipping
# -----------------------------------
# Sixteen ReLU units that start with :math:`W_h = 1.1\,I` are to report the mean of forty random numbers,
# scaled to variance one: who guesses zero has a loss of one. Plain gradient descent, its step length falling
# to zero. The gradient is clipped to norm one, or is not.


@torch.no_grad()
def descend(parameters, gradients, rate):
    """One step against the gradient."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.sub_(rate * gradient)


def train(seed, rate, clip, *, steps, T, device, width=16, batch=16):
    """Losses and gradient norms of one training; it ends at the first loss that is no finite number."""
    torch.manual_seed(seed)
    net, read = scaled_identity(1, width, 1.1).to(device), torch.nn.Linear(width, 1).to(device)
    parameters = [*net.parameters(), *read.parameters()]
    losses, norms = [], []
    for step in range(steps):
        x = torch.rand(batch, T, 1).to(device)
        wanted = (x.mean(1) - 0.5) * math.sqrt(12 * T)
        loss = (read(net(x, method="lean")[1][0]) - wanted).square().mean()
        gradients = torch.autograd.grad(loss, parameters)
        clipped, norm = clip_by_norm(gradients, 1.0)
        if not (loss.isfinite() and norm.isfinite()):
            break
        losses.append(loss.item())
        norms.append(norm.item())
        descend(parameters, clipped if clip else gradients, rate * (1 - step / steps))
    return losses, norms


def final(losses, steps):
    """Mean loss of the last twentieth of a training; None if it ended early or far above the start."""
    last = losses[-max(1, steps // 20) :]
    mean = sum(last) / len(last) if last else math.inf
    return None if len(losses) < steps or mean > 100 else mean


@experiment(small={"rates": (1e-4, 0.06), "seeds": 2, "steps": 6, "T": 20}, seconds=120)
def training(device, *, rates=(1e-6, 1e-4, 1e-3, 1e-2, 6e-2), seeds=3, steps=300, T=40):
    """Final losses over the step length, clipped or not; and the course of both at the largest one."""
    torch.set_num_threads(1)
    ends = {"clipped": [], "not clipped": []}
    for way, own in ends.items():
        for rate in rates:
            courses = [
                train(seed, rate, way == "clipped", steps=steps, T=T, device=device) for seed in range(seeds)
            ]
            own.append([final(losses, steps) for losses, _ in courses])
            if rate == rates[-1] and way == "clipped":
                course, norms = courses[0]
                largest = max(max(norms) for _, norms in courses)
    diverged = {way: sum(end is None for end in own[-1]) for way, own in ends.items()}
    alive = [end for at_one in ends["not clipped"] for end in [at_one] if None not in at_one]
    best = {"clipped": ends["clipped"], "not clipped": alive}
    best = {way: min((statistics.median(one), min(one), max(one)) for one in own if None not in one)
            for way, own in best.items() if any(None not in one for one in own)}  # fmt: skip
    return {
        "rates": list(rates),
        "ends": ends,
        "course": course,
        "norms": norms,
        "seeds": quantity(seeds, "trainings"),
        "diverged": {way: quantity(count, "trainings") for way, count in diverged.items()},
        "best": {way: quantity(*one[:1], "", low=one[1], high=one[2]) for way, one in best.items()},
        "largest": quantity(largest, ""),
        "first": quantity(norms[0], ""),
        "steps": quantity(steps, "steps"),
    }


for run in training():
    fig, (left, right) = figures.figure(
        alt="Left, the loss at the end over the step length, both logarithmic: without clipping "
        + ", ".join(
            f"{rate:g} " + ("diverged" if None in end else f"{statistics.median(end):.2g}")
            for rate, end in zip(run["rates"], run["ends"]["not clipped"], strict=True)
        )
        + "; clipped "
        + ", ".join(
            f"{rate:g} " + ("diverged" if None in end else f"{statistics.median(end):.2g}")
            for rate, end in zip(run["rates"], run["ends"]["clipped"], strict=True)
        )
        + f". Right, the norm of the gradient before clipping, up to {run['largest']['value']:.1g}.",
        caption="Training with and without clipping to norm 1. A cross at the top: the training diverged.",
        run=run,
        columns=2,
    )
    for way, colour, mark in (("not clipped", figures.VERMILION, "o"), ("clipped", figures.BLUE, "s")):
        for n, (rate, end) in enumerate(zip(run["rates"], run["ends"][way], strict=True)):
            kept = [one for one in end if one is not None]
            label = way if n == 0 else None
            left.plot([rate] * len(kept), kept, mark, markersize=4, color=colour, label=label)
            if len(kept) < len(end):
                left.plot([rate], [300], "x", markersize=8, color=colour)
    left.axhline(1, color="0.5", linewidth=1)
    left.set(xlabel="step length", ylabel="loss at the end", xscale="log", yscale="log")
    left.legend()
    right.plot(range(1, len(run["norms"]) + 1), run["norms"], color=figures.BLUE, linewidth=1)
    right.axhline(1, color=figures.VERMILION, linewidth=1.2)
    right.set(xlabel="step of training", ylabel="norm of the gradient before clipping", yscale="log")

# %%
# What to take away
# -----------------
# An exploding gradient is loud: losses that are no numbers. Clip by norm, and the step keeps its direction
# and loses its length. It does nothing against the vanishing gradient, which is silent; a rotation helps
# against both.
# Next to read: :term:`exploding gradient`, :term:`vanishing gradient`, :term:`backpropagation through time`.

if __name__ == "__main__":
    figures.show()
