"""
Training throughput
===================

Training throughput is how many tokens per second a training step works through, forwards and backwards. In
training all tokens are known, so what decides is how much of them a model takes at once: three ways to run
one recurrence, and attention.
"""

# %%
# Three ways to run one recurrence, and attention
# -----------------------------------------------
# An Elman network reads B sequences of T tokens. *Loop* does everything inside the walk through time.
# *Hoisted* multiplies all inputs by their weights in one product first, since that part waits for nobody.
# ``torch.nn.RNN`` does that too, and walks in compiled code. Attention does not walk. The three recurrences
# must agree, in output and gradient, before anything is timed. On a CPU everything here computes on one
# thread: what is compared are ways to hand over work, not numbers of cores.

import torch

from seqdocs.bench import figures
from seqdocs.bench.agreement import check_agreement
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import compare, rate, with_backward
from seqdocs.models.attention import CausalSelfAttention
from seqdocs.models.rnn import RNN

NAMES = {"loop": "loop", "hoisted": "hoisted loop", "torch": "torch.nn.RNN", "attention": "attention"}
COLOURS = {"loop": "loop", "hoisted": "measured", "torch": "baseline", "attention": "attention"}


def training_steps(x):
    """Forward and backward of the four models on one input of shape (B, T, D)."""
    width = x.shape[-1]
    torch.manual_seed(0)
    ours = RNN(width, width).to(x)
    theirs = torch.nn.RNN(width, width, batch_first=True).to(x)
    theirs.load_state_dict(ours.state_dict())
    attention = CausalSelfAttention(width, heads=4).to(x)
    own, other, third = (list(net.parameters()) for net in (ours, theirs, attention))
    return {
        "loop": with_backward(lambda: ours(x, method="loop")[0], own),
        "hoisted": with_backward(lambda: ours(x, method="hoisted")[0], own),
        "torch": with_backward(lambda: theirs(x)[0], other),
        "attention": with_backward(lambda: attention(x), third),
    }


def tokens_per_second(B, T, width, device):
    """Training throughput of each model, the recurrences compared first."""
    steps = training_steps(torch.randn(B, T, width, device=device))
    check_agreement({name: steps[name]() for name in ("loop", "hoisted", "torch")}, "loop", tolerance=1e-3)
    timed = compare(steps, agree=False, max_seconds=0.3, threads=1)["times"]
    return {name: rate(one, B * T, "tokens/s") for name, one in timed.items()}


def gain(speed, other):
    """How many times the other speed; the interval takes the ends of both at their worst."""
    ends = speed["low"] / other["high"], speed["high"] / other["low"]
    return quantity(speed["value"] / other["value"], "×", *ends)


@experiment(
    small={"batches": (1, 2), "lengths": (4, 8), "width": 16, "batch": 2, "length": 4},
    seconds=120,
    memory_gb=1,
)
def training(device, *, batches=(1, 4, 16, 64), lengths=(16, 64, 256, 1024), width=64, batch=8, length=64):
    """Tokens per second of a training step: against batch at one length, against length at one batch."""
    by_batch = [tokens_per_second(B, length, width, device) for B in batches]
    by_length = [tokens_per_second(batch, T, width, device) for T in lengths]
    first, last = by_batch[0], by_batch[-1]
    rows = [  # the columns have the unit
        [B, *(speeds[name] | {"unit": ""} for name in NAMES)]
        for B, speeds in zip(batches, by_batch, strict=True)
    ]
    return {
        "batches": list(batches),
        "lengths": list(lengths),
        "by_batch": by_batch,
        "by_length": by_length,
        "one_length": quantity(length, "tokens"),
        "one_batch": quantity(batch, "sequences"),
        "largest": quantity(batches[-1], "sequences"),
        "gain": {name: gain(last[name], first[name]) for name in NAMES},
        "hoisting": gain(first["hoisted"], first["loop"]),
        "table": table(["batch", *((name, "tokens/s") for name in NAMES.values())], rows),
    }


def ends(speeds, what):
    """First and last speed of each model, in words."""
    changes = (f"{NAMES[n]} {speeds[0][n]['value']:,.0f} to {speeds[-1][n]['value']:,.0f}" for n in NAMES)
    return f"{what}: {', '.join(changes)}. "


for run in training():
    fig, (left, right) = figures.figure(
        alt="Tokens per second of a training step, against batch size and against length. "
        + ends(run["by_batch"], f"From batch {run['batches'][0]} to {run['batches'][-1]}")
        + ends(run["by_length"], f"From length {run['lengths'][0]} to {run['lengths'][-1]}"),
        caption="Training throughput on one thread, forward and backward, against batch size and length.",
        run=run,
        columns=2,
    )
    for axes, sweep, key in ((left, "by_batch", "batches"), (right, "by_length", "lengths")):
        for name, label in NAMES.items():
            speeds = [speed[name]["value"] for speed in run[sweep]]
            axes.plot(run[key], speeds, "o-", markersize=3, color=figures.COLOURS[COLOURS[name]], label=label)
        figures.log_sizes(axes, run[key])
        axes.set(yscale="log")
    left.set(xlabel=f"batch size, at {run['one_length']['value']} tokens", ylabel="tokens/s")
    right.set(xlabel=f"length, at batch {run['one_batch']['value']}")
    left.legend()

# %%
# What to take away
# -----------------
# A walk through time does one small step after another, so it gains most from a batch that makes each step
# larger, and little from a longer text. Hoist out of the loop what need not be in it. Attention has a whole
# text at hand, but its work grows faster than the text. Read on at :term:`throughput` and :term:`recurrent
# neural network`.

if __name__ == "__main__":
    figures.show()
