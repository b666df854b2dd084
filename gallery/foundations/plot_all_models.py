"""
Every model in one table
========================

The sequence models of this library at one width, side by side: what they weigh, what they cost, what must
happen in order, how far a signal travels, what they carry along while decoding. No row wins everywhere.
"""

# %%
# One interface
# -------------
# Each model is called with a sequence and may take and return a state, which is what decoding token by token
# hands on. A window keeps its last inputs, a recurrence its state, attention the keys and values of all
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
from seqdocs.models.cost import sequential_steps
from seqdocs.models.language_model import Block
from seqdocs.models.normalisation import LayerNorm
from seqdocs.models.rnn import RNN
from seqdocs.models.table import OURS, ROWS, decode, first, numbers_in, read, sample, traced, way
from seqdocs.tasks.delayed_xor import delayed_xor
from seqdocs.tasks.training import accuracy, train

# %%
# The models
# ----------
# They stand in ``seqdocs.models.table``. Work and steps are what the papers say, for T tokens of width D, a
# state of N numbers per channel, a window of k, chunks of L, a source of S; everything else is counted or
# timed. Counted is a form that a path can be traced through: a tree where a scan has one, and of a memory of
# keys and values the form over all pairs, which does T² D work where the chunks that are timed do T D². Where
# a question makes no sense, the table says why not. The speech detector has its own width, and a chunk of
# sound for a token.


@torch.no_grad()
def forward(net, x, options):
    """Outputs of a whole sequence."""
    return net(x, **options)[0]


def step(net, x, options):
    """Forward and backward."""
    y = net(x, **options)[0]
    net.zero_grad(set_to_none=True)
    y.square().mean().backward()


def best(found, key, sign=1):
    """The models with the least of something; with the most, if the sign is -1."""
    values = {name: sign * one[key] for name, one in found.items()}
    return {name for name, value in values.items() if value == min(values.values())}


def trade_off(found):
    """Is some model best in memory, in work for a token and in reach at once?"""
    sees_far = {name: one for name, one in found.items() if one["path"] != "no way"}
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
    nets = {name: row.make(width).to(device) for name, row in ROWS.items()}
    x = {name: sample(row, 4, length, width).to(device) for name, row in ROWS.items()}
    text = {name: sample(row, 1, seen, width).to(device) for name, row in ROWS.items()}
    states = {name: read(nets[name], text[name]) for name, row in ROWS.items() if not row.no_state}
    kept = {name: numbers_in(state) for name, state in states.items()}  # decoding may add a token
    calls = {"forward": {}, "training": {}, "decode": {}}
    for name, row in ROWS.items():
        if not row.no_time:
            calls["forward"][name] = functools.partial(forward, nets[name], x[name], row.fast)
            if any(weights.requires_grad for weights in nets[name].parameters()):
                calls["training"][name] = functools.partial(step, nets[name], x[name], row.fast)
        if name in states:
            token = first(row, text[name])
            calls["decode"][name] = functools.partial(decode, nets[name], token, states[name], seen)
    how = {"agree": False, "baseline": "Elman RNN", "precision": 0.1, "min_rounds": 5, "threads": 1}
    most = 4.0 if length > 8 else 0.1  # seconds
    timed = {mode: compare(of, max_seconds=most, **how)["times"] for mode, of in calls.items()}
    found, lines = {}, []
    for name, row in ROWS.items():
        net = nets[name].cpu()
        one = found[name] = {
            "parameters": sum(weight.numel() for weight in net.parameters()),
            "steps": row.no_steps or sequential_steps(*traced(row, net, width, counted)),
            "path": way(row, net, width, counted),
            **{mode: of[name]["median"]["value"] if name in of else None for mode, of in timed.items()},
        }
        if name in states:
            mine, token = text[name].cpu(), first(row, text[name]).cpu()
            again = functools.partial(decode, net, token, read(net, mine), seen)
            one["state"] = kept[name]
            one["state_early"] = numbers_in(read(net, sample(row, 1, counted, width)))
            one["decode_flops"] = flops(again)["value"]
        why = {
            "forward": row.no_time, "training": row.no_time or "no gradient", "decode": row.no_state
        }  # fmt: skip
        lines.append([
            name, one["parameters"], row.work, row.steps, one["steps"], one["path"],
            one.get("state", row.no_state),
            *(of[name]["median"] if name in of else why[mode] for mode, of in timed.items()),
        ])  # fmt: skip
    heads = ["model", "parameters", "work", "steps in order", f"steps counted, {counted} tokens",
             f"path, {counted} tokens", f"numbers kept, {seen} tokens",
             "forward", "forward and backward", "decode a token"]  # fmt: skip
    plain = {name: found[name] for name in CATALOGUE}  # one layer each, the same sizes
    return {
        "found": found,
        "table": table(heads, lines),
        "models": quantity(len(OURS), "models"),
        "width": quantity(width, ""),
        "length": quantity(length, "tokens"),
        "seen": quantity(seen, "tokens"),
        "counted": quantity(counted, "tokens"),
        "claims": {"s2-12": trade_off(plain), "s2-05": who_keeps_a_state(plain)},
    }


# %%
# The table
# ---------
# The first four number columns are counted and hold on every machine; the last three are this machine's. On
# the page of :term:`sequential models` the table can be sorted. ``torch.nn``'s rows are what compiled code
# makes of the same cells. For the memories of keys and values, from linear attention to mLSTM, we know of no
# compiled form for a CPU: ``flash-linear-attention``, which has them, is kernels for GPUs. They are timed
# beside attention and the compiled cells instead.

measured = costs()
for run in measured:
    print(run.label)
    for name, one in run["found"].items():
        kept = one.get("state", "nothing")
        print(f"  {name:32} {one['parameters']:7} parameters, path {one['path']}, keeps {kept}")

# %%
# Memory, work, reach
# -------------------
# What a model carries along, what the next token costs, and how far away the first token is; from the least
# memory to the most. A model that were best in all three would keep much and stand left in the other two.
# Attention remembers everything and pays for it. A small state is cheap, and far from its past where it
# walks. The matrix memories come near: their way is short, yet what they keep does not grow, so that what was
# said must share it.

PANELS = (
    ("state", "memory", "numbers kept"),
    ("decode_flops", "work", "FLOP of a token"),
    ("path", "reach", "operations to the first"),
)

for run in measured:
    found = run["found"]
    names = sorted(
        (name for name in OURS if "state" in found[name] and not OURS[name].no_way.startswith("writes")),
        key=lambda name: found[name]["state"],
    )
    fig, panels = figures.figure(
        alt="For each model: numbers kept, work for one more token, and operations on the shortest way from "
        "the first token, sorted by the numbers. "
        + "; ".join(
            f"{name}: {found[name]['state']} numbers, {found[name]['decode_flops']} FLOP, "
            f"path {found[name]['path']}"
            for name in ("window", "Elman RNN", "LRU", "retention", "Mamba", "self-attention")
        )
        + ".",
        caption=f"What each model keeps after {run['seen']['value']} tokens, what products the next one "
        f"costs, and how many operations the first of {run['counted']['value']} tokens is away. A cross at "
        "the edge: there is no way. Hollow: no product. What keeps nothing, or cannot be traced, stands in "
        "the table alone.",
        run=run,
        columns=3,
        height=0.19 * len(names) + 1.1,
        sharey=True,
    )
    for axes, (key, title, unit) in zip(panels, PANELS, strict=True):
        known = [found[name][key] for name in names if isinstance(found[name][key], int) and found[name][key]]
        low, high = min(known) / 2, 3 * max(known)
        for place, name in enumerate(names):
            value, colour = found[name][key], figures.COLOURS[OURS[name].family]
            if value == "no way":
                axes.plot(high, place, "x", color=colour)
            elif value and isinstance(value, int):
                axes.plot(value, place, "o", color=colour, markersize=5)
            else:
                axes.plot(low, place, "o", color=colour, markersize=5, fillstyle="none")
        axes.set(xscale="log", title=title, xlabel=unit)
    panels[0].set_yticks(range(len(names)), names, fontsize="small")
    panels[0].set(ylabel="model", ylim=(-0.7, len(names) - 0.3))

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
