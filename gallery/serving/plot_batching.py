"""
Batching: static, dynamic, continuous
=====================================

Sixteen clients ask a language model for answers of very different lengths. Four engines serve them: one
request at a time, in batches that wait to be full, in batches with a deadline, and in a batch whose members
change at every step. Reading the weights once for many is what all batches gain; not waiting for the longest
answer is what only the last one does.
"""

# %%
# Sixteen clients, four engines
# -----------------------------
# The model has about ten million parameters, randomly initialised: what it says is nonsense, what it costs
# is not. Prompts and answers are a mix of short and long. Every client sends its next request when it has
# its answer, so there are always sixteen inside. The model computes on one thread; the clients need the
# other core.

import statistics

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import median_of
from seqdocs.models.language_model import CausalLM
from seqdocs.queues.arrivals import mix, poisson
from seqdocs.queues.engines.audit import audit
from seqdocs.queues.engines.continuous_batch import ContinuousBatchEngine
from seqdocs.queues.engines.decoder import decoder
from seqdocs.queues.engines.dynamic_batch import DynamicBatchEngine
from seqdocs.queues.engines.paged_model import PagedModel
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.engines.static_batch import StaticBatchEngine
from seqdocs.queues.engines.usage import waste
from seqdocs.queues.load import open_loop, population
from seqdocs.queues.mixture import mixed_requests
from seqdocs.queues.retries import Retries, lateness
from seqdocs.queues.token_latency import (
    first_token_latencies,
    goodput_within,
    inter_token_latencies,
    seconds_per_token,
)
from seqdocs.queues.trace import latencies, throughput

VOCABULARY, CONTEXT, BLOCK = 1024, 192, 4
COLOURS = {
    "serial": figures.VERMILION,
    "static": figures.ORANGE,
    "dynamic": figures.SKY,
    "continuous": figures.BLUE,
}


def language_model(device, width, layers):
    """A model over a small vocabulary, heads of 64 numbers."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = CausalLM(
        vocabulary=VOCABULARY, context=CONTEXT, width=width, layers=layers, heads=max(1, width // 64)
    )
    return model.to(device).eval()


def questions(count, seed=0):
    """Mixed lengths: most answers are short, a few are twelve times as long."""
    prompts = mix([8, 32, 96], [0.4, 0.4, 0.2], count, seed)
    return mixed_requests(prompts, mix([8, 24, 96], [0.6, 0.25, 0.15], count, seed + 1), VOCABULARY, seed)


def engines(model, size, patience=0.05, watch=None):
    """Each engine by name, made anew; the paged cache has half the memory of the others."""
    slots = {"blocks": size, "block_size": CONTEXT}  # a contiguous cache
    pages = {"blocks": size * CONTEXT // (2 * BLOCK), "block_size": BLOCK}
    return {
        "serial": lambda: SerialEngine(decoder(model)),
        "static": lambda: StaticBatchEngine(PagedModel(model, **slots), size, watch=watch),
        "dynamic": lambda: DynamicBatchEngine(
            PagedModel(model, **slots), size, patience=patience, watch=watch
        ),
        "continuous": lambda: ContinuousBatchEngine(PagedModel(model, **pages), size, chunk=64, watch=watch),
    }


# %%
# In each round every engine serves the same requests, and the ratios are taken within a round, so that a
# machine that slows down for a while slows all of them. The serial engine must also be a fair opponent: fed
# with its own arrivals and service times, the Lindley recursion has to give its mean wait within
# :given:`5 %`. Else its run is made again, and if that does not help the whole round is left out.
#
# Speed must not be bought with memory: in every step we also count how much of the cache for keys and values
# is handed out and holds none.

FIGURES = {
    "first token": first_token_latencies,
    "per token": seconds_per_token,
    "between tokens": inter_token_latencies,
    "whole answer": latencies,
}


def told(trace, first_token, per_token):
    """What one run says, in plain numbers."""
    quantiles = {name: values(trace).quantile(0.5).item() for name, values in FIGURES.items()}
    kept = goodput_within(trace, first_token, per_token)
    return {"throughput": throughput(trace), "goodput": kept, **quantiles}


def one_round(model, asked, clients, retries):
    """A run of each engine, why the serial one is rejected, if it is, and how empty the caches were."""

    def serve(name, watch=None):
        with engines(model, clients, watch=watch)[name]() as engine:
            return population(engine, asked, clients)

    serial, rejected = retries.keep(lambda: serve("serial"), lambda run: audit(run, 0.05))
    runs, empty = {"serial": serial}, {}
    for name in ("static", "dynamic", "continuous"):
        usage = []
        runs[name] = serve(name, usage.append)
        empty[name] = waste(usage)
    return runs, rejected, empty


@experiment(
    small={"width": 64, "layers": 1, "clients": 2, "requests": 6, "rounds": 2}, seconds=120, memory_gb=1
)
def closed(  # whole batches of requests: the static engine would wait for ever to fill up the last
    device, *, width=320, layers=8, clients=16, requests=48, rounds=3, first_token=0.4, per_token=0.05
):
    """Throughput, goodput, latencies and empty cache of each engine at a fixed number of clients."""
    model, asked, retries = language_model(device, width, layers), questions(requests), Retries(1)
    made = [one_round(model, asked, clients, retries) for _ in range(rounds)]
    accepted = [one for one in made if one[1] is None]
    gaps = [100 * audit(run["serial"]).gap for run, *_ in accepted]
    counted = accepted or made  # where no round counts, the gap says so
    runs = {name: [told(run[name], first_token, per_token) for run, *_ in counted] for name in COLOURS}
    empty = {name: median_of([100 * wasted[name] for *_, wasted in counted], "%") for name in made[0][2]}

    def of(name, what):
        return median_of([run[what] for run in runs[name]], "s" if what in FIGURES else "tokens/s")

    def over(name, other):
        pairs = zip(runs[name], runs[other], strict=True)
        return median_of([a["throughput"] / b["throughput"] for a, b in pairs], "×")

    columns = ["engine", ("throughput", "tokens/s"), ("goodput", "tokens/s"), ("empty cache", "%")]
    rows = [
        [
            name,
            *(statistics.median(run[what] for run in runs[name]) for what in ("throughput", "goodput")),
            quantity(empty[name]["value"], "") if name in empty else None,
            *(1e3 * statistics.median(run[what] for run in runs[name]) for what in FIGURES),
        ]
        for name in COLOURS
    ]
    return {
        "engines": {
            name: {what.replace(" ", "_"): of(name, what) for what in runs[name][0]} for name in COLOURS
        },
        "empty": empty,
        "over_serial": {name: over(name, "serial") for name in COLOURS if name != "serial"},
        "over_static": over("continuous", "static"),
        "gap": quantity(max(gaps, key=abs), "%") if gaps else "rejected",
        "rejected": quantity(rounds - len(accepted), "rounds"),
        "clients": quantity(clients, "clients"),
        "requests": quantity(requests, "requests"),
        "parameters": quantity(sum(one.numel() for one in model.parameters()), "parameters"),
        "target_first": quantity(first_token, "s"),
        "target_per": quantity(per_token, "s"),
        "table": table([*columns, *((name, "ms") for name in FIGURES)], rows),
    }


SMALL = {"textcoords": "offset points", "fontsize": "small"}

for run in closed():
    speed = {name: run["engines"][name]["throughput"]["value"] for name in COLOURS}
    good = {name: run["engines"][name]["goodput"]["value"] for name in COLOURS}
    fig, (left, right) = figures.figure(
        alt=f"Tokens per second of four engines at {run['clients']['value']} clients: "
        + ", ".join(f"{name} {speed[name]:,.0f}, of which in time {good[name]:,.0f}" for name in COLOURS)
        + ". Beside it the median time to the first token and between tokens: "
        + "; ".join(
            f"{name} {1e3 * run['engines'][name]['first_token']['value']:,.3g} and"
            f" {1e3 * run['engines'][name]['per_token']['value']:,.3g} ms"
            for name in COLOURS
        )
        + ". Of the reserved cache were empty: "
        + ", ".join(f"{name} {share['value']:.3g} %" for name, share in run["empty"].items())
        + ".",
        caption="The same requests through four engines. Light: all tokens; full: answers that began within"
        f" {run['target_first']['value']} s and then took at most {1e3 * run['target_per']['value']:.0f} ms a"
        " token. Above the bars: how much of the reserved cache for keys and values held none.",
        run=run,
        columns=2,
    )
    for place, name in enumerate(COLOURS):
        left.bar(place, speed[name], color=COLOURS[name], alpha=0.35)
        left.bar(place, good[name], color=COLOURS[name])
        if name in run["empty"]:
            share = f"{run['empty'][name]['value']:.2g} %\nempty"
            left.annotate(share, (place, speed[name]), (0, 3), ha="center", **SMALL)
        times = run["engines"][name]
        right.plot(
            1e3 * times["first_token"]["value"], 1e3 * times["per_token"]["value"], "o", color=COLOURS[name]
        )
        right.annotate(
            name,
            (1e3 * times["first_token"]["value"], 1e3 * times["per_token"]["value"]),
            (5, 5),
            **SMALL,
        )
    left.set_xticks(range(len(COLOURS)), COLOURS)
    left.set(ylabel="tokens/s")
    left.tick_params(axis="x", labelsize="small")
    left.margins(y=0.15)
    right.set(xlabel="time to first token, ms", ylabel="time per token, ms", xscale="log")
    right.margins(0.25)

# %%
# Where the steps go
# ------------------
# Why does the continuous batch win over the static one? Count, without a clock: steps of the model, and how
# many sequences each of them served. The places of a static batch whose answers are complete stand empty
# until the longest is done.


@experiment(small={"requests": 6, "size": 2}, seconds=60, memory_gb=1, devices=("cpu",))  # counted: no device
def steps(device, *, requests=48, size=16):
    """Sequences in each step of three engines, counted on a model that costs nothing."""
    model, asked, usages = language_model(device, 64, 1), questions(requests), {}
    for name in ("static", "continuous"):
        usages[name] = []
        with engines(model, size, watch=usages[name].append)[name]() as engine:
            for request in asked:  # all at once: who is inside is then the engine's doing alone
                engine.submit(request)
    runs = {name: [step.running for step in usage] for name, usage in usages.items()}
    total = sum(one.max_new_tokens for one in asked)
    return {
        "running": runs,
        "tokens": quantity(total, "tokens"),
        "serial": quantity(total, "steps"),
        **{name: quantity(len(run), "steps") for name, run in runs.items()},
        "empty": {name: quantity(100 * waste(usage), "%") for name, usage in usages.items()},
        "contexts": {name: quantity(max(run), "contexts") for name, run in runs.items()},
        "occupied": {name: quantity(100 * sum(run) / (size * len(run)), "%") for name, run in runs.items()},
    }


for run in steps():
    fig, axes = figures.figure(
        alt="Sequences in the batch at each step. Each static batch starts full and thins out:"
        f" {run['static']['value']} steps, {run['occupied']['static']['value']:.0f} % of places taken. The"
        f" continuous batch stays full until requests run out: {run['continuous']['value']} steps,"
        f" {run['occupied']['continuous']['value']:.0f} %.",
        caption="Who is in the batch, step by step: the same requests, static and continuous.",
        run=run,
    )
    for name in ("static", "continuous"):
        axes.step(range(len(run["running"][name])), run["running"][name], color=COLOURS[name], label=name)
    axes.set(xlabel="step of the model", ylabel="sequences in the batch", ylim=(0, None))
    axes.legend()

# %%
# A trickle of requests
# ---------------------
# With few users a static batch is worse than slow: it waits for somebody who may never come. A deadline
# bounds that. A continuous batch needs none, since nobody has to come at the same time.


@experiment(
    small={"width": 64, "layers": 1, "size": 2, "requests": 6, "rate": 200.0}, seconds=60, memory_gb=1
)
def trickle(device, *, width=320, layers=8, size=8, requests=24, rate=16.0, patience=0.05):
    """Time to first token of the batching engines under a few Poisson requests a second."""
    model, asked, retries = language_model(device, width, layers), questions(requests), Retries(2)
    times, kept = poisson(rate, requests, seed=0), {}
    for name in ("static", "dynamic", "continuous"):
        with engines(model, size, patience)[name]() as engine:
            kept[name] = retries.keep(lambda engine=engine: open_loop(engine, asked, times))
    runs = {name: sorted(first_token_latencies(one.trace).tolist()) for name, one in kept.items()}
    late = lateness(one.trace for one in kept.values())
    return {
        "waits": runs,
        "rate": quantity(rate, "requests/s"),
        "patience": quantity(patience, "s"),
        "sent_late": quantity(late.mean, "s"),
        "sent_latest": quantity(late.latest, "s"),
        "rejected": quantity(sum(one.rejected is not None for one in kept.values()), "runs"),
        **{name: median_of(firsts, "s") for name, firsts in runs.items()},
        "worst": {name: quantity(max(firsts), "s") for name, firsts in runs.items()},
    }


for run in trickle():
    fig, axes = figures.figure(
        alt=f"Share of requests whose first token came within a time, at {run['rate']['value']:g} a second."
        + " Median: "
        + ", ".join(f"{n} {1e3 * run[n]['value']:,.3g} ms" for n in ("static", "dynamic", "continuous"))
        + ".",
        caption="Time to first token under a light load: static waits to be full, dynamic has a deadline.",
        run=run,
    )
    for name in ("static", "dynamic", "continuous"):
        times = [1e3 * time for time in run["waits"][name]]
        axes.step(times, [(n + 1) / len(times) for n in range(len(times))], color=COLOURS[name], label=name)
    axes.set(xlabel="time to first token, ms", ylabel="share of requests", xscale="log", ylim=(0, 1.02))
    axes.legend()

# %%
# What to take away
# -----------------
# A batch reads the weights once for many; that is the gain. A :term:`static batch <static batching>` pays
# for it with waiting, twice: to be full, and for its longest answer. A :term:`continuous batch <continuous
# batching>` waits for neither.

if __name__ == "__main__":
    figures.show()
