"""
Linear recurrences
==================

Leave out the squashing of a recurrent network and its steps compose: all of a sequence becomes one scan. What
is left to design is the decay: how fast, how it turns, and whether it looks at the input.
"""

# %%
# What one number can do
# ----------------------
# Seen in the right coordinates, a linear recurrence is a bank of single numbers, :math:`h_t = \lambda h_{t-1}
# + b_t`. So its whole character lies in its eigenvalues :math:`\lambda`. A positive one fades. A negative one
# alternates. A complex one turns while it fades, and the pair of it and its conjugate is a damped
# oscillation. Here is what each makes of a single one at the first step.

import math

import torch
from torch import nn
from torch.nn import functional as F

from seqdocs.bench import figures
from seqdocs.bench.agreement import check_agreement, difference
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import compare, with_backward
from seqdocs.models.cost import sequential_steps
from seqdocs.models.delta_rule import delta_rule
from seqdocs.models.gated_linear_attention import gated_linear_attention
from seqdocs.models.linear_attention import linear_attention
from seqdocs.models.linear_rnn import LinearRNN
from seqdocs.models.lru import LRU
from seqdocs.models.minimal import MinGRU, MinLSTM
from seqdocs.models.mlstm import mlstm
from seqdocs.models.qrnn import QRNN
from seqdocs.models.retention import retention
from seqdocs.scan import scan
from seqdocs.tasks.parity import parity
from seqdocs.tasks.training import accuracy, train


@experiment(small={"T": 8}, seconds=30, memory_gb=1)
def impulse(device, T=40):
    """The state after a single one, for four eigenvalues."""
    turn = complex(math.cos(math.pi / 8), math.sin(math.pi / 8))
    eigenvalues = {
        "0.9": 0.9,
        "−0.9": -0.9,
        "0.9 turned by π/8": 0.9 * turn,
        "0.98 turned by π/8": 0.98 * turn,
    }
    a = torch.tensor(list(eigenvalues.values()), dtype=torch.complex128, device=device).expand(1, T, -1)
    b = torch.zeros_like(a.contiguous())
    b[:, 0] = 1
    h = scan(a, b, method="chunked")[0].real
    return {"curves": {name: h[:, i].tolist() for i, name in enumerate(eigenvalues)}}


for run in impulse():
    fig, axes = figures.figure(
        alt="State against steps after a single one. "
        + " ".join(f"Eigenvalue {name}: lowest {min(c):.2f}." for name, c in run["curves"].items()),
        caption="Real part of the state after a single one, for four eigenvalues.",
        run=run,
    )
    for name, curve in run["curves"].items():
        axes.plot(curve, label=name)
    axes.set(xlabel="steps after the one", ylabel="state")
    axes.legend(fontsize="small")

# %%
# Walking and scanning are the same
# ---------------------------------
# Ten models that share this one idea. LRU and the plain linear network have constant decays; minGRU, minLSTM
# and QRNN compute them from the input. The last five keep a matrix: linear attention does not decay at all,
# retention by a constant, GLA and mLSTM by gates, and the delta rule in the direction of the key alone. Each
# is run step by step and by its fast form, in double precision, and we count the operations that wait for one
# another. The delta rule has no tree; its fast form goes by chunks.


def matrices():
    """Name → what maps queries, keys, values, a number per step for the gate, and a method to output."""
    return {
        "linear attention": lambda q, k, v, g, method: linear_attention(q, k, v, method=method),
        "retention": lambda q, k, v, g, method: retention(q, k, v, method=method),
        "gated linear attention": lambda q, k, v, g, method: gated_linear_attention(
            q, k, v, F.logsigmoid(g)[..., None], method=method
        ),
        "mLSTM": lambda q, k, v, g, method: mlstm(q, k, v, g, F.logsigmoid(-g), method=method),
        "delta rule": lambda q, k, v, g, method: delta_rule(
            q, F.normalize(k, dim=3), v, g.sigmoid(), method="loop" if method == "loop" else "chunked"
        ),
    }


def models(D, device):
    """Name → what maps (input, method) to output."""
    torch.manual_seed(0)
    nets = [LinearRNN(D, D), LRU(D, D), MinGRU(D, D), MinLSTM(D, D), QRNN(D, D)]
    ways = {}
    for name, net in zip(("linear RNN", "LRU", "minGRU", "minLSTM", "QRNN"), nets, strict=True):
        wide = net.to(device, torch.float64)
        ways[name] = lambda x, method, net=wide: net(x, method=method)[0]
    for name, rule in matrices().items():
        ways[name] = lambda x, method, rule=rule: rule(
            *(x[:, None] * scale for scale in (1.0, 0.5, 2.0)), x[:, None, :, 0], method=method
        )[0]
    return ways


@experiment(small={"T": 8}, seconds=60, memory_gb=2)
def equal(device, T=256, D=16):
    """Largest difference of the fast forms from the loop, and operations in a row."""
    x = torch.randn(1, T, D, dtype=torch.float64, device=device)
    rows, worst = [], 0.0
    for name, way in models(D, device).items():
        with torch.no_grad():
            y = {method: way(x, method) for method in ("loop", "parallel", "chunked")}
        gap = max(difference(y[method], y["loop"]) for method in ("parallel", "chunked"))
        counts = [sequential_steps(lambda x, way=way, m=m: way(x, m), x) for m in ("loop", "parallel")]
        rows.append([name, quantity(gap, ""), *counts])
        worst = max(worst, gap)
    return {
        "length": quantity(T, "steps"),
        "worst": quantity(worst, ""),
        "counts": {row[0]: row[2:] for row in rows},
        "table": table(["model", "difference", "in a row, loop", "in a row, parallel"], rows),
    }


for run in equal():
    counts = run["counts"]
    fig, axes = figures.figure(
        alt=f"Operations in a row for {run['length']['value']} steps, loop and parallel. "
        + "; ".join(f"{name}: {loop} and {fast}" for name, (loop, fast) in counts.items())
        + ".",
        caption=f"Tensor operations that wait for one another, {run['length']['value']} steps.",
        run=run,
        height=4.6,
    )
    places = range(len(counts))
    axes.barh([p - 0.2 for p in places], [loop for loop, _ in counts.values()], 0.4,
              color=figures.COLOURS["loop"], label="loop")  # fmt: skip
    axes.barh([p + 0.2 for p in places], [fast for _, fast in counts.values()], 0.4,
              color=figures.COLOURS["scan"], label="parallel")  # fmt: skip
    axes.set_yticks(places, counts)
    axes.set(xscale="log", xlabel="operations in a row", ylabel="model")
    axes.invert_yaxis()
    axes.legend()

# %%
# What a positive decay cannot do
# -------------------------------
# Parity: is the number of ones so far odd? One number that changes its sign at every one knows the answer for
# ever. A decay between 0 and 1 cannot change a sign. We train the same small model twice on short sequences,
# its decays a squared cosine, from 0 to 1, or a cosine, from -1 to 1, and test it on sequences up to eight
# times as long.


class Decays(nn.Module):
    """Every token has its own decays and inputs; two layers read the state."""

    def __init__(self, squash, states=16):
        super().__init__()
        self.squash = squash
        self.decay, self.input = nn.Embedding(2, states), nn.Embedding(2, states)
        nn.init.normal_(self.decay.weight, std=2.0)
        self.read = nn.Sequential(nn.Linear(states, 32), nn.ReLU(), nn.Linear(32, 2))
        self.start = nn.Parameter(torch.ones(states))

    def forward(self, x):
        """Scores, (B, T, 2), of tokens, (B, T)."""
        h0 = self.start.expand(len(x), -1)
        return self.read(scan(self.squash(self.decay(x)), self.input(x), h0, method="chunked"))


def share(runs):
    """Accuracy at the last length: the median over seeds, and the range."""
    last = sorted(100 * run[-1] for run in runs)
    return quantity(last[len(last) // 2], "%", last[0], last[-1])


@experiment(small={"steps": 3, "lengths": (4, 8), "seeds": 1}, seconds=120, memory_gb=2)
def counting(device, steps=250, lengths=(32, 64, 128, 256), seeds=3):
    """Accuracy at parity of models trained at the first length, over length."""
    torch.set_num_threads(1)  # the tensors are small: a second thread only waits
    curves = {"0 to 1": [], "−1 to 1": []}
    for name, squash in zip(curves, (lambda x: torch.cos(x) ** 2, torch.cos), strict=True):
        for seed in range(seeds):
            torch.manual_seed(seed)
            net = Decays(squash).to(device)
            train(net, lambda draw: parity(64, lengths[0], draw), steps, rate=0.02, seed=seed)
            right = [accuracy(net, parity(64, T, seed=1).to(device)) for T in lengths]
            curves[name].append(right)
    return {
        "lengths": list(lengths),
        "curves": curves,
        "trained": quantity(lengths[0], "steps"),
        "longest": quantity(lengths[-1], "steps"),
        "positive": share(curves["0 to 1"]),
        "signed": share(curves["−1 to 1"]),
    }


for run in counting():
    fig, axes = figures.figure(
        alt=f"Accuracy at parity against length, trained at {run['lengths'][0]} steps. "
        f"At {run['lengths'][-1]} steps {run['positive']['value']:.0f} % with decays from 0 to 1, "
        f"{run['signed']['value']:.0f} % with decays from -1 to 1.",
        caption=f"Right answers at parity; trained at {run['lengths'][0]} steps, a line for each seed.",
        run=run,
    )
    for (name, runs), colour in zip(run["curves"].items(), ("loop", "scan"), strict=True):
        for seed, curve in enumerate(runs):
            label = f"decays from {name}" if seed == 0 else None
            axes.plot(run["lengths"], curve, "o-", markersize=3, color=figures.COLOURS[colour], label=label)
    axes.axhline(0.5, linestyle=":", color=figures.GREY)
    axes.set_xscale("log", base=2)
    axes.set_xticks(run["lengths"], [str(T) for T in run["lengths"]])
    axes.set(xlabel="length, $T$", ylabel="share of right answers", ylim=(0.4, 1.03))
    axes.legend(loc="center left")

# %%
# What the scan is worth
# ----------------------
# One minGRU layer beside that of the package ``minGRU-pytorch``, with the same weights: a scan in plain
# numbers against one in logarithms. Both contain the same product with the weights. One thread.


def packaged(D, device):
    """The layer of ``minGRU-pytorch``; or None and why there is none."""
    try:
        from minGRU_pytorch import minGRU
    except ImportError:
        return None, "not measured: the package minGRU-pytorch is not installed"
    return minGRU(D).to(device), ""


@experiment(small={"shape": (2, 8, 4)}, seconds=120, memory_gb=4, packages=("minGRU-pytorch",))
def layer(device, shape=(8, 1024, 256)):
    """How many times as fast as the package our minGRU layer is."""
    torch.manual_seed(0)
    theirs, reason = packaged(shape[2], device)
    if theirs is None:
        return {"missing": reason, "forward": reason, "both": reason, "shape": list(shape), "bars": {}}
    ours = MinGRU(shape[2], shape[2], bias=False, candidate="positive").to(device)
    ours.linear.weight.data.copy_(theirs.to_hidden_and_gate.weight.data)
    x = torch.randn(shape, device=device)

    def forward(net):
        with torch.no_grad():
            y = net(x)
        return y[0] if isinstance(y, tuple) else y

    calls = {"ours": lambda: forward(ours), "theirs": lambda: forward(theirs)}
    both = {
        "ours": with_backward(lambda: ours(x)[0], [ours.linear.weight]),
        "theirs": with_backward(lambda: theirs(x), [theirs.to_hidden_and_gate.weight]),
    }
    check_agreement({name: call() for name, call in both.items()}, "theirs", tolerance=1e-3)
    timed = {
        "forward": compare(calls, agree=False, max_seconds=2.5, threads=1)["times"],
        "both": compare(both, agree=False, max_seconds=2.5, threads=1)["times"],
    }
    return {
        "shape": list(shape),
        "missing": "",
        "forward": timed["forward"]["theirs"]["ratio"],
        "both": timed["both"]["theirs"]["ratio"],
        "bars": {
            f"{what}, {who}": one[key]["median"]
            for what, one in (("forward", timed["forward"]), ("and backward", timed["both"]))
            for who, key in (("ours", "ours"), ("minGRU-pytorch", "theirs"))
        },
    }


for run in layer():
    bars = run["bars"]
    fig, axes = figures.figure(
        alt=f"Time of a minGRU layer at {tuple(run['shape'])}. "
        + (run["missing"] or ", ".join(f"{n}: {1e3 * leaf['value']:.3g} ms" for n, leaf in bars.items()))
        + ".",
        caption=f"Time of a minGRU layer at (B, T, D) = {tuple(run['shape'])}, one thread. {run['missing']}",
        run=run,
        height=2.4,
    )
    axes.barh(list(bars), [1e3 * leaf["value"] for leaf in bars.values()], color=figures.BLUE, height=0.6)
    axes.set(xlabel="time, ms", ylabel="layer")
    axes.invert_yaxis()

# %%
# What to take away
# -----------------
# A linear recurrence trades what happens between two steps for doing all steps at once. Let decays look at
# the input and it can choose; let them be negative or complex and it can count. Next to read: :term:`linear
# recurrence`, :term:`scan`.

if __name__ == "__main__":
    figures.show()
