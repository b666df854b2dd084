"""
Critical path
=============

The critical path of a computation is its longest chain of operations that wait for one another: no machine,
however wide, can finish in fewer rounds. We count it for three things that are called sequential: steps in
time, tokens written, and requests served.
"""

# %%
# Sequential, in three senses
# ---------------------------
# A recurrence walks through *time*. A language model writes *token* after token. A server answers *request*
# after request. We count how the chain grows as there is more of each. Two of them are chains by nature, the
# first only as long as nobody scans it; the third is not: requests need nothing of one another, and it is the
# server that lines them up.

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import table
from seqdocs.bench.verdicts import verdict_by
from seqdocs.models.cost import sequential_steps
from seqdocs.models.language_model import CausalLM
from seqdocs.models.linear_rnn import LinearRNN
from seqdocs.models.rnn import RNN


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
    figures.log_sizes(axes, run["counts"])
    axes.set(yscale="log", xlabel="how many", ylabel="longest chain, operations")
    axes.legend()

# %%
# What to take away
# -----------------
# "Sequential" is not one property. Ask what waits for what: in time a scan shortens the chain, in writing
# nothing here does, and between requests there is none. Depth is one more
# (:doc:`/gallery/foundations/plot_layer_by_layer`). Read on at :term:`sequential models`, :term:`scan` and
# :term:`autoregressive generation`.

if __name__ == "__main__":
    figures.show()
