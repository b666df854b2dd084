"""
Backpropagation through time
============================

A recurrent network is one layer used T times, so its gradient is the sum over T copies, found on the way
back. That needs all states to be kept. Cutting the way short costs accuracy; going forward instead costs far
more memory.
"""

# %%
# Four ways to one gradient
# -------------------------
# The loss is half the sum of squares of all states of a tanh network. *By hand* runs the recursion
# :math:`\delta_t = (\partial L_t/\partial h_t + W_h^\top \delta_{t+1}) \odot (1 - h_t^2)`; *autograd* is
# torch's; *truncated* goes back k steps only, here all of them; *real-time recurrent learning* carries
# :math:`\partial h_t/\partial \theta` forward and never goes back. In double precision they are the same
# numbers but for rounding.

import statistics

import torch

from seqdocs.bench import figures
from seqdocs.bench.agreement import difference
from seqdocs.bench.cost import flops
from seqdocs.bench.experiment import experiment
from seqdocs.bench.memory import peak_memory
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.show import show
from seqdocs.models.bptt import bptt, truncated_bptt
from seqdocs.models.jacobian import set_spectral_radius
from seqdocs.models.rnn import RNN
from seqdocs.models.rtrl import rtrl


def only_last(h):
    """The gradient of half the squared last state, by all states."""
    by_state = torch.zeros_like(h)
    by_state[:, -1] = h[:, -1]
    return by_state


def every_state(h):
    """The gradient of half the squared states, all of them."""
    return h


def flat(gradients):
    """All of a gradient as one vector."""
    return torch.cat([part.flatten() for part in gradients])


def by_autograd(net, x):
    """What torch finds for the loss of every state."""
    loss = net(x)[0].square().sum() / 2
    return torch.autograd.grad(loss, [net.weight_ih_l0, net.weight_hh_l0, net.bias_ih_l0])


@experiment(small={"lengths": (1, 3), "width": 4}, seconds=30)
def agreement(device, *, lengths=(1, 10, 100), width=12, B=2):
    """Largest difference from autograd, over the largest entry, of the other three."""
    torch.manual_seed(0)
    net = RNN(width, width).double().to(device)
    weights, h0 = net.weights(0), torch.zeros(B, width).to(net.weight_hh_l0)
    rows, worst = [], 0.0
    for T in lengths:
        x = torch.randn(B, T, width).to(h0)
        wanted = flat(by_autograd(net, x))
        found = [
            bptt(x, h0, weights, every_state),
            truncated_bptt(x, h0, weights, every_state, k1=T, k2=T),
            rtrl(x, h0, weights, every_state),
        ]
        gaps = [difference(flat(own), wanted) for own in found]
        rows.append([T, *(quantity(gap, "") for gap in gaps)])
        worst = max(worst, *gaps)
    return {
        "worst": quantity(worst, ""),
        "table": table(
            ["steps", "by hand", "truncated after all steps", "real-time recurrent learning"], rows
        ),
    }


agreed = agreement()
for run in agreed:
    print(f"they differ from autograd by {show(run['worst'])} of the largest entry, at most")

# %%
# What truncation leaves out
# --------------------------
# Now the loss is that of the *last* state alone, and the way back ends after k steps. What is missing is the
# gradient that would have gone further. How much that is depends on the recurrent weights: below a spectral
# radius of one it vanishes by itself, near one it does not.


@experiment(small={"T": 6, "windows": (1, 3, 6), "width": 4, "seeds": 2}, seconds=60)
def truncation(
    device, *, T=64, windows=(1, 2, 4, 8, 16, 32, 48, 64), radii=(0.7, 0.9, 1.0), width=32, seeds=5
):
    """Length of the missing part over that of the whole gradient, by window and spectral radius."""
    torch.set_num_threads(1)
    errors = {str(radius): [] for radius in radii}
    for seed in range(seeds):
        torch.manual_seed(seed)
        net = RNN(width, width).double().to(device)
        x = 0.1 * torch.randn(1, T, width).to(net.weight_hh_l0)
        h0 = x.new_zeros(1, width)
        for radius in radii:
            set_spectral_radius(net.weight_hh_l0.data, radius)
            weights = tuple(weight.detach() for weight in net.weights(0))
            whole = flat(bptt(x, h0, weights, only_last))
            own = []
            for k in windows:  # all steps before the window only make its first state
                start = end_of(x[:, : T - k], h0, weights)
                kept = flat(bptt(x[:, T - k :], start, weights, only_last))
                own.append(float((kept - whole).norm() / whole.norm()))
            errors[str(radius)].append(own)
    middle = {
        name: [statistics.median(column) for column in zip(*own, strict=True)] for name, own in errors.items()
    }
    at = len(windows) // 2
    left = {
        name: quantity(
            100 * middle[name][at],
            "%",
            low=100 * min(one[at] for one in own),
            high=100 * max(one[at] for one in own),
        )
        for name, own in errors.items()
    }
    return {
        "windows": list(windows),
        "errors": middle,
        "lowest": {name: [min(column) for column in zip(*own, strict=True)] for name, own in errors.items()},
        "highest": {name: [max(column) for column in zip(*own, strict=True)] for name, own in errors.items()},
        "window": quantity(windows[at], "steps"),
        "steps": quantity(T, "steps"),
        "missing": left,
    }


def end_of(x, h0, weights):
    """The state after reading ``x``, or before, if there is nothing to read."""
    W_x, W_h, b_x, b_h = weights
    h = h0
    for x_t in x.unbind(1):
        h = torch.tanh(x_t @ W_x.mT + h @ W_h.mT + b_x + b_h)
    return h


for run in truncation():
    fig, axes = figures.figure(
        alt="Missing part of the gradient against the window, on a logarithmic scale. "
        + " ".join(
            f"Radius {radius}: {errors[0]:.2g} after {run['windows'][0]} step, "
            f"{run['missing'][radius]['value'] / 100:.1g} after {run['window']['value']}."
            for radius, errors in run["errors"].items()
        ),
        caption="Length of what truncation leaves out, over that of the whole gradient: median and range.",
        run=run,
    )
    for (radius, errors), colour in zip(
        run["errors"].items(), (figures.BLUE, figures.VERMILION, figures.PURPLE), strict=True
    ):
        k = run["windows"][:-1]  # after all steps nothing is missing, which has no place on this scale
        axes.plot(k, errors[:-1], "o-", markersize=3, color=colour, label=f"$\\rho(W_h) = {radius}$")
        axes.fill_between(
            k, run["lowest"][radius][:-1], run["highest"][radius][:-1], color=colour, alpha=0.2, linewidth=0
        )
    axes.set(xlabel="steps back, $k$", ylabel="missing part", yscale="log")
    axes.legend()

# %%
# What must be kept
# -----------------
# Going back needs every state, so memory grows with the length. Cut into pieces that hand on a detached
# state, it does not. Nor does it going forward, but what is carried then is a matrix of H rows and as many
# columns as there are weights. We count the most bytes that torch's allocator held during one gradient.


def in_pieces(net, x, piece):
    """Autograd over pieces that hand on their state and no gradient."""
    state, total = None, 0
    for part in x.split(piece, dim=1):
        y, state = net(part, state)
        loss = y.square().sum() / 2
        found = torch.autograd.grad(loss, [net.weight_ih_l0, net.weight_hh_l0, net.bias_ih_l0])
        total, state = total + flat(found), state.detach()
    return total


@experiment(small={"lengths": (4, 8), "widths": (2, 4), "H": 4, "piece": 2}, seconds=60)
def memory(device, *, lengths=(16, 32, 64, 128, 256), widths=(8, 16, 32, 64), H=16, piece=16):
    """Peak bytes of a gradient over the length; over the width, bytes and FLOP of both directions."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = RNN(H, H).to(device)
    names = ("autograd", "by hand", "pieces", "forward")
    held = {name: [] for name in names}
    for T in lengths:
        x, h0 = torch.randn(1, T, H, device=device), torch.zeros(1, H, device=device)
        calls = (
            lambda x=x: by_autograd(net, x),
            lambda x=x, h0=h0: bptt(x, h0, net.weights(0), every_state),
            lambda x=x: in_pieces(net, x, piece),
            lambda x=x, h0=h0: rtrl(x, h0, net.weights(0), every_state),
        )
        for name, call in zip(names, calls, strict=True):
            held[name].append(peak_memory(call, device))
    rows = []
    for width in widths:
        one, x = RNN(width, width).to(device), torch.randn(1, 4, width, device=device)
        h0, weights = torch.zeros(1, width, device=device), one.weights(0)
        state, parameters = 4 * width, width * (2 * width + 1)
        back = flops(lambda x=x, h0=h0, w=weights: bptt(x, h0, w, every_state))["value"] // 4
        ahead = flops(lambda x=x, h0=h0, w=weights: rtrl(x, h0, w, every_state))["value"] // 4
        rows.append([
            width, quantity(state, "B"), quantity(4 * width * parameters, "B"),
            quantity(parameters, "steps"), quantity(ahead / back, "×"),
        ])  # fmt: skip
    longest = {name: own[-1] for name, own in held.items()}
    growth = {name: quantity(own[-1]["value"] / own[0]["value"], "×") for name, own in held.items()}
    return {
        "lengths": list(lengths),
        "held": held,
        "longest": longest,
        "growth": growth,
        "length": quantity(lengths[-1], "steps"),
        "times": quantity(lengths[-1] // lengths[0], "×"),
        "piece": quantity(piece, "steps"),
        "width": quantity(H, ""),
        "table": table(
            [
                "width",
                "kept per step, going back",
                "carried, going forward",
                "the same after",
                "work, forward over back",
            ],
            rows,
        ),
    }


for run in memory():
    fig, axes = figures.figure(
        alt="Peak memory of one gradient against the number of steps, both logarithmic. "
        + " ".join(
            f"{name}: {show(own[0])} at {run['lengths'][0]} steps, {show(own[-1])} at {run['lengths'][-1]}."
            for name, own in run["held"].items()
        ),
        caption=f"Most memory held during one gradient, state of {run['width']['value']} numbers.",
        run=run,
    )
    labels = {
        "autograd": ("back, autograd", figures.VERMILION),
        "by hand": ("back, by hand", figures.ORANGE),
        "pieces": (f"back, in pieces of {run['piece']['value']}", figures.BLUE),
        "forward": ("forward (RTRL)", figures.GREEN),
    }
    for name, (label, colour) in labels.items():
        sizes = [leaf["value"] / 1000 for leaf in run["held"][name]]
        axes.plot(run["lengths"], sizes, "o-", markersize=3, color=colour, label=label)
    axes.set(xscale="log", yscale="log", xlabel="steps, $T$", ylabel="peak memory, kB")
    axes.set_xticks(run["lengths"], [str(T) for T in run["lengths"]])
    axes.minorticks_off()
    axes.legend()

# %%
# What to take away
# -----------------
# The gradient of a recurrence is exact, and paid for in memory that grows with the length. Truncation is
# cheap where the gradient vanishes anyway, and blind to what lies further back. Going forward is exact and
# constant in the length, for states so small that nobody minds their cube.
# Next to read: :term:`backpropagation through time`, :term:`vanishing gradient`.

if __name__ == "__main__":
    figures.show()
