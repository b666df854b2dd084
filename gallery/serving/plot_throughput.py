"""
Throughput and goodput
======================

Throughput is how much finished work a system turns out per second. Tokens that come too late help nobody:
*goodput* is the throughput of answers that come in time. We ask a server for more and more, until it is asked
for more than it can do.
"""

# %%
# Asked for more than it can do
# -----------------------------
# Requests arrive at random times at an engine that serves one after the other. An answer is in time if it
# takes at most so many times as long as one that never waits. The sender must keep its schedule: a run in
# which it was late is made again, and in the end said to be rejected.

from time import perf_counter

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import measure, median_of
from seqdocs.bench.verdicts import verdict_by
from seqdocs.models.language_model import CausalLM
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

PROMPT = 16


def answers(device, ledger):
    """The function that serves a request: how many tokens are wanted. The model has a million parameters.

    It keeps a ledger of its own: the moment when each request began, with 0, and when each token was taken,
    with 1.
    """
    torch.set_num_threads(1)  # one for the model; the sender needs the other core, or it would be late
    torch.manual_seed(0)
    model = CausalLM(vocabulary=1024, context=256, width=128, layers=4, heads=4, tied=False).to(device).eval()
    prompt = torch.randint(1024, (1, PROMPT), device=device)

    def serve(new_tokens):
        ledger.append((perf_counter(), 0))
        for token in model.generate(prompt, new_tokens)[0, PROMPT:].tolist():
            yield token
            ledger.append((perf_counter(), 1))

    return serve


def counted(ledger):
    """Tokens of a ledger, and how many per second, from the begin of the first request to the last token."""
    tokens = sum(taken for _, taken in ledger)
    return tokens, tokens / (ledger[-1][0] - ledger[0][0])


@experiment(
    small={"tokens": 2, "loads": (0.5, 1.2), "seconds_each": 0.1},
    seconds=90,
    memory_gb=1,
)
def offered(device, *, tokens=32, loads=(0.4, 0.7, 0.9, 1.1, 1.3, 1.6), seconds_each=1.3, patience=5.0):
    """A serial engine under growing load: what it delivers, what comes in time, and who is inside."""
    points, rows, runs, retries = [], [], [], Retries()
    ledger, ledgers = [], []  # of this run, and the counts of all
    serve = answers(device, ledger)

    def attempt(times):
        ledger.clear()
        return open_loop(engine, [tokens] * len(times), times)

    # Every answer may take `patience` times as long as one that never waits.
    with SerialEngine(serve) as engine:
        service = measure(lambda: list(serve(tokens)), max_seconds=0.5)["median"]["value"]
        for seed, load in enumerate(loads):
            times = poisson(load / service, max(20, round(load / service * seconds_each)), seed)
            run, rejected = retries.keep(lambda times=times: attempt(times))
            runs.append(run)
            ledgers.append(counted(ledger))
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
    # The server's own count on its own watch knows nothing of the run that `throughput` is asked about.
    complete = all(taken == tokens * len(run) for (taken, _), run in zip(ledgers, runs, strict=True))
    both = zip(points, ledgers, strict=True)
    off = max(abs(point["throughput"] / per_second - 1) for point, (_, per_second) in both)
    late = lateness(runs)
    columns = [
        ("offered", "tokens/s"),
        ("throughput", "tokens/s"),
        ("goodput", "tokens/s"),
        "inside",
        "λ × latency",
        ("sent late", "ms"),
    ]
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
        "rejected": quantity(sum(point["rejected"] is not None for point in points), "runs"),
        "table": table(columns, rows),
        "claims": {
            "s1-32": verdict_by(
                {"holds": complete and off < 0.1},
                "refuted",
                f"in {len(runs)} runs the tokens that the server counted itself, over the time on its own"
                f" watch, are the throughput to {100 * off:.2g} %; of {tokens * sum(map(len, runs)):,} asked"
                f" for {sum(taken for taken, _ in ledgers):,} came",
            )
        },
    }


# %%
# The engine never rests, and hardly anything comes in time
# ---------------------------------------------------------
# Asked for more than it can do, the engine has always something to do: its throughput is as high as it can
# be. Goodput collapses all the same, and it begins to fall before the engine is full.

loaded = offered()
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
# Because the line grows
# ----------------------
# Once the engine is full it turns out no more per second, and who comes in addition waits. The mean number
# inside is the rate of arrivals times the mean latency: Little's law. We count who is inside at every event
# and lay the law's answer over it. On a run that begins and ends empty the law is an identity, so only
# rounding may be left; :doc:`/gallery/serving/plot_littles_law` says why.

for run in loaded:
    x = [point["offered"] for point in run["points"]]
    inside, by_law = ([point[side] for point in run["points"]] for side in ("inside", "by_law"))
    fig, axes = figures.figure(
        alt=f"Mean number of requests inside against tokens per second asked for: {inside[0]:.2g} at"
        f" {x[0]:.0f}, {inside[-1]:.2g} at {x[-1]:.0f}. Counted and by Little's law it is the same; they"
        f" differ by {run['gap']['value']:.0e} at most.",
        caption="Mean number inside, counted event by event and by Little's law, under growing load.",
        run=run,
    )
    axes.plot(x, inside, "o-", color=figures.BLUE, label="counted event by event")
    axes.plot(x, by_law, "+", markersize=12, color=figures.ORANGE, label="arrival rate × mean latency")
    axes.set(xlabel="asked for, tokens/s", ylabel="mean number inside, requests", ylim=(0, None))
    axes.legend()

# %%
# What to take away
# -----------------
# Throughput does not tell an overloaded server from a busy one; goodput does. Say within which time an answer
# counts, and keep the load well below what the server can do: near that limit it is the line, not the work,
# that makes answers late. What a server can do is decided by how it decodes
# (:doc:`/gallery/serving/plot_decoding_throughput`). Read on at :term:`throughput`, :term:`Little's law` and
# :term:`serialized queue`.

if __name__ == "__main__":
    figures.show()
