"""
Recurrent neural network
========================

One layer, used again at every word, with its last answer as a second input. We read four words, look at what
must wait for what and what need not, and read backwards too.
"""

# %%
# First pass over four words
# --------------------------
# The network keeps four numbers, the *state*. Each word is six random numbers here; the weights are random
# too. Word by word the state becomes :math:`h_t = \tanh(W_x x_t + W_h h_{t-1} + b)`. We write that formula
# out and compare it with our module and with ``torch.nn.RNN``, which splits the bias in two.

import torch
from torch.nn import functional as F

from seqdocs.bench import figures
from seqdocs.bench.agreement import difference
from seqdocs.bench.cost import flops
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity
from seqdocs.bench.verdicts import verdict_by
from seqdocs.models.cost import sequential_steps
from seqdocs.models.linear_rnn import LinearRNN
from seqdocs.models.rnn import RNN, rnn_step

WORDS = ("Rain", "wakes", "sleeping", "seeds")


@experiment(small={}, seconds=30)
def first_pass(device, *, width=6, hidden=4):
    """The states after each word, by the formula, our module and torch's; and who is felt at the end."""
    torch.manual_seed(3)
    x = torch.randn(1, len(WORDS), width, dtype=torch.float64, device=device)
    ours = RNN(width, hidden).to(x)
    theirs = torch.nn.RNN(width, hidden, batch_first=True).to(x)
    theirs.load_state_dict(ours.state_dict())
    W_x, W_h, b_x, b_h = (weight.detach() for weight in ours.weights(0))
    h, states = x.new_zeros(hidden), []
    for x_t in x[0]:
        h = torch.tanh(W_x @ x_t + W_h @ h + (b_x + b_h))
        states.append(h)
    formula = torch.stack(states)
    gap = max(difference(net(x)[0][0].detach(), formula) for net in (ours, theirs))

    other_start = x.clone()
    other_start[:, 0] = torch.randn(width).to(x)
    with torch.no_grad():
        moved = float((ours(other_start)[0] - ours(x)[0])[0, -1].norm())
        W_h_gone = RNN(width, hidden).to(x)
        W_h_gone.load_state_dict(ours.state_dict() | {"weight_hh_l0": torch.zeros_like(W_h)})
        without = float((W_h_gone(other_start)[0] - W_h_gone(x)[0])[0, -1].norm())
    return {
        "states": formula.tolist(),
        "hidden": quantity(hidden, "numbers"),
        "gap": quantity(gap, ""),
        "moved": quantity(moved, ""),
        "without": quantity(without, ""),
        "claims": {
            "s0-04": verdict_by(
                {"holds": gap < 1e-12},
                "refuted",
                f"the formula, our module and torch's agree over four words; largest difference {gap:.0e}",
            ),
            "s2-15": verdict_by(
                {"holds": moved > 1e-3 and without == 0},
                "refuted",
                f"another first word moves the last state by {moved:.2g}, and by {without:g} once the "
                "feedback weights are zero",
            ),
        },
    }


for run in first_pass():
    states = run["states"]
    fig, axes = figures.figure(
        alt="Four words from left to right, each with an arrow to a column of four numbers, and an arrow "
        "from each column to the next. The columns: "
        + "; ".join(
            f"after {word} {', '.join(f'{number:.1f}' for number in state)}"
            for word, state in zip(WORDS, states, strict=True)
        )
        + ".",
        caption="One layer, unrolled over a sentence: each state is made of a word and the state before.",
        run=run,
        height=2.7,
    )
    for t, state in enumerate(states):
        for row, number in enumerate(state):
            corner = 2 * t, 1.5 - 0.5 * row
            fill = figures.BLUE if number > 0 else figures.VERMILION
            strength = 0.1 + 0.45 * abs(number)
            axes.add_patch(figures.plt.Rectangle(corner, 0.8, 0.5, fc=fill, alpha=strength, lw=0))
            axes.text(corner[0] + 0.4, corner[1] + 0.25, f"{number:.1f}", ha="center", va="center", size=8)
        arrow = {"arrowstyle": "-|>", "color": figures.GREY, "linewidth": 1.4}
        axes.annotate("", (2 * t + 0.4, -0.05), (2 * t + 0.4, -0.6), arrowprops=arrow)
        axes.annotate("", (2 * t - 0.05, 1), (2 * t - 1.15, 1), arrowprops=arrow)
        axes.text(2 * t + 0.5, -0.35, "$W_x$", va="center", color=figures.GREY)
        axes.text(2 * t - 0.6, 1.15, "$W_h$", ha="center", color=figures.GREY)
        axes.text(2 * t + 0.4, 2.15, f"$h_{t + 1}$", ha="center", color=figures.GREY)
    axes.text(-1.4, 1, "0", ha="center", va="center", color=figures.GREY)
    axes.set_xticks([2 * t + 0.4 for t in range(len(WORDS))], WORDS)
    axes.set_yticks([1.75 - 0.5 * row for row in range(len(states[0]))], range(1, len(states[0]) + 1))
    axes.tick_params(length=0)
    axes.set(xlim=(-1.7, 7.3), ylim=(-0.7, 2.5), xlabel="word, read from left to right", ylabel="state")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)

# %%
# What must wait, and what need not
# ---------------------------------
# Only the product with :math:`W_h` waits for the state before. The products of *all* words with :math:`W_x`
# can be one matrix product up front ("hoisted"). In a stack of layers, layer two may read its first word
# while layer one reads its second. We count the longest chain of operations that wait for one another.


def stack_of(x, nets):
    """Layers of cells, written so that nothing waits but what must."""
    with torch.no_grad():
        column = list(x.unbind(1))
        for net in nets:
            h, weights = x.new_zeros(x.shape[0], net.hidden_size), net.weights(0)
            above_it = []
            for x_t in column:
                h = rnn_step(x_t, h, weights)
                above_it.append(h)
            column = above_it
    return column[-1]


@experiment(small={"lengths": (4, 8), "width": 4}, seconds=30)
def waiting(device, *, lengths=(16, 32, 64, 128, 256), width=16, layers=4):
    """Longest chains of operations over the length; the share of the work that waits for no state."""
    torch.manual_seed(0)
    chains = {"loop": [], "stack": [], "scan": []}
    nets = [RNN(width, width).to(device) for _ in range(layers)]
    linear = LinearRNN(width, width).to(device)
    for T in lengths:
        x = torch.randn(1, T, width, device=device)
        chains["loop"].append(sequential_steps(lambda x: stack_of(x, nets[:1]), x))
        chains["stack"].append(sequential_steps(lambda x: stack_of(x, nets), x))
        chains["scan"].append(sequential_steps(lambda x: linear(x, method="parallel"), x))
    T = lengths[-1]
    all_of_it = flops(lambda: stack_of(x, nets[:1]))["value"]
    up_front = flops(lambda: F.linear(x, nets[0].weight_ih_l0))["value"]
    cell = chains["loop"][-1] / T
    in_turn = layers * chains["loop"][-1]
    growth = chains["loop"][-1] / chains["loop"][0]
    return {
        "lengths": list(lengths),
        "chains": chains,
        "longest": quantity(T, "words"),
        "layers": quantity(layers, "layers"),
        "loop": quantity(chains["loop"][-1], "operations"),
        "stack": quantity(chains["stack"][-1], "operations"),
        "in_turn": quantity(in_turn, "operations"),
        "scan": quantity(chains["scan"][-1], "operations"),
        "free": quantity(100 * up_front / all_of_it, "%"),
        "per_word": quantity(cell, "operations"),
        "claims": {
            "s0-03": verdict_by(
                {"qualified": growth > 0.9 * T / lengths[0] and 2 * chains["scan"][-1] < chains["loop"][-1]},
                "holds",
                f"over {T} words the tanh network has a chain of {chains['loop'][-1]} operations, a linear "
                f"recurrence computed as a scan one of {chains['scan'][-1]}",
            ),
            "s0-07": verdict_by(
                {"qualified": up_front / all_of_it > 0.25},
                "holds",
                f"{100 * up_front / all_of_it:.0f} % of the multiplications are products of inputs, "
                "which wait for no state",
            ),
            "s0-09": verdict_by(
                {"qualified": 1.5 * chains["stack"][-1] < in_turn},
                "holds",
                f"{layers} layers over {T} words are a chain of {chains['stack'][-1]} operations, not of "
                f"{layers} · {chains['loop'][-1]} = {in_turn}: layers run beside one another",
            ),
        },
    }


for run in waiting():
    chains = run["chains"]
    fig, axes = figures.figure(
        alt="Longest chain of dependent operations against the number of words. "
        f"At {run['lengths'][-1]} words: one tanh layer {chains['loop'][-1]}, "
        f"{run['layers']['value']} tanh layers {chains['stack'][-1]}, a linear recurrence computed as a scan "
        f"{chains['scan'][-1]}.",
        caption="Operations that wait for one another, counted.",
        run=run,
    )
    named = {"loop": ("one tanh layer", "rnn"), "scan": ("linear recurrence, scanned", "scan"),
             "stack": (f"{run['layers']['value']} tanh layers", "lstm")}  # fmt: skip
    for name, (label, colour) in named.items():
        axes.plot(
            run["lengths"], chains[name], "o-", markersize=3, color=figures.COLOURS[colour], label=label
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(run["lengths"], [str(T) for T in run["lengths"]])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="words, $T$", ylabel="operations in a row")
    axes.legend()

# %%
# Left to right, or both ways
# ---------------------------
# A recurrence that reads from left to right knows nothing of the words to come: the derivative of
# :math:`y_t` by a later :math:`x_s` is exactly zero. Read backwards by a second one and put side by side,
# every output feels every word.


@experiment(small={"T": 4}, seconds=30)
def directions(device, *, T=12, width=8):
    """How strongly each output feels each input, in one direction and in both."""
    torch.manual_seed(0)
    x = torch.randn(1, T, width, dtype=torch.float64, device=device)
    felt = {}
    for name, both in (("one", False), ("both", True)):
        net = RNN(width, width, bidirectional=both).to(x)
        jacobian = torch.autograd.functional.jacobian(lambda x, net=net: net(x)[0][0], x)[:, :, 0]
        felt[name] = jacobian.transpose(1, 2).flatten(2).norm(dim=2)  # (T outputs, T inputs)
    later = torch.ones(T, T, device=device).triu(1).bool()
    unfelt = {name: int((norms[later] == 0).sum()) for name, norms in felt.items()}
    pairs = int(later.sum())
    return {
        "felt": {name: norms.tolist() for name, norms in felt.items()},
        "pairs": quantity(pairs, "pairs"),
        "unfelt": {name: quantity(count, "pairs") for name, count in unfelt.items()},
        "claims": {
            "s0-06": verdict_by(
                {"qualified": unfelt == {"one": pairs, "both": 0}},
                "holds",
                f"of {pairs} later words, one direction feels {pairs - unfelt['one']} and a bidirectional "
                f"network {pairs - unfelt['both']}",
            )
        },
    }


for run in directions():
    T = len(run["felt"]["one"])
    fig, panels = figures.figure(
        alt=f"Two squares of {T} by {T}: how strongly output t feels input s. In one direction everything "
        "above the diagonal is empty; in both directions the whole square is filled.",
        caption="Size of the derivative of each output by each input; empty is exactly zero.",
        run=run,
        columns=2,
        height=3.3,
    )
    for axes, (name, title) in zip(
        panels, {"one": "left to right", "both": "both ways"}.items(), strict=True
    ):
        norms = torch.tensor(run["felt"][name])
        ends = 0.5, T + 0.5, T + 0.5, 0.5  # positions are counted from one
        shown = norms.where(norms > 0, torch.nan).log10()
        shades = axes.imshow(shown, cmap="viridis", vmin=-6, vmax=0, extent=ends)
        axes.set(title=title, xlabel="input, $s$", ylabel="output, $t$")
        axes.set_xticks(range(1, T + 1, 3))
        axes.set_yticks(range(1, T + 1, 3))
        axes.grid(visible=False)
    fig.colorbar(shades, ax=panels, label="$\\log_{10}$ of the norm", shrink=0.8)

# %%
# What to take away
# -----------------
# The recurrence waits for itself, word after word; the products of the inputs, other sentences and the
# other layers do not. :doc:`/gallery/recurrence/plot_recurrent_speed` has what that is worth in time.
# Next to read: :term:`recurrent neural network`, :term:`vanishing gradient`, :term:`throughput`.

if __name__ == "__main__":
    figures.show()
