"""
Vectorisation
=============

Vectorisation replaces a loop by one operation on whole arrays. A layer allows it twice over: none of its
nodes waits for another, and no example for another, so that one matrix product computes all of them.
"""

# %%
# All nodes at once
# -----------------
# A layer's nodes could be computed one after the other: each is a product of all inputs with one row of
# weights. The answer is the same as that of one matrix product over all rows, so both are checked against
# each other and then timed in turns, on one thread.

import torch
from torch import nn
from torch.nn import functional as F

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.layer_log import in_turn, layer_log
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import compare
from seqdocs.bench.verdicts import above, all_of, verdict_by


def node_by_node(x, weight, bias):
    """The outputs of a layer, one node after the other; every node sees the whole batch at once."""
    out = x.new_empty(len(x), len(weight))
    for node in range(len(weight)):
        torch.mv(x, weight[node], out=out[:, node])
    return out + bias


def against(name, loop, product, seconds):
    """A loop of that name against one product: the times of both, and the speed-up of the product."""
    calls = {name: loop, "one product": product}
    timed = compare(calls, tolerance=1e-3, max_seconds=seconds, threads=1)["times"]
    return {which: timed[which]["median"]["value"] for which in calls}, timed["one product"]["speedup"]


@experiment(small={"widths": (8, 16), "batch": 4, "seconds_each": 0.1}, seconds=90, memory_gb=1)
def nodes(device, *, widths=(16, 64, 256, 1024), batch=64, seconds_each=0.8):
    """Seconds of one layer, node by node and as one product, against its width."""
    times, ratios = [], []
    for width in widths:
        torch.manual_seed(0)
        x, weight, bias = (torch.randn(*s, device=device) for s in ((batch, width), (width, width), (width,)))
        both, ratio = against(
            "node by node",
            lambda x=x, w=weight, b=bias: node_by_node(x, w, b),
            lambda x=x, w=weight, b=bias: F.linear(x, w, b),
            seconds_each,
        )
        times.append(both)
        ratios.append(ratio)
    rows = [
        [width, *(quantity(1e6 * seconds, "") for seconds in both.values()), ratio | {"unit": ""}]
        for width, both, ratio in zip(widths, times, ratios, strict=True)
    ]
    wide = ratios[-2]
    return {
        "widths": list(widths),
        "times": {name: [both[name] for both in times] for name in times[0]},
        "speedup": wide,
        "width": quantity(widths[-2], "nodes"),
        "batch": quantity(batch, "examples"),
        "table": table(
            ["width", ("node by node", "µs"), ("one product", "µs"), ("times as fast", "×")], rows
        ),
        "claims": {
            "s1-09": verdict_by(
                {"refuted": above(wide, 1.5, f"speed of one product over {widths[-2]} nodes in turn")},
                "qualified",
                f"a layer of {widths[-2]} nodes is one matrix product; computed node by node, the same"
                f" numbers take {wide['value']:.1f} times as long",
            )
        },
    }


def draw(run, what, sizes, xlabel, caption):
    """The loop and the product against a size, on logarithmic scales."""
    spoken = (
        f"{name}: {1e6 * column[0]:.3g} at {sizes[0]}, {1e6 * column[-1]:.3g} at {sizes[-1]}"
        for name, column in run["times"].items()
    )
    _, axes = figures.figure(
        alt=f"Microseconds of {what}, against {xlabel}, on logarithmic scales. {'; '.join(spoken)}.",
        caption=caption,
        run=run,
    )
    for (name, column), colour in zip(run["times"].items(), ("loop", "scan"), strict=True):
        axes.plot(sizes, [1e6 * s for s in column], "o-", color=figures.COLOURS[colour], label=name)
    figures.log_sizes(axes, sizes)
    axes.set(yscale="log", xlabel=xlabel, ylabel="time, µs")
    axes.legend()


for run in nodes():
    caption = "Time of one layer for a batch: node by node, and as one matrix product."
    draw(run, "one layer", run["widths"], "nodes of the layer", caption)

# %%
# All examples at once
# --------------------
# Backwards it is the same. The gradient goes layer by layer, but not example by example or weight by weight:
# within a layer the gradients of all weights, summed over all examples, are again one matrix product. Here is
# the same gradient of one layer with a loop over the examples.


def example_by_example(x, outer):
    """Gradient of a layer's weights, adding one example's after the other."""
    total = x.new_zeros(outer.shape[1], x.shape[1])
    for example in range(len(x)):
        total.addr_(outer[example], x[example])
    return total


def goes_backwards(device, depth=6):
    """Does the gradient take one layer after the other, from the last to the first?"""
    net = nn.Sequential(*(nn.Sequential(nn.Linear(8, 8), nn.Tanh()) for _ in range(depth))).to(device)
    with layer_log(net) as events:
        net(torch.randn(2, 8, device=device, requires_grad=True)).square().mean().backward()
    return in_turn(events, "backward", reversed(range(depth)))


@experiment(small={"batches": (2, 4), "width": 8, "seconds_each": 0.1}, seconds=90, memory_gb=1)
def gradients(device, *, batches=(4, 16, 64, 256), width=256, seconds_each=0.8):
    """Seconds of one layer's weight gradient: one example after the other, and all in one product."""
    times, ratios = [], []
    for batch in batches:
        torch.manual_seed(0)
        x, outer = torch.randn(batch, width, device=device), torch.randn(batch, width, device=device)
        both, ratio = against(
            "one example at a time",
            lambda x=x, g=outer: example_by_example(x, g),
            lambda x=x, g=outer: g.t() @ x,
            seconds_each,
        )
        times.append(both)
        ratios.append(ratio)
    quicker = above(ratios[-1], 1.5, f"speed of one product over {batches[-1]} examples in turn")
    reverse = goes_backwards(device)
    return {
        "batches": list(batches),
        "times": {name: [both[name] for both in times] for name in times[0]},
        "speedup": ratios[-1],
        "largest": quantity(batches[-1], "examples"),
        "claims": {
            "s1-15": verdict_by(
                {"qualified": all_of(reverse, quicker), "holds": reverse},
                "refuted",
                f"layers took their turn in reverse order; within a layer, {batches[-1]} examples in one"
                f" product are {ratios[-1]['value']:.1f} times as fast as one after the other",
            )
        },
    }


for run in gradients():
    caption = "Gradient of one layer's weights: example by example, and as one matrix product."
    draw(run, "one layer's weight gradient", run["batches"], "examples in the batch", caption)

# %%
# What to take away
# -----------------
# Width and batch are no chains: one product computes all nodes for all examples, in both directions. What
# remains sequential is depth (:doc:`/gallery/foundations/plot_layer_by_layer`). A walk through time that
# nobody hands over as one product pays for every step, as the loops here do. Read on at :term:`sequential
# models`, :term:`feedforward network` and :term:`throughput`.

if __name__ == "__main__":
    figures.show()
