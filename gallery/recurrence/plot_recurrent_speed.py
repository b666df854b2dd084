"""
How fast a recurrence can go
============================

The loop over time stays. What stands in it need not. We take out whatever does not wait for the state before,
put the result beside ``torch.nn``, and ask how much of the machine is busy at last.
"""

# %%
# Three sizes, three cells, three ways
# ------------------------------------
# *Loop* does everything inside of the walk through time. *Lean* multiplies all inputs by their weights
# first, in one product, writes in place, and goes back by hand: the derivatives of all squashings at once,
# the weights' gradients in one product at the end (:mod:`seqdocs.models.lean`). ``torch.nn`` is compiled; on
# a CPU its LSTM is a single kernel of oneDNN, on an NVIDIA GPU all three are cuDNN's. Before anything is
# timed, outputs and gradients must agree.

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from seqdocs.bench import figures, roofline
from seqdocs.bench.cost import arithmetic_intensity, bytes_moved, flops
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.show import show
from seqdocs.bench.timing import compare, rate, with_backward
from seqdocs.bench.verdicts import verdict_by
from seqdocs.models.gru import GRU
from seqdocs.models.lstm import LSTM
from seqdocs.models.rnn import RNN, rnn_step

CELLS = {"RNN": (RNN, torch.nn.RNN), "GRU": (GRU, torch.nn.GRU), "LSTM": (LSTM, torch.nn.LSTM)}
WAYS = ("torch.nn", "loop", "lean")


def pair(cell, width, device):
    """Ours and torch's with the same weights."""
    torch.manual_seed(0)
    own, other = CELLS[cell]
    ours, theirs = own(width, width).to(device), other(width, width, batch_first=True).to(device)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def steps(cell, size, device, *, train):
    """A call for each way to read a batch of one size, with the gradients of all weights or without any."""
    T, B, H = size
    ours, theirs = pair(cell, H, device)
    x = torch.randn(B, T, H, device=device)
    reads = {way: lambda way=way: ours(x, method=way)[0] for way in WAYS[1:]}
    reads = {"torch.nn": lambda: theirs(x)[0]} | reads
    if not train:
        del reads["loop"]  # slower than lean in any case
        ours.requires_grad_(False)
        theirs.requires_grad_(False)
        return reads
    weights = {way: list((theirs if way == "torch.nn" else ours).parameters()) for way in WAYS}
    return {way: with_backward(read, weights[way]) for way, read in reads.items()}


@experiment(small={"sizes": ((5, 1, 4), (4, 2, 8)), "seconds": 0.02}, seconds=400, memory_gb=3)
def race(device, *, sizes=((128, 1, 64), (256, 16, 128), (512, 8, 256)), seconds=0.4):
    """Speed of every way as a multiple of torch.nn's, training and reading, on one thread."""
    speeds, rows = {}, []
    for cell in CELLS:
        for size in sizes:
            own = {}
            for what, train in (("training", True), ("reading", False)):
                calls = steps(cell, size, device, train=train)
                own[what] = compare(calls, tolerance=2e-3, max_seconds=seconds, threads=1)["times"]
            name = f"{cell} {'×'.join(map(str, size))}"
            speeds[name] = {
                what: {way: times[way]["speedup"] for way in WAYS[1:] if way in times}
                for what, times in own.items()
            }
            trained = own["training"]["torch.nn"]["median"]
            fast = speeds[name]
            rows.append([
                cell, f"{size[0]} × {size[1]} × {size[2]}", trained,
                fast["training"]["loop"], fast["training"]["lean"], fast["reading"]["lean"],
            ])  # fmt: skip
    return {
        "speeds": speeds,
        "table": table(
            ["cell", "T × B × H", "torch.nn, training", "loop, training", "lean, training", "lean, reading"],
            rows,
        ),
    }


def bars(axes, run, what):
    """Our ways beside torch.nn, which is the line at one."""
    names = list(run["speeds"])
    colours = {"loop": figures.VERMILION, "lean": figures.BLUE}
    drawn = [way for way in colours if way in run["speeds"][names[0]][what]]
    for place, way in enumerate(drawn):
        values = [run["speeds"][name][what][way]["value"] for name in names]
        at = [n + (place - (len(drawn) - 1) / 2) * 0.36 for n in range(len(names))]
        axes.barh(at, values, 0.34, color=colours[way], label=way)
    axes.axvline(1, color=figures.GREY, linewidth=1.5)
    axes.set_yticks(range(len(names)), names)
    axes.set(title=what, xlabel="speed, torch.nn = 1")
    axes.grid(visible=False, axis="y")


for run in race():
    fig, (left, right) = figures.figure(
        alt="Speed over that of torch.nn, for three cells and three sizes T×B×H. "
        + " ".join(
            f"{name}: training by the loop {fast['training']['loop']['value']:.2f}, "
            f"lean {fast['training']['lean']['value']:.2f}, reading {fast['reading']['lean']['value']:.2f}."
            for name, fast in run["speeds"].items()
        ),
        caption="Speed as a multiple of torch.nn's, on one CPU thread or one GPU.",
        run=run,
        columns=2,
        height=4.4,
        sharey=True,
    )
    bars(left, run, "training")
    bars(right, run, "reading")
    left.set(ylabel="cell, T × B × H")
    left.invert_yaxis()  # shared: the first on top in both
    left.legend(loc="lower right")

# %%
# Where the lean form falls behind, a loop of small operations stands against one kernel: each operation of a
# step has to be called, there and back. The kernel calls none, and packs the weights once for all steps. We
# count ours, as what twice the steps add. And how many calls fit into the time that the kernel takes for one
# step of the smallest size? As a call we take about the cheapest there is, a product in place.


class Calls(TorchDispatchMode):
    """Counts what torch is asked to do; a view of what is there does nothing."""

    def __init__(self):
        super().__init__()
        self.made = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.made += not func.is_view
        return func(*args, **(kwargs or {}))


def calls_per_step(size, device):
    """Operations in a step of our lean LSTM, there and back."""
    T, B, H = size
    made = []
    for length in (T, 2 * T):
        train = steps("LSTM", (length, B, H), device, train=True)["lean"]
        with Calls() as counted:
            train()
        made.append(counted.made)
    return (made[1] - made[0]) / T


@experiment(small={"size": (5, 1, 4), "seconds": 0.02}, seconds=60)
def calls(device, *, size=(128, 1, 64), seconds=0.7):
    """Time of torch's LSTM for one step there and back, in units of one small operation."""
    T, B, H = size
    a, b = torch.ones(2, B, H, device=device)

    def as_many_products():
        for _ in range(T):
            a.mul_(b)

    raced = {
        "one product a step": as_many_products,
        "LSTM": steps("LSTM", size, device, train=True)["torch.nn"],
    }
    timed = compare(raced, agree=False, max_seconds=seconds, threads=1)["times"]
    return {
        "per_step": timed["LSTM"]["ratio"] | {"unit": "calls"},
        "ours": quantity(calls_per_step(size, device), "calls"),
    }


for run in calls():
    print(f"a step of torch's LSTM takes as long as {show(run['per_step'])}; ours makes {show(run['ours'])}")

# %%
# Ours are larger than that, the product with the weights above all. With one short sequence the calls are
# most of the time; with wide states the products are, and the gap narrows.

# %%
# More threads, more or less
# --------------------------
# The training steps of the middle size again, with all the threads the machine offers. Each product of a step
# is small, and the threads meet after every one of them.


@experiment(
    small={"sizes": ((5, 1, 4),), "seconds": 0.02},
    seconds=600,
    memory_gb=3,
    devices=("cpu",),  # a GPU takes no threads
)
def threads(device, *, sizes=((256, 16, 128),), seconds=0.4):
    """Speed of the lean form over torch.nn's in training, on all threads."""
    count, lean = torch.get_num_threads(), {}
    for cell in CELLS:
        for size in sizes:
            calls = steps(cell, size, device, train=True)
            chosen = {way: calls[way] for way in ("torch.nn", "lean")}
            timed = compare(chosen, tolerance=2e-3, max_seconds=seconds, threads=count)["times"]
            lean[f"{cell} {'×'.join(map(str, size))}"] = timed["lean"]["speedup"]
    return {
        "lean": lean,
        "threads": quantity(count, "threads"),
        "table": table(["cell and size", "lean, training"], [[name, fast] for name, fast in lean.items()]),
    }


for run in threads():
    print(f"with {show(run['threads'])}, the lean form trains at this multiple of torch.nn's speed:")
    for name, fast in run["lean"].items():
        print(f"  {name:16} {show(fast)}")

# %%
# How much of the machine works?
# ------------------------------
# A step multiplies one matrix by as many vectors as there are sequences in the batch. With few, the matrix is
# fetched for next to nothing: we count the operations for each byte. And we divide the FLOP/s that
# ``torch.nn.RNN`` reaches by those of the best matrix product on the same device and thread.


def share(reached, peak):
    """A rate in percent of the peak, the ends of both intervals at their worst."""
    low, high = 100 * reached["low"] / peak["high"], 100 * reached["high"] / peak["low"]
    return quantity(100 * reached["value"] / peak["value"], "%", low, high)


def intensity(width, B, device):
    """Operations per byte of one step, counted."""
    weights = pair("RNN", width, device)[0].requires_grad_(False).weights(0)
    x, h = torch.randn(2, B, width, device=device)
    step = lambda: rnn_step(x, h, weights)  # noqa: E731  # used twice
    return arithmetic_intensity(flops(step), bytes_moved(step))


@experiment(
    small={
        "batches": (1, 4),
        "widths": (8, 16),
        "T": 4,
        "seconds": 0.05,
        "sizes": (16, 32),
        "copied": 1_000_000,
    },
    seconds=90,
    memory_gb=3,
)
def idle(device, *, batches=(1, 8, 64), widths=(64, 256, 1024), T=32, seconds=0.3, sizes=None, copied=2**26):
    """Achieved over peak FLOP/s of reading a batch, by batch and width."""
    peak = roofline.peaks(device, threads=1, sizes=sizes, copy_bytes=copied, max_seconds=0.5)["flops"]
    used = {}
    for width in widths:
        net = pair("RNN", width, device)[1].requires_grad_(False)
        calls = {}
        for B in batches:
            x = torch.randn(B, T, width, device=device)
            calls[str(B)] = lambda x=x, net=net: net(x)[0]
        timed = compare(calls, agree=False, precision=0.05, max_seconds=seconds, threads=1)["times"]
        for B, call in calls.items():
            used[f"{width}.{B}"] = share(rate(timed[B], flops(call)["value"], "FLOP/s"), peak)
    least, most = used[f"{widths[0]}.{batches[0]}"], used[f"{widths[-1]}.{batches[-1]}"]
    few, many = (intensity(widths[-1], B, device) for B in (batches[0], batches[-1]))
    return {
        "batches": list(batches),
        "widths": list(widths),
        "used": used,
        "least": least,
        "most": most,
        "peak": peak,
        "few": few,
        "many": many,
        "table": table(
            ["width", *(f"batch {B}" for B in batches)],
            [[width, *(used[f"{width}.{B}"] for B in batches)] for width in widths],
        ),
        "claims": {
            "s3-10": verdict_by(
                {"qualified": few["value"] < 1 and many["value"] > 4 * few["value"]},
                "holds" if many["value"] < 1 else "refuted",
                f"a step does {few['value']:.1f} operations for each byte it moves at batch {batches[0]}, "
                f"{many['value']:.0f} at batch {batches[-1]}; measured, {least['value']:.0f} % of the peak "
                f"at width {widths[0]} with the one, {most['value']:.0f} % at {widths[-1]} with the other",
            )
        },
    }


for run in idle():
    fig, axes = figures.figure(
        alt="Share of the peak FLOP/s against batch size, for three widths. "
        + " ".join(
            f"Width {width}: "
            + ", ".join(f"batch {B} {run['used'][f'{width}.{B}']['value']:.1f} %" for B in run["batches"])
            + "."
            for width in run["widths"]
        ),
        caption="Share of the device's peak that a recurrent network reaches, reading only.",
        run=run,
    )
    for width, colour in zip(run["widths"], (figures.ORANGE, figures.VERMILION, figures.BLUE), strict=False):
        line = [run["used"][f"{width}.{B}"]["value"] for B in run["batches"]]
        axes.plot(run["batches"], line, "o-", color=colour, label=f"width {width}")
    axes.set(xscale="log", xlabel="batch size, sequences", ylabel="% of the peak", ylim=(0, None))
    axes.set_xticks(run["batches"], [str(B) for B in run["batches"]])
    axes.minorticks_off()
    axes.legend()

# %%
# What to take away
# -----------------
# Whatever waits for no state belongs outside of the loop: that is worth more than any trick within. Against
# one kernel that holds the whole loop, operations called from Python lose where they are small. And a batch
# fills the machine better than any of it.
# Next to read: :term:`recurrent neural network`, :term:`throughput`.

if __name__ == "__main__":
    figures.show()
