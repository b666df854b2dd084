"""
Feedforward network
===================

A feedforward network keeps nothing from one input to the next. How far back does its answer reach? We change
the past and watch the last output: it moves when the change is inside of the window, and not by one bit else.
"""

# %%
# Change the past, watch the present
# ----------------------------------
# The simplest one reads one input and answers; the past is put into another order, and we look at the last
# answer. Then one input alone is changed, so many steps before the last, under a window of one, of eight, and
# under a recurrent network. All are fresh from their initialiser: nothing here depends on training.

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity
from seqdocs.bench.verdicts import verdict_by
from seqdocs.models.feedforward import WindowFeedforward
from seqdocs.models.rnn import RNN


@experiment(small={"length": 12}, seconds=120, memory_gb=2)
def independence(device, length=32, width=16, window=8):
    """Largest change of the last output: the past in another order, and one input changed, by its age."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x = torch.randn(4, length, width, device=device)
    nets = {
        "feedforward": WindowFeedforward(1, width, width), "RNN": RNN(width, width),
        "window": WindowFeedforward(window, width, width),
    }  # fmt: skip

    def moved(net, one, other):
        """Largest difference of the last outputs after two pasts."""
        with torch.no_grad():
            out, again = (net.to(x)(x) for x in (one, other))
        out, again = (y[0] if isinstance(y, tuple) else y for y in (out, again))
        return float((out - again)[:, -1].abs().max())

    def changed(x, age):
        """The inputs, of which the one of so many steps ago is another."""
        x = x.clone()
        x[:, length - 1 - age] += 1.0
        return x

    shuffled = torch.cat((x[:, :-1].flip(1), x[:, -1:]), dim=1)
    by_order = {name: moved(net, x, shuffled) for name, net in nets.items()}
    x = x.double()  # what is left after many steps is smaller than single precision can tell
    return {
        "moved": {name: quantity(change, "") for name, change in by_order.items()},
        "by_age": {
            name: [moved(net, x, changed(x, age)) for age in range(length)] for name, net in nets.items()
        },
        "window": quantity(window, "inputs"),
        "claims": {
            "s2-04": verdict_by(
                {"holds": by_order["feedforward"] == 0.0 and by_order["RNN"] > 1e-3},
                "refuted",
                f"another order before it moves the last output of a feedforward layer by "
                f"{by_order['feedforward']:.0f}, of an RNN by {by_order['RNN']:.2g}",
            ),
        },
    }


# %%
# A wall, and a slope
# -------------------
# The window ends like a wall. Behind it the change is zero, exactly, as no product ever sees that input. The
# recurrent network has no wall: each step hands something on, and what is left of it shrinks. A wider window
# only moves the wall, and has to learn each of its places anew.

for run in independence():
    names = {"feedforward": "window of 1", "RNN": "RNN", "window": f"window of {run['window']['value']}"}
    reached = {
        name: [(age, change) for age, change in enumerate(changes) if change]
        for name, changes in run["by_age"].items()
    }
    fig, axes = figures.figure(
        alt="How far the last output moves when one input is changed, by how many steps ago it was read. "
        + ", ".join(
            f"{label}: {dots[0][1]:.1g} for the last input, {dots[-1][1]:.1g} for that of "
            f"{dots[-1][0]} steps ago, the oldest it feels"
            for label, dots in zip(names.values(), reached.values(), strict=True)
        ) + ".",
        caption="Change of the last output when one input changes. Where no dot stands, it is exactly zero.",
        run=run,
    )  # fmt: skip
    for (name, label), mark in zip(names.items(), "soD", strict=True):
        colour = figures.COLOURS["rnn" if name == "RNN" else "feedforward"]
        axes.plot(*zip(*reached[name], strict=True), mark + "-", color=colour, markersize=5, label=label)
    axes.set(xlabel="steps ago", ylabel="change of the last output", yscale="log")
    axes.legend()

# %%
# What to take away
# -----------------
# A feedforward network treats every window for itself, and one of a single input every input for itself. What
# is to reach it from farther back has to be carried: by a state, or by attention.
# Next to read: :term:`feedforward network`, :term:`hidden state`, :term:`sequential models`.

if __name__ == "__main__":
    figures.show()
