"""
Layer by layer
==============

A network is sequential in depth: a layer waits for the one before, forwards and backwards. Inside a layer
nothing waits: all its nodes, for all examples, are one matrix product. We time what that is worth, and watch
one training step from its first product to its update.
"""

# %%
# A layer is one product
# ----------------------
# A layer's nodes could be computed one after the other: each is a product of all inputs with one row of
# weights. The answer is the same as that of one matrix product over all rows, so both are checked against
# each other and then timed in turns, on one thread.

import itertools
import time

import torch
from torch import nn
from torch.nn import functional as F

from seqdocs.bench import figures
from seqdocs.bench.cost import flops
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import compare
from seqdocs.bench.verdicts import above, all_of, verdict_by
from seqdocs.models.cost import sequential_steps
from seqdocs.models.language_model import CausalLM
from seqdocs.models.linear_rnn import LinearRNN
from seqdocs.models.rnn import RNN


def node_by_node(x, weight, bias):
    """The outputs of a layer, one node after the other; every node sees the whole batch at once."""
    out = x.new_empty(len(x), len(weight))
    for node in range(len(weight)):
        torch.mv(x, weight[node], out=out[:, node])
    return out + bias


@experiment(small={"widths": (8, 16), "batch": 4, "seconds_each": 0.1}, seconds=90, memory_gb=1)
def nodes(device, *, widths=(16, 64, 256, 1024), batch=64, seconds_each=0.8):
    """Seconds of one layer, node by node and as one product, against its width."""
    times, rows, ratios = {"node by node": [], "one product": []}, [], []
    for width in widths:
        torch.manual_seed(0)
        x, weight, bias = (torch.randn(*s, device=device) for s in ((batch, width), (width, width), (width,)))
        timed = compare(
            {
                "node by node": lambda x=x, w=weight, b=bias: node_by_node(x, w, b),
                "one product": lambda x=x, w=weight, b=bias: F.linear(x, w, b),
            },
            tolerance=1e-3,
            max_seconds=seconds_each,
            threads=1,
        )["times"]
        for name, column in times.items():
            column.append(timed[name]["median"]["value"])
        ratios.append(timed["one product"]["speedup"])
        micro = [quantity(1e6 * timed[name]["median"]["value"], "") for name in times]
        rows.append([width, *micro, ratios[-1] | {"unit": ""}])
    wide = ratios[-2]
    return {
        "widths": list(widths),
        "times": times,
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


def draw(axes, times, sizes, xlabel):
    """The slow way and the product, against a size."""
    for (name, column), colour in zip(times.items(), ("loop", "scan"), strict=True):
        axes.plot(sizes, [1e6 * s for s in column], "o-", color=figures.COLOURS[colour], label=name)
    axes.set(xscale="log", yscale="log", xlabel=xlabel, ylabel="time, µs")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.legend()


for run in nodes():
    first, last = ({name: column[at] for name, column in run["times"].items()} for at in (0, -1))
    fig, axes = figures.figure(
        alt="Microseconds of one layer against its width, on logarithmic scales. "
        + "; ".join(
            f"{name}: {1e6 * first[name]:.3g} at width {run['widths'][0]}, {1e6 * last[name]:.3g} at"
            f" {run['widths'][-1]}"
            for name in first
        )
        + ".",
        caption="Time of one layer for a batch: node by node, and as one matrix product.",
        run=run,
    )
    draw(axes, run["times"], run["widths"], "nodes of the layer")

# %%
# One training step, watched
# --------------------------
# Hooks note when each layer begins and ends, forwards and backwards, and counters of torch note when a weight
# changes. No layer begins before the one before it has ended: the chain of operations that wait for one
# another is as long as the network is deep. The gradients come in the reverse order. The weights change once,
# at the very end, and not without a backward pass, which the short description "forward pass, error, update"
# leaves out.


def watched_step(net, x, optimiser):
    """One training step; when each layer worked, in order, and how often weights had changed by then."""
    events, zero = [], time.perf_counter()
    weights = list(net.parameters())

    def now(what, layer):
        events.append((what, layer, time.perf_counter() - zero))

    hooks = []
    for number, layer in enumerate(net):
        hooks += [
            layer.register_forward_pre_hook(lambda *_, n=number: now("forward begins", n)),
            layer.register_forward_hook(lambda *_, n=number: now("forward ends", n)),
            layer.register_full_backward_pre_hook(lambda *_, n=number: now("backward begins", n)),
            layer.register_full_backward_hook(lambda *_, n=number: now("backward ends", n)),
        ]
    versions = [sum(weight._version for weight in weights)]
    loss = net(x).square().mean()
    versions.append(sum(weight._version for weight in weights))
    optimiser.step()  # too early: there is no gradient yet, so nothing may change
    versions.append(sum(weight._version for weight in weights))
    loss.backward()
    versions.append(sum(weight._version for weight in weights))
    now("update begins", 0)
    optimiser.step()
    now("update ends", 0)
    versions.append(sum(weight._version for weight in weights))
    for hook in hooks:
        hook.remove()
    return events, [later - versions[0] for later in versions[1:]]


def order_of(events, what):
    """The layers in the order in which that happened to them."""
    return [layer for kind, layer, _ in events if kind == what]


def in_turn(events, direction):
    """Does every layer begin only after the one before it has ended?"""
    own = [kind for kind, _, _ in events if kind.startswith(direction)]
    return own == [f"{direction} begins", f"{direction} ends"] * (len(own) // 2)


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
    events, changes = min(watched, key=lambda one: one[0][-1][2])  # the step that was disturbed least
    chains = [sequential_steps(net[:part], x.detach()) for part in range(1, depth + 1)]
    forward = flops(lambda: net(x))["value"]
    whole = flops(lambda: torch.autograd.grad(net(x).square().mean(), [x, *net.parameters()]))["value"]
    down = order_of(events, "backward begins")
    ordered = in_turn(events, "forward") and order_of(events, "forward begins") == list(range(depth))
    reverse = in_turn(events, "backward") and down == list(range(depth))[::-1]
    growing = all(later > earlier for earlier, later in itertools.pairwise(chains))
    late = changes[:3] == [0, 0, 0] and changes[3] > 0
    return {
        "events": [list(event) for event in events],
        "depth": quantity(depth, "layers"),
        "chain": quantity(chains[-1], "operations"),
        "each": quantity(chains[1] - chains[0], "operations"),
        "backward_share": quantity(100 * (1 - forward / whole), "%"),
        "reverse": reverse,
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


PARTS = {"forward": figures.BLUE, "backward": figures.VERMILION}

for run in step():
    events = run["events"]
    last = max(moment for _, _, moment in events)
    fig, axes = figures.figure(
        alt=f"Timeline of one training step over {run['depth']['value']} layers and {1e3 * last:.2g} ms: the"
        " forward bars climb from the first layer to the last, the backward bars go back down, the update of"
        " all layers comes last.",
        caption="One training step: when each layer works, forwards, backwards, and when weights change.",
        run=run,
    )
    for part, colour in PARTS.items():
        begins = {layer: 1e3 * moment for kind, layer, moment in events if kind == f"{part} begins"}
        ends = {layer: 1e3 * moment for kind, layer, moment in events if kind == f"{part} ends"}
        length = [ends[layer] - begin for layer, begin in begins.items()]
        axes.barh(list(begins), length, left=list(begins.values()), color=colour, label=part)
    begin, end = (1e3 * moment for _, _, moment in events[-2:])
    axes.axvspan(begin, end, color=figures.GREEN, alpha=0.5, linewidth=0, label="update of all layers")
    axes.set(xlabel="time, ms", ylabel="layer")
    axes.legend()

# %%
# One step at a time, but which steps?
# ------------------------------------
# The gradient goes layer by layer. It does not go example by example or weight by weight: within a layer the
# gradients of all weights, summed over all examples, are again one matrix product. Here is the same gradient
# of one layer with a loop over the examples.


def example_by_example(x, outer):
    """Gradient of a layer's weights, adding one example's after the other."""
    total = x.new_zeros(outer.shape[1], x.shape[1])
    for example in range(len(x)):
        total.addr_(outer[example], x[example])
    return total


@experiment(small={"batches": (2, 4), "width": 8, "seconds_each": 0.1}, seconds=90, memory_gb=1)
def gradients(device, *, batches=(4, 16, 64, 256), width=256, seconds_each=0.8):
    """Seconds of one layer's weight gradient: one example after the other, and all in one product."""
    times, ratios = {"one example at a time": [], "one product": []}, []
    for batch in batches:
        torch.manual_seed(0)
        x, outer = torch.randn(batch, width, device=device), torch.randn(batch, width, device=device)
        timed = compare(
            {
                "one example at a time": lambda x=x, g=outer: example_by_example(x, g),
                "one product": lambda x=x, g=outer: g.t() @ x,
            },
            tolerance=1e-3,
            max_seconds=seconds_each,
            threads=1,
        )["times"]
        for name, column in times.items():
            column.append(timed[name]["median"]["value"])
        ratios.append(timed["one product"]["speedup"])
    net = nn.Sequential(*(nn.Sequential(nn.Linear(8, 8), nn.Tanh()) for _ in range(6))).to(device)
    x = torch.randn(2, 8, device=device, requires_grad=True)
    events, _ = watched_step(net, x, torch.optim.SGD(net.parameters(), lr=0.01))
    reverse = in_turn(events, "backward") and order_of(events, "backward begins") == [5, 4, 3, 2, 1, 0]
    return {
        "batches": list(batches),
        "times": times,
        "speedup": ratios[-1],
        "largest": quantity(batches[-1], "examples"),
        "claims": {
            "s1-15": verdict_by(
                {
                    "qualified": all_of(
                        reverse,
                        above(ratios[-1], 1.5, f"speed of one product over {batches[-1]} examples in turn"),
                    ),
                    "holds": reverse,
                },
                "refuted",
                f"layers took their turn in reverse order; within a layer, {batches[-1]} examples in one"
                f" product are {ratios[-1]['value']:.1f} times as fast as one after the other",
            )
        },
    }


for run in gradients():
    last = {name: column[-1] for name, column in run["times"].items()}
    fig, axes = figures.figure(
        alt="Microseconds of one layer's weight gradient against the batch. "
        + "; ".join(f"{n}: {1e6 * s:.3g} for {run['batches'][-1]} examples" for n, s in last.items())
        + ".",
        caption="Gradient of one layer's weights: example by example, and as one matrix product.",
        run=run,
    )
    draw(axes, run["times"], run["batches"], "examples in the batch")

# %%
# Sequential, in three senses
# ---------------------------
# "Sequential" is said of three more things. A recurrence walks through *time*. A language model writes
# *token* after token. A server answers *request* after request. We count the longest chain of operations
# that wait for one another as there is more of each. Two of them are chains by nature, the first only as
# long as nobody scans it; the third is not: requests need nothing of one another, and it is the server that
# lines them up.


@experiment(small={"counts": (2, 4, 8), "width": 16}, seconds=60, memory_gb=1)
def senses(device, *, counts=(2, 4, 8, 16, 32), width=32):
    """Longest chain of dependent operations against time steps, tokens written, and requests served."""
    torch.manual_seed(0)
    walked, scanned = RNN(width, width).to(device), LinearRNN(width, width).to(device)
    model = CausalLM(vocabulary=64, context=2 * max(counts), width=width, layers=1, heads=1).to(device).eval()
    x = torch.randn(1, max(counts), width, device=device)
    asked = torch.randint(64, (max(counts), 4), device=device)
    chains = {
        "time, walked": lambda n: sequential_steps(lambda x: walked(x, method="loop")[0], x[:, :n]),
        "time, scanned": lambda n: sequential_steps(lambda x: scanned(x, method="parallel")[0], x[:, :n]),
        "tokens": lambda n: sequential_steps(lambda prompt: model.generate(prompt, n), asked[:1]),
        "requests": lambda n: sequential_steps(
            lambda prompts: [model.prefill(one)[0] for one in prompts.split(1)], asked[:n]
        ),
    }
    found = {name: [count(n) for n in counts] for name, count in chains.items()}
    more = counts[-1] / counts[0]
    grown = {name: chain[-1] / chain[0] for name, chain in found.items()}
    chained = all(grown[name] > more / 4 for name in ("time, walked", "tokens"))
    free = len(set(found["requests"])) == 1 and grown["time, scanned"] < more / 2
    rows = [[name, *chain] for name, chain in found.items()]
    return {
        "counts": list(counts),
        "chains": found,
        "table": table(["of", *(str(count) for count in counts)], rows),
        "claims": {
            "s1-01": verdict_by(
                {"refuted": chained and free},
                "qualified",
                f"with {more:g} times as many steps, tokens or requests, the chain of a recurrence"
                f" is {grown['time, walked']:.0f} times as long ({grown['time, scanned']:.1f} scanned), that"
                f" of a Transformer that writes {grown['tokens']:.0f} times, that of requests"
                f" {grown['requests']:.0f} times",
            )
        },
    }


for run in senses():
    fig, axes = figures.figure(
        alt="Longest chain of operations against how many there are, on logarithmic scales. "
        + "; ".join(f"{name}: {chain[0]} to {chain[-1]}" for name, chain in run["chains"].items())
        + ".",
        caption="Operations that wait for one another: time steps, tokens written, requests. Counted.",
        run=run,
    )
    for (name, chain), mark in zip(run["chains"].items(), "osD^", strict=True):
        axes.plot(run["counts"], chain, f"{mark}-", label=name)
    axes.set(xscale="log", yscale="log", xlabel="how many", ylabel="longest chain, operations")
    axes.set_xticks(run["counts"], [str(count) for count in run["counts"]])
    axes.minorticks_off()
    axes.legend()

# %%
# What to take away
# -----------------
# Depth is a chain: layers wait. Width and batch are none: one product computes all nodes of all examples, in
# both directions. Even the chain can be kept busy, if several examples are on their way at once, each in
# another layer (pipelining). Read on at :term:`sequential models` and :term:`throughput`.

if __name__ == "__main__":
    figures.show()
