"""
What fills the memory
=====================

Weights, a KV cache, activations: three things fill a device, and none of them stays with the layer that is at
work. We predict the bytes of each from shapes and measure what the allocator and the system say.
"""

# %%
# A chain of layers
# -----------------
# Plain blocks, a product and a GELU each, all equally wide. Without gradients a block's input can go as soon
# as its output is there. With gradients the product keeps its input and the GELU its own, until the backward
# pass has come by. *Checkpointing* keeps only the input of each segment and computes the rest a second time.

import copy
import math

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint_sequential

from seqdocs.bench import figures
from seqdocs.bench.cost import flops
from seqdocs.bench.experiment import experiment
from seqdocs.bench.fresh import fresh_peak
from seqdocs.bench.memory import peak_memory
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.verdicts import verdict_by
from seqdocs.models.language_model import CausalLM
from seqdocs.models.memory import cache_bytes, largest_context, weight_bytes

FLOAT = 4  # bytes


def chain(depth, width, device):
    """So many blocks of one width."""
    torch.manual_seed(0)
    blocks = (nn.Sequential(nn.Linear(width, width), nn.GELU()) for _ in range(depth))
    return nn.Sequential(*blocks).to(device)


def calls(net, x):
    """The three ways to run a net: without gradients, with all of them, and with checkpoints."""
    weights, segments = list(net.parameters()), max(1, round(math.sqrt(len(net))))

    def inference():
        with torch.no_grad():
            return net(x)

    def training():
        return torch.autograd.grad(net(x).square().mean(), weights)

    def checkpointed():
        out = checkpoint_sequential(net, segments, x, use_reentrant=False)
        return torch.autograd.grad(out.square().mean(), weights)

    return {"inference": inference, "training": training, "checkpointed": checkpointed}


def predicted(depth, row_bytes):
    """Bytes of activations by counting what must be there at once, in units of one layer's output."""
    segments = max(1, round(math.sqrt(depth)))
    turn = 4  # at the turning point: the loss's own, and the first gradients
    return {
        "inference": 3 * row_bytes,  # input, product and output of the active block
        "training": (2 * depth + turn) * row_bytes,  # the inputs of all products and of all GELUs
        "checkpointed": (segments + 2 * math.ceil(depth / segments) + turn) * row_bytes,
    }


# %%
# Memory against depth
# --------------------
# The allocator counts every byte, so these numbers have no noise. All weights are there from the first layer
# to the last, whichever is at work.


@experiment(small={"depths": (4, 16), "rows": 64, "width": 32}, seconds=90, memory_gb=1)
def by_depth(device, *, depths=(4, 8, 16, 32, 64), rows=1024, width=128):
    """Peak bytes of activations against depth, in three modes, and the bytes of the weights."""
    torch.set_num_threads(1)
    peaks, said, weights, work = {}, {}, [], {}
    for depth in depths:
        net = chain(depth, width, device)
        x = torch.randn(rows, width, device=device)
        ways = calls(net, x)
        one, two = (ways[name]() for name in ("training", "checkpointed"))
        torch.testing.assert_close(one, two)  # the same gradients, computed twice
        for name, call in ways.items():
            peaks.setdefault(name, []).append(peak_memory(call, device)["value"])
            said.setdefault(name, []).append(predicted(depth, rows * width * FLOAT)[name])
            work[name] = flops(call)["value"]
        weights.append(weight_bytes(net))
    factor = depths[-1] / depths[0]
    grows = peaks["training"][-1] > factor / 2 * peaks["training"][0]
    stay = weights[-1] == factor * weights[0]
    rows_of = [
        [depth, *(quantity(column[at], "B") for column in (weights, *peaks.values()))]
        for at, depth in enumerate(depths)
    ]
    return {
        "depths": list(depths),
        "peaks": peaks,
        "said": said,
        "weights": weights,
        "deepest": quantity(depths[-1], "layers"),
        "training": quantity(peaks["training"][-1] / peaks["training"][0], "×"),
        "inference": quantity(peaks["inference"][-1] / peaks["inference"][0], "×"),
        "saved": quantity(peaks["training"][-1] / peaks["checkpointed"][-1], "×"),
        "again": quantity(work["checkpointed"] / work["training"], "×"),
        "off": quantity(100 * abs(said["training"][-1] / peaks["training"][-1] - 1), "%"),
        "table": table(["layers", "weights", "inference", "training", "with checkpoints"], rows_of),
        "claims": {
            "s1-10": verdict_by(
                {"refuted": grows and stay},
                "holds",
                f"from {depths[0]} to {depths[-1]} layers the weights that are resident grow"
                f" {weights[-1] / weights[0]:.3g} times and a training step's activations"
                f" {peaks['training'][-1] / peaks['training'][0]:.3g} times; only inference keeps no more"
                " activations than one layer's",
            )
        },
    }


MODES = {"training": figures.VERMILION, "checkpointed": figures.GREEN, "inference": figures.BLUE}

for run in by_depth():
    depths = run["depths"]
    fig, axes = figures.figure(
        alt=f"Megabytes against the number of layers, on logarithmic scales. At {depths[-1]} layers: "
        + ", ".join(f"{name} {run['peaks'][name][-1] / 1e6:.3g} MB" for name in MODES)
        + f", weights {run['weights'][-1] / 1e6:.3g} MB. Inference does not depend on depth, training grows"
        " in proportion to it, checkpoints with about its square root.",
        caption="Peak memory of activations by depth: measured (points), predicted from shapes (dashed).",
        run=run,
    )
    for name, colour in MODES.items():
        axes.plot(depths, [peak / 1e6 for peak in run["peaks"][name]], "o", color=colour, label=name)
        axes.plot(depths, [peak / 1e6 for peak in run["said"][name]], "--", color=colour, linewidth=1)
    axes.plot(depths, [held / 1e6 for held in run["weights"]], "-", color=figures.GREY, label="weights")
    axes.set(xscale="log", yscale="log", xlabel="layers", ylabel="memory, MB")
    axes.set_xticks(depths, [str(depth) for depth in depths])
    axes.minorticks_off()
    axes.legend()

# %%
# What the system sees
# --------------------
# The allocator knows its own bytes. The operating system sees a process: libraries that reserve workspace,
# memory that was given back and is kept for later. A fresh process for each mode, which builds the model and
# runs it once; the mark it leaves is compared with weights plus activations, as predicted.


def process(depth, rows, width, mode):
    """A call that builds a chain and runs it once, in a process of its own."""
    import torch
    from torch import nn
    from torch.utils.checkpoint import checkpoint_sequential

    x = torch.randn(rows, width)
    warm = nn.Sequential(*(nn.Sequential(nn.Linear(8, 8), nn.GELU()) for _ in range(2)))
    out = checkpoint_sequential(warm, 2, x[:8, :8], use_reentrant=False)  # reads the pages of code
    torch.autograd.grad(out.square().mean(), list(warm.parameters()))

    def run():
        net = nn.Sequential(*(nn.Sequential(nn.Linear(width, width), nn.GELU()) for _ in range(depth)))
        if mode == "inference":
            with torch.no_grad():
                return net, net(x)
        segments = round(depth**0.5)
        out = net(x) if mode == "training" else checkpoint_sequential(net, segments, x, use_reentrant=False)
        return net, torch.autograd.grad(out.square().mean(), list(net.parameters()))

    return run


# The mark of a process is the operating system's: of a GPU's memory it knows nothing.
@experiment(
    small={"depth": 4, "rows": 256, "width": 64, "modes": ("training",)},
    seconds=120,
    memory_gb=1,
    devices=("cpu",),
)
def by_process(device, *, depth=32, rows=2048, width=256, modes=("inference", "training", "checkpointed")):
    """Highest resident set of a process that builds and runs a chain, against the count from shapes."""
    weights = weight_bytes(chain(depth, width, device))
    said = predicted(depth, rows * width * FLOAT)
    gradients = {"inference": 0, "training": weights, "checkpointed": weights}
    seen = {mode: fresh_peak(process, depth, rows, width, mode, threads=1)["value"] for mode in modes}
    counted = {mode: weights + said[mode] + gradients[mode] for mode in modes}
    return {
        "seen": seen,
        "counted": counted,
        "depth": quantity(depth, "layers"),
        "process": {mode: quantity(held, "B") for mode, held in seen.items()},
        "over": quantity(seen["training"] / counted["training"], "×"),
    }


for run in by_process():
    names = list(run["seen"])
    fig, axes = figures.figure(
        alt="Megabytes of a whole process, seen by the system and counted from shapes: "
        + "; ".join(f"{n} {run['seen'][n] / 1e6:.0f} and {run['counted'][n] / 1e6:.0f}" for n in names)
        + ".",
        caption="Highest resident set of a process, and weights, gradients and activations as counted.",
        run=run,
        height=2.8,
    )
    for shift, key, colour in ((-0.2, "seen", figures.BLUE), (0.2, "counted", figures.GREY)):
        label = {"seen": "seen by the system", "counted": "counted from shapes"}[key]
        places = [place + shift for place in range(len(names))]
        axes.barh(places, [run[key][name] / 1e6 for name in names], 0.4, color=colour, label=label)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set(xlabel="memory, MB", ylabel="mode")
    axes.legend()

# %%
# The cache of a conversation
# ---------------------------
# A language model that answers keeps the keys and values of every position, :math:`2 \cdot` layers
# :math:`\cdot` heads :math:`\cdot` width of a head numbers each. Token by token the answer takes more memory,
# in a straight line. With several conversations at once it is soon more than the weights.


@experiment(
    small={"positions": (4, 16), "width": 32, "layers": 2, "sequences": (1, 2)}, seconds=60, memory_gb=1
)
def cache(device, *, positions=(64, 128, 256, 512, 1024), width=128, layers=6, heads=4, sequences=(1, 4, 16)):
    """Bytes of the KV cache against positions and sequences: allocated, and counted from shapes."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = CausalLM(vocabulary=1024, context=max(positions), width=width, layers=layers, heads=heads)
    model = model.to(device).eval()

    def reserve(count, length):
        return [block.attention.new_cache(count, length) for block in model.blocks]

    real = {
        str(B): [peak_memory(lambda B=B, T=T: reserve(B, T), device)["value"] for T in positions]
        for B in sequences
    }
    shape = {"layers": layers, "key_value_heads": heads, "head_width": width // heads}
    said = {str(B): [cache_bytes(B, T, **shape) for T in positions] for B in sequences}
    exact = max(abs(a / b - 1) for B in real for a, b in zip(real[B], said[B], strict=True))
    growth = real["1"][-1] / real["1"][0]
    weights = weight_bytes(model)
    # A copy of the weights and the largest cache: what the allocator then holds, and what shapes say.
    both = peak_memory(lambda: (copy.deepcopy(model), reserve(sequences[-1], positions[-1])), device)["value"]
    together = both / (weights + said[str(sequences[-1])][-1])
    return {
        "positions": list(positions),
        "real": real,
        "said": said,
        "weights": quantity(weights, "B"),
        "each": quantity(cache_bytes(1, 1, **shape), "B per token"),
        "as_much_as_weights": quantity(largest_context(2 * weights, weights, **shape), "tokens"),
        "off": quantity(100 * exact, "%"),
        "growth": quantity(growth, "×"),
        "together": quantity(both, "B"),
        "claims": {
            "s1-33": verdict_by(
                {"holds": abs(together - 1) < 0.05},
                "qualified",
                f"the allocator holds {both / 1e6:.1f} MB for weights and the cache of {sequences[-1]}"
                f" conversations, {100 * together:.1f} % of what their shapes say",
            ),
            "s1-23": verdict_by(
                # The GPU's allocator hands out blocks of 512 bytes, so the count may be a little short.
                {"qualified": exact < 0.05 and growth > 2},
                "refuted",
                f"predicted from shapes within {100 * exact:.2g} %, so predictable; but one conversation"
                f" takes {growth:.3g} times as much after {positions[-1]} tokens as after {positions[0]}",
            ),
        },
    }


for run in cache():
    positions = run["positions"]
    fig, axes = figures.figure(
        alt="Megabytes of the KV cache against positions, on logarithmic scales: in proportion. At"
        f" {positions[-1]} positions: "
        + ", ".join(f"{B} sequences {real[-1] / 1e6:.3g} MB" for B, real in run["real"].items())
        + f". The weights take {run['weights']['value'] / 1e6:.3g} MB.",
        caption="KV cache against positions: allocated (points), counted from shapes (lines).",
        run=run,
    )
    for (B, real), colour in zip(
        run["real"].items(), (figures.BLUE, figures.GREEN, figures.VERMILION), strict=False
    ):
        axes.plot(positions, [n / 1e6 for n in run["said"][B]], color=colour, label=f"{B} at once")
        axes.plot(positions, [n / 1e6 for n in real], "o", color=colour)
    axes.axhline(run["weights"]["value"] / 1e6, color=figures.GREY, linestyle="--", label="all weights")
    axes.set(xscale="log", yscale="log", xlabel="positions of each sequence", ylabel="memory, MB")
    axes.set_xticks(positions, [str(length) for length in positions])
    axes.minorticks_off()
    axes.legend()

# %%
# What to take away
# -----------------
# Weights are always there, training keeps every layer's activations, and a conversation grows with every
# token. All three can be counted before the first run. Checkpoints buy memory with arithmetic. Read on at
# :term:`VRAM allocation`.

if __name__ == "__main__":
    figures.show()
