"""
Transformer
===========

A stack of attention and small networks around a residual stream, without recurrence. Where its norms stand
decides whether a deep stack can be trained; which mask it has decides whether it can write or only read; and
of the bottlenecks of a recurrence it removes one and moves the others.
"""

# %%
# Gradients over depth
# --------------------
# There is no product of Jacobians over time any more, but there is one over depth. Fresh stacks, and two
# exact gradients of the loss. *Left*, by the weights that make the queries, in each layer: attention
# averages, so tokens grow alike from layer to layer, and where all are alike it does not matter which one is
# asked. Post-norm shrinks the residual stream in every layer and gets there; without the stream a few layers
# do. *Right*, by the second matrix of the last layer's network: in a pre-norm stack it falls with the depth,
# in theory like one over its root; in a post-norm one it does not, which is why that wants a warm-up.

import statistics

import torch
from torch import nn
from torch.nn import functional as F

from seqdocs.bench import figures
from seqdocs.bench.cost import flops
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.seeds import over_seeds
from seqdocs.bench.verdicts import all_of, below, verdict_by
from seqdocs.models.bert import Bert
from seqdocs.models.cost import sequential_steps
from seqdocs.models.gru import GRU
from seqdocs.models.language_model import CausalLM
from seqdocs.models.transformer import Encoder, EncoderLayer


class Plain(EncoderLayer):
    """A post-norm layer whose additions are left out: no residual stream."""

    def add(self, x, f, norm):
        return norm(f(x))


def stack(kind, width, depth, seed):
    """An encoder with the norms before or after, or after and without the residual stream."""
    torch.manual_seed(seed)
    net = Encoder(width, 4, 4 * width, depth, norm_first=kind == "pre")
    if kind == "plain":
        net.layers = nn.ModuleList(Plain(width, 4, 4 * width) for _ in range(depth))
    for weight in net.parameters():
        if weight.ndim == 2:
            nn.init.xavier_normal_(weight)
    return net


@torch.no_grad()
def written(width):
    """Longest chain of dependent operations when a small causal model writes 8 tokens, and 32; a count."""
    net = CausalLM(vocabulary=16, context=40, width=width, layers=2, heads=4)
    first = torch.zeros(1, 1, dtype=torch.long)
    return [sequential_steps(lambda first, n=n: net.generate(first, n), first) for n in (8, 32)]


def gradients(net, width, length):
    """Gradient norms by each layer's query weights and by the last network's second matrix; unlike tokens."""
    device = net.layers[0].linear2.weight.device
    x = torch.randn(4, length, width, dtype=torch.float64, device=device)
    head = torch.randn(width, 32, dtype=torch.float64, device=device) / width**0.5
    wanted = torch.randint(32, (4 * length,), device=device)
    h = net(x, method="matrix")
    weights = [layer.self_attn.in_proj_weight for layer in net.layers]
    loss = F.cross_entropy((h @ head).flatten(0, 1), wanted)
    *queries, last = torch.autograd.grad(loss, [*weights, net.layers[-1].linear2.weight])
    unlike = (h - h.mean(1, keepdim=True)).norm() / h.norm()
    return [float(part[:width].norm()) for part in queries], float(last.norm()), float(unlike.detach())


@experiment(small={"depths": (2, 4), "width": 8, "length": 4, "seeds": 2}, seconds=120, memory_gb=2)
def depth(device, depths=(2, 4, 8, 16, 32), width=32, length=16, seeds=5):
    """Gradients of fresh stacks of three kinds, by layer and by depth."""
    torch.set_num_threads(1)
    curves, last, fade, unlike = {}, {}, {}, {}
    for kind in ("post", "pre", "plain"):
        for layers in depths:
            nets = [stack(kind, width, layers, seed).to(device, torch.float64) for seed in range(seeds)]
            runs = [gradients(net, width, length) for net in nets]
            last.setdefault(kind, []).append(statistics.median(run[1] for run in runs))
        curves[kind] = [statistics.median(column) for column in zip(*(run[0] for run in runs), strict=True)]
        fade[kind] = over_seeds([run[0][-1] / run[0][0] for run in runs])
        unlike[kind] = over_seeds([run[2] for run in runs])
    chain = written(width)
    vanishes = below(
        fade["post"], 0.01, "gradient by the last layer's queries over the first one's, post-norm"
    )
    return {
        "depths": list(depths),
        "deepest": quantity(depths[-1], "layers"),
        "curves": curves,
        "last": last,
        "fade": fade,
        "unlike": unlike,
        "shrinks": {kind: quantity(values[0] / values[-1], "×") for kind, values in last.items()},
        "claims": {
            "s3-17": verdict_by(
                {
                    "refuted": all_of(vanishes, chain[1] >= 2 * chain[0]),
                    "qualified": chain[1] >= 2 * chain[0],
                },
                "holds",
                f"in a fresh post-norm stack of {depths[-1]} layers the gradient by the queries falls to "
                f"{fade['post']['value']:.0e} of the first layer's; writing 8 tokens chains {chain[0]} "
                f"operations, writing 32 one of {chain[1]}",
            )
        },
    }


KINDS = {
    "post": ("post-norm", figures.VERMILION), "pre": ("pre-norm", figures.BLUE),
    "plain": ("no residual stream", figures.GREY),
}  # fmt: skip
for run in depth():
    fig, (left, right) = figures.figure(
        alt=f"Gradient by the query weights in {run['deepest']['value']} layers: the last layer's is "
        + ", ".join(f"{KINDS[kind][0]} {value['value']:.0e}" for kind, value in run["fade"].items())
        + " of the first one's. Gradient by the last layer's second matrix: from "
        + f"{run['depths'][0]} to {run['deepest']['value']} layers it is divided by "
        + ", ".join(f"{KINDS[kind][0]} {value['value']:.2g}" for kind, value in run["shrinks"].items())
        + ".",
        caption="Fresh stacks: gradient by each layer's query weights; by the last network's second matrix.",
        run=run,
        columns=2,
    )
    for kind, (label, colour) in KINDS.items():
        layers = range(1, run["deepest"]["value"] + 1)
        left.plot(layers, run["curves"][kind], color=colour, label=label)
        right.plot(run["depths"], run["last"][kind], "o-", color=colour, label=label)
    left.set(xlabel="layer", ylabel="gradient by the query weights", yscale="log", ylim=(1e-18, 10))
    right.set(xlabel="layers of the stack", ylabel="gradient in the last layer's network", ylim=(0, None))
    right.set_xscale("log", base=2)
    right.set_xticks(run["depths"], [str(layers) for layers in run["depths"]])
    left.legend(loc="center right")

# %%
# A mask decides what it is good for
# ----------------------------------
# Palindromes: the second half repeats the first, backwards. A causal stack, a tiny GPT, foretells the next
# token; it can know the second half only. An encoder in the manner of BERT fills a gap from both sides, and
# knows every place, but has nothing to continue a text with.


def palindromes(B, half, device, symbols=8):
    """Tokens 1 … symbols, mirrored in the middle, (B, 2 half); 0 is the gap."""
    first = torch.randint(1, symbols + 1, (B, half), device=device)
    return torch.cat((first, first.flip(1)), 1)


def train(net, loss_of, steps):
    """Adam on fresh palindromes."""
    tune = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(steps):
        loss = loss_of()
        tune.zero_grad()
        loss.backward()
        tune.step()


def tiny_gpt(half, steps, device):
    """A causal language model of palindromes, and its accuracy at each place."""
    torch.manual_seed(0)
    net = CausalLM(vocabulary=9, context=2 * half, width=32, layers=2, heads=4).to(device)

    def loss_of():
        tokens = palindromes(32, half, device)
        return F.cross_entropy(net(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())

    train(net, loss_of, steps)
    tokens = palindromes(500, half, device)
    with torch.no_grad():
        right = net(tokens[:, :-1]).argmax(-1) == tokens[:, 1:]
    return [None, *right.float().mean(0).tolist()]


def tiny_bert(half, steps, device):
    """An encoder that fills gaps in palindromes, and its accuracy at each place."""
    torch.manual_seed(0)
    body = Bert(vocabulary=9, context=2 * half, width=32, layers=2, heads=4, hidden=64).to(device)
    net = nn.ModuleDict({"body": body, "head": nn.Linear(32, 9).to(device)})

    def loss_of():
        tokens = palindromes(32, half, device)
        gap = torch.randint(2 * half, (len(tokens), 1), device=device)
        guess = net["head"](body(tokens.scatter(1, gap, 0)).gather(1, gap[..., None].expand(-1, -1, 32)))
        return F.cross_entropy(guess[:, 0], tokens.gather(1, gap)[:, 0])

    train(net, loss_of, steps)
    tokens, found = palindromes(500, half, device), []
    with torch.no_grad():
        for place in range(2 * half):
            holed = tokens.clone()
            holed[:, place] = 0
            found.append(
                float((net["head"](body(holed))[:, place].argmax(-1) == tokens[:, place]).float().mean())
            )
    return found


@experiment(small={"half": 2, "steps": 2}, seconds=120, memory_gb=2)
def masks(device, half=6, steps=300):
    """Accuracy at each place of a palindrome: a tiny GPT reads from the left, a tiny BERT from both sides."""
    torch.set_num_threads(1)
    places = {"GPT": tiny_gpt(half, steps, device), "BERT": tiny_bert(half, steps, device)}
    known = {
        name: statistics.mean(part for part in row[:half] if part is not None) for name, row in places.items()
    }
    later = {name: statistics.mean(row[half:]) for name, row in places.items()}
    return {
        "places": places,
        "half": half,
        "first": {name: quantity(100 * part, "%") for name, part in known.items()},
        "second": {name: quantity(100 * part, "%") for name, part in later.items()},
    }


for run in masks():
    fig, axes = figures.figure(
        alt="Accuracy at each place of a palindrome. First half: "
        + ", ".join(f"{name} {part['value']:.0f} %" for name, part in run["first"].items())
        + "; second half: "
        + ", ".join(f"{name} {part['value']:.0f} %" for name, part in run["second"].items())
        + ".",
        caption="Tokens of a palindrome that are told right, by place: the next one (GPT), or a gap (BERT).",
        run=run,
    )
    for (name, row), colour, shift in zip(
        run["places"].items(), (figures.BLUE, figures.ORANGE), (-0.2, 0.2), strict=True
    ):
        told = [(place, 100 * part) for place, part in enumerate(row, 1) if part is not None]
        axes.bar(
            [place + shift for place, _ in told],
            [part for _, part in told],
            width=0.4,
            color=colour,
            label=name,
        )
    axes.axvline(run["half"] + 0.5, color="0.5", linewidth=1)
    axes.set(xlabel="place", ylabel="right, %", ylim=(0, 115))
    axes.legend(ncols=2)

# %%
# Where the bottlenecks went
# --------------------------
# Reading a text takes as many steps as there are layers, however long it is. Writing one takes a step for
# each token again, each dearer than the last, with a cache that grows and a table of positions that ends. All
# of it is counted.


def numbers_kept(cache):
    """Bytes of keys and values of all layers."""
    return sum(layer.keys.nbytes + layer.values.nbytes for layer in cache)


@experiment(
    small={"lengths": (4, 8), "width": 8},
    seconds=60,
    memory_gb=2,
    devices=("cpu",),  # counts
)
def bottlenecks(device, lengths=(16, 32, 64, 128), width=32):
    """Steps to read and to write, work of one more token, and bytes kept, against length."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = CausalLM(vocabulary=64, context=max(lengths), width=width, layers=2, heads=4).requires_grad_(False)
    walk = GRU(width, width, num_layers=2)
    reading, writing, kept, work = [], [], [], []
    for length in lengths:
        tokens = torch.zeros(1, length, dtype=torch.long)
        reading.append(sequential_steps(net, tokens))
        _, cache = net.prefill(tokens[:, :-1], capacity=length)
        work.append(flops(lambda cache=cache, tokens=tokens: net.decode(tokens[:, -1], cache))["value"])
        kept.append(numbers_kept(cache))
        first = tokens[:, :1]
        writing.append(sequential_steps(lambda first, length=length: net.generate(first, length - 1), first))
    state = walk(torch.zeros(1, 4, width))[1].nbytes
    try:
        net(torch.zeros(1, max(lengths) + 1, dtype=torch.long))
        bounded = False
    except ValueError:
        bounded = True
    serial, flat = bounded and writing[-1] > 2 * writing[0], reading[-1] == reading[0]
    grows = kept[-1] > kept[0] and work[-1] > work[0]
    return {
        "lengths": list(lengths),
        "longest": quantity(lengths[-1], "tokens"),
        "reading": quantity(reading[-1], "operations"),
        "writing": quantity(writing[-1], "operations"),
        "kept": quantity(kept[-1], "B"),
        "state": quantity(state, "B"),
        "table": table(
            ["tokens", "chain to read", "chain to write", ("last token", "FLOP"), ("cache", "B")],
            [list(row) for row in zip(lengths, reading, writing, work, kept, strict=True)],
        ),
        "claims": {
            "s0-17": verdict_by(
                {"refuted": all_of(flat, serial, grows), "qualified": serial},
                "holds",
                f"reading {lengths[0]} or {lengths[-1]} tokens is a chain of {reading[-1]} operations, "
                f"writing them one of {writing[0]} or {writing[-1]}; from {lengths[0]} to {lengths[-1]} the "
                f"cache grows {kept[-1] / kept[0]:.0f}-fold, where a recurrent state stays",
            ),
        },
    }


for run in bottlenecks():
    for tokens, read, write, *_ in run["table"]["rows"]:
        print(f"{tokens} tokens: a chain of {read} operations to read, of {write} to write")

# %%
# What to take away
# -----------------
# A :term:`Transformer` trains on all positions at once, over any distance. It still writes token by token,
# and its depth has the gradients that a recurrence has over time: put the norms where they do no harm.
# Next to read: :term:`self-attention`, :term:`path length`, :term:`vanishing gradient`.

if __name__ == "__main__":
    figures.show()
