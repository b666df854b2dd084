"""
DEER: a nonlinear recurrence, all steps at once
===============================================

A GRU squashes its state at every step, so it seems bound to walk. Newton's iteration guesses all states
together and improves the guess by a scan. A few rounds give what the loop gives, to the last digits.
"""

# %%
# The networks
# ------------
# A plain tanh network whose recurrent matrix has a given spectral radius, and a GRU. Both are fresh from
# their initialiser and read random input, in double precision. The radius decides how long a small mistake
# lives: below one it fades, well above one it grows, and the network is chaotic.

import statistics

import torch

from seqdocs.bench import figures
from seqdocs.bench.agreement import difference
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import compare
from seqdocs.bench.verdicts import above, all_of, below, verdict_by
from seqdocs.models.cost import sequential_steps
from seqdocs.models.deer import deer, newton_iteration
from seqdocs.models.gru import GRU, gru_step
from seqdocs.models.jacobian import set_spectral_radius
from seqdocs.models.rnn import RNN, rnn_step


def tanh_network(width, radius, device):
    """A network, and its step as a function of input and state."""
    net = RNN(width, width).double()
    set_spectral_radius(net.weight_hh_l0, radius)
    net = net.to(device)
    return net, lambda x, h: rnn_step(x, h, net.weights(0))


def gru(width, device):
    """The same for a GRU."""
    net = GRU(width, width).double().to(device)
    return net, lambda x, h: gru_step(x, h, net.weights(0))


def inputs(T, width, device):
    """Random input, and a state of zeros to begin with."""
    return torch.randn(1, T, width).double().to(device), torch.zeros(1, width).double().to(device)


# %%
# How many iterations?
# --------------------
# After :math:`i` iterations the first :math:`i` steps are exact whatever happens, so T iterations always
# suffice. A scan pays if far fewer do. On the left against length, on the right against the spectral radius:
# medians over several networks, and the range.


def spread(found):
    """Least and most, if they differ: a count that is always the same is exact."""
    return (min(found), max(found)) if min(found) < max(found) else ()


@experiment(small={"lengths": (4, 8), "radii": (0.5, 4.0), "seeds": 1}, seconds=120, memory_gb=2)
def iterations(
    device, lengths=(16, 64, 128, 256), radii=(0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0), width=8, seeds=3
):
    """Iterations until nothing changes, and the largest difference from the loop."""
    torch.set_num_threads(1)
    makers = {
        "GRU": lambda: gru(width, device),
        "tanh, radius 0.9": lambda: tanh_network(width, 0.9, device),
        "tanh, radius 2": lambda: tanh_network(width, 2.0, device),
        "tanh, radius 4": lambda: tanh_network(width, 4.0, device),
    }
    gaps = dict.fromkeys(makers, 0.0)

    def count(make, T, name=None):
        """Iterations for each seed; the difference from the loop goes under the name."""
        found = []
        for seed in range(seeds):
            torch.manual_seed(seed)
            net, step = make()
            x, h0 = inputs(T, width, device)
            with torch.no_grad():
                h, taken = deer(step, x, h0)
                if name:
                    gaps[name] = max(gaps[name], difference(h, net(x)[0]))
            found.append(taken)
        return found

    by_length = {name: [count(make, T, name) for T in lengths] for name, make in makers.items()}
    T = lengths[-2]
    by_radius = [count(lambda r=radius: tanh_network(width, r, device), T) for radius in radii]
    last = {name: runs[-1] for name, runs in by_length.items()}
    return {
        "lengths": list(lengths),
        "radii": list(radii),
        "by_length": by_length,
        "by_radius": by_radius,
        "radius_length": quantity(T, "steps"),
        "longest": quantity(lengths[-1], "steps"),
        "at_longest": {
            name: quantity(int(statistics.median(found)), "iterations", *spread(found))
            for name, found in last.items()
        },
        "gap": quantity(gaps["GRU"], ""),
        "chaotic_gap": quantity(gaps["tanh, radius 4"], ""),
    }


COLOURS = {"GRU": "gru", "tanh, radius 0.9": "lstm", "tanh, radius 2": "linear", "tanh, radius 4": "rnn"}


def draw(axes, x, runs, **options):
    """The median of each run, and its range."""
    axes.plot(x, [statistics.median(found) for found in runs], "o-", **options)
    low, high = [min(found) for found in runs], [max(found) for found in runs]
    axes.fill_between(x, low, high, color=options["color"], alpha=0.2, linewidth=0)


for run in iterations():
    fig, (left, right) = figures.figure(
        alt=f"Iterations against length and against spectral radius. At {run['lengths'][-1]} steps: "
        + "; ".join(f"{name}: {count['value']}" for name, count in run["at_longest"].items())
        + f". At {run['radius_length']['value']} steps they grow from "
        f"{statistics.median(run['by_radius'][0]):g} at radius {run['radii'][0]} to "
        f"{statistics.median(run['by_radius'][-1]):g} at {run['radii'][-1]}.",
        caption="Newton iterations until the states no longer change.",
        run=run,
        columns=2,
    )
    for name, runs in run["by_length"].items():
        draw(left, run["lengths"], runs, color=figures.COLOURS[COLOURS[name]], label=name)
    left.plot(run["lengths"], run["lengths"], ":", color=figures.GREY, label="as many as steps")
    left.set_xscale("log", base=2)
    left.set_xticks(run["lengths"], [str(T) for T in run["lengths"]])
    for axes in (left, right):
        axes.set_yscale("log", base=2)
        axes.yaxis.set_major_formatter("{x:g}")
    left.set(xlabel="length, $T$", ylabel="iterations")
    left.legend(fontsize="small")
    draw(right, run["radii"], run["by_radius"], color=figures.BLUE)
    right.axhline(run["radius_length"]["value"], linestyle=":", color=figures.GREY)
    right.set(xlabel=f"spectral radius, at {run['radius_length']['value']} steps", ylabel="iterations")

# %%
# How the mistake goes away
# -------------------------
# The largest difference from the loop after each iteration. In a calm network the number of right digits
# about doubles each time. In a chaotic one a wrong past poisons all that follows, and the exact part grows
# step by step.


@experiment(small={"T": 16, "rounds": 4}, seconds=60, memory_gb=2)
def mistakes(device, T=256, rounds=30, width=8):
    """Largest difference from the loop, after each iteration."""
    torch.set_num_threads(1)
    curves = {}
    for name, radius in (("radius 0.5", 0.5), ("radius 0.9", 0.9), ("radius 2", 2.0), ("radius 4", 4.0)):
        torch.manual_seed(0)
        net, step = tanh_network(width, radius, device)
        x, h0 = inputs(T, width, device)
        with torch.no_grad():
            right, guess = net(x)[0], h0[:, None].expand(1, T, width)
            curves[name] = []
            for _ in range(rounds):
                guess = newton_iteration(step, x, h0, guess)
                guess = torch.where(guess.isfinite(), guess, torch.zeros_like(guess))
                curves[name].append(max(float((guess - right).abs().max()), 1e-17))
    return {"curves": curves, "length": quantity(T, "steps")}


for run in mistakes():
    fig, axes = figures.figure(
        alt=f"Largest difference from the loop against iteration, for {run['length']['value']} steps. "
        + ". ".join(
            f"{name}: {curve[0]:.0e} after the first iteration, {curve[-1]:.0e} after {len(curve)}"
            for name, curve in run["curves"].items()
        )
        + ".",
        caption="Largest difference of the states from the loop's, tanh networks. "
        "Where a line leaves the top, the first guess was further off than the axis goes.",
        run=run,
    )
    for (name, curve), colour in zip(run["curves"].items(), ("gru", "lstm", "linear", "rnn"), strict=True):
        axes.plot(
            range(1, len(curve) + 1), curve, "o-", markersize=3, color=figures.COLOURS[colour], label=name
        )
    axes.set(xlabel="iteration", ylabel="largest difference", yscale="log", ylim=(1e-17, 1e4))
    axes.legend()

# %%
# Counted, not timed
# ------------------
# Is the sequence really processed in parallel? We record all tensor operations of the loop and of the whole
# Newton iteration, scans and Jacobians included, and count the longest chain in which each needs the one
# before. That is a property of the computation, on any machine. The time is not: each iteration multiplies
# :math:`H \times H` matrices for every step, work for which a CPU has few hands. So we time it beside faster
# loops too: our lean form, and ``torch.nn.GRU``, whose loop is compiled.


@experiment(small={"lengths": (4, 16)}, seconds=120, memory_gb=4)
def steps(device, lengths=(16, 64, 256, 1024), width=8):
    """Operations in a row, of the loop and of DEER; the time of both, and of faster loops, at the longest."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net, step = gru(width, device)
    counts = {"loop": [], "deer": []}
    for T in lengths:
        x, h0 = inputs(T, width, device)
        ways = {"loop": lambda x: net(x)[0], "deer": lambda x, h0=h0: deer(step, x, h0)[0]}
        for name, way in ways.items():
            counts[name].append(sequential_steps(way, x))
    stock = torch.nn.GRU(width, width, batch_first=True).double().to(device)
    stock.load_state_dict(net.state_dict())
    calls = {name: lambda w=way: w(x) for name, way in ways.items()}
    faster = {"torch.nn.GRU": lambda: stock(x)[0], "lean": lambda: net(x, method="lean")[0]}
    with torch.no_grad():
        gap = difference(ways["deer"](x), ways["loop"](x))
        timed = compare(calls, threads=1)["times"]
        beside = compare(faster | {"deer": calls["deer"]}, threads=1)["times"]
    loop, newton = counts["loop"][-1], counts["deer"][-1]
    shorter = below(quantity(newton, "operations"), loop / 4, "operations in a row, DEER")
    longer = above(quantity(loop, "operations"), 2 * lengths[-1], "operations in a row, loop")
    return {
        "lengths": list(lengths),
        "counts": counts,
        "longest": quantity(lengths[-1], "steps"),
        "loop": quantity(loop, "operations"),
        "deer": quantity(newton, "operations"),
        "gap": quantity(gap, ""),
        "time": timed["deer"]["ratio"],
        "over": {"torch": beside["deer"]["ratio"], "lean": beside["lean"]["ratio"]},
        "table": table(
            ["GRU", "operations in a row", "time"],
            [
                ["our loop", loop, timed["loop"]["median"]],
                ["our lean form", sequential_steps(faster["lean"]), beside["lean"]["median"]],
                ["torch.nn.GRU", sequential_steps(faster["torch.nn.GRU"]), beside["torch.nn.GRU"]["median"]],
                ["DEER", newton, beside["deer"]["median"]],
            ],
        ),
        "claims": {
            "s3-14": verdict_by(
                {"refuted": all_of(shorter, longer, gap < 1e-10)},
                "holds",
                f"{lengths[-1]} steps of a GRU, {loop:,} operations in a row by the loop, take {newton:,} by "
                f"Newton's iteration with scans; the states differ by {gap:.0e}",
            )
        },
    }


for run in steps():
    loop, newton = run["counts"]["loop"], run["counts"]["deer"]
    fig, axes = figures.figure(
        alt="Operations in a row against length, for a GRU. "
        f"From {run['lengths'][0]} to {run['lengths'][-1]} steps the loop goes from {loop[0]} to {loop[-1]}, "
        f"DEER from {newton[0]} to {newton[-1]}.",
        caption="The longest chain of tensor operations that wait for one another, GRU.",
        run=run,
    )
    for way, chain, time in run["table"]["rows"]:
        print(f"{run.label}: {way}, operations in a row: {chain}, {1000 * time['value']:.3g} ms")
    axes.plot(run["lengths"], loop, "o-", color=figures.COLOURS["loop"], label="loop")
    axes.plot(run["lengths"], newton, "o-", color=figures.COLOURS["scan"], label="DEER")
    axes.set(xlabel="length, $T$", ylabel="operations in a row", xscale="log", yscale="log")
    axes.legend()

# %%
# What to take away
# -----------------
# That a step is nonlinear does not make a recurrence sequential. What makes it sequential is chaos: when each
# state depends on every digit of the one before. Next to read: :term:`DEER`, :term:`scan`.

if __name__ == "__main__":
    figures.show()
