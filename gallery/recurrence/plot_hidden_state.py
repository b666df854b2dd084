"""
Hidden state
============

What a recurrent network says next depends on all it has read, but through its state alone. We hand the state
over, throw the past away, and look whether anything is missing.
"""

# %%
# Throw the past away
# -------------------
# Two models read a sequence in one go, and once more in two parts: the first half, then the second by a
# model that was given what the first one left. A recurrent network leaves its state; self-attention leaves a
# *cache*, the keys and values of every position. Each also begins the second half with nothing.

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity
from seqdocs.bench.verdicts import verdict_by
from seqdocs.models.attention import CausalSelfAttention
from seqdocs.models.gru import GRU
from seqdocs.models.jordan import Jordan
from seqdocs.models.lstm import LSTM
from seqdocs.models.orthogonal import OrthogonalRNN
from seqdocs.models.reservoir import EchoState
from seqdocs.models.rnn import RNN

EPS = torch.finfo(torch.float64).eps
CELLS = {
    "Elman RNN": RNN, "GRU": GRU, "LSTM": LSTM, "orthogonal RNN": OrthogonalRNN, "echo state": EchoState
}  # fmt: skip


@experiment(small={"length": 8, "width": 8}, seconds=60, memory_gb=2)
def handover(device, length=64, width=32):
    """Difference between reading on after a handover and reading in one go; numbers handed over."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x = torch.randn(2, length, width, dtype=torch.float64, device=device)
    half = length // 2
    first, second = x[:, :half], x[:, half:]

    def by_step(said, whole):
        """Largest difference at every step after the handover."""
        return (said - whole[:, half:]).abs().amax((0, 2)).tolist()

    cells = {name: make(width, width).to(x).requires_grad_(False) for name, make in CELLS.items()}
    rnn = cells["Elman RNN"]
    attention = CausalSelfAttention(width, 4).to(x).requires_grad_(False)
    whole, seen = rnn(x)[0], attention(x)
    state, cache = rnn(first)[1], attention.new_cache(2, length)
    attention(first, cache)  # which fills it
    differences = {
        "RNN, its state": by_step(rnn(second, state)[0], whole),
        "RNN, nothing": by_step(rnn(second)[0], whole),
        "attention, its cache": by_step(attention(second, cache), seen),
        "attention, nothing": by_step(attention(second), seen),
    }
    missing = {name: max(by_step(net(second, net(first)[1])[0], net(x)[0])) for name, net in cells.items()}
    kept, lost = max(missing.values()), max(differences["attention, nothing"])
    jordan = Jordan(width, width, width).to(x)
    said, _ = jordan(x)
    before = torch.cat((torch.zeros_like(said[:, :1]), said[:, :-1]), dim=1)
    at_once, _ = jordan(x.flatten(0, 1)[:, None], before.flatten(0, 1))  # every step a sequence of its own
    tokens = list(range(1, length + 1))
    caches = [attention.new_cache(1, read) for read in tokens]
    in_caches = [cache.keys.numel() + cache.values.numel() for cache in caches]
    in_state = state[:, 0].numel()  # of one sequence
    return {
        "differences": differences,
        "missing": missing,
        "rnn": quantity(kept, ""),
        "attention": quantity(lost, ""),
        "jordan": float((at_once.view_as(said) - said).detach().abs().max()),
        "tokens": tokens,
        "numbers": {"RNN": [in_state] * length, "attention": in_caches},
        "half": quantity(half, "tokens"),
        "state": quantity(in_state, "numbers"),
        "cache": quantity(in_caches[half - 1], "numbers"),
        "claims": {
            "s3-11": verdict_by(
                {"qualified": kept < 1e-12 and lost > 1e-3, "holds": kept < 1e-12},
                "refuted",
                f"with its state of {in_state} numbers alone, an RNN goes on as if it still had the past; "
                f"self-attention needs {in_caches[half - 1]} numbers after {half} tokens",
            ),
        },
    }


# %%
# Nothing is missing
# ------------------
# With its state, the network goes on as if it had read everything; with its cache, so does attention. With
# nothing, both are wrong: this recurrent network not for long, as it would have forgotten that past anyway;
# attention for good, as every later position would have looked back. The other cells hand over all they know,
# too; an LSTM's state is two vectors.
#
# The price differs. A state is as large after the last token as after the first; the cache grows with each.

runs = handover()
for run in runs:
    differences, numbers, tokens = run["differences"], run["numbers"], run["tokens"]
    fig, (left, right) = figures.figure(
        alt="Left: how far what is said after the handover is from what is said in one go. Largest: "
        + ", ".join(f"{name} {max(steps):.0e}" for name, steps in differences.items())
        + "; at the last step: "
        + ", ".join(f"{name} {steps[-1]:.0e}" for name, steps in differences.items())
        + f". Right: numbers to hand over after {tokens[-1]} tokens: "
        + ", ".join(f"{name} {row[-1]}" for name, row in numbers.items()) + ".",
        caption="Reading on with what the first half left, or with nothing; and how much that is. Less than "
        "the rounding of double precision is drawn as that.",
        run=run,
        columns=2,
    )  # fmt: skip
    for name, steps in differences.items():
        model, _, given = name.partition(", ")
        shown = [max(step, EPS) for step in steps]
        left.plot(
            range(1, len(steps) + 1), shown, ":" if given == "nothing" else "-",
            color=figures.COLOURS[model.lower()], label=name,
            linewidth=5 if given == "its cache" else None,  # so that both that miss nothing are seen
            zorder=2 if model == "attention" else 3,
        )  # fmt: skip
    for model, row in numbers.items():
        right.plot(tokens, row, color=figures.COLOURS[model.lower()], label=model)
    left.set(xlabel="steps after the handover", ylabel="difference from reading in one go", yscale="log")
    right.set(xlabel="tokens read", ylabel="numbers to hand over")
    left.legend(fontsize="small")
    right.legend()
    missing = ", ".join(f"{cell} {most:.0e}" for cell, most in run["missing"].items())
    print(f"{run.label}: with its state, each cell's largest difference: {missing}")

# %%
# The last output as the state
# ----------------------------
# In a Jordan network the state is the last output, in plain sight. So where the wanted outputs are known, as
# in training, every step can begin from the wanted one before it, and none waits for another.

for run in runs:
    print(f"{run.label}: all steps at once, given the outputs, differ by {run['jordan']:.0e}")

# %%
# What to take away
# -----------------
# The state is all that a recurrent network knows of its past: who has it needs nothing else, and what is not
# in it is gone. How much fits in is the next question.
# Next to read: :term:`hidden state`, :term:`KV cache`, :term:`fixed-vector bottleneck`.

if __name__ == "__main__":
    figures.show()
