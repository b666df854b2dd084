"""
Throughput
==========

How many tokens per second does a machine turn out, in training and in decoding, and what decides it? Mostly
how much work it is handed at once. Latency is another matter, and goodput a third.
"""

# %%
# Three ways to run one recurrence, and attention
# -----------------------------------------------
# An Elman network reads B sequences of T tokens. *Loop* does everything inside the walk through time.
# *Hoisted* multiplies all inputs by their weights in one product first, since that part waits for nobody.
# ``torch.nn.RNN`` does that too, and walks in compiled code. Attention does not walk. The three recurrences
# must agree, in output and gradient, before anything is timed. On a CPU everything here computes on one
# thread: what is compared are ways to hand over work, not numbers of cores.

import torch

from seqdocs.bench import figures
from seqdocs.bench.agreement import check_agreement
from seqdocs.bench.cost import bytes_moved, flops
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import compare, inverse, measure, median_of, rate, with_backward
from seqdocs.bench.verdicts import above, all_of, verdict_by
from seqdocs.models.attention import CausalSelfAttention
from seqdocs.models.language_model import CausalLM
from seqdocs.models.rnn import RNN
from seqdocs.queues.arrivals import poisson
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.load import open_loop
from seqdocs.queues.retries import Retries, lateness
from seqdocs.queues.theory.laws import littles_law
from seqdocs.queues.trace import (
    goodput,
    latencies,
    littles_law_gap,
    mean_in_system,
    span,
    throughput,
)

COLOURS = {"loop": "loop", "hoisted": "measured", "torch": "baseline", "attention": "attention"}
NAMES = {"loop": "loop", "hoisted": "hoisted loop", "torch": "torch.nn.RNN", "attention": "attention"}


def training_steps(x):
    """Forward and backward of the four models on one input of shape (B, T, D)."""
    width = x.shape[-1]
    torch.manual_seed(0)
    ours = RNN(width, width).to(x)
    theirs = torch.nn.RNN(width, width, batch_first=True).to(x)
    theirs.load_state_dict(ours.state_dict())
    attention = CausalSelfAttention(width, heads=4).to(x)
    own, other, third = (list(net.parameters()) for net in (ours, theirs, attention))
    return {
        "loop": with_backward(lambda: ours(x, method="loop")[0], own),
        "hoisted": with_backward(lambda: ours(x, method="hoisted")[0], own),
        "torch": with_backward(lambda: theirs(x)[0], other),
        "attention": with_backward(lambda: attention(x), third),
    }


def tokens_per_second(B, T, width, device):
    """Training throughput of each model, the recurrences compared first."""
    steps = training_steps(torch.randn(B, T, width, device=device))
    check_agreement({name: steps[name]() for name in ("loop", "hoisted", "torch")}, "loop", tolerance=1e-3)
    timed = compare(steps, agree=False, max_seconds=0.3, threads=1)["times"]
    return {name: rate(one, B * T, "tokens/s") for name, one in timed.items()}


def gain(speed, other):
    """How many times the other speed; the interval takes the ends of both at their worst."""
    ends = speed["low"] / other["high"], speed["high"] / other["low"]
    return quantity(speed["value"] / other["value"], "×", *ends)


@experiment(
    small={"batches": (1, 2), "lengths": (4, 8), "width": 16, "batch": 2, "length": 4},
    seconds=120,
    memory_gb=1,
)
def training(device, *, batches=(1, 4, 16, 64), lengths=(16, 64, 256, 1024), width=64, batch=8, length=64):
    """Tokens per second of a training step: against batch at one length, against length at one batch."""
    by_batch = [tokens_per_second(B, length, width, device) for B in batches]
    by_length = [tokens_per_second(batch, T, width, device) for T in lengths]
    first, last = by_batch[0], by_batch[-1]
    cells = [
        [speeds[name] | {"unit": ""} for name in NAMES] for speeds in by_batch
    ]  # the column has the unit
    rows = [[B, *row] for B, row in zip(batches, cells, strict=True)]
    return {
        "batches": list(batches),
        "lengths": list(lengths),
        "by_batch": by_batch,
        "by_length": by_length,
        "one_length": quantity(length, "tokens"),
        "one_batch": quantity(batch, "sequences"),
        "largest": quantity(batches[-1], "sequences"),
        "gain": {name: gain(last[name], first[name]) for name in NAMES},
        "hoisting": gain(first["hoisted"], first["loop"]),
        "table": table(["batch", *((name, "tokens/s") for name in NAMES.values())], rows),
    }


def ends(speeds, what):
    """First and last speed of each model, in words."""
    changes = (f"{NAMES[n]} {speeds[0][n]['value']:,.0f} to {speeds[-1][n]['value']:,.0f}" for n in NAMES)
    return f"{what}: {', '.join(changes)}. "


def ticks(axes, values):
    """A logarithmic axis that names the sizes that were measured."""
    axes.set(xscale="log")
    axes.set_xticks(values, [f"{value}" for value in values])
    axes.minorticks_off()


for run in training():
    fig, (left, right) = figures.figure(
        alt="Tokens per second of a training step, against batch size and against length. "
        + ends(run["by_batch"], f"From batch {run['batches'][0]} to {run['batches'][-1]}")
        + ends(run["by_length"], f"From length {run['lengths'][0]} to {run['lengths'][-1]}"),
        caption="Training throughput on one thread, forward and backward, against batch size and length.",
        run=run,
        columns=2,
    )
    for axes, sweep, key in ((left, "by_batch", "batches"), (right, "by_length", "lengths")):
        for name, label in NAMES.items():
            speeds = [speed[name]["value"] for speed in run[sweep]]
            axes.plot(run[key], speeds, "o-", markersize=3, color=figures.COLOURS[COLOURS[name]], label=label)
        axes.set(yscale="log")
        ticks(axes, run[key])
    left.set(xlabel=f"batch size, at {run['one_length']['value']} tokens", ylabel="tokens/s")
    right.set(xlabel=f"length, at batch {run['one_batch']['value']}")
    left.legend()

# %%
# Decoding: throughput is not latency
# -----------------------------------
# Now a small language model answers. Each sequence must wait for its own last token, but B of them can take
# their step together. Throughput is how many tokens come out per second; latency is how long one answer
# takes. A bigger batch improves the one and spoils the other. First the check: a sequence in a batch gets
# what it gets alone.

PROMPT = 16


def language_model(device, context=256):
    """A model of about a million parameters, randomly initialised."""
    torch.manual_seed(0)
    model = CausalLM(vocabulary=1024, context=context, width=128, layers=4, heads=4, tied=False)
    return model.to(device).eval()


def prompts(count, device):
    """As many different prompts."""
    return torch.randint(1024, (count, PROMPT), device=device)


model, asked = language_model("cpu"), prompts(3, "cpu")
together = model.prefill(asked)[0]
one_by_one = torch.cat([model.prefill(prompt[None])[0] for prompt in asked])
torch.testing.assert_close(together, one_by_one)


def cost_of_a_step(model, B, device):
    """Floating-point operations and bytes of one decoding step of B sequences, per token, both counted."""
    _, cache = model.prefill(prompts(B, device))
    token = torch.zeros(B, dtype=torch.long, device=device)

    def step():
        for layer in cache:
            layer.length = PROMPT
        return model.decode(token, cache)

    return flops(step)["value"] / B, bytes_moved(step)["value"] / B


@experiment(small={"batches": (1, 2, 16), "tokens": 2}, seconds=120, memory_gb=1)
def decoding(device, *, batches=(1, 2, 4, 8, 16, 32, 64), tokens=32):
    """Tokens per second and seconds per answer of a batch, reading the prompt included."""
    model = language_model(device)
    costs = {B: cost_of_a_step(model, B, device) for B in batches}
    work, traffic = ({B: cost[place] for B, cost in costs.items()} for place in (0, 1))
    questions = {B: prompts(B, device) for B in batches}
    calls = {str(B): lambda B=B: model.generate(questions[B], tokens) for B in batches}
    timed = compare(calls, agree=False, max_seconds=4.0, threads=1)["times"]
    speed = {B: rate(timed[str(B)], B * tokens, "tokens/s") for B in batches}
    latency = {B: timed[str(B)]["median"] for B in batches}
    slower = timed["16"]["ratio"]  # of two times taken in the same round; the first of all is batch 1
    faster = inverse(slower, "×", 16)
    same_work = abs(work[16] / work[1] - 1) < 0.01  # counted, not timed
    reads_more = traffic[1] > 2 * traffic[16]  # likewise
    quicker = above(faster, 1.1, "throughput of a batch of 16 over that of one")
    rows = [
        [
            B,
            speed[B] | {"unit": ""},
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
        "table": table(
            [
                "batch",
                ("throughput", "tokens/s"),
                ("latency", "ms"),
                ("work per token", "MFLOP"),
                ("bytes moved per token", "MB"),
            ],
            rows,
        ),
        "claims": {
            "s1-04": verdict_by(
                {"holds": quicker},
                "refuted",
                f"{speed[1]['value']:,.0f} tokens/s one request at a time, {speed[16]['value']:,.0f} at batch"
                f" 16: {faster['value']:.1f} times as many",
            ),
            "s1-03": verdict_by(
                {"refuted": all_of(same_work, reads_more, quicker)},
                "qualified",
                f"a token costs {work[1] / 1e6:.2f} MFLOP alone and {work[16] / 1e6:.2f} in a batch of 16,"
                f" where it moves {traffic[16] / 1e6:.2f} MB instead of {traffic[1] / 1e6:.2f} and takes"
                f" {100 / faster['value']:.0f} % of the time",
            ),
        },
    }


decoded = decoding()
for run in decoded:
    batches, last = run["batches"], run["batches"][-1]
    speeds = [run["speed"][f"batch_{B}"]["value"] for B in batches]
    times = [1e3 * run["latency"][f"batch_{B}"]["value"] for B in batches]
    fig, (left, right) = figures.figure(
        alt=f"Two panels against batch size, 1 to {last}. Throughput goes from {speeds[0]:,.0f} to"
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
        axes.set(xlabel="batch size")
        ticks(axes, batches)
    left.set(ylabel="throughput, tokens/s", yscale="log")
    right.set(ylabel="latency of an answer, ms", ylim=(0, None))
    left.legend()

# %%
# The longer the text, the dearer the next token
# ----------------------------------------------
# A decoding step reads the keys and values of everything before it. While the text is short that is little
# beside the weights; later it is most of the work. We time one step with caches filled to different lengths.


def one_step(model, length, B, device):
    """A call that decodes one token after ``length`` others; it takes the token back for the next call."""
    _, cache = model.prefill(torch.randint(1024, (B, length), device=device), capacity=length + 1)
    token = torch.zeros(B, dtype=torch.long, device=device)

    def step():
        for layer in cache:
            layer.length = length
        return model.decode(token, cache)

    return step


@experiment(small={"lengths": (16, 32), "batches": (1, 2)}, seconds=120, memory_gb=1)
def context(device, *, lengths=(16, 64, 256, 1024, 2048), batches=(1, 8)):
    """Tokens per second of one decoding step against the length of the text before it."""
    model = language_model(device, context=max(lengths) + 1)
    calls = {f"{B} {length}": one_step(model, length, B, device) for B in batches for length in lengths}
    timed = compare(calls, agree=False, max_seconds=2.0, threads=1)["times"]
    speed = {
        f"batch_{B}": {str(length): rate(timed[f"{B} {length}"], B, "tokens/s") for length in lengths}
        for B in batches
    }
    ends = (timed[f"{batches[-1]} {length}"]["median"] for length in (lengths[0], lengths[-1]))
    first, last = (end["value"] for end in ends)
    return {
        "lengths": list(lengths),
        "batches": list(batches),
        "speed": speed,
        "longest": quantity(lengths[-1], "tokens"),
        "largest": quantity(batches[-1], "sequences"),
        "dearer": quantity(last / first, "×"),
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
    axes.set(xlabel="tokens before", ylabel="throughput, tokens/s", yscale="log")
    ticks(axes, lengths)
    axes.legend()

# %%
# The same work in less time
# --------------------------
# Does one at a time at least save compute? The arithmetic of a token is the same in every batch. What falls
# are the bytes and the time: a step starts the same operations and reads the same weights, whether for one
# sequence or for sixteen.

for run in decoded:
    batches = run["batches"]
    seconds = run["seconds_per_token"]
    operations = [run["flops"][f"batch_{B}"]["value"] for B in batches]
    traffic = [run["traffic"][f"batch_{B}"]["value"] for B in batches]
    fig, axes = figures.figure(
        alt=f"Cost of one token relative to batch 1. Floating-point operations stay at"
        f" {operations[-1] / operations[0]:.2f}; bytes moved fall to {traffic[-1] / traffic[0]:.3g} and time"
        f" to {seconds[-1] / seconds[0]:.3g} at batch {batches[-1]}.",
        caption="Work, bytes and time per decoded token against batch size, relative to one at a time.",
        run=run,
    )
    work, bytes_, time = ([value / costs[0] for value in costs] for costs in (operations, traffic, seconds))
    axes.plot(batches, work, "o-", color=figures.GREY, label="floating-point operations")
    axes.plot(batches, bytes_, "o-", color=figures.ORANGE, label="bytes moved")
    axes.plot(batches, time, "o-", color=figures.BLUE, label="time")
    axes.set(ylim=(0, 1.2), xlabel="batch size", ylabel="per token, relative to batch 1")
    ticks(axes, batches)
    axes.legend()

# %%
# Throughput, latency and how many are inside
# -------------------------------------------
# Little's law ties the two: the mean number in a system is the rate of arrivals times the mean time each
# stays. We send requests at random times to an engine that serves one after the other, count who is inside
# at every event, and compare. On a run that begins and ends empty the law is an identity, so only rounding
# may be left. The sender must keep its schedule: a run in which it was late is made again, and in the end
# said to be rejected.


def answers(device):
    """The function that serves a request: how many tokens are wanted."""
    torch.set_num_threads(1)  # one for the model; the sender needs the other core, or it would be late
    model, prompt = language_model(device), prompts(1, device)

    def serve(new_tokens):
        yield from model.generate(prompt, new_tokens)[0, PROMPT:].tolist()

    return serve


@experiment(
    small={"tokens": 2, "loads": (0.5, 1.2), "seconds_each": 0.1},
    seconds=90,
    memory_gb=1,
)
def offered(device, *, tokens=32, loads=(0.4, 0.7, 0.9, 1.1, 1.3, 1.6), seconds_each=1.3, patience=5.0):
    """A serial engine under growing load: what it delivers, what comes in time, and who is inside."""
    points, rows, kept, retries = [], [], [], Retries()
    serve = answers(device)
    # Every answer may take `patience` times as long as one that never waits.
    with SerialEngine(serve) as engine:
        service = measure(lambda: list(serve(tokens)), max_seconds=0.5)["median"]["value"]
        for seed, load in enumerate(loads):
            times = poisson(load / service, max(20, round(load / service * seconds_each)), seed)
            sizes = [tokens] * len(times)
            run, rejected = retries.keep(lambda sizes=sizes, times=times: open_loop(engine, sizes, times))
            kept.append((run, rejected))
            point = {
                "offered": load / service * tokens,
                "throughput": throughput(run),
                "goodput": goodput(run, patience * service),
                "inside": mean_in_system(run),
                "by_law": littles_law(len(run) / span(run), float(latencies(run).mean())),
            }
            late = "rejected" if rejected else quantity(1e3 * lateness([run]).mean, "")
            rows.append([*(quantity(value, "") for value in point.values()), late])
            points.append(point | {"rejected": rejected})
    runs = [run for run, _ in kept]
    # What came, token by token, over the time from the first arrival to the last answer.
    counted = [len(run.token_times) / float(run.finish.max() - run.scheduled[0]) for run in runs]
    asked = all(len(run.token_times) == tokens * len(run) for run in runs)
    off = max(abs(point["throughput"] / rate - 1) for point, rate in zip(points, counted, strict=True))
    late = lateness(runs)
    return {
        "points": points,
        "patience": quantity(patience, "service times"),
        "gap": quantity(max(abs(littles_law_gap(run)) for run in runs), "requests"),
        "requests": quantity(sum(len(run) for run in runs), "requests"),
        "largest_throughput": quantity(max(point["throughput"] for point in points), "tokens/s"),
        "goodput_at_end": quantity(points[-1]["goodput"], "tokens/s"),
        "offered_at_end": quantity(points[-1]["offered"], "tokens/s"),
        "service": quantity(service, "s"),
        "latency_low": median_of(latencies(runs[0]).tolist(), "s"),
        "latency_high": median_of(latencies(runs[-1]).tolist(), "s"),
        "sent_late": quantity(late.mean, "s"),
        "sent_latest": quantity(late.latest, "s"),
        "rejected": quantity(sum(why is not None for _, why in kept), "runs"),
        "table": table(
            [
                ("offered", "tokens/s"),
                ("throughput", "tokens/s"),
                ("goodput", "tokens/s"),
                "inside",
                "λ × latency",
                ("sent late", "ms"),
            ],
            rows,
        ),
        "claims": {
            "s1-32": verdict_by(
                {"holds": asked and off < 1e-9},
                "refuted",
                f"in {len(runs)} runs the tokens counted as they came, over the time they took, are"
                f" the throughput to {off:.0e}; all {tokens * sum(map(len, runs)):,} asked for came",
            )
        },
    }


loaded = offered()
for run in loaded:
    points = run["points"]
    fig, axes = figures.figure(
        alt="Mean number of requests inside, counted event by event, against arrival rate times mean latency."
        f" All {len(points)} runs lie on the diagonal; the largest difference is {run['gap']['value']:.0e}.",
        caption="Little's law on measured runs: both sides of L = λW, one point for each load.",
        run=run,
    )
    top = 1.05 * max(point["inside"] for point in points)
    axes.plot([0, top], [0, top], color="0.5", linewidth=1)
    axes.plot(
        [point["by_law"] for point in points], [point["inside"] for point in points], "o", color=figures.BLUE
    )
    axes.set(xlabel="arrival rate × mean latency, requests", ylabel="mean number inside, requests")

# %%
# Goodput
# -------
# Asked for more than it can do, the engine never rests and its throughput is as high as it can be, while
# hardly any answer comes in time. Tokens that come too late help nobody: what counts is *goodput*, the
# throughput of answers within a limit.

for run in loaded:
    points = run["points"]
    fig, axes = figures.figure(
        alt="Tokens per second delivered against tokens per second asked for. "
        + "; ".join(
            f"{p['offered']:.0f}: throughput {p['throughput']:.0f}, goodput {p['goodput']:.0f}"
            for p in points
        )
        + ".",
        caption=f"Throughput, and goodput: answers within {run['patience']['value']:g} service times."
        + (" Grey: the sender was too late, and the run is rejected." if run["rejected"]["value"] else ""),
        run=run,
    )
    x = [point["offered"] for point in points]
    axes.plot(x, x, ":", color=figures.GREY, label="asked for")
    axes.plot(x, [point["throughput"] for point in points], "o-", color=figures.BLUE, label="throughput")
    axes.plot(x, [point["goodput"] for point in points], "o-", color=figures.VERMILION, label="goodput")
    for point in points:
        if point["rejected"]:
            axes.plot([point["offered"]] * 2, [point["throughput"], point["goodput"]], "o", color="0.7")
    axes.set(xlabel="asked for, tokens/s", ylabel="delivered, tokens/s", ylim=(0, None))
    axes.legend()

# %%
# What to take away
# -----------------
# Throughput is bought with batch size and paid for in latency; serving one at a time buys neither cheap
# compute nor many tokens. Read on at :term:`throughput` and :term:`serialized queue`.

if __name__ == "__main__":
    figures.show()
