"""
Memory capacity
===============

A recurrent network keeps what it has read in one vector of fixed size. How much fits in? We let networks read
random numbers, ask for all of them back, and count: at most about one number per unit of the state.
"""

# %%
# How much of a stream does a state hold?
# ---------------------------------------
# Nothing is trained here but the reader. A random recurrence reads a stream of independent numbers, and for
# every lag a linear regression rebuilds the number read so many steps ago. The share of its variance that
# comes back on unseen data is 1 where the number is known and 0 where it is lost; the sum over all lags is
# the *memory capacity*. For independent inputs it cannot exceed the number of units.

import functools

import torch
from torch import nn

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity
from seqdocs.bench.seeds import over_seeds
from seqdocs.bench.verdicts import above, all_of, below, verdict_by
from seqdocs.models.gru import GRU
from seqdocs.models.lstm import LSTM, set_forget_bias
from seqdocs.models.orthogonal import rotation
from seqdocs.models.reservoir import EchoState, ridge_readout
from seqdocs.models.rnn import RNN
from seqdocs.tasks.batch import Batch, generator
from seqdocs.tasks.training import squared_error, train


def reservoir(kind, width, seed):
    """A recurrence that is not trained: random or orthogonal, in its linear range or squashing hard."""
    scale = 1.0 if kind == "random, squashing" else 0.01
    net = EchoState(1, width, radius=0.95, input_scale=scale, seed=seed).double()
    if kind == "orthogonal":
        A = torch.randn(width, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        net.W.copy_((1 - 1 / width) * rotation(A))  # a wider state fades more slowly
    return net


def rebuilt(net, x, lags):
    """Share of the variance of x[t - lag] that a linear readout of h[t] explains on unseen steps, by lag."""
    h = net(x)[0]
    wanted = torch.cat([x.roll(lag, dims=1) for lag in lags], dim=2)
    h, wanted = h[:, max(lags) :], wanted[:, max(lags) :]  # before that, some of the past is before the start
    half = h.shape[0] // 2
    W, b = ridge_readout(h[:half], wanted[:half], strength=1e-9)
    error = (h[half:] @ W.mT + b - wanted[half:]).square().mean((0, 1))
    return (1 - error / wanted[half:].var((0, 1))).clamp(min=0)


@experiment(small={"widths": (4, 8), "seeds": 2, "streams": 2, "large": 8}, seconds=120, memory_gb=4)
def capacity(device, widths=(8, 16, 32, 64, 128), seeds=3, streams=16, large=512):
    """Numbers that a state holds, by its width and the kind of its recurrence."""
    torch.set_num_threads(1)
    kinds = ("random, squashing", "random, linear", "orthogonal")
    held, curves = {kind: [] for kind in kinds}, {}

    def one(kind, width, seed, length):
        """Explained shares by lag, up to twice the width."""
        x = torch.rand(streams, length, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        net = reservoir(kind, width, seed).to(device)
        return rebuilt(net, (2 * x - 1).to(device), range(2 * width))

    for width in widths:
        for kind in kinds:
            shares = [one(kind, width, seed, 4 * width + 200) for seed in range(seeds)]
            held[kind].append(over_seeds([float(share.sum()) for share in shares], "numbers"))
            curves[kind] = shares[0].tolist()  # of the widest in the end
    biggest = one("orthogonal", large, 0, 3 * large)
    kept = float(biggest.sum())
    return {
        "widths": list(widths),
        "held": held,
        "curves": curves,
        "width": quantity(widths[-1], "units"),
        "at_widest": {kind: row[-1] for kind, row in held.items()},
        "large": quantity(large, "numbers"),
        "large_held": quantity(kept, "numbers"),
        "claims": {
            "s3-01": verdict_by(
                {"holds": 0.25 * large < kept <= 1.01 * large},
                "refuted",
                f"an orthogonal state of {large} numbers gives back {kept:.0f} of those it has read",
            ),
        },
    }


COLOURS = {"random, squashing": "rnn", "random, linear": "gru", "orthogonal": "linear"}

for run in capacity():
    found = {kind: leaf["value"] for kind, leaf in run["at_widest"].items()}
    width = run["widths"][-1]
    fig, (left, right) = figures.figure(
        alt=f"Left: the share of a number that comes back, by how long ago it was read, at {width} units. "
        f"Right: memory capacity against width, below the line of one number per unit. At {width} units: "
        + ", ".join(f"{kind} {value:.0f} numbers" for kind, value in found.items()) + ".",
        caption="What a linear readout of the state rebuilds of a stream of independent numbers.",
        run=run,
        columns=2,
    )  # fmt: skip
    for kind, curve in run["curves"].items():
        colour = figures.COLOURS[COLOURS[kind]]
        left.plot(curve, color=colour, label=kind)
        values = [leaf["value"] for leaf in run["held"][kind]]
        right.plot(run["widths"], values, "o-", color=colour, label=kind)
    right.plot(run["widths"], run["widths"], "--", color=figures.COLOURS["theory"], label="one per unit")
    left.set(xlabel="steps ago", ylabel="share of the variance that comes back", ylim=(0, 1.03))
    right.set(xlabel="units of the state", ylabel="memory capacity, numbers", yscale="log")
    figures.log_sizes(right, run["widths"])
    right.legend()

# %%
# Trained to remember
# -------------------
# Now the whole network is trained: it reads some numbers and says all of them from its last state alone. Few
# numbers come back whole. When there are more than units, the state holds about as many as before, and a
# longer list only means that a smaller share of it is left. Twice the units carry about twice the list.


class Recall(nn.Module):
    """Reads (B, K, 1) and says all K numbers, from the last state alone."""

    def __init__(self, core, numbers):
        super().__init__()
        self.core, self.say = core, nn.Linear(core.hidden_size, numbers)

    def forward(self, x):
        return self.say(self.core(x, method="lean")[0][:, -1])


def numbers_to_recall(batch, length, draw):
    """Independent numbers of variance 1; all of them are asked for."""
    x = (2 * torch.rand(batch, length, 1, generator=draw) - 1) * 3**0.5
    return Batch(x, x[..., 0], torch.ones(batch, length, dtype=torch.bool))


def lstm(inputs, width):
    """An LSTM whose forget gate starts open."""
    net = LSTM(inputs, width)
    set_forget_bias(net, 3.0)
    return net


def repeated(core, length, seed, steps, device):
    """Share of the variance of a list that a network trained to say it says right."""
    torch.manual_seed(seed)
    net = Recall(core(), length).to(device)
    train(
        net, lambda draw: numbers_to_recall(32, length, draw), steps,
        loss=squared_error, rate=0.02, seed=seed,
    )  # fmt: skip
    asked = numbers_to_recall(2000, length, generator(99)).to(device)
    with torch.no_grad():
        return 1 - float(squared_error(net, asked))


@experiment(small={"widths": (4, 8), "lengths": (2, 8), "seeds": 1, "steps": 30}, seconds=240, memory_gb=4)
def recall(device, widths=(4, 8, 16), lengths=(2, 4, 8, 16, 32), seeds=2, steps=120):
    """Share of a list that a trained network can say again, by the units and the length of the list."""
    torch.set_num_threads(1)
    makers = {"Elman RNN": RNN, "LSTM": lstm, "GRU": GRU}

    def shares_of(make, width, length):
        core = functools.partial(make, 1, width)
        return over_seeds([repeated(core, length, seed, steps, device) for seed in range(seeds)])

    by_width = {
        str(width): {
            name: [shares_of(make, width, length) for length in lengths] for name, make in makers.items()
        }
        for width in widths
    }
    held = {
        width: max(row[place]["high"] * length for row in of.values() for place, length in enumerate(lengths))
        for width, of in by_width.items()
    }
    middle = 8
    best_of_short, best_of_long = (
        max((row[end] for row in by_width[str(middle)].values()), key=lambda leaf: leaf["value"])
        for end in (0, -1)
    )
    few, many = lengths[0], lengths[-1]
    return {
        "lengths": list(lengths),
        "shares": by_width,
        "held": {width: quantity(most, "numbers") for width, most in held.items()},
        "units": quantity(middle, "units"),
        "most": quantity(held[str(middle)], "numbers"),
        "few": quantity(few, "numbers"),
        "many": quantity(many, "numbers"),
        "of_few": best_of_short,
        "of_many": best_of_long,
        "claims": {
            "s0-05": verdict_by(
                {
                    "qualified": all_of(
                        above(best_of_short, 0.8, f"share of {few} numbers that comes back"),
                        below(best_of_long, 0.6, f"share of {many} numbers that comes back"),
                    )
                },
                "refuted",
                f"a trained state of {middle} numbers returns {best_of_short['value']:.0%} of {few} numbers "
                f"and {best_of_long['value']:.0%} of {many}",
            ),
        },
    }


CELLS = {"Elman RNN": "rnn", "LSTM": "lstm", "GRU": "gru"}

for run in recall():
    fig, grid = figures.figure(
        alt="The share of a list that comes back against its length, for networks of "
        + ", ".join(run["shares"])
        + f" units. With {run['units']['value']} it falls from {run['of_few']['value']:.2f} for "
        f"{run['few']['value']} numbers to {run['of_many']['value']:.2f} for {run['many']['value']}. "
        "The most numbers held: "
        + ", ".join(f"{most['value']:.1f} by {width} units" for width, most in run["held"].items()) + ".",
        caption="What trained networks say again of a list of independent numbers, from their last state. "
        "Dashed: one number per unit.",
        run=run,
        columns=len(run["shares"]),
        sharey=True,
    )  # fmt: skip
    for axes, (width, shares) in zip(grid, run["shares"].items(), strict=True):
        for name, row in shares.items():
            colour = figures.COLOURS[CELLS[name]]
            axes.plot(run["lengths"], [leaf["value"] for leaf in row], "o-", color=colour, label=name)
        axes.axvline(int(width), color=figures.COLOURS["theory"], linestyle="--", linewidth=1)
        axes.set(xlabel="length of the list", title=f"{width} units", ylim=(0, 1.03))
        figures.log_sizes(axes, run["lengths"])
    grid[0].set(ylabel="share of the variance that comes back")
    grid[-1].legend()

# %%
# What to take away
# -----------------
# A state of :math:`H` numbers holds at most about :math:`H` independent numbers, and less where it squashes.
# Training does not lift that: of a longer list a smaller share is left.
# Next to read: :term:`hidden state`, :term:`fixed-vector bottleneck`, :term:`sequential models`.

if __name__ == "__main__":
    figures.show()
