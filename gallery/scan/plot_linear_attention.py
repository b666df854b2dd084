"""
A matrix as memory
==================

Linear attention keeps all keys and values in one matrix of fixed size. How many pairs fit, what becomes of a
key that gets a new value, and what is a gate good for? Nobody trains here: every rule is given its keys and
gates by hand, and what it reads back is exact.
"""

# %%
# How many pairs fit
# ------------------
# Pairs of a key and a value are written one after the other, then one of the keys is asked for. A value is
# one of sixteen symbols, a vector with a single one. It counts as read back when every number of it rounds to
# the right one, so half a value is none.
#
# The keys are directions drawn at random, so no two are quite at right angles and each pair disturbs the
# others a little. A matrix with sixteen rows could hold sixteen pairs if they were. Linear attention with the
# features of its paper reads a weighted mean of all values; the plain sum leaves out features and mean, and
# GLA and mLSTM do the same as long as their gates stay open.

import torch
from torch.nn import functional as F

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.models.alibi import alibi_bias
from seqdocs.models.delta_rule import delta_rule
from seqdocs.models.gated_linear_attention import gated_linear_attention
from seqdocs.models.linear_attention import linear_attention
from seqdocs.models.mlstm import mlstm
from seqdocs.models.retention import retention
from seqdocs.models.scaled_dot_product import attention
from seqdocs.tasks.associative_recall import associative_recall
from seqdocs.tasks.batch import generator

K = M = 16  # width of keys; symbols, the width of values
SHARP = 30.0  # how long keys are made where a softmax or a feature map asks for contrast


def with_question(k, v, q, empty=0.0):
    """Queries, keys, values, (B, 1, T + 1, ·): all pairs, then the question, which writes nothing."""
    keys = torch.cat((k, torch.full_like(q, empty)[:, None]), dim=1)
    values = torch.cat((v, torch.zeros_like(v[:, :1])), dim=1)
    queries = torch.cat((torch.zeros_like(k), q[:, None]), dim=1)
    return queries[:, None], keys[:, None], values[:, None]


def no_gate(k, v, q):
    """Add, and never forget."""
    return gated_linear_attention(*with_question(k, v, q))[0]


def features(k, v, q):
    """Add under positive features, and read the mean."""
    return linear_attention(*with_question(SHARP * k, v, SHARP * q, empty=-SHARP))[0]


def fading(k, v, q):
    """Add, and let all that was there fade a little. The head's constant is that of the paper's first one."""
    q, k, v = with_question(k, v, q)
    return retention(q * K**0.5, k, v)[0]


def gate_of_rows(k, v, q):
    """Before a pair is written, close the gate of the rows that its key points to."""
    q, k, v = with_question(k, v, q)
    return gated_linear_attention(q, k, v, (1 - k.square()).clamp(min=1e-12).log())[0]


def corrected(k, v, q):
    """Write the difference to what stands there."""
    q, k, v = with_question(k, v, q)
    return delta_rule(q, k, v, torch.ones_like(k[..., 0]))[0]


def louder(k, v, q):
    """Write each pair with a weight e² times that of the pair before; read the weighted mean."""
    q, k, v = with_question(k, v, q)
    log_input = 2.0 * torch.arange(k.shape[2]).to(k).expand(k.shape[:3])
    return mlstm(q, k, v, log_input, torch.zeros_like(log_input))[0]


def softmax(k, v, q, slope=0.0):
    """Keep everything, and look for the key; with a slope, for the nearest place where it stands."""
    bias = alibi_bias(torch.tensor([slope]).to(q), 1, k.shape[1])
    scaled = 10 * SHARP * q[:, None, None] * K**0.5
    return attention(scaled, k[:, None], v[:, None], bias, method="matrix")


def softmax_near(k, v, q):
    """A softmax that prefers what is near, as ALiBi does."""
    return softmax(k, v, q, slope=2.0)


def read_back(rule, k, symbols, q, right):
    """Share of the questions whose answer is read back: no number of it is off by a half."""
    y = rule(k, F.one_hot(symbols, M).to(k), q)[:, 0, -1]
    return float(((y - F.one_hot(right, M)).abs() < 0.5).all(1).double().mean())


def written(batch, table):
    """Keys, symbols, question and answer of a batch of associative recall; row i of a table is key i."""
    pairs = batch.x[:, :-1].unflatten(1, (-1, 2))
    return (
        table[pairs[..., 0]],
        pairs[..., 1] - len(table),
        table[batch.x[:, -1]],
        batch.y[:, -1] - len(table),
    )


def directions(*sizes, seed):
    """Vectors of length one in random directions."""
    return F.normalize(torch.randn(*sizes, generator=generator(seed), dtype=torch.float64), dim=-1)


@experiment(small={"pairs": (1, 4), "batch": 5}, seconds=120, memory_gb=2)
def capacity(device, pairs=(1, 2, 4, 6, 8, 12, 16, 24, 32, 48), batch=1000):
    """Share of pairs that is read back, by how many were written."""
    rules = {
        "softmax": softmax, "plain sum": no_gate, "retention": fading, "delta rule": corrected,
        "linear attention": features,
    }  # fmt: skip
    shares = {name: [] for name in rules}
    many = directions(1000, K, seed=0).to(device)
    for count in pairs:
        asked = written(associative_recall(batch, count, 1, keys=len(many), values=M).to(device), many)
        for name, rule in rules.items():
            shares[name].append(read_back(rule, *asked))
    at_right_angles = torch.linalg.qr(directions(K, K, seed=1))[0].to(device)
    full = written(associative_recall(batch, K, 2, keys=K, values=M).to(device), at_right_angles)
    return {
        "pairs": list(pairs),
        "shares": shares,
        "last": {name: quantity(row[-1], "") for name, row in shares.items()},
        "most": quantity(pairs[-1], "pairs"),
        "rows": quantity(K, "pairs"),
        "full": quantity(min(read_back(rule, *full) for rule in (no_gate, corrected)), ""),
        "state": quantity(K * M, "numbers"),
        "cache": quantity(pairs[-1] * (K + M), "numbers"),
    }


COLOURS = {
    "softmax": "attention", "softmax, near": "attention", "plain sum": "theory", "retention": "feedforward",
    "gated linear attention": "gru", "delta rule": "rnn", "mLSTM": "lstm", "linear attention": "linear",
}  # fmt: skip
MARKS = dict(zip(COLOURS, "osxv^DPd", strict=True))


def draw(axes, xs, shares):
    """One line for each rule."""
    for name, row in shares.items():
        colour, dashes = figures.COLOURS[COLOURS[name]], "--" if name == "softmax, near" else "-"
        axes.plot(xs, row, MARKS[name] + dashes, color=colour, label=name, markersize=5)
    axes.set(ylim=(-0.03, 1.05), ylabel="share read back")


for run in capacity():
    fig, axes = figures.figure(
        alt=f"Share of values read back against pairs written, one line for each of five rules. At "
        f"{run['most']['value']} pairs: "
        + ", ".join(f"{name} {leaf['value']:.2f}" for name, leaf in run["last"].items()) + ".",
        caption="Pairs under random keys, each written once. Dashed: as many as the matrix has rows.",
        run=run,
    )  # fmt: skip
    draw(axes, run["pairs"], run["shares"])
    axes.axvline(run["rows"]["value"], color=figures.COLOURS["theory"], linestyle="--", linewidth=1)
    axes.set(xlabel="pairs written")
    axes.legend(fontsize="small")

# %%
# A key that gets a new value
# ---------------------------
# Now eight keys are at right angles, so that nothing disturbs anything, and are written again and again. What
# only adds, adds the values of one key up; the mean is no better, and softmax attention, which keeps all of
# them, cannot tell which came last unless its scores say how near a place is. Three rules replace. GLA closes
# the gate of a row before it writes there; the mLSTM, whose input gate has no ceiling, shouts the old value
# down; the delta rule looks what stands under the key and writes the difference.
#
# To the right the same keys, turned: still at right angles to one another, but no longer along the rows. A
# gate of rows now forgets a little of every key, and the features, which are taken row by row, no longer tell
# keys apart. The mLSTM's weights grow so far apart that the little which rounding leaves of a right angle
# can drown a key that was not rewritten for long. The delta rule erases in the direction of the key.


@experiment(small={"rewrites": (0, 3), "batch": 5}, seconds=120, memory_gb=2)
def rewriting(device, pairs=8, rewrites=(0, 1, 2, 4, 8, 16, 32, 64), batch=1000):
    """Share of keys whose last value is read back, by how many pairs were written again."""
    rules = {
        "delta rule": corrected, "mLSTM": louder, "gated linear attention": gate_of_rows,
        "softmax, near": softmax_near, "softmax": softmax, "linear attention": features,
        "retention": fading, "plain sum": no_gate,
    }  # fmt: skip
    axes = torch.eye(K, dtype=torch.float64, device=device)
    turned = torch.linalg.qr(directions(K, K, seed=1))[0].to(device)
    shares = {"along the rows": {}, "turned": {}}
    for keys, way in zip((axes, turned), shares.values(), strict=True):
        for count in rewrites:
            asked = written(
                associative_recall(batch, pairs, 3, keys=K, values=M, rewrites=count).to(device), keys
            )
            for name, rule in rules.items():
                way.setdefault(name, []).append(read_back(rule, *asked))
    rows = [[name, *(quantity(way[name][-1], "") for way in shares.values())] for name in rules]
    return {
        "rewrites": list(rewrites),
        "shares": shares,
        "last": {row[0]: {"axes": row[1], "turned": row[2]} for row in rows},
        "pairs": quantity(pairs, "keys"),
        "most": quantity(rewrites[-1], "rewrites"),
        "table": table(["rule", *(f"keys {way}" for way in shares)], rows),
    }


for run in rewriting():
    fig, grid = figures.figure(
        alt=f"Share of keys whose last value is read back against rewrites, keys along the rows and turned. "
        f"After {run['most']['value']}: "
        + "; ".join(
            f"{name} {leaf['axes']['value']:.2f} and {leaf['turned']['value']:.2f}"
            for name, leaf in run["last"].items()
        ) + ".",
        caption=f"The last value of one of {run['pairs']['value']} keys, after so many pairs were written "
        "again.",
        run=run,
        columns=2,
        sharey=True,
    )  # fmt: skip
    for axes, (way, shares) in zip(grid, run["shares"].items(), strict=True):
        places = range(len(run["rewrites"]))
        draw(axes, places, shares)
        axes.set(xlabel="pairs written again", title=f"keys {way}", xticks=places)
        axes.set_xticklabels([str(count) for count in run["rewrites"]])
    grid[1].set(ylabel="")
    grid[0].legend(fontsize="x-small", loc="lower left")

# %%
# A gate that empties the memory
# ------------------------------
# A text goes from one section to the next, each with eight pairs under keys of its own, and only the present
# section is asked about. What never forgets fills up. Retention forgets by the clock: what is old fades, and
# so does what is needed. A gate that looks at the input closes once, where the section begins, and the whole
# matrix is free again. The delta rule does without: each pair takes out what lies in the direction of its
# key, and old sections wear off.


def emptied(k, v, q, pairs):
    """Close the gate where a section of so many pairs begins."""
    q, k, v = with_question(k, v, q)
    gate = torch.zeros_like(k[..., :1])
    gate[:, :, : k.shape[2] - 1 : pairs] = -1e3
    return gated_linear_attention(q, k, v, gate)[0]


def emptied_mlstm(k, v, q, pairs):
    """Likewise by the forget gate of an mLSTM, its input gate left alone."""
    q, k, v = with_question(k, v, q)
    gate = torch.zeros_like(k[..., 0])
    gate[:, :, : k.shape[2] - 1 : pairs] = -1e3
    return mlstm(q, k, v, torch.zeros_like(gate), gate)[0]


@experiment(small={"sections": (1, 2), "batch": 5}, seconds=120, memory_gb=2)
def emptying(device, pairs=8, sections=(1, 2, 3, 4, 6, 8, 12, 16), batch=1000):
    """Share of the present section's pairs that is read back, by how many sections there were."""
    rules = {
        "softmax": softmax,
        "gated linear attention": lambda k, v, q: emptied(k, v, q, pairs),
        "mLSTM": lambda k, v, q: emptied_mlstm(k, v, q, pairs),
        "delta rule": corrected, "retention": fading, "plain sum": no_gate, "linear attention": features,
    }  # fmt: skip
    shares = {name: [] for name in rules}
    for count in sections:
        k = directions(batch, count * pairs, K, seed=4).to(device)
        symbols = torch.randint(M, (batch, count * pairs), generator=generator(5)).to(device)
        place = (count - 1) * pairs + torch.randint(pairs, (batch,), generator=generator(6)).to(device)
        each = torch.arange(batch, device=device)
        for name, rule in rules.items():
            shares[name].append(read_back(rule, k, symbols, k[each, place], symbols[each, place]))
    return {
        "sections": list(sections),
        "shares": shares,
        "first": {name: quantity(row[0], "") for name, row in shares.items()},
        "last": {name: quantity(row[-1], "") for name, row in shares.items()},
        "most": quantity(sections[-1], "sections"),
        "pairs": quantity(pairs, "pairs"),
    }


for run in emptying():
    fig, axes = figures.figure(
        alt=f"Share of the present section's values read back against sections, seven rules. In section "
        f"{run['most']['value']}: "
        + ", ".join(f"{name} {leaf['value']:.2f}" for name, leaf in run["last"].items()) + ".",
        caption=f"Sections of {run['pairs']['value']} pairs under random keys; asked is the present one.",
        run=run,
    )  # fmt: skip
    draw(axes, run["sections"], run["shares"])
    axes.set(xlabel="sections, the present one included", xticks=run["sections"])
    axes.legend(fontsize="x-small")

# %%
# What to take away
# -----------------
# A matrix holds at most as many pairs as it has rows, and fewer where keys are not at right angles; a softmax
# over a cache that grows has no such limit. Each rule is an answer to what adding cannot do: retention and
# gates make room, the delta rule and the mLSTM replace. A trained layer has to find such keys and gates by
# itself. Next to read: :term:`linear recurrence`, :term:`KV cache`, :term:`attention`.

if __name__ == "__main__":
    figures.show()
