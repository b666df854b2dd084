"""
Synchronous and asynchronous SGD
================================

Does waiting for every gradient before the next update waste a machine? One machine is filled by a larger
batch, without any asynchrony. Many machines can save waiting by not waiting, and pay with stale gradients.
"""

# %%
# A larger batch fills the machine
# --------------------------------
# A training step is forward, backward, update, in that order, each waiting for the one before. Within the
# step all examples of a batch are computed together. We time whole steps of a small network at several batch
# sizes, on one thread, so that nothing is gained by more cores, and count the arithmetic for one example: it
# stays the same.

import torch
from torch import nn

from seqdocs.bench import figures
from seqdocs.bench.cost import flops
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import compare, inverse, rate
from seqdocs.bench.verdicts import above, verdict_by
from seqdocs.models.stale_gradient import descend, largest_stable_rate
from seqdocs.queues.workers import in_step, out_of_step


def training_step(batch, width, device):
    """One whole synchronous step: forward, backward, update."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, width)).to(device)
    x, y = torch.randn(batch, width, device=device), torch.randn(batch, width, device=device)
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-4)

    def step():
        optimiser.zero_grad()
        (net(x) - y).square().mean().backward()
        optimiser.step()

    return step


@experiment(small={"batches": (1, 4), "width": 16, "most_seconds": 0.2}, seconds=90, memory_gb=1)
def batches(device, *, batches=(1, 4, 16, 64, 256), width=256, most_seconds=4.0):
    """Examples per second of synchronous training against batch size, and the work of one example."""
    torch.set_num_threads(1)
    steps = {str(batch): training_step(batch, width, device) for batch in batches}
    work = [flops(step)["value"] / int(batch) for batch, step in steps.items()]
    times = compare(steps, agree=False, max_seconds=most_seconds, threads=1)["times"]
    speed = {f"batch_{batch}": rate(times[str(batch)], batch, "examples/s") for batch in batches}
    last = batches[-1]
    gain = inverse(times[str(last)]["ratio"], "×", last)  # of two times of one round
    return {
        "batches": list(batches),
        "speed": speed,
        "gain": gain,
        "largest": quantity(last, "examples"),
        "table": table(
            ["batch", ("speed", "examples/s"), ("work per example", "MFLOP")],
            [[b, s | {"unit": ""}, w / 1e6] for b, s, w in zip(batches, speed.values(), work, strict=True)],
        ),
        "claims": {
            "s1-17": verdict_by(
                {"refuted": above(gain, 1.5, f"examples per second at batch {last} over batch 1")},
                "qualified",
                f"synchronous steps take {gain['value']:.0f} times as many examples per second at batch"
                f" {last} as at batch 1, with the same arithmetic for each",
            )
        },
    }


for run in batches():
    sizes, speeds = run["batches"], [speed["value"] for speed in run["speed"].values()]
    fig, axes = figures.figure(
        alt="Examples per second of synchronous training steps against batch size, on logarithmic scales:"
        f" from {speeds[0]:,.0f} at batch {sizes[0]} to {speeds[-1]:,.0f} at batch {sizes[-1]}.",
        caption="Synchronous training on one thread: examples per second against batch size.",
        run=run,
    )
    axes.plot(sizes, speeds, "o-", color=figures.BLUE, label="measured")
    axes.plot(sizes, [speeds[0] * size for size in sizes], ":", color=figures.GREY, label="in proportion")
    axes.set(xscale="log", yscale="log", xlabel="batch size", ylabel="examples/s")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.legend()

# %%
# Many workers: the slowest sets the pace
# ---------------------------------------
# With several workers a synchronous round is as long as its slowest task. If task times are exponential,
# that is :math:`1 + 1/2 + \dots + 1/n` mean tasks. Out of step nobody waits, and n workers do n times as
# much. But while a worker computes, the others move the weights on: its gradient is :math:`n - 1` updates
# old, on average. Equal tasks would cost no waiting, and gain nothing from going out of step.


# Simulated workers have no device.
@experiment(small={"workers": (1, 4), "rounds": 100}, seconds=60, memory_gb=1, devices=("cpu",))
def stragglers(device, *, workers=(1, 2, 4, 8, 16, 32), rounds=20_000):
    """Updates per mean task time, in step and out of step, and how stale they are."""
    torch.set_num_threads(1)
    points, rows = [], []
    for count in workers:
        draw = torch.Generator().manual_seed(count)
        tasks = -torch.log1p(-torch.rand(count, rounds, generator=draw, dtype=torch.float64))
        pace = {}
        for name, updates in (("in step", in_step(tasks)), ("out of step", out_of_step(tasks))):
            pace[name] = len(updates.finish) / float(updates.finish[-1])
        stale = out_of_step(tasks).staleness.double()
        theory = count / sum(1 / k for k in range(1, count + 1))
        points.append({"workers": count, **pace, "theory": theory, "stale": float(stale.mean())})
        rows.append([count, quantity(pace["in step"], ""), theory, quantity(pace["out of step"], ""),
                     quantity(float(stale.mean()), ""), int(stale.max())])  # fmt: skip
    last = points[-1]
    return {
        "points": points,
        "most": quantity(workers[-1], "workers"),
        "gain": quantity(last["out of step"] / last["in step"], "×"),
        "stale": quantity(last["stale"], "updates"),
        "table": table(
            ["workers", ("in step", "updates per task time"), ("theory", "updates per task time"),
             ("out of step", "updates per task time"), ("staleness, mean", "updates"),
             ("staleness, most", "updates")], rows
        ),
    }  # fmt: skip


for run in stragglers():
    points = run["points"]
    count = [point["workers"] for point in points]
    fig, axes = figures.figure(
        alt="Updates per mean task time against the number of workers. "
        + "; ".join(
            f"{p['workers']}: {p['in step']:.1f} in step, {p['out of step']:.1f} out of step" for p in points
        )
        + ".",
        caption="Workers with exponential tasks: updates per mean task time, waiting in rounds and not.",
        run=run,
    )
    axes.plot(count, [p["theory"] for p in points], color=figures.COLOURS["theory"], label="$n / H_n$")
    axes.plot(count, [p["in step"] for p in points], "o", color=figures.BLUE, label="in step")
    axes.plot(count, [p["out of step"] for p in points], "o-", color=figures.VERMILION, label="out of step")
    axes.set(xlabel="workers", ylabel="updates per mean task time")
    axes.legend()

# %%
# What a stale gradient costs
# ---------------------------
# An update whose gradient is :math:`\tau` updates old corrects an error that others have corrected already.
# With steps too large it overshoots and the training diverges. On a quadratic the largest learning rate is
# known exactly, :math:`2 \sin(\pi / (4\tau + 2))` over the curvature. We run descent at many rates and
# delays, and count how many updates it takes to a thousandth of the first error.


def updates_until(rate_, delay, curvatures, most):
    """Updates until the error is a thousandth of what it was; None if that never happens."""
    start = torch.ones(len(curvatures), dtype=torch.float64)
    path = descend(lambda w: w * curvatures, start, rate_, [delay] * most)
    error = path.abs().max(1).values
    settled = (error.flip(0).cummax(0).values.flip(0) < 1e-3).nonzero()  # and stays there
    return int(settled[0]) if len(settled) else None


@experiment(small={"delays": (0, 3), "points": 6, "most": 100}, seconds=60, memory_gb=1, devices=("cpu",))
def stale(device, *, delays=(0, 1, 3, 7, 15), points=24, most=1500):
    """Updates to convergence against the learning rate, for several delays, and the best of each."""
    torch.set_num_threads(1)
    curvatures = torch.tensor([1.0, 0.3, 0.1], dtype=torch.float64)
    rates = [0.02 * (2.4 / 0.02) ** (at / (points - 1)) for at in range(points)]
    curves, rows = {}, []
    for delay in delays:
        needed = [updates_until(rate_, delay, curvatures, most) for rate_ in rates]
        curves[str(delay)] = needed
        best = min((n for n in needed if n is not None), default=None)
        worked = max((r for r, n in zip(rates, needed, strict=True) if n is not None), default=None)
        limit = largest_stable_rate(delay)
        rows.append([delay, limit, worked, best])
    fresh, oldest = rows[0], rows[-1]
    slower = oldest[3] / fresh[3] if oldest[3] and fresh[3] else 1.0
    return {
        "rates": rates,
        "curves": curves,
        "slower": quantity(slower, "×"),
        "oldest": quantity(delays[-1], "updates"),
        "table": table(["delay", "largest rate, theory", "largest rate that worked", "fewest updates"], rows),
    }


for run in stale():
    fig, axes = figures.figure(
        alt="Updates to a thousandth of the error against the learning rate, one curve for each delay. "
        + "; ".join(
            f"delay {row[0]}: fewest {row[3]}, largest rate {row[1]:.2g}" for row in run["table"]["rows"]
        )
        + ".",
        caption="Updates to convergence with gradients of a given age; dotted: the largest stable rate.",
        run=run,
    )
    shades = (figures.BLUE, figures.GREEN, figures.ORANGE, figures.PURPLE, figures.VERMILION)
    for (delay, needed), colour in zip(run["curves"].items(), shades, strict=False):
        heights = [float("nan") if n is None else n for n in needed]
        axes.plot(run["rates"], heights, "o-", markersize=3, color=colour, label=f"{delay} updates old")
        axes.axvline(largest_stable_rate(int(delay)), color=colour, linestyle=":", linewidth=1)
    axes.set(xscale="log", yscale="log", xlabel="learning rate × curvature", ylabel="updates needed")
    axes.legend()

# %%
# What to take away
# -----------------
# On one machine, fill the batch; that takes no asynchrony. Across machines, going out of step trades waiting
# for stale gradients, which pays only if stragglers cost more than the smaller steps that staleness demands.
# Read on at :term:`throughput` and :term:`utilisation`.

if __name__ == "__main__":
    figures.show()
