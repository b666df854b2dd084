"""
Nested dependencies
===================

In "the dog that the men who called chased ran", every noun waits for its verb, and the last to wait is the
first to be served. Brackets nest in the same way. Which models keep track of them, and for how long?
"""

# %%
# Which bracket has to be closed next?
# ------------------------------------
# After every bracket of a text we ask which kind is the innermost that is still open. The answer lies on top
# of a stack: an opening bracket puts its kind there, a closing one takes it away. Two kinds nest up to three
# deep, so a state of fixed size is enough in principle. This is a *Dyck language* of bounded depth.
#
# Every model is one layer of sixteen units between the same embedding and the same readout. It is trained on
# short texts and asked on unseen ones, of the same length and of four times that. The window sees the last
# eight brackets; self-attention comes without positions.

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity
from seqdocs.bench.seeds import over_seeds
from seqdocs.models.catalogue import CATALOGUE
from seqdocs.models.token_classifier import TokenClassifier
from seqdocs.tasks.brackets import brackets
from seqdocs.tasks.training import accuracy, train

KINDS, DEPTH = 2, 3
NAMES = ("window", "Elman RNN", "LSTM", "GRU", "LRU", "minGRU", "delta rule", "self-attention")


@experiment(small={"names": ("window", "GRU"), "length": 6, "steps": 10}, seconds=400, memory_gb=2)
def nesting(device, names=NAMES, width=16, length=20, steps=120):
    """Share of right answers at the length of the training and at four times that; over two seeds."""
    torch.set_num_threads(1)

    def texts(batch, length, seed):
        return brackets(batch, length, seed, kinds=KINDS, depth=DEPTH)

    exams = {"short": texts(300, length, 99).to(device), "long": texts(300, 4 * length, 99).to(device)}
    right = {name: {key: [] for key in exams} for name in names}
    for name in names:
        model = CATALOGUE[name]
        for seed in range(2):
            torch.manual_seed(seed)
            net = TokenClassifier(
                model.make(width), width, vocabulary=2 * KINDS, classes=KINDS + 1, options=model.fast
            ).to(device)
            train(net, lambda draw: texts(32, length, draw), steps, rate=0.01, seed=seed)
            for key, exam in exams.items():
                right[name][key].append(accuracy(net, exam))
    return {
        "right": {name: {key: over_seeds(row) for key, row in rows.items()} for name, rows in right.items()},
        "short": quantity(length, "brackets"),
        "long": quantity(4 * length, "brackets"),
    }


# %%
# The stack in the state
# ----------------------
# Networks with a nonlinear state go on well beyond the length of their training: how one bracket moves the
# stack is the same rule at any length. The window is mostly right, too, for most brackets close soon after
# they were opened; of what has been open for longer it knows nothing. Attention without positions sees which
# brackets there were but not where, and the more there are, the less that says.

for run in nesting():
    right = run["right"]
    fig, axes = figures.figure(
        alt=f"Share of right answers of {run['short']['value']} and of {run['long']['value']} brackets: "
        + ", ".join(
            f"{name} {leaf['short']['value']:.2f} and {leaf['long']['value']:.2f}"
            for name, leaf in right.items()
        ) + ".",
        caption=f"Which bracket has to be closed next? Trained on texts of {run['short']['value']}; a bar "
        "leads from one seed to the other.",
        run=run,
    )  # fmt: skip
    for key, mark, colour in (("short", "o", "measured"), ("long", "D", "recursion")):
        for place, leaf in enumerate(right.values()):
            axes.hlines(place, leaf[key]["low"], leaf[key]["high"], color=figures.COLOURS[colour])
        axes.plot(
            [leaf[key]["value"] for leaf in right.values()], range(len(right)), mark,
            color=figures.COLOURS[colour], label=f"{run[key]['value']} brackets",
        )  # fmt: skip
    axes.set(xlabel="share of right answers", ylabel="model")
    axes.set_yticks(range(len(right)), list(right))
    axes.invert_yaxis()
    axes.legend()

# %%
# What to take away
# -----------------
# To follow nested brackets, a model must hold what is open, in order, and change that with every token. While
# the depth is bounded, a state of fixed size can do so far beyond the lengths it has learned from. Being
# mostly right asks for less: a short window will do.
# Next to read: :term:`hidden state`, :term:`self-attention`, :term:`feedforward network`.

if __name__ == "__main__":
    figures.show()
