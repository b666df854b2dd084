"""
Every model in one table
========================

Two dozen sequence models of one width, side by side: what they weigh, what they cost, what must happen in
order, how far a signal travels, and what they carry along while decoding. No row wins in all columns.
"""

# %%
# One interface
# -------------
# Each model maps (B, T, D) to (B, T, D) and may take and return a state, which is what decoding token by
# token hands on. A window keeps its last inputs, a recurrence its state, attention the keys and values of all
# positions. What scans can be computed in several ways; here each runs in its fast form.

import functools

import torch
from torch import nn
from torch.nn import functional as F

from seqdocs.bench import figures
from seqdocs.bench.cost import flops
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import compare
from seqdocs.bench.verdicts import above, all_of, verdict_by
from seqdocs.models.attention import CausalSelfAttention
from seqdocs.models.catalogue import CATALOGUE, HEADS, Cached
from seqdocs.models.cost import path_length, sequential_steps
from seqdocs.models.kv_cache import KVCache, WindowCache
from seqdocs.models.language_model import Block
from seqdocs.models.normalisation import LayerNorm
from seqdocs.models.rnn import RNN
from seqdocs.tasks.delayed_xor import delayed_xor
from seqdocs.tasks.training import accuracy, train

# %%
# The models
# ----------
# They stand in ``seqdocs.models.catalogue``. Work and steps are what the papers say, for T tokens of width D,
# a state of N numbers per channel, a window of k; everything else is counted or timed. Counted is a form that
# a path can be traced through: a tree where our scan has one, else the loop over time, from Mamba to mLSTM
# too, which need not walk.


def numbers_in(state):
    """Numbers of a state of one sequence; a complex number is two."""
    if isinstance(state, KVCache):
        return numbers_in((state.keys[:, :, : state.length], state.values[:, :, : state.length]))
    if isinstance(state, WindowCache):
        return numbers_in((state.keys, state.values))
    if isinstance(state, tuple):
        return sum(map(numbers_in, state))
    return state.numel() * (1 + state.is_complex())


@torch.no_grad()
def read(net, x):
    """The state after reading x, with room for one token more."""
    room = {"room": x.shape[1] + 1} if isinstance(net, Cached) else {}
    return net(x, **room)[1]


@torch.no_grad()
def decode(net, token, state, seen):
    """One token more; a cache that grew is set back, so that every call does the same."""
    if isinstance(state, KVCache):
        state.length = seen
    return net(token, state)[0]


@torch.no_grad()
def forward(net, x, options):
    """Outputs of a whole sequence."""
    return net(x, **options)[0]


def step(net, x, options):
    """Forward and backward."""
    y = net(x, **options)[0]
    if y.requires_grad:  # nothing of an echo state network is trained
        net.zero_grad(set_to_none=True)
        y.square().mean().backward()


def best(found, key, sign=1):
    """The models with the least of something; with the most, if the sign is -1."""
    values = {name: sign * one[key] for name, one in found.items() if one[key] is not None}
    return {name for name, value in values.items() if value == min(values.values())}


def trade_off(found):
    """Is some model best in memory, in work for a token and in reach at once?"""
    sees_far = {name: one for name, one in found.items() if one["path"] is not None}
    largest, cheapest, nearest = (
        best(sees_far, "state", -1), best(sees_far, "decode_flops"), best(sees_far, "path")
    )  # fmt: skip
    keeps = max(sees_far[name]["state"] for name in largest)
    return verdict_by(
        {"holds": not largest & cheapest & nearest},
        "refuted",
        f"most numbers are kept by {sorted(largest)[0]} ({keeps}), least work for a token has "
        f"{sorted(cheapest)[0]}, the shortest way {sorted(nearest)[0]}: no model leads in all three",
    )


def who_keeps_a_state(found):
    """Which models carry a state of fixed size, which one that grows?"""
    grows = [name for name, one in found.items() if one["state"] > one["state_early"]]
    inputs = found.keys() & {"window", "TCN", "window attention"}
    fixed = len(found) - len(grows) - len(inputs)
    return verdict_by(
        {"qualified": fixed > len(found) / 2 and bool(grows), "holds": fixed == len(found)},
        "refuted",
        f"of {len(found)} models {fixed} carry a state of fixed size, {len(inputs)} only their last inputs, "
        f"{len(grows)} a cache that grows",
    )


@experiment(small={"width": 8, "length": 8, "seen": 12, "counted": 8}, seconds=240, memory_gb=4)
def costs(device, width=64, length=128, seen=256, counted=64):
    """Everything the table says of every model."""
    torch.set_num_threads(1)  # what is compared are ways to compute, not numbers of cores
    torch.manual_seed(0)
    x, text, short = (
        torch.randn(size, steps, width) for size, steps in ((4, length), (1, seen), (1, counted))
    )
    x, text, token = x.to(device), text.to(device), text[:, :1].to(device)
    nets = {name: model.make(width).to(device) for name, model in CATALOGUE.items()}
    states = {name: read(net, text) for name, net in nets.items()}
    kept = {name: numbers_in(state) for name, state in states.items()}
    calls = {
        "forward": {
            name: functools.partial(forward, net, x, CATALOGUE[name].fast) for name, net in nets.items()
        },
        "training": {
            name: functools.partial(step, net, x, CATALOGUE[name].fast) for name, net in nets.items()
        },
        "decode": {
            name: functools.partial(decode, net, token, states[name], seen) for name, net in nets.items()
        },
    }
    how = {"agree": False, "baseline": "Elman RNN", "precision": 0.1, "min_rounds": 5, "threads": 1}
    most = 3.0 if length > 8 else 0.1  # seconds
    timed = {mode: compare(of, max_seconds=most, **how)["times"] for mode, of in calls.items()}
    found, lines = {}, []
    for name, net in nets.items():
        model = CATALOGUE[name]
        net.cpu()
        own = functools.partial(decode, net, text[:, :1].cpu())
        way = path_length(functools.partial(net, **model.counted), short)
        found[name] = {
            "parameters": sum(weight.numel() for weight in net.parameters()),
            "steps": sequential_steps(functools.partial(net, **model.counted), short),
            "path": way,
            "state": kept[name],
            "state_early": numbers_in(read(net, short)),
            "decode_flops": flops(functools.partial(own, read(net, text.cpu()), seen))["value"],
            **{mode: times[name]["median"]["value"] for mode, times in timed.items()},
        }
        one = found[name]
        lines.append([
            name, one["parameters"], model.work, model.steps, one["steps"], way or "no way", one["state"],
            *(times[name]["median"] for times in timed.values()),
        ])  # fmt: skip
    heads = ["model", "parameters", "work", "steps in order", f"steps counted, {counted} tokens",
             f"path, {counted} tokens", f"numbers kept, {seen} tokens",
             "forward", "forward and backward", "decode a token"]  # fmt: skip
    return {
        "found": found,
        "table": table(heads, lines),
        "models": quantity(len(nets), "models"),
        "width": quantity(width, ""),
        "length": quantity(length, "tokens"),
        "seen": quantity(seen, "tokens"),
        "counted": quantity(counted, "tokens"),
        "claims": {"s2-12": trade_off(found), "s2-05": who_keeps_a_state(found)},
    }


# %%
# The table
# ---------
# The first four number columns are counted and hold on every machine; the last three are this machine's. On
# the page of :term:`sequential models` the table can be sorted.

measured = costs()
for run in measured:
    print(run.label)
    for name, one in run["found"].items():
        print(
            f"  {name:24} {one['parameters']:7} parameters, path {one['path']}, {one['state']} numbers kept"
        )

# %%
# Memory, work, reach
# -------------------
# What a model carries along, what the next token costs, and how far away the first token is. To the right it
# remembers more; further down it is cheaper; dark is a short way. The corner where all three are good is
# empty: attention remembers everything and pays for it, a small state is cheap and far from its past.

for run in measured:
    found = run["found"]
    fig, (left, right) = figures.figure(
        alt="Left: work for one more token against the numbers a model keeps; right: the shortest way from "
        "the first token against the same. "
        + "; ".join(
            f"{name}: {found[name]['state']} numbers, path {found[name]['path']}"
            for name in ("Elman RNN", "LRU", "Mamba", "self-attention")
            if name in found
        )
        + ".",
        caption=f"What each model keeps after {run['seen']['value']} tokens, what the next one costs, and "
        f"how many operations the first of {run['counted']['value']} tokens is away.",
        run=run,
        columns=2,
        height=4.6,
    )
    for name, one in found.items():
        colour = figures.COLOURS[CATALOGUE[name].family]
        for axes, key in ((left, "decode_flops"), (right, "path")):
            if one[key]:
                axes.plot(one["state"], one[key], "o", color=colour, alpha=0.8)
                if name in {"Elman RNN", "LSTM", "GRU", "LRU", "Mamba", "self-attention", "window", "S4D"}:
                    axes.annotate(
                        name, (one["state"], one[key]), xytext=(4, 4), textcoords="offset points",
                        fontsize="x-small", color=colour,
                    )  # fmt: skip
    for axes in (left, right):
        axes.set(xscale="log", yscale="log", xlabel="memory: numbers kept")
    left.set(ylabel="work: FLOP of matrix products per token")
    right.set(ylabel="reach: operations from the first token")

# %%
# Small and short
# ---------------
# On a short task with a short memory the oldest network is a clean choice: it learns delayed XOR with fewer
# weights than one block of attention has.


class Reader(nn.Module):
    """One-hot bits, a sequence model, a linear readout of two classes."""

    def __init__(self, core, width, **options):
        super().__init__()
        self.bits, self.core, self.options = nn.Linear(2, width), core, options
        self.say = nn.Linear(width, 2)

    def forward(self, x):
        return self.say(self.core(self.bits(F.one_hot(x, 2).to(self.say.weight)), **self.options)[0])


@experiment(small={"steps": 20, "seeds": 1}, seconds=60, memory_gb=2)
def short(device, width=16, length=12, steps=200, seeds=3):
    """Share of right answers in delayed XOR, and parameters."""
    torch.set_num_threads(1)
    right, sizes = {}, {}
    for name in ("Elman RNN", "Transformer block"):
        scores = []
        for seed in range(seeds):
            torch.manual_seed(seed)
            if name == "Elman RNN":
                net = Reader(RNN(width, width), width, method="lean").to(device)
            else:  # with positions, without which it cannot tell what came when
                attention = CausalSelfAttention(width, HEADS, distance="rotary")
                net = Reader(Cached(Block(width, attention, LayerNorm), attention), width).to(device)
            train(net, lambda draw: delayed_xor(32, length, draw, delay=2), steps, rate=0.01, seed=seed)
            scores.append(accuracy(net, delayed_xor(500, length, 99, delay=2).to(device)))
        middle = sum(scores) / len(scores)
        right[name] = quantity(middle, "", low=min(*scores, middle), high=max(*scores, middle))
        sizes[name] = sum(weight.numel() for weight in net.core.parameters())
    return {
        "right": right,
        "parameters": sizes,
        "claims": {
            "s0-15": verdict_by(
                {
                    "holds": all_of(
                        above(right["Elman RNN"], 0.8, "share right, RNN"),
                        sizes["Elman RNN"] < sizes["Transformer block"],
                    )
                },
                "refuted",
                f"over {length} steps an RNN of {sizes['Elman RNN']} parameters answers "
                f"{right['Elman RNN']['value']:.0%} right, a Transformer block of "
                f"{sizes['Transformer block']} {right['Transformer block']['value']:.0%}",
            ),
        },
    }


for run in short():
    for name, share in run["right"].items():
        print(f"{run.label}: {name} {share['value']:.3f} with {run['parameters'][name]} parameters")

# %%
# What to take away
# -----------------
# Choosing a sequence model is choosing what to pay with: memory that grows, work for every token, or steps in
# order. The table says what each asks for. Next to read: :term:`sequential models`.

if __name__ == "__main__":
    figures.show()
