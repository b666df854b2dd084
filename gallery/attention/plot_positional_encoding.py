"""
Positional encoding
===================

Attention on its own does not know the order of what it reads: shuffle the tokens and the same outputs come
out, shuffled. Positions must be told. Five ways to tell them, and how far each works beyond the lengths that
training showed.
"""

# %%
# Shuffle in, shuffle out
# -----------------------
# A layer is *permutation-equivariant* if f(Px) = P f(x) for every shuffle P. We shuffle tokens, undo the
# shuffle in the outputs, and compare. All is computed in double precision; "the same" is the same to the last
# bit of single precision, for a sum in another order differs by its rounding.

import functools

import torch
from torch.nn import functional as F

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.verdicts import all_of, verdict_by
from seqdocs.models.alibi import alibi_bias, alibi_slopes
from seqdocs.models.attention import CausalSelfAttention
from seqdocs.models.language_model import CausalLM
from seqdocs.models.multi_head import MultiHeadAttention
from seqdocs.models.positional import LearnedPositions, SinusoidalPositions
from seqdocs.models.rnn import RNN
from seqdocs.models.rotary import rotary
from seqdocs.models.scaled_dot_product import attention


def turned(net, x):
    """Self-attention without a mask whose queries and keys are turned by their position (RoPE)."""
    q, k, v = net.project(x)
    return net.join(attention(rotary(q), rotary(k), v, method="matrix"))


def penalised(net, x):
    """Self-attention without a mask that pays for distance in both directions (ALiBi)."""
    bias = alibi_bias(alibi_slopes(net.heads).to(x), x.shape[1])
    return net(x, mask=bias, method="matrix")


def layers(width, length, device):
    """What is shuffled: attention with every kind of position, and what is no attention."""
    torch.manual_seed(0)
    net, causal = MultiHeadAttention(width, 4), CausalSelfAttention(width, 4)
    table, added = LearnedPositions(length, width), SinusoidalPositions()
    on_each = torch.nn.Sequential(
        torch.nn.Linear(width, 2 * width), torch.nn.ReLU(), torch.nn.Linear(2 * width, width)
    )
    on_all = torch.nn.Linear(length * width, length * width)
    read = functools.partial(net, method="matrix")
    for module in (net, causal, table, on_each, on_all, walk := RNN(width, width)):
        module.to(device, torch.float64).requires_grad_(False)
    return {
        "attention, no positions": read,
        "  + sinusoidal": lambda x: read(added(x)),
        "  + learned": lambda x: read(table(x)),
        "  + rotary": lambda x: turned(net, x),
        "  + ALiBi": lambda x: penalised(net, x),
        "  + causal mask alone": lambda x: causal(x, method="matrix"),
        "MLP on each token": on_each,
        "MLP on all tokens together": lambda x: on_all(x.flatten(1)).view_as(x),
        "RNN": lambda x: walk(x)[0],
    }  # fmt: skip


@experiment(small={"length": 6, "width": 8, "shuffles": 2}, seconds=60, memory_gb=2)
def shuffled(device, length=32, width=32, shuffles=20):
    """Largest difference between shuffled outputs and outputs of the shuffled, relative to the outputs."""
    torch.set_num_threads(1)
    nets = layers(width, length, device)
    x = torch.randn(1, length, width, dtype=torch.float64, device=device)
    worst, same, summed = dict.fromkeys(nets, 0.0), dict.fromkeys(nets, True), dict.fromkeys(nets, 0.0)
    for _ in range(shuffles):
        order = torch.randperm(length)
        for name, net in nets.items():
            y, shuffled_in = net(x), net(x[:, order])
            gap = (shuffled_in - y[:, order]).abs().max() / y.abs().max()
            worst[name] = max(worst[name], float(gap))
            same[name] &= torch.equal(shuffled_in.float(), y[:, order].float())
            mean = (shuffled_in.mean(1) - y.mean(1)).abs().max() / y.abs().max()
            summed[name] = max(summed[name], float(mean))
    told = [name for name in nets if name.startswith("  +")]
    blind = same["attention, no positions"]
    free = not same["MLP on all tokens together"] and summed["MLP on all tokens together"] > 1e-3
    return {
        "gap": worst,
        "same": same,
        "shuffles": quantity(shuffles, "shuffles"),
        "length": quantity(length, "tokens"),
        "broken": quantity(sum(not same[name] for name in told), "ways"),
        "table": table(
            ["layer", "the same", "largest difference", "of the mean over positions"],
            [
                [
                    name.strip(),
                    "yes" if same[name] else "no",
                    quantity(worst[name], ""),
                    quantity(summed[name], ""),
                ]
                for name in nets
            ],
        ),
        "claims": {
            "s2-11": verdict_by(
                {"refuted": all_of(blind, free), "qualified": blind},
                "holds",
                f"over {shuffles} shuffles of {length} tokens the outputs of attention without positions are "
                "shuffled and otherwise equal to the last bit; a feedforward net on all tokens is neither "
                f"equivariant nor invariant: its mean changes by {summed['MLP on all tokens together']:.0%}",
            )
        },
    }


for run in shuffled():
    names = list(run["gap"])
    gaps = [max(gap, 1e-17) for gap in run["gap"].values()]
    fig, axes = figures.figure(
        alt="Largest relative difference between shuffling before and after each layer. "
        + "; ".join(f"{name.strip()} {gap:.0e}" for name, gap in run["gap"].items())
        + ".",
        caption="Difference between f(shuffled x) and shuffled f(x): rounding, or order.",
        run=run,
    )
    places = range(len(names))
    colours = [figures.BLUE if run["same"][name] else figures.VERMILION for name in names]
    axes.barh(places, gaps, color=colours)
    axes.set_yticks(places, [name.replace("  +", "+") for name in names])
    axes.invert_yaxis()
    axes.axvline(torch.finfo(torch.float32).eps, color=figures.GREY, linewidth=1)
    axes.set(
        xscale="log", xlabel="largest difference, relative; the line is single precision", ylabel="layer"
    )

# %%
# Further than training went
# --------------------------
# A small language model learns to repeat what stood a few tokens before, on short sequences only. Then it
# reads longer ones. Sinusoids and a learned table have never been used at those positions; rotary angles and
# ALiBi's penalties speak of distances, and the short ones it has seen.

POSITIONS = ("alibi", "rotary", "sinusoidal", "learned", "none")


def repeating(B, T, lag, device, symbols=8):
    """Sequences that repeat their first ``lag`` tokens for ever, (B, T)."""
    start = torch.randint(symbols, (B, lag), device=device)
    return start.repeat(1, -(-T // lag))[:, :T]


def trained(positions, *, length, longest, lag, steps, device):
    """A model of two layers that has learned to continue repetitions of up to ``length`` tokens."""
    torch.manual_seed(0)
    net = CausalLM(
        vocabulary=8, context=longest, width=32, layers=2, heads=4, tied=False, positions=positions
    )
    net = net.to(device)
    tune = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(steps):
        tokens = repeating(32, length, lag, device)
        logits = net(tokens[:, :-1])
        loss = F.cross_entropy(logits[:, lag:].flatten(0, 1), tokens[:, lag + 1 :].flatten())
        tune.zero_grad()
        loss.backward()
        tune.step()
    return net


@torch.no_grad()
def correct(net, T, lag, device):
    """Part of the last quarter of the next tokens that the model foretells, over 64 sequences."""
    tokens = repeating(64, T, lag, device)
    right = net(tokens[:, :-1]).argmax(-1) == tokens[:, 1:]
    return float(right[:, -(T // 4) :].float().mean())


@experiment(small={"length": 8, "lengths": (8, 12), "lag": 3, "steps": 2}, seconds=120, memory_gb=2)
def further(device, *, length=24, lengths=(16, 24, 32, 48, 64, 96, 128, 192), lag=5, steps=150):
    """Accuracy at lengths up to and beyond those of training, for five kinds of positions."""
    torch.set_num_threads(1)
    curves = {}
    for positions in POSITIONS:
        net = trained(positions, length=length, longest=max(lengths), lag=lag, steps=steps, device=device)
        curves[positions] = [correct(net, T, lag, device) for T in lengths]
    inside = [length >= T for T in lengths].count(True) - 1
    return {
        "lengths": list(lengths),
        "curves": curves,
        "trained": quantity(length, "tokens"),
        "longest": quantity(lengths[-1], "tokens"),
        "at_end": {name: quantity(100 * curve[-1], "%") for name, curve in curves.items()},
        "inside": {name: quantity(100 * curve[inside], "%") for name, curve in curves.items()},
        "chance": quantity(12.5, "%"),
    }


LINES = {
    "alibi": ("ALiBi", figures.BLUE), "rotary": ("rotary", figures.GREEN), "none": ("none", figures.GREY),
    "sinusoidal": ("sinusoidal", figures.VERMILION), "learned": ("learned", figures.ORANGE),
}  # fmt: skip
for run in further():
    fig, axes = figures.figure(
        alt=f"Accuracy against length after training on {run['trained']['value']} tokens. At "
        f"{run['longest']['value']}: "
        + ", ".join(f"{LINES[name][0]} {value['value']:.0f} %" for name, value in run["at_end"].items())
        + ".",
        caption="Next-token accuracy in the last quarter of a sequence, by its length.",
        run=run,
    )
    for name, (label, colour) in LINES.items():
        axes.plot(
            run["lengths"], [100 * part for part in run["curves"][name]], "o-", color=colour, label=label
        )
    axes.axvline(run["trained"]["value"], color="0.5", linewidth=1)
    axes.set_xscale("log", base=2)
    axes.set_xticks(run["lengths"], [str(length) for length in run["lengths"]])
    axes.set(xlabel="length, tokens; the line ends training", ylabel="accuracy, %", ylim=(0, 103))
    figures.label_lines(axes)

# %%
# What to take away
# -----------------
# Without positions, attention reads a bag of words. Any way of telling positions ends that, a causal mask
# among them; they differ in what they say at a position that training never reached.
# Next to read: :term:`permutation equivariance`, :term:`positional encoding`, :term:`self-attention`.

if __name__ == "__main__":
    figures.show()
