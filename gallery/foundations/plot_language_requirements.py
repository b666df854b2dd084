"""
What language asks of a model
=============================

Sentences differ in length, order matters, words far apart belong together, and the same word means different
things. Four requirements, four tests, each learned from scratch in seconds: which model passes which?
"""

# %%
# Four tests, and who takes them
# ------------------------------
# Every test is a question about a sequence of eight kinds of tokens, answered after the last one.
#
# - *Length.* Did token 0 occur? Trained on up to 12 tokens, asked on four times as many.
# - *Order.* Tokens 0 and 1 occur once each: which came first?
# - *Long range.* What was the first token, 30 tokens ago?
# - *Context.* The last token is a word with several meanings; an earlier token says which one counts.
#
# Every model has the same embedding and the same readout. A feedforward network sees the last 12 tokens, the
# longest sentence of the first test: more it would have to be built for.

import functools

import torch
from torch import nn

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.verdicts import above, all_of, below, verdict_by
from seqdocs.models.feedforward import WindowFeedforward
from seqdocs.models.gru import GRU
from seqdocs.models.lru import LRU
from seqdocs.models.lstm import LSTM, set_forget_bias
from seqdocs.models.multi_head import MultiHeadAttention
from seqdocs.models.positional import sinusoidal
from seqdocs.models.rnn import RNN
from seqdocs.tasks.batch import Batch, distinct, generator
from seqdocs.tasks.training import accuracy, train

KINDS, SHORT, LONG, LAG = 8, 12, 48, 30
PASSED = 0.9  # share of right answers


def question(x, answer):
    """A batch whose answer counts at the last step alone."""
    scored = torch.zeros_like(x, dtype=torch.bool)
    scored[:, -1] = True
    return Batch(x, torch.where(scored, answer[:, None], 0), scored)


def length(batch, draw, longest=SHORT):
    """Did token 0 occur? In half of the sequences it stands at one random place."""
    T = longest if longest > SHORT else int(torch.randint(2, longest + 1, (1,), generator=draw))
    x = torch.randint(1, KINDS, (batch, T), generator=draw)
    occurs = torch.rand(batch, generator=draw) < 0.5
    place = torch.randint(T, (batch, 1), generator=draw)
    return question(torch.where(occurs[:, None], x.scatter(1, place, 0), x), occurs.long())


def order(batch, draw):
    """Tokens 0 and 1 stand at two random places: is 0 the first of them?"""
    x = torch.randint(2, KINDS, (batch, SHORT), generator=draw)
    first, second = distinct(batch, 2, SHORT - 1, draw).split(1, dim=1)  # the last token says nothing
    return question(x.scatter(1, first, 0).scatter(1, second, 1), (first < second)[:, 0].long())


def long_range(batch, draw):
    """Was the first token 0 or 1? The rest is noise."""
    x = torch.randint(2, KINDS, (batch, LAG + 1), generator=draw)
    x[:, 0] = torch.randint(2, (batch,), generator=draw)
    return question(x, x[:, 0])


def context(batch, draw):
    """The last token, 0 or 1, means one thing after a 2 and the other after a 3, somewhere before it."""
    x = torch.randint(4, KINDS, (batch, SHORT), generator=draw)
    place = torch.randint(SHORT - 1, (batch, 1), generator=draw)
    topic, word = torch.randint(2, (2, batch, 1), generator=draw)
    x = x.scatter(1, place, 2 + topic)
    x[:, -1:] = word
    return question(x, (topic ^ word)[:, 0])


class Attention(nn.Module):
    """Self-attention in which every token sees all others, with or without positions, and a residual path."""

    def __init__(self, width, positions):
        super().__init__()
        self.attention, self.positions = MultiHeadAttention(width, 4), positions

    def forward(self, x):
        x = x + sinusoidal(x.shape[1], x.shape[2]).to(x) if self.positions else x
        return x + self.attention(x)


class Reader(nn.Module):
    """Embedding, one layer of a sequence model, and a small network that answers."""

    def __init__(self, core, width, **options):
        super().__init__()
        self.core, self.options, self.tokens = core, options, nn.Embedding(KINDS, width)
        self.readout = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, 2))

    def forward(self, x):
        out = self.core(self.tokens(x), **self.options)
        return self.readout(out[0] if isinstance(out, tuple) else out)


def readers(width):
    """What takes the tests; every entry builds a fresh model."""

    def lstm():
        net = LSTM(width, width)
        set_forget_bias(net, 2.0)
        return net

    return {
        "one token": lambda: Reader(WindowFeedforward(1, width, 2 * width, width), width),
        "feedforward, 12 tokens": lambda: Reader(WindowFeedforward(SHORT, width, 2 * width, width), width),
        "Elman RNN": lambda: Reader(RNN(width, width), width, method="lean"),
        "LSTM": lambda: Reader(lstm(), width, method="lean"),
        "GRU": lambda: Reader(GRU(width, width), width, method="lean"),
        "linear recurrence": lambda: Reader(LRU(width, width), width),
        "attention, no positions": lambda: Reader(Attention(width, positions=False), width),
        "attention, positions": lambda: Reader(Attention(width, positions=True), width),
    }


TESTS = {"length": length, "order": order, "long range": long_range, "context": context}


@experiment(
    small={"names": ("one token", "feedforward, 12 tokens", "Elman RNN"), "steps": 20},
    seconds=240,
    memory_gb=4,
)
def requirements(device, names=(), width=32, steps=150, seeds=2):
    """Share of right answers of every model (or those named) in every test, over some seeds."""
    torch.set_num_threads(1)  # the matrices are small: a second thread only waits
    makers = {name: make for name, make in readers(width).items() if not names or name in names}
    scores = {name: {} for name in makers}
    for name, make in makers.items():
        for test, task in TESTS.items():
            exam = functools.partial(length, longest=LONG) if test == "length" else task
            right = []
            for seed in range(seeds):
                torch.manual_seed(seed)
                net = make().to(device)
                train(net, functools.partial(task, 32), steps, rate=0.007, seed=seed)
                right.append(accuracy(net, exam(1000, generator(99)).to(device)))
            middle = sum(right) / len(right)
            scores[name][test] = quantity(middle, "", low=min(*right, middle), high=max(*right, middle))
    passed = {
        name: [test for test, leaf in row.items() if leaf["low"] >= PASSED] for name, row in scores.items()
    }
    window, rnn = scores["feedforward, 12 tokens"], scores["Elman RNN"]
    decided = {
        test: any(test in passed[name] for name in makers)
        and any(test not in passed[name] for name in makers)
        for test in TESTS
    }
    short = all_of(*(above(window[test], PASSED, f"{test}, window") for test in ("order", "context")))
    limits = all_of(*(below(window[test], PASSED, f"{test}, window") for test in ("length", "long range")))
    return {
        "scores": scores,
        "passed": passed,
        "table": table(
            ["model", *TESTS, "passed"],
            [[name, *row.values(), len(passed[name])] for name, row in scores.items()],
        ),
        "window": window,
        "rnn": rnn,
        "short": quantity(SHORT, "tokens"),
        "long": quantity(LONG, "tokens"),
        "claims": {
            "s3-04": verdict_by(
                {"holds": all(decided.values())},
                "refuted",
                "each of the four tests is failed by some models and passed by others",
            ),
            "s3-05": verdict_by(
                {"qualified": all_of(limits, short), "holds": limits},
                "refuted",
                f"a window of {SHORT} tokens is right in {window['length']['value']:.2f} of longer ones, "
                f"{window['long range']['value']:.2f} over {LAG} tokens, "
                f"{window['order']['value']:.2f} of orders within its window",
            ),
            "s3-06": verdict_by(
                {"holds": above(rnn["length"], 0.8, f"share right at {LONG} tokens")},
                "refuted",
                f"an RNN trained on up to {SHORT} tokens is right in {rnn['length']['value']:.2f} at {LONG}",
            ),
        },
    }


# %%
# Who passes what
# ---------------
# A test is passed when the model is right nine times in ten, for every seed; a coin is right in half. The
# feedforward network passes exactly what fits into its window. Attention without positions cannot tell "dog
# bites man" from "man bites dog". The plain recurrent network takes any length but does not learn to carry a
# token over thirty others: its gradient vanishes on the way.

for run in requirements():
    names, tests = list(run["scores"]), list(TESTS)
    failed = {test: [name for name in names if test not in run["passed"][name]] for test in tests}
    fig, axes = figures.figure(
        alt="Grid of models and four tests with the share of right answers. Failed: "
        + "; ".join(f"{test} by {', '.join(who) or 'nobody'}" for test, who in failed.items()) + ".",
        caption="Share of right answers on unseen sequences; a tick where it is nine in ten for every seed.",
        run=run,
        height=0.8 + 0.42 * len(names),
    )  # fmt: skip
    grid = [[test in run["passed"][name] for test in tests] for name in names]
    axes.imshow(grid, cmap="BrBG", vmin=-0.6, vmax=1.6, aspect="auto")
    for row, name in enumerate(names):
        for column, test in enumerate(tests):
            words = f"{'✓' if grid[row][column] else '✗'} {run['scores'][name][test]['value']:.2f}"
            axes.text(column, row, words, ha="center", va="center", color="black")
    axes.set(xlabel="requirement", ylabel="model")
    axes.set_xticks(range(len(tests)), tests)
    axes.set_yticks(range(len(names)), names)
    axes.grid(visible=False)

# %%
# Each input for itself
# ---------------------
# A feedforward network that reads one token at a time treats inputs independently, exactly: shuffle all that
# came before, and its last output does not move by one bit. The recurrent network's does.


@experiment(small={"length": 6}, seconds=60, memory_gb=2)
def independence(device, length=32, width=16):
    """Largest change of the last output when the earlier inputs are put in another order."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x = torch.randn(4, length, width, device=device)
    shuffled = torch.cat((x[:, :-1].flip(1), x[:, -1:]), dim=1)
    moved = {}
    for name, net in {"feedforward": WindowFeedforward(1, width, width), "RNN": RNN(width, width)}.items():
        net.to(device)
        out, again = (net(inputs) for inputs in (x, shuffled))
        out, again = (y[0] if isinstance(y, tuple) else y for y in (out, again))
        moved[name] = float((out - again)[:, -1].detach().abs().max())
    return {
        "moved": moved,
        "claims": {
            "s2-04": verdict_by(
                {"holds": moved["feedforward"] == 0.0 and moved["RNN"] > 1e-3},
                "refuted",
                f"another order before it moves the last output of a feedforward layer by "
                f"{moved['feedforward']:.0f}, of an RNN by {moved['RNN']:.2g}",
            ),
        },
    }


for run in independence():
    print(run.label, run["moved"])

# %%
# What to take away
# -----------------
# None of the four follows from another: every row of the grid fails for a reason of its own. Passing them in
# small is necessary and not sufficient; real sentences ask for all four at once.
# Next to read: :term:`feedforward network`, :term:`hidden state`, :term:`vanishing gradient`.

if __name__ == "__main__":
    figures.show()
