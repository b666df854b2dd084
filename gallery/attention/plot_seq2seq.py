"""
Sequence to sequence
====================

An encoder reads a source, a decoder writes a target of any length. If all that passes between the two is one
vector, how long may the source be? The same pair with attention shows what the vector costs.
"""

# %%
# Reverse what you read
# ---------------------
# The task needs every token of the source, so nothing may be lost on the way. Two decoders, of width 16 and
# 32, get the encoder's last state and nothing else; a third, of width 32, may look back at all of its states.
# They train on sources of two up to ten tokens, seeded, for as many steps, and are asked for longer ones too.

import statistics

import torch
from torch.nn import functional as F

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.verdicts import verdict_by
from seqdocs.models.seq2seq import Seq2Seq

SYMBOLS = 8
KINDS = {"none": "fixed vector", "general": "attention"}


def sources(B, length, device):
    """Random tokens 1 … SYMBOLS; 0 begins a target."""
    return torch.randint(1, SYMBOLS + 1, (B, length), device=device)


def network(kind, hidden, device):
    """An encoder and a decoder, the same weights for the same seed as far as they have the same parts."""
    torch.manual_seed(0)
    size = {"source_vocabulary": SYMBOLS + 1, "target_vocabulary": SYMBOLS + 1}
    return Seq2Seq(**size, width=hidden, hidden_size=hidden, attention=kind).to(device)


def train(net, steps, longest, device):
    """Adam on fresh sources of random length, teacher-forced."""
    tune = torch.optim.Adam(net.parameters(), 1e-2)
    fall = torch.optim.lr_scheduler.LinearLR(tune, 1.0, 0.05, steps)
    for _ in range(steps):
        source = sources(32, int(torch.randint(2, longest + 1, ())), device)
        target = source.flip(1)
        logits, _ = net(source, F.pad(target[:, :-1], (1, 0)), method="hoisted")
        loss = F.cross_entropy(logits.flatten(0, 1), target.flatten())
        tune.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        tune.step()
        fall.step()


@torch.no_grad()
def right_by_place(net, length, device):
    """Part of the tokens that it writes right by itself, for each place of the target."""
    source = sources(256, length, device)
    return (net.greedy(source, length, begin=0) == source.flip(1)).float().mean(0).tolist()


@experiment(
    small={"lengths": (2, 3), "longest": 3, "steps": 2, "nets": (("none", 4), ("none", 6), ("general", 6))},
    seconds=180,
    memory_gb=2,
)
def by_length(
    device,
    *,
    lengths=(2, 3, 4, 5, 6, 8, 10, 12),
    longest=10,
    steps=1000,
    nets=(("none", 16), ("none", 32), ("general", 32)),
):
    """Accuracy against the length of the source, and by place at the longest trained one."""
    torch.set_num_threads(1)
    curves, places, sizes = {}, {}, {}
    for kind, width in nets:
        net = network(kind, width, device)
        train(net, steps, longest, device)
        name = f"{KINDS[kind]}, {width}"
        curves[name] = [statistics.mean(right_by_place(net, length, device)) for length in lengths]
        places[name] = right_by_place(net, longest, device)
        sizes[name] = sum(weight.numel() for weight in net.parameters())
    at = lengths.index(longest)
    return {
        "lengths": list(lengths),
        "curves": curves,
        "places": places,
        "longest": quantity(longest, "tokens"),
        "short": {name: quantity(100 * curve[0], "%") for name, curve in curves.items()},
        "long": {name: quantity(100 * curve[at], "%") for name, curve in curves.items()},
        "first_written": {name: quantity(100 * row[0], "%") for name, row in places.items()},
        "last_written": {name: quantity(100 * row[-1], "%") for name, row in places.items()},
        "table": table(
            ["decoder, width", "parameters", ("shortest", "%"), ("longest trained", "%")],
            [[name, sizes[name], 100 * curve[0], 100 * curve[at]] for name, curve in curves.items()],
        ),
    }


def style(name):
    """Fixed vectors in one colour, attention in another; the narrow ones dashed."""
    colour = figures.VERMILION if name.startswith("fixed") else figures.PURPLE
    return {"color": colour, "marker": "o", "markersize": 4, "label": name}


trained = by_length()
for run in trained:
    names = list(run["curves"])
    fig, axes = figures.figure(
        alt=f"Tokens right against the length of the source. At {run['longest']['value']} tokens: "
        + "; ".join(f"{name}: {value['value']:.0f} %" for name, value in run["long"].items())
        + f"; at {run['lengths'][0]} tokens: "
        + "; ".join(f"{name}: {value['value']:.0f} %" for name, value in run["short"].items())
        + ".",
        caption="Tokens written right, by length of the source and width; the line ends training.",
        run=run,
    )
    for name, dash in zip(names, ("--", "-", "-"), strict=True):
        axes.plot(run["lengths"], [100 * part for part in run["curves"][name]], dash, **style(name))
    axes.axvline(run["longest"]["value"], color="0.5", linewidth=1)
    axes.set(xlabel="length of the source, tokens", ylabel="right, %", ylim=(0, 103))
    axes.legend()

# %%
# What is forgotten
# -----------------
# The target begins with what was read last. So place by place we see how far back the vector still reaches:
# the token that was read first is written last, and lost first.

for run in trained:
    fig, axes = figures.figure(
        alt=f"By place in a target of {run['longest']['value']}: tokens right, from the first to the last. "
        + "; ".join(
            f"{name}: {row['value']:.0f} to {run['last_written'][name]['value']:.0f} %"
            for name, row in run["first_written"].items()
        )
        + ".",
        caption="Tokens written right, by how long before the end of the source they were read.",
        run=run,
    )
    for name, dash in zip(run["places"], ("--", "-", "-"), strict=True):
        row = run["places"][name]
        axes.plot(range(1, len(row) + 1), [100 * part for part in row], dash, **style(name))
    axes.set(xlabel="place in the target; the source token stood as far from its end", ylabel="right, %")
    axes.set_ylim(0, 103)
    axes.legend()

# %%
# Any length in, any length out
# -----------------------------
# The pair has no size of input or output. Sources of different lengths may even share a batch, filled up and
# masked; the answers are those each gets alone.


@experiment(small={"sources": (1, 3), "targets": (1, 2)}, seconds=60, memory_gb=1, devices=("cpu",))  # counts
def sizes(device, *, sources=(1, 2, 5, 9, 14), targets=(1, 3, 8), hidden=16):
    """Which lengths of source and target one pair of networks takes, and whether a batch changes answers."""
    torch.set_num_threads(1)
    net = network("general", hidden, device).requires_grad_(False)
    taken = 0
    for S in sources:
        for T in targets:
            source, read = torch.ones(2, S, dtype=torch.long), torch.zeros(2, T, dtype=torch.long)
            taken += net(source, read)[0].shape == (2, T, SYMBOLS + 1)
    lengths = torch.tensor(sources)
    filled = torch.randint(1, SYMBOLS + 1, (len(sources), max(sources)))
    together = net.greedy(filled, max(targets), 0, lengths)
    alone = [net.greedy(row[None, :S], max(targets), 0)[0] for row, S in zip(filled, sources, strict=True)]
    same = bool(torch.equal(together, torch.stack(alone)))
    wanted = len(sources) * len(targets)
    return {
        "taken": quantity(taken, "pairs of lengths"),
        "same": same,
        "claims": {
            "s2-18": verdict_by(
                {"holds": taken == wanted and same},
                "refuted",
                f"one pair of networks took {taken} of {wanted} combinations of {len(sources)} lengths of "
                f"sources and {len(targets)} of targets; in one batch, each gets the answer it gets alone",
            )
        },
    }


for run in sizes():
    print(f"{run['taken']['value']} combinations of lengths; the same answers in a batch: {run['same']}")

# %%
# What to take away
# -----------------
# A vector of fixed width is enough for short sources, and every added token is paid for with an older one. To
# look back is to have no such limit: that is what attention was invented for.
# Next to read: :term:`seq2seq`, :term:`fixed-vector bottleneck`, :term:`attention`.

if __name__ == "__main__":
    figures.show()
