"""
Layer by layer
==============

A network is sequential in depth: a layer waits for the one before, forwards and backwards. We watch one
training step from its first product to its update, and count what waits for what.
"""

# %%
# One training step, watched
# --------------------------
# Hooks note when each layer begins and ends, forwards and backwards, and counters of torch note when a weight
# changes. We also try to update the weights too early, before there is a gradient.

import itertools
import time

import torch
from torch import nn

from seqdocs.bench import figures
from seqdocs.bench.cost import flops
from seqdocs.bench.experiment import experiment
from seqdocs.bench.layer_log import Event, in_turn, layer_log
from seqdocs.bench.quantity import quantity
from seqdocs.bench.verdicts import verdict_by
from seqdocs.models.cost import sequential_steps


def watched_step(net, x, optimiser):
    """One training step: when each layer worked, and how often weights had changed after each part of it."""

    def changes():
        return sum(weight._version for weight in net.parameters())

    counts = [changes()]
    with layer_log(net) as events:
        loss = net(x).square().mean()
        counts.append(changes())
        optimiser.step()  # too early: there is no gradient yet, so nothing may change
        counts.append(changes())
        loss.backward()
        counts.append(changes())
        events.append(Event("update begins", 0, time.perf_counter()))
        optimiser.step()
        events.append(Event("update ends", 0, time.perf_counter()))
        counts.append(changes())
    return events, [later - counts[0] for later in counts[1:]]


@experiment(small={"depth": 3, "width": 8, "batch": 4}, seconds=60, memory_gb=1)
def step(device, *, depth=8, width=256, batch=256):
    """The events of one training step, the work of its parts, and its longest chain of operations."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = nn.Sequential(*(nn.Sequential(nn.Linear(width, width), nn.Tanh()) for _ in range(depth))).to(device)
    x = torch.randn(batch, width, device=device, requires_grad=True)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01)
    watched = []
    for _ in range(9):
        optimiser.zero_grad()
        watched.append(watched_step(net, x, optimiser))
    # The step that was disturbed least.
    events, changes = min(watched, key=lambda one: one[0][-1].moment - one[0][0].moment)
    chains = [sequential_steps(net[:part], x.detach()) for part in range(1, depth + 1)]
    forward = flops(lambda: net(x))["value"]
    whole = flops(lambda: torch.autograd.grad(net(x).square().mean(), [x, *net.parameters()]))["value"]
    ordered = in_turn(events, "forward", range(depth))
    growing = all(later > earlier for earlier, later in itertools.pairwise(chains))
    late = changes[:3] == [0, 0, 0] and changes[3] > 0
    return {
        "events": [[what, layer, moment - events[0].moment] for what, layer, moment in events],
        "depth": quantity(depth, "layers"),
        "chain": quantity(chains[-1], "operations"),
        "each": quantity(chains[1] - chains[0], "operations"),
        "backward_share": quantity(100 * (1 - forward / whole), "%"),
        "reverse": in_turn(events, "backward", reversed(range(depth))),
        "claims": {
            "s1-08": verdict_by(
                {"holds": ordered and growing},
                "refuted",
                f"none of {depth} layers began before the one before it had ended, and every layer adds"
                f" {chains[1] - chains[0]} operations to the longest chain",
            ),
            "s1-16": verdict_by(
                {"qualified": late},
                "refuted",
                "no weight had changed after the forward pass and the error, nor by an update before the"
                f" backward pass, which does {100 * (1 - forward / whole):.0f} % of the arithmetic",
            ),
        },
    }


# %%
# Up, down, and then the update
# -----------------------------
# No layer begins before the one before it has ended: the chain of operations that wait for one another is as
# long as the network is deep. The gradients come in the reverse order. The weights change once, at the very
# end, and not without a backward pass, which the short description "forward pass, error, update" leaves out.

PARTS = {"forward": figures.BLUE, "backward": figures.VERMILION}

for run in step():
    moments = {(what, layer): 1e3 * moment for what, layer, moment in run["events"]}
    layers = range(run["depth"]["value"])
    fig, axes = figures.figure(
        alt=f"Timeline of one training step over {len(layers)} layers and {max(moments.values()):.2g} ms: the"
        " forward bars climb from the first layer to the last, the backward bars go back down, the update of"
        " all layers comes last.",
        caption="One training step: when each layer works, forwards, backwards, and when weights change.",
        run=run,
    )
    for part, colour in PARTS.items():
        begins, ends = ([moments[f"{part} {what}", n] for n in layers] for what in ("begins", "ends"))
        lengths = [end - begin for begin, end in zip(begins, ends, strict=True)]
        axes.barh(layers, lengths, left=begins, color=colour, label=part)
    begin, end = moments["update begins", 0], moments["update ends", 0]
    axes.axvspan(begin, end, color=figures.GREEN, alpha=0.5, linewidth=0, label="update of all layers")
    axes.set(xlabel="time, ms", ylabel="layer", yticks=layers)
    axes.legend()

# %%
# What to take away
# -----------------
# Depth is a chain: layers wait, in both directions. Even the chain can be kept busy, if several examples are
# on their way at once, each in another layer (pipelining). Inside a layer nothing waits:
# :doc:`/gallery/foundations/plot_vectorisation` goes on from here. Read on at :term:`sequential models` and
# :term:`backpropagation through time`.

if __name__ == "__main__":
    figures.show()
