"""
Long-term dependencies
======================

Something is read early and asked for late. It would fit into the state of any of these networks; which of
them still have it? First nothing else arrives in between, then other things do.
"""

# %%
# The copying problem: nothing arrives in between
# -----------------------------------------------
# Three symbols are read, then blanks, then the symbols are asked for. Every network here has room for them:
# losing them is a matter of training, not of capacity. A recurrence by a rotation neither shrinks nor
# stretches its state. It carries the symbols, and their gradient, across a gap in which the others, with the
# same training, do not find them.

import functools

import torch
from torch import nn
from torch.nn import functional as F

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity
from seqdocs.bench.seeds import over_seeds
from seqdocs.bench.verdicts import above, verdict_by
from seqdocs.models.gru import GRU
from seqdocs.models.lstm import LSTM, set_forget_bias
from seqdocs.models.minimal import MinGRU
from seqdocs.models.orthogonal import OrthogonalRNN
from seqdocs.models.rnn import RNN
from seqdocs.tasks.adding import adding
from seqdocs.tasks.copying import copying
from seqdocs.tasks.training import accuracy, squared_error, train

SYMBOLS, KEPT = 4, 3  # how many there are, how many are to be kept


def lstm(inputs, width):
    """An LSTM whose forget gate starts open."""
    net = LSTM(inputs, width)
    set_forget_bias(net, 3.0)
    return net


CELLS = {  # how each is made, its fast form, its colour
    "orthogonal RNN": (OrthogonalRNN, "hoisted", "linear"), "Elman RNN": (RNN, "lean", "rnn"),
    "LSTM": (lstm, "lean", "lstm"), "GRU": (GRU, "lean", "gru"),
}  # fmt: skip


class Copier(nn.Module):
    """One-hot tokens, a recurrence, a linear readout."""

    def __init__(self, core, width, method):
        super().__init__()
        self.core, self.method, self.say = core, method, nn.Linear(width, SYMBOLS)

    def forward(self, x):
        x = F.one_hot(x, SYMBOLS + 2).to(self.say.weight)
        return self.say(self.core(x, method=self.method)[0])


@experiment(small={"width": 8, "lags": (2, 6), "seeds": 1, "steps": 20}, seconds=240, memory_gb=4)
def copy(device, width=32, lags=(5, 20, 60), seeds=2, steps=120):
    """Share of symbols that trained networks repeat after a lag."""
    torch.set_num_threads(1)
    scores = {name: [] for name in CELLS}
    for lag in lags:
        task = functools.partial(copying, length=KEPT, lag=lag, symbols=SYMBOLS)
        for name, (make, method, _) in CELLS.items():
            right = []
            for seed in range(seeds):
                torch.manual_seed(seed)
                net = Copier(make(SYMBOLS + 2, width), width, method).to(device)
                train(net, lambda draw, task=task: task(32, seed=draw), steps, rate=0.01, seed=seed)
                right.append(accuracy(net, task(500, seed=99).to(device)))
            scores[name].append(over_seeds(right))
    far = {name: row[-1] for name, row in scores.items()}
    return {
        "lags": list(lags),
        "scores": scores,
        "chance": 1 / SYMBOLS,
        "far": far,
        "symbols": quantity(KEPT, "symbols"),
        "lag": quantity(lags[-1], "steps"),
        "claims": {
            "s3-12": verdict_by(
                {"qualified": above(far["orthogonal RNN"], 0.6, "share right after the longest lag")},
                "holds",
                f"{lags[-1]} steps later an orthogonal RNN repeats {far['orthogonal RNN']['value']:.0%} "
                f"of {KEPT} symbols; an Elman RNN, trained likewise, {far['Elman RNN']['value']:.0%}",
            ),
        },
    }


for run in copy():
    last = {name: row[-1]["value"] for name, row in run["scores"].items()}
    fig, axes = figures.figure(
        alt=f"Share of symbols repeated against the lag. After {run['lags'][-1]} steps: "
        + ", ".join(f"{name} {value:.2f}" for name, value in last.items())
        + f"; a guess is right in {run['chance']:.2f}.",
        caption="Symbols repeated after a lag of blanks, with the same short training for all.",
        run=run,
    )
    for name, row in run["scores"].items():
        colour = figures.COLOURS[CELLS[name][2]]
        axes.plot(run["lags"], [leaf["value"] for leaf in row], "o-", color=colour, label=name)
        axes.fill_between(
            run["lags"], [leaf["low"] for leaf in row], [leaf["high"] for leaf in row],
            color=colour, alpha=0.2, linewidth=0,
        )  # fmt: skip
    axes.axhline(run["chance"], linestyle="--", color=figures.COLOURS["theory"], label="a guess")
    axes.set(xlabel="lag, steps", ylabel="share of symbols right", ylim=(0, 1.03))
    axes.legend()

# %%
# The adding problem: other things arrive in between
# --------------------------------------------------
# Now a number arrives at every step and two of them are marked; at the end their sum is asked for. There is
# room for two numbers in any of these states, but the other numbers arrive as well. A gate that looks at the
# mark lets two in and shuts; a recurrence without gates has to take in everything. An LSTM finds its gates
# more slowly than a GRU does.

GATED = CELLS | {"minGRU": (MinGRU, "chunked", "linear")}


class Adder(nn.Module):
    """Numbers and marks, a linear layer that takes them in, a recurrence, one number said."""

    def __init__(self, make, width, method):
        super().__init__()
        self.take, self.core, self.say = nn.Linear(2, width), make(width, width), nn.Linear(width, 1)
        self.method = method

    def forward(self, x):
        return self.say(self.core(self.take(x), method=self.method)[0])


@experiment(small={"width": 4, "lengths": (4, 6), "seeds": 1, "steps": 20}, seconds=120, memory_gb=4)
def choose(device, width=16, lengths=(10, 40), seeds=2, steps=200):
    """What is left of the error of who always answers with the mean, by the length of the sequence."""
    torch.set_num_threads(1)
    left = {name: [] for name in GATED}
    for length in lengths:
        asked = adding(2000, length, seed=99).to(device)
        for name, (make, method, _) in GATED.items():
            errors = []
            for seed in range(seeds):
                torch.manual_seed(seed)
                net = Adder(make, width, method).to(device)
                train(
                    net, lambda draw, length=length: adding(32, length, draw), steps,
                    loss=squared_error, rate=0.02, seed=seed,
                )  # fmt: skip
                with torch.no_grad():
                    errors.append(float(squared_error(net, asked)) * 6)  # the mean, one, is off by 1/6
            left[name].append(over_seeds(errors))
    return {
        "lengths": list(lengths),
        "left": left,
        "longest": quantity(lengths[-1], "steps"),
        "far": {name: row[-1] for name, row in left.items()},
    }


for run in choose():
    fig, axes = figures.figure(
        alt=f"What is left of the error against the length of the sequence, five recurrences. At "
        f"{run['longest']['value']} steps: "
        + ", ".join(f"{name} {leaf['value']:.3f}" for name, leaf in run["far"].items()) + ".",
        caption="The sum of two marked numbers: squared error, with that of always saying the mean as one "
        "(dotted). Between two seeds; a bar leads from one to the other.",
        run=run,
    )  # fmt: skip
    for name, row in run["left"].items():
        colour, dashes = figures.COLOURS[GATED[name][2]], "s--" if name == "minGRU" else "o-"
        axes.plot(run["lengths"], [leaf["value"] for leaf in row], dashes, color=colour, label=name)
        axes.vlines(
            run["lengths"], [leaf["low"] for leaf in row], [leaf["high"] for leaf in row], color=colour
        )
    axes.axhline(1, linestyle=":", color=figures.COLOURS["theory"])
    axes.set(xlabel="length of the sequence, steps", ylabel="error left", yscale="log")
    axes.set_xticks(run["lengths"])
    figures.label_lines(axes)

# %%
# What to take away
# -----------------
# What fits into a state need not be lost on the way. A recurrence that neither shrinks nor stretches its
# state carries it, and soon learns to; to keep other things out, it needs a gate. What a gate adds is no room
# but a choice.
# Next to read: :term:`vanishing gradient`, :term:`gate`, :term:`hidden state`.

if __name__ == "__main__":
    figures.show()
