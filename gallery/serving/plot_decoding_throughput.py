"""
Decoding throughput
===================

Decoding throughput is how many tokens per second a language model writes. What decides it is mostly how many
sequences take each step together; latency, how long one answer takes, is another matter.
"""

# %%
# Throughput is not latency
# -------------------------
# A small language model answers. Each sequence must wait for its own last token, but B of them can take
# their step together. A bigger batch lets more tokens out per second and makes each answer wait longer. First
# the check: a sequence in a batch gets what it gets alone. On a CPU everything here computes on one thread.

import torch

from seqdocs.bench import figures
from seqdocs.bench.cost import bytes_moved, flops
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import compare, inverse, rate
from seqdocs.bench.verdicts import above, all_of, verdict_by
from seqdocs.models.language_model import CausalLM

PROMPT = 16


def language_model(device, context=256):
    """A model of about a million parameters, randomly initialised."""
    torch.manual_seed(0)
    model = CausalLM(vocabulary=1024, context=context, width=128, layers=4, heads=4, tied=False)
    return model.to(device).eval()


def texts(count, device, length=PROMPT):
    """As many different texts, (count, length)."""
    return torch.randint(1024, (count, length), device=device)


def one_step(model, length, B, device):
    """A call that decodes one token after ``length`` others; it takes the token back for the next call."""
    _, cache = model.prefill(texts(B, device, length), capacity=length + 1)
    token = torch.zeros(B, dtype=torch.long, device=device)

    def step():
        for layer in cache:
            layer.length = length
        return model.decode(token, cache)

    return step


model, asked = language_model("cpu"), texts(3, "cpu")
together = model.prefill(asked)[0]
one_by_one = torch.cat([model.prefill(prompt[None])[0] for prompt in asked])
torch.testing.assert_close(together, one_by_one)


@experiment(small={"batches": (1, 2, 16), "tokens": 2}, seconds=120, memory_gb=1)
def decoding(device, *, batches=(1, 2, 4, 8, 16, 32, 64), tokens=32):
    """Tokens per second and seconds per answer of a batch, reading the prompt included."""
    model = language_model(device)
    steps = {B: one_step(model, PROMPT, B, device) for B in batches}
    work = {B: flops(step)["value"] / B for B, step in steps.items()}  # per token, as is the next
    traffic = {B: bytes_moved(step)["value"] / B for B, step in steps.items()}
    questions = {B: texts(B, device) for B in batches}
    calls = {str(B): lambda B=B: model.generate(questions[B], tokens) for B in batches}
    timed = compare(calls, agree=False, max_seconds=4.0, threads=1)["times"]
    speed = {B: rate(timed[str(B)], B * tokens, "tokens/s") for B in batches}
    latency = {B: timed[str(B)]["median"] for B in batches}
    slower = timed["16"]["ratio"]  # of two times taken in the same round; the first of all is batch 1
    faster = inverse(slower, "×", 16)
    same_work = abs(work[16] / work[1] - 1) < 0.01  # counted, not timed
    reads_more = traffic[1] > 2 * traffic[16]  # likewise
    more_work = work[16] > 1.01 * work[1]
    quicker = above(faster, 1.1, "throughput of a batch of 16 over that of one")
    columns = [
        "batch",
        ("throughput", "tokens/s"),
        ("latency", "ms"),
        ("work per token", "MFLOP"),
        ("bytes moved per token", "MB"),
    ]
    rows = [
        [
            B,
            speed[B] | {"unit": ""},  # the column has it
            quantity(1e3 * latency[B]["value"], ""),
            work[B] / 1e6,
            quantity(traffic[B] / 1e6, ""),
        ]
        for B in batches
    ]
    return {
        "batches": list(batches),
        "speed": {f"batch_{B}": value for B, value in speed.items()},
        "latency": {f"batch_{B}": value for B, value in latency.items()},
        "flops": {f"batch_{B}": quantity(value / 1e6, "MFLOP") for B, value in work.items()},
        "traffic": {f"batch_{B}": quantity(value, "B") for B, value in traffic.items()},
        "seconds_per_token": [latency[B]["value"] / (B * tokens) for B in batches],
        "tokens": quantity(tokens, "tokens"),
        "faster": faster,
        "slower": slower,
        "parameters": quantity(sum(p.numel() for p in model.parameters()), "parameters"),
        "table": table(columns, rows),
        "claims": {
            "s1-04": verdict_by(
                {"holds": quicker},
                "refuted",
                f"{speed[1]['value']:,.0f} tokens/s one request at a time, {speed[16]['value']:,.0f} at batch"
                f" 16: {faster['value']:.1f} times as many",
            ),
            "s1-03": verdict_by(
                {"refuted": all_of(same_work, reads_more, quicker), "holds": more_work},
                "qualified",
                f"a token costs {work[1] / 1e6:.2f} MFLOP alone and {work[16] / 1e6:.2f} in a batch of 16,"
                f" where it moves {traffic[16] / 1e6:.2f} MB instead of {traffic[1] / 1e6:.2f} and takes"
                f" {100 / faster['value']:.0f} % of the time",
            ),
        },
    }


decoded = decoding()
for run in decoded:
    batches = run["batches"]
    speeds = [run["speed"][f"batch_{B}"]["value"] for B in batches]
    times = [1e3 * run["latency"][f"batch_{B}"]["value"] for B in batches]
    fig, (left, right) = figures.figure(
        alt=f"Two panels against batch size, 1 to {batches[-1]}. Throughput goes from {speeds[0]:,.0f} to"
        f" {speeds[-1]:,.0f} tokens per second, the latency of an answer from {times[0]:.3g} to"
        f" {times[-1]:.3g} ms.",
        caption=f"Decoding {run['tokens']['value']} tokens on one thread: throughput and latency.",
        run=run,
        columns=2,
    )
    left.plot(batches, speeds, "o-", color=figures.BLUE, label="measured")
    left.plot(batches, [speeds[0] * B for B in batches], ":", color="0.5", label="in proportion")
    right.plot(batches, times, "o-", color=figures.VERMILION)
    for axes in (left, right):
        figures.log_sizes(axes, batches)
        axes.set(xlabel="batch size")
    left.set(ylabel="throughput, tokens/s", yscale="log")
    right.set(ylabel="latency of an answer, ms", ylim=(0, None))
    left.legend()

# %%
# The same work in less time
# --------------------------
# Does one at a time at least save compute? The arithmetic of a token is the same in every batch. What falls
# are the bytes and the time: a step starts the same operations and reads the same weights, whether for one
# sequence or for sixteen.

for run in decoded:
    batches = run["batches"]
    costs = {
        "floating-point operations": [run["flops"][f"batch_{B}"]["value"] for B in batches],
        "bytes moved": [run["traffic"][f"batch_{B}"]["value"] for B in batches],
        "time": run["seconds_per_token"],
    }
    relative = {name: [one / column[0] for one in column] for name, column in costs.items()}
    fig, axes = figures.figure(
        alt=f"Cost of one token at batch {batches[-1]}, relative to batch 1: "
        + ", ".join(f"{name} {column[-1]:.3g}" for name, column in relative.items())
        + ".",
        caption="Work, bytes and time per decoded token against batch size, relative to one at a time.",
        run=run,
    )
    shades = (figures.GREY, figures.ORANGE, figures.BLUE)
    for (name, column), colour in zip(relative.items(), shades, strict=True):
        axes.plot(batches, column, "o-", color=colour, label=name)
    figures.log_sizes(axes, batches)
    axes.set(ylim=(0, 1.2), xlabel="batch size", ylabel="per token, relative to batch 1")
    axes.legend()

# %%
# The longer the text, the dearer the next token
# ----------------------------------------------
# A decoding step reads the keys and values of everything before it. While the text is short that is little
# beside the weights; later it is most of the work. We time one step with caches filled to different lengths.


@experiment(small={"lengths": (16, 32), "batches": (1, 2)}, seconds=120, memory_gb=1)
def context(device, *, lengths=(16, 64, 256, 1024, 2048), batches=(1, 8)):
    """Tokens per second of one decoding step against the length of the text before it."""
    model = language_model(device, context=max(lengths) + 1)
    calls = {f"{B} {length}": one_step(model, length, B, device) for B in batches for length in lengths}
    timed = compare(calls, agree=False, max_seconds=2.0, threads=1)["times"]
    first, last = (timed[f"{batches[-1]} {length}"]["median"] for length in (lengths[0], lengths[-1]))
    return {
        "lengths": list(lengths),
        "batches": list(batches),
        "speed": {
            f"batch_{B}": {str(length): rate(timed[f"{B} {length}"], B, "tokens/s") for length in lengths}
            for B in batches
        },
        "longest": quantity(lengths[-1], "tokens"),
        "largest": quantity(batches[-1], "sequences"),
        "dearer": quantity(last["value"] / first["value"], "×"),
    }


for run in context():
    lengths = run["lengths"]
    curves = {B: [run["speed"][f"batch_{B}"][str(n)]["value"] for n in lengths] for B in run["batches"]}
    fig, axes = figures.figure(
        alt="Tokens per second of decoding against the length of the text before. "
        + "; ".join(
            f"batch {B}: {curve[0]:,.0f} after {lengths[0]} tokens, {curve[-1]:,.0f} after {lengths[-1]}"
            for B, curve in curves.items()
        )
        + ".",
        caption="Decoding one more token on one thread: throughput against the length of the text before.",
        run=run,
    )
    for (B, curve), colour in zip(curves.items(), (figures.BLUE, figures.VERMILION), strict=False):
        axes.plot(lengths, curve, "o-", color=colour, label=f"batch {B}")
    figures.log_sizes(axes, lengths)
    axes.set(xlabel="tokens before", ylabel="throughput, tokens/s", yscale="log")
    axes.legend()

# %%
# What to take away
# -----------------
# Throughput is bought with batch size and paid for in latency, and every token written makes the next one
# dearer. Serving one at a time saves no arithmetic: it reads the same weights again for each answer. How much
# of it comes in time is asked in :doc:`/gallery/serving/plot_throughput`, what decides it where all tokens
# are known in :doc:`/gallery/serving/plot_training_throughput`. Read on at :term:`throughput` and :term:`KV
# cache`.

if __name__ == "__main__":
    figures.show()
