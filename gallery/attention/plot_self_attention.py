"""
Self-attention
==============

Every position asks all others and reads their answers, in a few matrix products and without waiting. The work
grows with the square of the length, a recurrence's with the square of the width: which is cheaper, and from
what length, on this machine?
"""

# %%
# Work: pairs of positions against pairs of units
# -----------------------------------------------
# A layer of width D reads T tokens. The products of queries with keys, and of weights with values, take
# 4 T² D operations, the four projections 8 T D²; a GRU's six matrices take 12 T D². So the two do equal work
# at T = D. Counted in what really runs, without a mask.

import functools
import itertools
import math

import torch

from seqdocs.bench import figures
from seqdocs.bench.agreement import check_agreement
from seqdocs.bench.cost import flops
from seqdocs.bench.experiment import experiment
from seqdocs.bench.memory import peak_memory
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import compare, with_backward
from seqdocs.bench.verdicts import above, all_of, verdict_by
from seqdocs.models.attention import CausalSelfAttention
from seqdocs.models.cost import sequential_steps
from seqdocs.models.multi_head import MultiHeadAttention
from seqdocs.models.scaled_dot_product import attention_weights


def forward_work(kind, width, length):
    """Floating-point operations of one layer reading one sequence."""
    net = {
        "self-attention": lambda: MultiHeadAttention(width, 4),
        "RNN": lambda: torch.nn.RNN(width, width, batch_first=True),
        "GRU": lambda: torch.nn.GRU(width, width, batch_first=True),
        "LSTM": lambda: torch.nn.LSTM(width, width, batch_first=True),
    }[kind]()
    x = torch.zeros(1, length, width)
    with torch.no_grad():
        return flops(lambda: net(x))["value"]


KINDS = ("self-attention", "RNN", "GRU", "LSTM")


@experiment(small={"lengths": (8, 16, 32), "width": 16}, seconds=60, memory_gb=2, devices=("cpu",))  # counts
def work(device, lengths=(16, 32, 64, 128, 256), width=64):
    """Operations of one layer against length, and the length of equal work for several widths."""
    torch.set_num_threads(1)
    counts = {kind: [forward_work(kind, width, length) for length in lengths] for kind in KINDS}
    equal = {
        str(d): forward_work("self-attention", d, d) == forward_work("GRU", d, d) for d in (16, 32, width)
    }
    return {
        "lengths": list(lengths),
        "width": quantity(width, ""),
        "counts": counts,
        "equal_at_n_is_d": all(equal.values()),
        "ratio": quantity(counts["self-attention"][-1] / counts["GRU"][-1], "×"),
        "longest": quantity(lengths[-1], "tokens"),
    }


COLOURS = {
    "self-attention": "attention", "RNN": "rnn", "GRU": "gru", "LSTM": "lstm", "fused": "attention",
    "matrix": "linear", "torch.nn.GRU": "gru", "torch.nn.LSTM": "lstm",
}  # fmt: skip


def style(name):
    """One colour per model, in all figures."""
    return {"color": figures.COLOURS[COLOURS[name]], "marker": "o", "markersize": 4, "label": name}


def length_axis(axes, lengths):
    """Lengths as they were measured."""
    axes.set(xscale="log", yscale="log", xlabel="length, tokens")
    axes.set_xticks(lengths, [str(length) for length in lengths])
    axes.minorticks_off()


for run in work():
    d, last = run["width"]["value"], run["lengths"][-1]
    fig, axes = figures.figure(
        alt=f"Operations of one layer of width {d} against length. Recurrences grow in proportion; "
        f" attention crosses the GRU at {d} tokens and does {run['ratio']['value']:.1f} times its "
        f"work at {last}.",
        caption=f"Floating-point operations of one layer of width {d}, forward; the line is T = D.",
    )
    for kind, counts in run["counts"].items():
        axes.plot(run["lengths"], counts, **style(kind))
    axes.axvline(d, color="0.5", linewidth=1)
    axes.set_ylabel("operations, FLOP")
    length_axis(axes, run["lengths"])
    axes.legend()

# %%
# Time: where attention and a recurrence swap
# -------------------------------------------
# Operations that wait for nobody are done together, so the crossing in time lies elsewhere, and on another
# length on every device. Causal attention as torch's fused kernel and as a plain matrix form runs beside
# torch's own recurrences; on a CPU ``torch.nn.LSTM`` is one fused kernel and the strongest of them. The form
# that loops over pairs is the reference that both are checked against.


def answers(x, width):
    """Each competitor's forward pass and its parameters."""
    torch.manual_seed(0)
    net = CausalSelfAttention(width, 4).to(x)
    gru = torch.nn.GRU(width, width, batch_first=True).to(x)
    lstm = torch.nn.LSTM(width, width, batch_first=True).to(x)
    return {
        "fused": (lambda: net(x, method="fused"), list(net.parameters())),
        "matrix": (lambda: net(x, method="matrix"), list(net.parameters())),
        "torch.nn.GRU": (lambda: gru(x)[0], list(gru.parameters())),
        "torch.nn.LSTM": (lambda: lstm(x)[0], list(lstm.parameters())),
    }


def inference(call):
    """A call that keeps nothing for a backward pass."""
    return torch.inference_mode()(call)


def swap(lengths, one, other):
    """The first length at which two curves cross, between measured points on logarithmic scales."""
    gaps = [math.log(a / b) for a, b in zip(one, other, strict=True)]
    for at, (here, there) in enumerate(itertools.pairwise(gaps)):
        if here * there < 0:
            return round(lengths[at] * (lengths[at + 1] / lengths[at]) ** (here / (here - there)))
    return None


@experiment(small={"lengths": (4, 8), "width": 16, "loop": 3, "seconds": 0.05}, seconds=120, memory_gb=2)
def crossover(device, *, lengths=(16, 64, 128, 256, 1024), width=64, batch=2, loop=12, seconds=0.7):
    """Seconds against length, forward and forward with backward, and where attention and recurrences swap."""
    torch.set_num_threads(1)  # what is compared are ways to compute, not numbers of cores
    net, x = CausalSelfAttention(width, 4).to(device), torch.randn(1, loop, width, device=device)
    forms = {form: functools.partial(net, x, method=form) for form in ("loop", "matrix", "fused")}
    check_agreement({form: call() for form, call in forms.items()}, "loop")
    by_pairs = compare(forms, max_seconds=seconds, threads=1)["times"]["fused"]["speedup"]
    curves, gains = {"forward": {}, "training": {}}, {}
    for length in lengths:
        runs = answers(torch.randn(batch, length, width, device=device), width)
        modes = {
            "forward": {name: inference(call) for name, (call, _) in runs.items()},
            "training": {name: with_backward(call, weights) for name, (call, weights) in runs.items()},
        }
        for mode, calls in modes.items():
            timed = compare(calls, agree=False, baseline="torch.nn.GRU", max_seconds=seconds, threads=1)[
                "times"
            ]
            for name, one in timed.items():
                curves[mode].setdefault(name, []).append(one["median"]["value"])
        gains[str(length)] = timed["fused"]["speedup"]  # of a training step, over the GRU
    middle = str(lengths[len(lengths) // 2])
    per_step = forward_work("GRU", width, lengths[0]) / lengths[0]  # the same for every step
    dearer = forward_work("self-attention", width, lengths[-1]) / (per_step * lengths[-1])
    rows = [
        [f"attention and {name}"]
        + [swap(lengths, curves[mode]["fused"], curves[mode][name]) or "none in range" for mode in curves]
        for name in ("torch.nn.GRU", "torch.nn.LSTM")
    ]
    faster = above(gains[middle], 1.1, f"speed-up of a training step over a GRU at {middle} tokens")
    lstm, fused = curves["training"]["torch.nn.LSTM"], curves["training"]["fused"]
    return {
        "lengths": list(lengths),
        "width": quantity(width, ""),
        "curves": curves,
        "gains": gains,
        "loop": by_pairs,
        "pairs": quantity(loop, "tokens"),
        "swaps": table(["pair", ("forward", "tokens"), ("training step", "tokens")], rows),
        "claims": {
            "s0-11": verdict_by(
                {"qualified": all_of(faster, dearer > 2), "holds": faster},
                "refuted",
                f"at {middle} tokens a training step takes a GRU {gains[middle]['value']:.1f} times as long "
                f"as attention, which at {lengths[-1]} does {dearer:.1f} times the GRU's work; "
                f"torch.nn.LSTM takes {lstm[0] / fused[0]:.2g} times as long as attention at {lengths[0]} "
                f"tokens, and {lstm[-1] / fused[-1]:.2g} times at {lengths[-1]}",
            )
        },
    }


for run in crossover():
    ends = {
        mode: {name: 1e3 * curve[-1] for name, curve in rows.items()} for mode, rows in run["curves"].items()
    }
    fig, (left, right) = figures.figure(
        alt=f"Milliseconds against length. At {run['lengths'][-1]} tokens, forward: "
        + ", ".join(f"{name} {value:.3g}" for name, value in ends["forward"].items())
        + "; forward and backward: "
        + ", ".join(f"{name} {value:.3g}" for name, value in ends["training"].items())
        + ".",
        caption="Time of one layer against length, attention and torch's recurrences, on one thread.",
        run=run,
        columns=2,
    )
    for axes, mode, title in ((left, "forward", "Forward"), (right, "training", "Forward and backward")):
        for name, curve in run["curves"][mode].items():
            axes.plot(run["lengths"], [1e3 * value for value in curve], **style(name))
        axes.set(title=title)
        length_axis(axes, run["lengths"])
    left.set_ylabel("time, ms")
    left.legend()

# %%
# Memory: all pairs at once, or never all
# ---------------------------------------
# The matrix form holds a score for every pair and head. The fused kernel takes them block by block and keeps
# none. What is kept on purpose is the cache of keys and values while decoding: heads of queries can share
# heads of keys (GQA; MQA if all share one), and a window forgets.


@experiment(small={"lengths": (8, 16), "width": 16, "tokens": 8, "window": 4}, seconds=60, memory_gb=2)
def memory(device, *, lengths=(64, 128, 256, 512, 1024), width=64, heads=8, tokens=512, window=64):
    """Peak bytes of a forward pass in both forms, and bytes of the cache after some tokens."""
    torch.set_num_threads(1)
    net = CausalSelfAttention(width, heads).to(device).requires_grad_(False)
    peaks = {
        form: [
            peak_memory(functools.partial(net, torch.randn(1, n, width, device=device), method=form), device)[
                "value"
            ]
            for n in lengths
        ]
        for form in ("matrix", "fused")
    }
    kinds = {f"{heads} heads": {}, "2 heads": {"key_value_heads": 2}, "1 head": {"key_value_heads": 1}}
    kinds[f"{heads} heads, window"] = {"window": window}
    kept = {}
    for name, options in kinds.items():
        reader = CausalSelfAttention(width, heads, **options).to(device).requires_grad_(False)
        cache = reader.new_cache(1, tokens)
        reader(torch.randn(1, tokens, width, device=device), cache)
        kept[name] = cache.keys.nbytes + cache.values.nbytes
    return {
        "lengths": list(lengths),
        "peaks": peaks,
        "at_longest": {form: quantity(values[-1], "B") for form, values in peaks.items()},
        "longest": quantity(lengths[-1], "tokens"),
        "heads": quantity(heads, "heads"),
        "window": quantity(window, "positions"),
        "tokens": quantity(tokens, "tokens"),
        "cache": {name: quantity(held, "B") for name, held in kept.items()},
        "kept": table(["keys and values of", ("cache", "B")], list(kept.items())),
    }


for run in memory():
    peak = {form: values[-1] / 1e6 for form, values in run["peaks"].items()}
    held = {name: value["value"] / 1e3 for name, value in run["cache"].items()}
    fig, (left, right) = figures.figure(
        alt=f"Peak memory of a forward pass at {run['lengths'][-1]} tokens: "
        + ", ".join(f"{form} {value:.3g} MB" for form, value in peak.items())
        + f". Cache after {run['tokens']['value']} tokens: "
        + ", ".join(f"{name} {value:.3g} kB" for name, value in held.items())
        + ".",
        caption="Peak memory of a forward pass; keys and values kept while decoding.",
        run=run,
        columns=2,
    )
    for form, values in run["peaks"].items():
        left.plot(run["lengths"], [value / 1e6 for value in values], **style(form))
    left.set_ylabel("peak memory, MB")
    length_axis(left, run["lengths"])
    left.legend()
    right.bar(list(held), list(held.values()), color=figures.PURPLE)
    right.set(ylabel=f"cache after {run['tokens']['value']} tokens, kB")
    right.tick_params(axis="x", labelrotation=20)

# %%
# All at once, until it writes
# ----------------------------
# Reading: the longest chain of dependent operations has the same length for any number of tokens. Writing:
# each token waits for the one before. And "every token attends to every other" is true of an encoder; a
# causal mask leaves about half of the pairs.


def token_by_token(net, x):
    """The same outputs, each position read when the one before is done, as in decoding."""
    cache, y = net.new_cache(len(x), x.shape[1]), torch.zeros_like(x[:, :1])
    outputs = []
    for t in range(x.shape[1]):
        known = x[:, t : t + 1] + 0 * y  # it cannot be known before the last output
        y = net(known, cache)
        outputs.append(y)
    return torch.cat(outputs, 1)


@experiment(small={"lengths": (4, 8), "width": 8}, seconds=60, memory_gb=2, devices=("cpu",))  # counts
def order(device, lengths=(8, 16, 32, 64, 128), width=16):
    """Longest chain of dependent operations, at once and token by token, and pairs that are read."""
    torch.set_num_threads(1)
    net = CausalSelfAttention(width, 2).requires_grad_(False)
    inputs = [torch.randn(1, length, width) for length in lengths]
    check_agreement({"at once": net(inputs[-1]), "in turn": token_by_token(net, inputs[-1])}, "at once")
    chains = {
        "at once": [sequential_steps(net, x) for x in inputs],
        "token by token": [sequential_steps(functools.partial(token_by_token, net), x) for x in inputs],
    }
    q, k, _ = net.project(inputs[-1])
    read = {
        "no mask": int((attention_weights(q, k)[0, 0] > 0).sum()),
        "causal": int((attention_weights(q, k, causal=True)[0, 0] > 0).sum()),
    }
    flat, serial = chains["at once"][-1] == chains["at once"][0], chains["token by token"][-1] > lengths[-1]
    half = read["causal"] < read["no mask"] == lengths[-1] ** 2
    found = (
        f"{chains['at once'][-1]} operations, written token by token one of {chains['token by token'][-1]}"
    )
    return {
        "lengths": list(lengths),
        "chains": chains,
        "longest": quantity(lengths[-1], "tokens"),
        "read": {name: quantity(count, "pairs") for name, count in read.items()},
        "all": quantity(lengths[-1] ** 2, "pairs"),
        "at_longest": {name: quantity(chain[-1], "operations") for name, chain in chains.items()},
        "claims": {
            "s0-10": verdict_by(
                {"qualified": all_of(flat, serial), "holds": flat}, "refuted",
                f"{lengths[-1]} tokens that are all known are a chain of {found}",
            ),
            "s2-10": verdict_by(
                {"qualified": all_of(flat, serial), "holds": flat}, "refuted",
                f"the chain of a known text has {chains['at once'][0]} operations at {lengths[0]} tokens and "
                f"{chains['at once'][-1]} at {lengths[-1]}; that of a text to be written grows from "
                f"{chains['token by token'][0]} to {chains['token by token'][-1]}",
            ),
            "s3-18": verdict_by(
                {"qualified": half, "holds": read["causal"] == lengths[-1] ** 2},
                "refuted",
                f"of {lengths[-1] ** 2} pairs attention reads {read['no mask']} without a mask and "
                f"{read['causal']} with a causal one",
            ),
        },
    }  # fmt: skip


for run in order():
    fig, axes = figures.figure(
        alt=f"Longest chain of dependent operations against length: at {run['lengths'][-1]} tokens "
        + ", ".join(f"{name} {chain[-1]}" for name, chain in run["chains"].items())
        + ".",
        caption="Longest chain of dependent operations of one layer: all tokens known, or written in turn.",
    )
    for (name, chain), colour in zip(run["chains"].items(), (figures.PURPLE, figures.VERMILION), strict=True):
        axes.plot(run["lengths"], chain, "o-", color=colour, label=name)
    axes.set_ylabel("operations that wait for one another")
    length_axis(axes, run["lengths"])
    axes.legend()

# %%
# What to take away
# -----------------
# Attention does more arithmetic than a GRU as soon as the text is longer than the layer is wide, and finishes
# earlier than a recurrence up to some other length, because nothing waits. While writing, everything waits
# again. Next to read: :term:`self-attention`, :term:`path length`, :term:`throughput`.

if __name__ == "__main__":
    figures.show()
