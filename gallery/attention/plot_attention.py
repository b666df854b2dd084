"""
Attention
=========

A look-up that can be learned: compare a question with all keys, and return the mean of their values, weighted
by how well each matched. How soft is it, why is it divided by a root, what do two kinds of scores cost, and
what does a trained one look at?
"""

# %%
# A soft dictionary
# -----------------
# The keys are random directions, the question is one of them made longer and longer. Short, it matches
# everyone a little and the answer is the mean of all values; long, it is the dictionary's entry, and that is
# all there is between a mean and a look-up.

import math

import torch
from torch.nn import functional as F

from seqdocs.bench import figures
from seqdocs.bench.agreement import check_agreement
from seqdocs.bench.experiment import experiment
from seqdocs.bench.memory import peak_memory
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import compare
from seqdocs.models import masks
from seqdocs.models.additive_attention import AdditiveAttention
from seqdocs.models.multiplicative_attention import MultiplicativeAttention
from seqdocs.models.scaled_dot_product import attention, attention_weights
from seqdocs.models.seq2seq import Seq2Seq


@experiment(small={"keys": 4, "width": 8, "draws": 5}, seconds=30, memory_gb=1)
def lookup(device, keys=32, width=64, lengths=(0, 0.5, 1, 2, 3, 4, 6, 8, 12, 16), draws=200):
    """Weight on the right key, and distance from the right value, against the length of the question."""
    torch.set_num_threads(1)
    k = F.normalize(torch.randn(draws, 1, keys, width, device=device), dim=-1)
    v = torch.randn(draws, 1, keys, width, device=device)
    right, error = [], []
    for length in lengths:
        q = length * math.sqrt(width) * k[:, :, :1]  # the root cancels that of the scores
        p = attention_weights(q, k)
        right.append(float(p[..., 0].median()))
        read = attention(q, k, v, method="matrix")
        error.append(float(((read - v[:, :, :1]).norm(dim=-1) / v[:, :, :1].norm(dim=-1)).median()))
    return {
        "lengths": list(lengths),
        "right": right,
        "error": error,
        "keys": quantity(keys, "keys"),
        "sharp": quantity(100 * right[-1], "%"),
    }


for run in lookup():
    fig, axes = figures.figure(
        alt=f"Weight on the right one of {run['keys']['value']} keys by the length of the question: from "
        f"{run['right'][0]:.2g} to {run['right'][-1]:.2g}; the distance from its value falls from "
        f"{run['error'][0]:.2g} to {run['error'][-1]:.1g}.",
        caption="From the mean of all values to a look-up, as the question gets longer (median).",
        run=run,
    )
    axes.plot(run["lengths"], run["right"], "o-", color=figures.BLUE, label="weight on the right key")
    axes.plot(run["lengths"], run["error"], "o-", color=figures.VERMILION, label="distance from its value")
    axes.set(xlabel="length of the question, in lengths of a key", ylabel="part of the whole")
    axes.legend()

# %%
# Why the scores are divided by √d
# --------------------------------
# A product of two random vectors of d numbers has variance d. Undivided, a wide head's softmax is a look-up
# from the start, whatever it looks up, and what is flat has no gradient: we take the gradient of the weights
# by the scores, which is zero for a softmax that has made up its mind.


@experiment(small={"widths": (4, 16), "draws": 5}, seconds=30, memory_gb=1)
def scale(device, widths=(4, 16, 64, 256, 1024), keys=32, draws=500):
    """Largest weight, and slope of the softmax, for scores divided by the root of the width or not."""
    torch.set_num_threads(1)
    found = {"divided": [], "undivided": []}
    for d in widths:
        q, k = torch.randn(2, draws, keys, d, device=device)
        scores = (q[:, :1] @ k.mT)[:, 0]
        for name, divisor in (("divided", math.sqrt(d)), ("undivided", 1.0)):
            p = (scores / divisor).softmax(-1)
            slope = (p * (1 - p)).sum(-1)  # trace of the softmax's Jacobian
            found[name].append({"largest": float(p.amax(-1).mean()), "slope": float(slope.mean())})
    return {
        "widths": list(widths),
        "found": found,
        "widest": quantity(widths[-1], ""),
        "slope": {name: quantity(rows[-1]["slope"], "") for name, rows in found.items()},
        "largest": {name: quantity(100 * rows[-1]["largest"], "%") for name, rows in found.items()},
    }


for run in scale():
    fig, (left, right) = figures.figure(
        alt=f"At width {run['widest']['value']} the largest weight is "
        + ", ".join(f"{name} {value['value']:.0f} %" for name, value in run["largest"].items())
        + "; the softmax's slope is "
        + ", ".join(f"{name} {value['value']:.2g}" for name, value in run["slope"].items())
        + ".",
        caption="Largest weight and slope of a fresh softmax over random keys, against the width of a head.",
        run=run,
        columns=2,
    )
    for (name, rows), colour in zip(run["found"].items(), (figures.BLUE, figures.VERMILION), strict=True):
        left.plot(run["widths"], [100 * row["largest"] for row in rows], "o-", color=colour, label=name)
        right.plot(run["widths"], [row["slope"] for row in rows], "o-", color=colour, label=name)
    for axes, label in ((left, "largest weight, %"), (right, "slope, trace of the Jacobian")):
        axes.set_xscale("log", base=2)
        axes.set_xticks(run["widths"], [str(width) for width in run["widths"]])
        axes.set(xlabel="width of a head, d", ylabel=label, ylim=(0, None))
    left.legend()

# %%
# Additive against multiplicative scores
# --------------------------------------
# Bahdanau's score is a small network, whose tanh is taken for every pair and unit. Luong's is a product of
# matrices, and so is the scaled dot product, which torch has as one kernel. Same questions, same keys. Before
# anything is timed, each form is checked against its own loop over pairs.


@experiment(small={"lengths": (4, 8), "width": 8, "seconds": 0.05}, seconds=60, memory_gb=3)
def scores(device, *, lengths=(16, 64, 256), width=64, batch=4, seconds=0.5):
    """Time and peak memory of reading n keys with n questions, by kind of score."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    nets = {
        "additive": AdditiveAttention(width, width, width).to(device).requires_grad_(False),
        "general": MultiplicativeAttention("general", width, width).to(device).requires_grad_(False),
        "dot": MultiplicativeAttention("dot", width, width).to(device),
    }
    few = torch.randn(1, 3, width, device=device), torch.randn(1, 5, width, device=device)
    for net in nets.values():
        check_agreement({form: net(*few, method=form)[0] for form in ("loop", "matrix")}, "loop")
    times, peaks, slower = {}, {}, {}
    for length in lengths:
        q, k = torch.randn(2, batch, length, width, device=device)
        calls = {name: lambda net=net, q=q, k=k: net(q, k)[0] for name, net in nets.items()}
        calls["scaled dot, fused"] = lambda q=q, k=k: attention(
            q[:, None], k[:, None], k[:, None], method="fused"
        )
        timed = compare(calls, agree=False, baseline="dot", max_seconds=seconds, threads=1)["times"]
        for name, call in calls.items():
            times.setdefault(name, []).append(timed[name]["median"]["value"])
            peaks.setdefault(name, []).append(peak_memory(call, device)["value"])
        slower = {name: one["ratio"] for name, one in timed.items()}
    return {
        "lengths": list(lengths),
        "longest": quantity(lengths[-1], "keys"),
        "times": times,
        "peaks": peaks,
        "slower": slower,  # than "dot", at the last length
        "table": table(
            ["score", ("time", "ms"), ("peak memory", "B")],
            [[name, quantity(1e3 * times[name][-1], ""), peaks[name][-1]] for name in times],
        ),
    }


for run in scores():
    fig, (left, right) = figures.figure(
        alt=f"Reading {run['longest']['value']} keys with as many questions takes "
        + ", ".join(f"{name} {1e3 * values[-1]:.2g} ms" for name, values in run["times"].items())
        + " and at its peak "
        + ", ".join(f"{name} {values[-1] / 1e6:.2g} MB" for name, values in run["peaks"].items())
        + ".",
        caption="Time and peak memory of reading keys with as many questions, on one thread.",
        run=run,
        columns=2,
    )
    lines = zip(run["times"], (figures.VERMILION, figures.ORANGE, figures.BLUE, figures.PURPLE), strict=True)
    for name, colour in lines:
        left.plot(
            run["lengths"], [1e3 * value for value in run["times"][name]], "o-", color=colour, label=name
        )
        right.plot(
            run["lengths"], [value / 1e6 for value in run["peaks"][name]], "o-", color=colour, label=name
        )
    for axes, label in ((left, "time, ms"), (right, "peak memory, MB")):
        axes.set(xscale="log", yscale="log", xlabel="questions, and as many keys", ylabel=label)
        axes.set_xticks(run["lengths"], [str(length) for length in run["lengths"]])
        axes.minorticks_off()
    left.legend(fontsize="small")

# %%
# What a trained one looks at
# ---------------------------
# A small encoder and decoder learn to write their source backwards. Nobody tells the attention where to look.
# After training the weights form the diagonal that one hopes for, but mostly one place beside the token that
# is due (the circles): the state after the next token still holds this one, and does as well. A picture of
# weights shows what was read, and where it came from only to within what a state remembers.


@experiment(small={"length": 3, "steps": 2}, seconds=90, memory_gb=2)
def alignment(device, length=8, steps=400, hidden=32, symbols=8):
    """Mean weights of an additive attention trained to reverse, and its accuracy."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = Seq2Seq(
        source_vocabulary=symbols + 1, target_vocabulary=symbols + 1, width=hidden, hidden_size=hidden,
        attention="additive",
    ).to(device)  # fmt: skip
    tune = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(steps):
        source = torch.randint(1, symbols + 1, (32, length), device=device)
        target = source.flip(1)
        read = F.pad(target[:, :-1], (1, 0))
        loss = F.cross_entropy(net(source, read)[0].flatten(0, 1), target.flatten())
        tune.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        tune.step()
    source = torch.randint(1, symbols + 1, (200, length), device=device)
    target = source.flip(1)
    with torch.no_grad():
        logits, weights = net(source, F.pad(target[:, :-1], (1, 0)))
    mean = weights.mean(0)
    wanted = torch.arange(length - 1, -1, -1, device=device)
    return {
        "weights": mean.tolist(),
        "right": quantity(100 * float((logits.argmax(-1) == target).float().mean()), "%"),
        "aligned": quantity(int((mean.argmax(-1) == wanted).sum()), f"of {length} steps"),
        "near": quantity(int(((mean.argmax(-1) - wanted).abs() <= 1).sum()), f"of {length} steps"),
    }


for run in alignment():
    grid = torch.tensor(run["weights"])
    fig, axes = figures.figure(
        alt="Mean weights, written token by source token: large on the diagonal from the top right "
        f"to the bottom left. In {run['aligned']['value']} {run['aligned']['unit']} the largest weight is on "
        f"the source token that is due, in {run['near']['value']} on it or beside it; "
        f"{run['right']['value']:.0f} % of the tokens are right.",
        caption="Where a decoder looks that was trained to write its source backwards (mean of 200 sources). "
        "Circles: the token that is due.",
        run=run,
    )
    shown = axes.imshow(grid, cmap="viridis", vmin=0)
    steps = range(len(grid))
    axes.plot(steps[::-1], steps, "o", color="none", markeredgecolor=figures.VERMILION, markeredgewidth=1.5)
    axes.set(xlabel="source token", ylabel="token written")
    axes.set_xticks(range(len(grid)), range(1, len(grid) + 1))
    axes.set_yticks(range(len(grid)), range(1, len(grid) + 1))
    axes.grid(visible=False)
    fig.colorbar(shown, ax=axes, label="weight")

# %%
# Where the mask is aligned
# -------------------------
# While decoding with a cache there are fewer questions than keys, and the questions are the *last* positions.
# torch's ``is_causal=True`` lines the mask up with the first ones: the newest token then sees the oldest key
# and nothing else. No error is raised, and the answer is wrong.

T, S = 2, 6
q, k, v = torch.randn(1, 1, T, 4), torch.randn(1, 1, S, 4), torch.randn(1, 1, S, 4)
theirs = F.scaled_dot_product_attention(q, k, v, is_causal=True)
as_documented = attention(q, k, v, torch.ones(T, S, dtype=torch.bool).tril(), method="fused")
ours = attention(q, k, v, causal=True, method="fused")
torch.testing.assert_close(theirs, as_documented)
assert not torch.allclose(theirs, ours)

grids = {
    "ours: the last positions": masks.causal(T, S),
    "is_causal: the first": torch.ones(T, S, dtype=torch.bool).tril(),
}
fig, panels = figures.figure(
    alt=f"Two masks of {T} questions and {S} keys. Ours: they see the first {S - T + 1} and all {S}. "
    f"torch's is_causal: they see the first key, and the first {T}.",
    caption="What a causal mask shows (dark) when there are fewer questions than keys.",
    columns=2,
    height=2.2,
)
for axes, (title, seen) in zip(panels, grids.items(), strict=True):
    axes.imshow(seen, cmap="Blues", vmin=0, vmax=1.4)
    axes.set(title=title, xlabel="key", ylabel="question")
    axes.set_xticks(range(S), range(1, S + 1))
    axes.set_yticks(range(T), range(S - T + 1, S + 1))
    axes.grid(visible=False)

# %%
# What to take away
# -----------------
# Attention is a mean with learned weights. Products made it cheap, a root keeps it trainable, and its mask
# has a side on which it is aligned: ask which.
# Next to read: :term:`attention`, :term:`seq2seq`, :term:`self-attention`.

if __name__ == "__main__":
    figures.show()
