r"""
Gated recurrent unit
====================

A state that is averaged with a candidate, and no cell beside it: one gate says how much stays, one how much
of the past the candidate may see. Two networks carry the name; they differ in where the second gate acts.
"""

# %%
# One gate is a leaky integrator
# ------------------------------
# :math:`h_t = z \odot h_{t-1} + (1 - z) \odot n_t` with a fixed z is the oldest filter there is: an
# exponential moving average. We fix the update gate by its bias, show the unit one pulse and watch it fade.
# The time after which half is left should be :math:`\log 0.5 / \log z`.

import math

import torch

from seqdocs.bench import figures
from seqdocs.bench.agreement import difference
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import compare, with_backward
from seqdocs.bench.verdicts import verdict_by
from seqdocs.models.cost import sequential_steps
from seqdocs.models.gru import GRU, gru_step
from seqdocs.models.lstm import LSTM
from seqdocs.models.rnn import RNN


@torch.no_grad()
def leaky(z):
    """A GRU of one unit whose update gate stays at z, whose candidate is tanh of its input."""
    net = GRU(1, 1).double()
    for parameter in net.parameters():
        parameter.zero_()
    net.bias_ih_l0[1] = math.log(z / (1 - z))  # rows r, z, n
    net.weight_ih_l0[2] = 1.0
    return net


@experiment(small={"steps": 40}, seconds=30)
def memory(device, *, gates=(0.5, 0.8, 0.95, 0.99), steps=120):
    """What is left of a pulse over time, for fixed update gates, and the half-lives."""
    pulse = torch.zeros(1, steps + 1, 1, dtype=torch.float64, device=device)
    pulse[:, 0] = 1.0
    left, rows, off = {}, [], 0.0
    for z in gates:
        net = leaky(z).to(device)
        with torch.no_grad():
            h = net(pulse)[0][0, :, 0]
        curve = (h / h[0]).tolist()
        left[str(z)] = curve
        formula = math.log(0.5) / math.log(z)
        seen = math.log(0.5) * steps / math.log(curve[-1])
        off = max(off, abs(seen / formula - 1))
        rows.append([z, quantity(seen, "steps"), quantity(1 / (1 - z), "steps")])
    return {
        "left": left,
        "off": quantity(off, ""),
        "half_life": {str(z): row[1] for z, row in zip(gates, rows, strict=True)},
        "table": table(["update gate z", "half is left after", "1 / (1 - z)"], rows),
    }


for run in memory():
    fig, axes = figures.figure(
        alt="What is left of a pulse against time, logarithmic: straight lines that fall the slower the "
        "nearer the gate is to one. Half is left after "
        + ", ".join(f"{leaf['value']:.1f} steps at z = {z}" for z, leaf in run["half_life"].items())
        + ".",
        caption="A pulse in a GRU whose update gate is held fixed.",
        run=run,
    )
    for (z, curve), colour in zip(
        run["left"].items(), (figures.VERMILION, figures.ORANGE, figures.BLUE, figures.GREEN), strict=True
    ):
        shown = [value for value in curve if value > 1e-4]
        axes.plot(range(len(shown)), shown, color=colour, label=f"z = {z}")
    axes.axhline(0.5, color="0.5", linewidth=1)
    axes.set(xlabel="steps after the pulse", ylabel="part that is left", yscale="log", ylim=(1e-3, 1.5))
    axes.legend()

# %%
# Two conventions
# ---------------
# The reset gate r acts on the state *before* it is multiplied, :math:`U_n (r \odot h)`, in the paper; *after*
# it, :math:`r \odot (U_n h + c_n)`, in torch and cuDNN. With the same weights they are different networks.
# Acting before, the product must wait for r: a step is a longer chain.


@experiment(small={"T": 5, "width": 4, "B": 2, "seconds": 0.05}, seconds=60)
def conventions(device, *, T=64, width=64, B=8, seconds=1.0):
    """How far the two are apart, whom torch agrees with, chain lengths, and time of a training step."""
    torch.manual_seed(0)
    x = torch.randn(B, T, width, device=device)
    theirs = torch.nn.GRU(width, width, batch_first=True).to(device)
    ours = {reset: GRU(width, width, reset=reset).to(device) for reset in ("after", "before")}
    for net in ours.values():
        net.load_state_dict(theirs.state_dict())
    with torch.no_grad():
        gaps = {reset: difference(net(x)[0], theirs(x)[0]) for reset, net in ours.items()}
    h, weights = torch.zeros(B, width, device=device), ours["after"].weights(0)
    chains = {
        reset: sequential_steps(lambda x, h, reset=reset: gru_step(x, h, weights, reset), x[:, 0], h)
        for reset in ours
    }
    chains["stock"] = sequential_steps(lambda x, h: torch.gru_cell(x, h, *weights), x[:, 0], h)
    calls = {
        reset: with_backward(lambda net=net: net(x, method="lean")[0], list(net.parameters()))
        for reset, net in ours.items()
    }
    calls["torch.nn"] = with_backward(lambda: theirs(x)[0], list(theirs.parameters()))
    timed = compare(calls, agree=False, max_seconds=seconds, threads=1)["times"]
    rows = [
        [reset, quantity(gaps[reset], ""), chains[reset], timed[reset]["median"]]
        for reset in ("after", "before")
    ]
    rows.append(["after, in torch.nn", quantity(0, ""), chains["stock"], timed["torch.nn"]["median"]])
    return {
        "gaps": {reset: quantity(gap, "") for reset, gap in gaps.items()},
        "chains": {reset: quantity(count, "operations") for reset, count in chains.items()},
        "slower": timed["before"]["ratio"],
        "stock": timed["torch.nn"]["ratio"],
        "table": table(["reset acts", "difference from torch.nn.GRU", "operations in a row", "time"], rows),
    }


for run in conventions():
    for row in run["table"]["rows"]:
        print(f"reset {row[0]}: operations in a row {row[2]}, off torch by {row[1]['value']:.1g}")

# %%
# Beside the others
# -----------------
# Each gate is one more pair of weight matrices. An RNN has one pair, a GRU three, an LSTM four. At the same
# width a GRU therefore has three quarters of an LSTM's weights and work. Whether it takes three quarters of
# the time is another matter: that depends on how it is computed.

MAKERS = {"RNN": (RNN, torch.nn.RNN), "GRU": (GRU, torch.nn.GRU), "LSTM": (LSTM, torch.nn.LSTM)}


@experiment(small={"T": 5, "widths": (4, 8), "B": 2, "seconds": 0.05}, seconds=90)
def sizes(device, *, T=64, widths=(64, 256), B=16, seconds=1.2):
    """Parameters, and time of a training step over the LSTM's, in our lean form and in torch.nn."""
    counts, ratios, rows = {}, {}, []
    for width in widths:
        torch.manual_seed(0)
        x = torch.randn(B, T, width, device=device)
        calls = {}
        for name, (own, other) in MAKERS.items():
            ours, theirs = own(width, width).to(device), other(width, width, batch_first=True).to(device)
            counts[f"{name}.{width}"] = sum(parameter.numel() for parameter in ours.parameters())
            calls[f"ours.{name}"] = with_backward(
                lambda x=x, net=ours: net(x, method="lean")[0], list(ours.parameters())
            )
            calls[f"torch.{name}"] = with_backward(
                lambda x=x, net=theirs: net(x)[0], list(theirs.parameters())
            )
        timed = {
            kind: compare(
                {name: calls[f"{kind}.{name}"] for name in MAKERS},
                agree=False, baseline="LSTM", max_seconds=seconds, threads=1,
            )["times"]
            for kind in ("ours", "torch")
        }  # fmt: skip
        for name in MAKERS:
            ours, theirs = timed["ours"][name]["ratio"], timed["torch"][name]["ratio"]
            ratios[f"{name}.{width}"] = {"ours": ours, "torch": theirs}
            rows.append([name, width, quantity(counts[f"{name}.{width}"], ""), ours, theirs])
    share = counts[f"GRU.{widths[0]}"] / counts[f"LSTM.{widths[0]}"]
    return {
        "counts": {name: quantity(count, "weights") for name, count in counts.items()},
        "share": quantity(100 * share, "%"),
        "ratios": ratios,
        "table": table(
            ["cell", "width", "weights", "time over the LSTM's, lean", "the same in torch.nn"], rows
        ),
        "claims": {
            "s2-07": verdict_by(
                {"qualified": 4 * counts[f"GRU.{widths[0]}"] == 3 * counts[f"LSTM.{widths[0]}"]},
                "holds",
                f"a GRU has {100 * share:.0f} % of the weights of an LSTM of the same width: one gate "
                "less, and no cell",
            )
        },
    }


for run in sizes():
    names = [name for name in run["ratios"] if not name.startswith("LSTM")]
    fig, axes = figures.figure(
        alt="Time of a training step over that of the LSTM: "
        + "; ".join(
            f"{name.replace('.', ' of width ')} ours {run['ratios'][name]['ours']['value']:.2f}, "
            f"torch.nn {run['ratios'][name]['torch']['value']:.2f}"
            for name in names
        )
        + ".",
        caption="Time of a training step; an LSTM of the same width takes 1. Dotted: share of weights.",
        run=run,
        height=3.0,
    )
    for shift, kind, label, colour in ((-0.18, "ours", "ours, lean", figures.BLUE),
                                       (0.18, "torch", "torch.nn", figures.GREY)):  # fmt: skip
        values = [run["ratios"][name][kind]["value"] for name in names]
        axes.barh([n + shift for n in range(len(names))], values, 0.34, color=colour, label=label)
    for n, name in enumerate(names):
        weights = 0.75 if name.startswith("GRU") else 0.25
        axes.plot([weights, weights], [n - 0.4, n + 0.4], ":", color=figures.VERMILION)
    axes.axvline(1, color="0.5", linewidth=1)
    axes.set_yticks(range(len(names)), [name.replace(".", ", width ") for name in names])
    axes.invert_yaxis()
    axes.set(xlabel="time, LSTM = 1", ylabel="cell")
    axes.grid(visible=False, axis="y")
    axes.legend()

# %%
# What to take away
# -----------------
# The update gate sets a time constant, unit by unit and step by step. Ask of any GRU where its reset acts and
# whether its z keeps or replaces, before you load weights into it.
# Next to read: :term:`GRU`, :term:`gate`, :term:`LSTM`.

if __name__ == "__main__":
    figures.show()
