"""
State-space models
==================

A state-space model is a linear recurrence with several numbers per channel. With constant coefficients it is
one long convolution. Let the coefficients look at the input, and it can choose what to keep: a scan.
"""

# %%
# Convolution = recurrence = scan
# -------------------------------
# S4D reads a whole sequence by one Fourier transform, or step by step with a small state. Both come from the
# same parameters. The kernels show what it is: a bank of damped oscillations, one mixture per channel.

import torch
from torch import nn
from torch.nn import functional as F

from seqdocs.bench import figures
from seqdocs.bench.agreement import check_agreement, difference
from seqdocs.bench.experiment import experiment
from seqdocs.bench.memory import peak_memory
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import compare, with_backward
from seqdocs.models.mamba import Mamba
from seqdocs.models.s4d import S4D
from seqdocs.models.selective_scan import selective_scan
from seqdocs.tasks.selective_copying import selective_copying
from seqdocs.tasks.training import accuracy, train


@experiment(small={"T": 16}, seconds=60, memory_gb=2)
def same(device, T=1000, channels=3):
    """Largest difference of three ways from the step by step one, in double precision; and the kernels."""
    torch.manual_seed(1)
    net = S4D(channels, 32).to(device, torch.float64)
    x = torch.randn(2, T, channels, dtype=torch.float64, device=device)
    with torch.no_grad():
        y = {method: net(x, method=method)[0] for method in ("loop", "convolution", "parallel", "chunked")}
        kernels = net.kernel(min(T, 300)).tolist()
    gaps = {method: difference(out, y["loop"]) for method, out in y.items() if method != "loop"}
    return {
        "kernels": kernels,
        "gaps": {name: quantity(gap, "") for name, gap in gaps.items()},
        "worst": quantity(max(gaps.values()), ""),
        "length": quantity(T, "steps"),
    }


for run in same():
    fig, axes = figures.figure(
        alt=f"Kernels of {len(run['kernels'])} channels over {len(run['kernels'][0])} steps. "
        + " ".join(
            f"Channel {number} swings by up to {max(map(abs, k)):.1g}, over the last tenth by "
            f"{max(map(abs, k[-(len(k) // 10 + 1) :])):.1g}."
            for number, k in enumerate(run["kernels"], 1)
        ),
        caption="What a single one at the start makes of the output: the kernels of a fresh S4D.",
        run=run,
    )
    for number, kernel in enumerate(run["kernels"], 1):
        axes.plot(kernel, label=f"channel {number}", linewidth=1.2)
    axes.set(xlabel="steps back", ylabel="kernel")
    axes.legend()

# %%
# Why select?
# -----------
# Selective copying: a few symbols stand at random places among blanks, and have to be repeated in order at
# the end. A convolution weighs the past by distance alone and cannot tell a symbol from a blank. We train one
# layer of each, S4D with a gated product behind it and a Mamba block, wide enough for about the same number
# of parameters, on the same batches. Then we test on longer sequences.


class Filter(nn.Module):
    """S4D, and a gate at every position."""

    def __init__(self, width):
        super().__init__()
        self.ssm, self.out = S4D(width, 8), nn.Linear(width, 2 * width)

    def forward(self, x):
        """(B, T, D) to the same."""
        return F.glu(self.out(F.gelu(self.ssm(x)[0])))


class Reader(nn.Module):
    """Embedding, one residual layer, scores."""

    def __init__(self, mixer, width, symbols):
        super().__init__()
        self.embed, self.norm, self.mixer = nn.Embedding(symbols + 2, width), nn.LayerNorm(width), mixer
        self.score = nn.Linear(width, symbols)

    def forward(self, x):
        """Scores, (B, T, symbols)."""
        h = self.embed(x)
        y = self.mixer(self.norm(h))
        return self.score(h + (y[0] if isinstance(y, tuple) else y))


def reader(name, symbols):
    """A model of about 9,000 parameters."""
    if name == "Mamba":
        return Reader(Mamba(32, state_size=8), 32, symbols)
    return Reader(Filter(56), 56, symbols)


KEPT, SYMBOLS = 3, 4


def task(batch, length, seed):
    """Three of four symbols to keep."""
    return selective_copying(batch, length, seed, kept=KEPT, symbols=SYMBOLS)


@experiment(small={"steps": 2, "lengths": (8, 12), "seeds": 1}, seconds=180, memory_gb=2)
def selection(device, steps=300, lengths=(32, 64, 128), seeds=2):
    """Accuracy at selective copying, over length, of models trained at the first length."""
    torch.set_num_threads(1)  # the tensors are small: a second thread only waits
    curves, sizes = {"S4D": [], "Mamba": []}, {}
    for name, runs in curves.items():
        for seed in range(seeds):
            torch.manual_seed(seed)
            net = reader(name, SYMBOLS).to(device)
            sizes[name] = sum(weights.numel() for weights in net.parameters())
            train(net, lambda draw: task(32, lengths[0], draw), steps, rate=1e-2, seed=seed)
            runs.append([accuracy(net, task(256, T, seed=1).to(device)) for T in lengths])

    def share(runs, place):
        values = sorted(100 * run[place] for run in runs)
        return quantity(sum(values) / len(values), "%", values[0], values[-1])

    return {
        "lengths": list(lengths),
        "curves": curves,
        "parameters": {name: quantity(size, "parameters") for name, size in sizes.items()},
        "trained": quantity(lengths[0], "steps"),
        "longest": quantity(lengths[-1], "steps"),
        "chance": quantity(100 / SYMBOLS, "%"),
        "at_trained": {name: share(runs, 0) for name, runs in curves.items()},
        "at_longest": {name: share(runs, -1) for name, runs in curves.items()},
    }


for run in selection():
    fig, axes = figures.figure(
        alt="Accuracy at selective copying against length. "
        + " ".join(
            f"{name}: {run['at_trained'][name]['value']:.0f} % at the trained length, "
            f"{run['at_longest'][name]['value']:.0f} % at {run['lengths'][-1]} steps."
            for name in run["curves"]
        ),
        caption=f"Selective copying, trained at {run['lengths'][0]} steps; a line for each seed.",
        run=run,
    )
    for (name, runs), colour in zip(run["curves"].items(), ("linear", "scan"), strict=True):
        for seed, curve in enumerate(runs):
            label = name if seed == 0 else None
            axes.plot(run["lengths"], curve, "o-", markersize=3, color=figures.COLOURS[colour], label=label)
    axes.axhline(run["chance"]["value"] / 100, linestyle=":", color=figures.GREY, label="guessing")
    axes.set(xlabel="length, $T$", ylabel="share of right answers", ylim=(0, 1.03))
    axes.legend()

# %%
# What selection costs
# --------------------
# With coefficients that change there is no kernel. The states of all steps, (B, T, D, N), are N times as many
# numbers as come in; whoever writes them down pays for it in memory and time. Ours keeps a chunk of them in
# the cache. Beside it the plain loop, and the parallel scan of the package ``mambapy``. One thread.


def by_mambapy():
    """The selective scan of ``mambapy``; or None and why there is none."""
    try:
        from mambapy.pscan import pscan
    except ImportError:
        return None, "not measured: the package mambapy is not installed"

    def run(*leaves):
        x, delta, A, B, C, D = leaves
        driven = (delta * x)[..., None] * B[:, :, None]
        h = pscan(torch.exp(delta[..., None] * A), driven)
        return (h @ C[..., None]).squeeze(3) + D * x

    return run, ""


def leaves(shape, device):
    """x, Δ, A, B, C and D for (B, T, D, N)."""
    torch.manual_seed(0)
    batch, T, channels, N = shape
    x, delta = torch.randn(batch, T, channels), F.softplus(torch.randn(batch, T, channels) - 3)
    A = -torch.arange(1.0, N + 1).repeat(channels, 1)
    B, C = torch.randn(2, batch, T, N)
    return [z.to(device).requires_grad_() for z in (x, delta, A, B, C, torch.ones(channels))]


@experiment(small={"shape": (1, 16, 4, 2)}, seconds=120, memory_gb=6, packages=("mambapy",))
def race(device, shape=(2, 1024, 256, 16)):
    """Time and peak memory, forward, and forward and backward."""
    torch.set_num_threads(1)
    own = leaves(shape, device)
    ways = {
        "chunked": lambda *z: selective_scan(*z)[0],
        "loop": lambda *z: selective_scan(*z, method="loop")[0],
    }
    packaged, reason = by_mambapy()
    if packaged is not None:
        ways["mambapy"] = packaged
    forward = {name: lambda way=way: way(*(z.detach() for z in own)) for name, way in ways.items()}
    both = {name: with_backward(lambda way=way: way(*own), own) for name, way in ways.items()}
    check_agreement({name: call() for name, call in both.items()}, "loop", tolerance=1e-3)
    timed = {
        "forward": compare(forward, agree=False, max_seconds=2.5, threads=1)["times"],
        "both": compare(both, agree=False, max_seconds=3, threads=1)["times"],
    }
    states = 4 * shape[0] * shape[1] * shape[2] * shape[3]
    peak = {
        "forward": {name: peak_memory(call, device) for name, call in forward.items()},
        "both": {name: peak_memory(call, device) for name, call in both.items()},
    }
    rows = [
        [name, *(timed[what][name]["median"] for what in timed), *(peak[what][name] for what in timed)]
        for name in ways
    ]
    columns = ["way", "forward", "forward and backward", "memory, forward", "memory, both"]
    ratio = {what: {name: one["ratio"] for name, one in times.items()} for what, times in timed.items()}
    return {
        "shape": list(shape),
        "states": quantity(states, "B"),
        "missing": reason,
        "ratio": ratio,
        "mambapy": {what: own.get("mambapy", reason) for what, own in ratio.items()},
        "peak": peak,
        "share": {
            what: quantity(100 * held["chunked"]["value"] / states, "%") for what, held in peak.items()
        },
        "table": table(columns, rows),
    }


for run in race():
    fig, (left, right) = figures.figure(
        alt=f"Time and peak memory of selective scans at {tuple(run['shape'])}, in units of chunked and of "
        "all states. "
        + "; ".join(
            f"{name}: forward {ratio['value']:.2g} times, "
            f"{run['peak']['forward'][name]['value'] / run['states']['value']:.2g} of the states"
            for name, ratio in run["ratio"]["forward"].items()
        )
        + f". {run['missing']}",
        caption=f"Selective scan at (B, T, D, N) = {tuple(run['shape'])}, one thread. {run['missing']}",
        run=run,
        columns=2,
        sharey=True,
    )
    names = list(run["ratio"]["forward"])
    for what, shift, colour in (("forward", -0.2, "measured"), ("both", 0.2, "linear")):
        places = [place + shift for place in range(len(names))]
        label = "forward" if what == "forward" else "and backward"
        times = [run["ratio"][what][name]["value"] for name in names]
        left.barh(places, times, 0.4, color=figures.COLOURS[colour], label=label)
        memory = [run["peak"][what][name]["value"] / run["states"]["value"] for name in names]
        right.barh(places, memory, 0.4, color=figures.COLOURS[colour], label=label)
    left.set_yticks(range(len(names)), names)
    left.set(xlabel="time, in units of chunked", ylabel="way")
    right.set(xlabel="peak memory over all states", xscale="log")
    right.axvline(1, color=figures.GREY, linestyle=":")
    left.invert_yaxis()
    right.legend(fontsize="small")

# %%
# What to take away
# -----------------
# Constant coefficients buy a convolution, coefficients that look at the input buy choice; both keep a state
# of fixed size while decoding. The scan is what makes the second affordable. Next to read: :term:`state-space
# model`, :term:`scan`, :term:`linear recurrence`.

if __name__ == "__main__":
    figures.show()
