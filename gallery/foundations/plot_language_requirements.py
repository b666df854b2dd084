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
# Every model of the catalogue takes them: the same embedding, one layer of sixteen units with a path past it,
# and the same small network that answers. The window is that of the longest sentence of the first test: for
# more it would have to be built anew. Of the echo state network the readout alone is trained. Attention comes
# as it is, without positions, and once more with them.

import functools

import torch
from torch import nn

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.verdicts import above, all_of, below, verdict_by
from seqdocs.models.catalogue import CATALOGUE, RULES, Windowed
from seqdocs.models.feedforward import WindowFeedforward
from seqdocs.models.lstm import set_forget_bias
from seqdocs.models.positional import sinusoidal
from seqdocs.models.rnn import RNN
from seqdocs.models.seq2seq import Seq2Seq
from seqdocs.tasks.batch import Batch, distinct, generator
from seqdocs.tasks.brackets import brackets
from seqdocs.tasks.training import accuracy, train

KINDS, SHORT, LONG, LAG = 8, 12, 48, 30
PASSED, FAILED = 0.9, 0.75  # shares of right answers: at least, in every seed; less than, in every seed


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


class Reader(nn.Module):
    """Embedding, perhaps positions, one layer of a sequence model, and a small network that answers."""

    def __init__(self, core, width, options, *, positions=False, kinds=KINDS, answers=2):
        super().__init__()
        self.core, self.options, self.positions = core, options, positions
        self.tokens = nn.Embedding(kinds, width)
        trained = any(weight.requires_grad for weight in core.parameters())
        self.tokens.requires_grad_(trained)  # of a reservoir nothing but the readout is
        self.readout = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, answers))

    def forward(self, x):
        x = self.tokens(x)
        if self.positions:
            x = x + sinusoidal(x.shape[1], x.shape[2]).to(x)
        return self.readout(x + self.core(x, **self.options)[0])  # a path past the layer, for all of them


class Asked(nn.Module):
    """An encoder reads all tokens; a decoder, asked once, answers."""

    def __init__(self, width, attention):
        super().__init__()
        self.net = Seq2Seq(
            source_vocabulary=KINDS, target_vocabulary=2, width=width, hidden_size=width, attention=attention
        )

    def forward(self, x):
        return self.net(x, torch.zeros_like(x[:, :1]), method="hoisted")[0].expand(-1, x.shape[1], -1)


def readers(width):
    """What takes the tests, by family; every entry builds a fresh model."""

    def reader(name, positions=False):
        model = CATALOGUE[name]
        core = model.make(width)
        if name in {"LSTM", "LSTM, peepholes"}:
            set_forget_bias(core, 3.0)  # open at first, as one sets it where much is to be kept
        return Reader(core, width, model.fast, positions=positions)

    of = {name: functools.partial(reader, name) for name in CATALOGUE if name != "window"}
    family = {name: CATALOGUE[name].family for name in of}
    recurrent = {name: of[name] for name in of if family[name] in {"rnn", "lstm", "gru"}}
    return {
        "a window": {
            "one token": lambda: Reader(Windowed(width, 1), width, {}),
            "window": lambda: Reader(Windowed(width, SHORT), width, {}),
            "TCN": of["TCN"],
        },
        "recurrent": recurrent | {"seq2seq": lambda: Asked(width, "none")},
        "linear recurrent": {name: of[name] for name in of if family[name] == "linear" and name not in RULES},
        "a matrix as memory": {name: of[name] for name in RULES},
        "attention": {
            **{name: of[name] for name in of if family[name] == "attention"},
            "self-attention, positions": functools.partial(reader, "self-attention", positions=True),
            "Transformer block, positions": functools.partial(reader, "Transformer block", positions=True),
            "seq2seq with attention": lambda: Asked(width, "dot"),
        },
    }


def learn(net, task, seed, steps):
    """Train in up to three rounds, until nothing is left to learn, or two rounds have taught nothing."""
    for past in range(3):
        losses = train(net, functools.partial(task, 32), steps, rate=0.01, seed=100 * past + seed)
        left = sum(losses[-10:]) / len(losses[-10:])
        if left < 0.01 or (past and left > 0.65):  # a coin's is log 2 = 0.69
            break


TESTS = {"length": length, "order": order, "long range": long_range, "context": context}


def verdict(leaf):
    """Passed or failed in every seed; or neither."""
    return "passed" if leaf["low"] >= PASSED else "failed" if leaf["high"] < FAILED else "between"


@experiment(
    small={"names": ("one token", "window", "Elman RNN", "seq2seq"), "steps": 10},
    seconds=400,
    memory_gb=4,
)
def requirements(device, names=(), width=16, steps=50, seeds=2):
    """Share of right answers of every model (or those named) in every test, over some seeds."""
    torch.set_num_threads(1)  # the matrices are small: a second thread only waits
    families = {
        family: {name: make for name, make in makers.items() if not names or name in names}
        for family, makers in readers(width).items()
    }
    scores = {name: {} for makers in families.values() for name in makers}
    for name, make in (maker for makers in families.values() for maker in makers.items()):
        for test, task in TESTS.items():
            exam = functools.partial(length, longest=LONG) if test == "length" else task
            right = []
            for seed in range(seeds):
                torch.manual_seed(seed)
                net = make().to(device)
                learn(net, task, seed, steps)
                right.append(accuracy(net, exam(400, generator(99)).to(device)))
            middle = sum(right) / len(right)
            scores[name][test] = quantity(middle, "", low=min(*right, middle), high=max(*right, middle))
    verdicts = {name: {test: verdict(leaf) for test, leaf in row.items()} for name, row in scores.items()}
    window = scores["window"]
    recurrent = max((scores[name]["length"] for name in families["recurrent"]), key=lambda leaf: leaf["low"])
    decided = {test: {"passed", "failed"} <= {verdicts[name][test] for name in scores} for test in TESTS}
    short = all_of(*(above(window[test], PASSED, f"{test}, window") for test in ("order", "context")))
    limits = all_of(*(below(window[test], PASSED, f"{test}, window") for test in ("length", "long range")))
    return {
        "scores": scores,
        "verdicts": verdicts,
        "families": {family: list(makers) for family, makers in families.items() if makers},
        "table": table(
            ["model", "family", *TESTS, "passed"],
            [
                [name, family, *scores[name].values(), list(verdicts[name].values()).count("passed")]
                for family, makers in families.items()
                for name in makers
            ],
        ),
        "models": quantity(len(scores), "models"),
        "all_four": [name for name in scores if set(verdicts[name].values()) == {"passed"}],
        "window": window,
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
                {"holds": above(recurrent, 0.8, f"share right at {LONG} tokens")},
                "refuted",
                f"trained on up to {SHORT} tokens, the best recurrent network is right in "
                f"{recurrent['value']:.2f} at {LONG}",
            ),
        },
    }


# %%
# Who passes what
# ---------------
# A test is passed when the model is right nine times in ten for every seed, failed when it is right in less
# than three of four for every seed, and undecided between; a coin is right in half.
#
# What fits into a window the window passes, and nothing else. Attention without positions cannot tell "dog
# bites man" from "man bites dog". A plain recurrent network does not learn to carry a token over thirty
# others: its gradient vanishes on the way. A constant decay near one carries it easily, but adds up all that
# it reads, and what is four times as long adds up to more. Gates forget by choice, yet those that start half
# open, from minGRU to mLSTM, have forgotten before they learn what to keep; an LSTM that starts open passes.

SIGN = {"passed": "✓", "failed": "✗", "between": "~"}
TINT = {"passed": (figures.COLOURS["measured"], 0.35), "failed": (figures.COLOURS["linear"], 0.45)}

for run in requirements():
    tests, verdicts = list(TESTS), run["verdicts"]
    passed = {test: sum(row[test] == "passed" for row in verdicts.values()) for test in tests}
    window = verdicts["window"]
    rows = [row for family, names in run["families"].items() for row in (family, *names)]
    fig, axes = figures.figure(
        alt=f"Grid of {len(verdicts)} models and four tests with the share of right answers. Passed: "
        + "; ".join(f"{test} by {count}" for test, count in passed.items())
        + f". The window of {SHORT} tokens: "
        + ", ".join(f"{test} {window[test]}" for test in tests)
        + f". All four: {', '.join(run['all_four']) or 'none'}.",
        caption="Share of right answers on unseen sequences. "
        f"For every seed, ✓ is at least {PASSED} and ✗ below {FAILED}; ~ is neither.",
        run=run,
        height=0.9 + 0.27 * len(rows),
    )  # fmt: skip
    axes.set(xlim=(-0.5, len(tests) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    for place, name in enumerate(rows):
        for column, test in enumerate(tests if name in verdicts else ()):
            found = verdicts[name][test]
            words = f"{SIGN[found]} {run['scores'][name][test]['value']:.2f}"
            axes.text(column, place, words, ha="center", va="center", fontsize=12)
            if found in TINT:  # see-through, so that the words can be read on a dark page, too
                colour, alpha = TINT[found]
                axes.barh(place, 1, 1, column - 0.5, color=colour, alpha=alpha, linewidth=0)
    axes.set_xticks(range(len(tests)), tests)
    axes.set_yticks(range(len(rows)), rows)
    for place, tick in enumerate(axes.get_yticklabels()):
        tick.set_fontweight("normal" if rows[place] in verdicts else "bold")
    axes.tick_params(length=0, labeltop=True, labelsize=12)  # to be read on a phone, too
    axes.set(xlabel="requirement", ylabel="model")
    axes.grid(visible=False)

# %%
# Brackets
# --------
# A test that needs several of the four at once: after every bracket of a text, which kind is the innermost
# that is still open? It is what a reader asks at "the dog that the men who called chased ran". Two kinds nest
# up to three deep, so a state of fixed size is enough. Networks with a nonlinear state go on well beyond the
# length of their training. Attention without positions sees which brackets there were but not where, and the
# more there are, the less that says.


@experiment(small={"names": ("window", "GRU"), "length": 6, "steps": 10}, seconds=400, memory_gb=2)
def nesting(device, names=(), width=16, length=20, steps=120):
    """Share of right answers at the length of the training and at four times that; over two seeds."""
    torch.set_num_threads(1)
    names = names or (
        "window", "Elman RNN", "LSTM", "GRU", "LRU", "minGRU", "delta rule", "self-attention"
    )  # fmt: skip
    exams = {reach: brackets(300, reach * length, 99, kinds=2, depth=3).to(device) for reach in (1, 4)}
    right = {name: {"short": [], "long": []} for name in names}
    for name in names:
        model = CATALOGUE[name]
        for seed in range(2):
            torch.manual_seed(seed)
            net = Reader(model.make(width), width, model.fast, kinds=4, answers=3).to(device)
            train(net, lambda draw: brackets(32, length, draw, kinds=2, depth=3), steps, rate=0.01, seed=seed)
            for row, exam in zip(right[name].values(), exams.values(), strict=True):
                row.append(accuracy(net, exam))
    return {
        "right": {
            name: {
                key: quantity(sum(row) / len(row), "", low=min(row), high=max(row))
                for key, row in rows.items()
            }
            for name, rows in right.items()
        },
        "short": quantity(length, "brackets"),
        "long": quantity(4 * length, "brackets"),
    }


for run in nesting():
    right = run["right"]
    fig, axes = figures.figure(
        alt=f"Share of right answers of {run['short']['value']} and of {run['long']['value']} brackets: "
        + ", ".join(
            f"{name} {leaf['short']['value']:.2f} and {leaf['long']['value']:.2f}"
            for name, leaf in right.items()
        ) + ".",
        caption=f"Which bracket has to be closed next? Trained on texts of {run['short']['value']}.",
        run=run,
    )  # fmt: skip
    for key, mark, colour in (("short", "o", "measured"), ("long", "D", "recursion")):
        axes.plot(
            [leaf[key]["value"] for leaf in right.values()], range(len(right)), mark,
            color=figures.COLOURS[colour], label=f"{run[key]['value']} brackets",
        )  # fmt: skip
    axes.set(xlabel="share of right answers", ylabel="model")
    axes.set_yticks(range(len(right)), list(right))
    axes.invert_yaxis()
    axes.legend()

# %%
# Each input for itself
# ---------------------
# A feedforward network that reads one token at a time treats inputs independently, exactly: shuffle all that
# came before, and its last output does not move by one bit. The recurrent network's does.


@experiment(small={"length": 6}, seconds=120, memory_gb=2)
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
