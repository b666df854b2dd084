"""
Serialized queue
================

How long does a request wait behind others? A real engine answers requests to a real language model strictly
one at a time; we count who stands ahead, then let one request take ten times as long as the others.
"""

# %%
# One engine, one line
# --------------------
# The engine is a thread that takes the next request only when the last is done. It serves a small causal
# language model, randomly initialised: what it says is nonsense, what it costs is not. Its tokens come one by
# one, as a chat would stream them.

import statistics

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity
from seqdocs.bench.timing import median_of
from seqdocs.bench.verdicts import above, all_of, below, between, verdict_by
from seqdocs.models.language_model import CausalLM
from seqdocs.queues.arrivals import deterministic, poisson
from seqdocs.queues.engines.decoder import decoder
from seqdocs.queues.engines.request import Request
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.fits import exponential_fit, line_fit
from seqdocs.queues.load import open_loop, population
from seqdocs.queues.retries import Retries, lateness
from seqdocs.queues.trace import ahead_on_arrival, latencies, services, waits

PROMPT = tuple(range(16))  # that every request brings along


def language_model(device):
    """A model of about a million parameters."""
    torch.manual_seed(0)
    model = CausalLM(vocabulary=1024, context=256, width=128, layers=4, heads=4, tied=False)
    return model.to(device).eval()


def server(device):
    """The function that answers one request."""
    # One thread for the model. The sender needs the other core, or it would be late and the run worthless.
    torch.set_num_threads(1)
    return decoder(language_model(device))


def alone(engine, request, count=40):
    """Service times of a user who is alone, seconds; the first few, which warm up, are left out."""
    return services(population(engine, [request] * count, clients=1))[count // 4 :]


def sent_late(kept):
    """How late requests were sent: on average in the worst run, and the latest of all; and runs rejected."""
    late = lateness(one.trace for one in kept)
    return {
        "sent_late": quantity(late.mean, "s"),
        "sent_latest": quantity(late.latest, "s"),
        "rejected": quantity(sum(one.rejected is not None for one in kept), "runs"),
    }


# %%
# The slow way first, without a cache: the whole sequence is read again for each token. The answer must be
# the same.

with SerialEngine(server("cpu")) as engine:
    streamed = engine.submit(Request(PROMPT, 8)).result()
slow = language_model("cpu").generate(torch.tensor([PROMPT]), 8, cached=False)
assert streamed == slow[0, len(PROMPT) :].tolist()

# %%
# Behind n others
# ---------------
# We send requests at random times, half again as many as the engine can serve, so that the line grows long.
# Every request notes how many it found in the system. If each costs one service time, the wait is a straight
# line of slope one: you wait for those who stand there, plus what is left of the one being served. An
# exponential gets its best chance too: the amplitude and rate that leave the smallest squared error.


@experiment(small={"tokens": 2, "requests": 20, "repeats": 2}, seconds=120, memory_gb=1)
def depth(device, *, tokens=16, load=1.5, requests=120, repeats=11):
    """Wait against number ahead, in an overloaded engine; several runs, each from an empty line."""
    retries, request = Retries(), Request(PROMPT, tokens)
    with SerialEngine(server(device)) as engine:
        service = float(alone(engine, request).median())
        kept, singles = [], []
        for seed in range(repeats):
            plan = poisson(load / service, requests, seed)
            kept.append(retries.keep(lambda plan=plan: open_loop(engine, [request] * requests, plan)))
            singles.append(alone(engine, request, 8))
    runs = [one.trace for one in kept]
    ahead = [ahead_on_arrival(run).double() for run in runs]
    wait = [waits(run) / services(run).mean() for run in runs]
    line, curve = (fit(torch.cat(ahead), torch.cat(wait)) for fit in (line_fit, exponential_fit))
    # Run by run, so that a machine that changes its speed between two runs bends neither curve.
    fits = [(line_fit(n, w), exponential_fit(n, w)) for n, w in zip(ahead, wait, strict=True)]
    straight, curved = (statistics.median(fit.r2 for fit in kind) for kind in zip(*fits, strict=True))
    in_line = all(bool((run.start[1:] >= run.finish[:-1]).all()) for run in runs)
    slope = median_of([line.slope for line, _ in fits], "service times")
    lead = median_of([line.r2 - curve.r2 for line, curve in fits], "")
    better = "R² of the line minus R² of the exponential"
    linear = all_of(
        above(lead, 0, better),
        between(slope, 0.5, 2.0, "wait added by each request ahead"),
    )
    # A single user, between the runs: third quartile of a few latencies in a row over the first.
    steadiness = median_of([float(one.quantile(0.75) / one.quantile(0.25)) for one in singles], "×")
    pairs = zip(runs, singles, strict=True)
    crowded = median_of([float(latencies(run).mean() / one.median()) for run, one in pairs], "×")
    return {
        "ahead": torch.cat(ahead).int().tolist(),
        "wait": [round(w, 4) for w in torch.cat(wait).tolist()],
        "line": line._asdict(),
        "exponential": curve._asdict(),
        "slope": slope,
        "r2_line": quantity(straight, ""),
        "r2_exponential": quantity(curved, ""),
        "deepest": quantity(int(torch.cat(ahead).max()), "requests"),
        "requests": quantity(requests * repeats, "requests"),
        "service": median_of(torch.cat([services(run) for run in runs]).tolist(), "s"),
        **sent_late(kept),
        "claims": {
            "s1-21": verdict_by(
                {
                    "holds": all_of(
                        above(crowded, 2.0, "mean latency under load over latency alone"),
                        below(steadiness, 2.0, "third quartile over first of latencies alone"),
                    )
                },
                "refuted",
                f"alone, the third quartile of latencies in a row is {steadiness['value']:.2f} times the"
                f" first; under load, the mean is {crowded['value']:.1f} times the latency alone",
            ),
            "s1-22": verdict_by(
                {"refuted": linear, "holds": below(lead, 0, better)},
                "qualified",
                f"each request ahead adds {line.slope:.2f} service times; a straight line explains"
                f" {straight:.1%} of the waits, the best exponential {curved:.1%}",
            ),
            "s1-02": verdict_by(
                {"holds": in_line},
                "refuted",
                f"{'none' if in_line else 'some'} of {requests * repeats} began before the one ahead ended",
            ),
        },
    }


for run in depth():
    line, curve = run["line"], run["exponential"]
    fig, axes = figures.figure(
        alt=f"Wait in service times against the number of requests found ahead, up to"
        f" {run['deepest']['value']}. The points follow a straight line of slope {line['slope']:.2f}, the"
        f" best exponential does not (R² {run['r2_line']['value']:.3f} against"
        f" {run['r2_exponential']['value']:.3f}).",
        caption="Wait behind n others: each request, and the line and the exponential that fit best.",
        run=run,
    )
    n = torch.linspace(0, run["deepest"]["value"], 200)
    colour = figures.COLOURS["measured"]
    axes.plot(run["ahead"], run["wait"], ".", color=colour, alpha=0.4, label="measured")
    axes.plot(n, line["intercept"] + line["slope"] * n, color=colour, label="straight line")
    bent = curve["amplitude"] * torch.exp(curve["rate"] * n)
    axes.plot(n, bent, "--", color=figures.COLOURS["theory"], label="best exponential")
    axes.set(xlabel="requests ahead on arrival", ylabel="wait, service times")
    axes.legend()

# %%
# One slow request
# ----------------
# Now the requests come at equal gaps, slowly enough that nobody waits. Then one of them asks for ten times as
# many tokens. Those behind it asked for nothing special, and wait all the same, until the line it left has
# drained: head-of-line blocking.


@experiment(small={"tokens": 2, "requests": 20, "place": 3, "repeats": 1}, seconds=180, memory_gb=1)
def blocking(device, *, tokens=16, longer=10, load=0.7, requests=50, place=10, repeats=5):
    """Latency of each request with and without one that asks for ``longer`` times the tokens."""
    usual, slow = Request(PROMPT, tokens), Request(PROMPT, tokens * longer)
    alike = [usual] * requests
    with_slow = [*alike[:place], slow, *alike[place + 1 :]]
    retries, even, blocked = Retries(), [], []
    with SerialEngine(server(device)) as engine:
        times = deterministic(load / float(alone(engine, usual).median()), requests)
        for _ in range(repeats):  # in turn, so that a machine that slows down slows both
            even.append(retries.keep(lambda: open_loop(engine, alike, times)))
            blocked.append(retries.keep(lambda: open_loop(engine, with_slow, times)))
    each = (torch.stack([latencies(run) for run, _ in kept]) for kept in (even, blocked))
    without, behind = (latency.median(0).values for latency in each)
    held = int((behind > 2 * without)[place + 1 :].sum())
    # Somebody came while the slow one was being served, and nobody began before it ended.
    blocks = all(
        bool((run.start[place + 1 :] >= run.finish[place]).all())
        and bool((run.scheduled[place + 1 :] < run.finish[place]).any())
        for run, _ in blocked
    )
    worst, usually = float(behind[place + 1 :].max()), float(without.median())
    factors = [float(latencies(run)[place + 1 :].max()) / usually for run, _ in blocked]
    doubled = above(median_of(factors, "×"), 2.0, "worst latency behind the slow request over the usual one")
    return {
        "place": place,
        "without": without.tolist(),
        "behind": behind.tolist(),
        "longer": quantity(longer, "×"),
        "slow": median_of([float(services(run)[place]) for run, _ in blocked], "s"),
        "held": quantity(held, "requests"),
        "usual": quantity(usually, "s"),
        "worst": quantity(worst, "s"),
        "worst_factor": quantity(worst / usually, "×"),
        **sent_late(even + blocked),
        "claims": {
            "s1-05": verdict_by(
                {"holds": all_of(blocks, doubled)},
                "refuted",
                f"one request of {longer} times the tokens more than doubled the latency of {held} behind it;"
                f" the worst of them took {worst / usually:.1f} times as long as usual",
            )
        },
    }


for run in blocking():
    fig, axes = figures.figure(
        alt="Latency of each request in order of arrival. Without a slow request they take about"
        f" {1e3 * run['usual']['value']:.3g} ms. With one that takes {1e3 * run['slow']['value']:.3g} ms,"
        f" {run['held']['value']} requests behind it take more than twice as long, at worst"
        f" {1e3 * run['worst']['value']:.3g} ms, falling back in a straight line.",
        caption="Head-of-line blocking: latency of each request, with and without one slow request.",
        run=run,
    )
    slow_at, behind = run["place"], [1e3 * latency for latency in run["behind"]]
    without = [1e3 * latency for latency in run["without"]]
    axes.plot(behind, "o-", markersize=3, color=figures.VERMILION, label="with a slow request")
    axes.plot(without, "o-", markersize=3, color=figures.BLUE, label="without")
    axes.annotate("the slow request", (slow_at, behind[slow_at]), (6, -2), textcoords="offset points")
    axes.set(xlabel="request, in order of arrival", ylabel="latency, ms", ylim=(0, None))
    axes.legend()

# %%
# What to take away
# -----------------
# Behind n others you wait about n service times, a straight line, and one long request does to its followers
# what many short ones would. How the *mean* wait grows with load is another question, and another curve:
# :doc:`/gallery/serving/plot_wait_against_load`. Read on at :term:`serialized queue` and :term:`head-of-line
# blocking`.

if __name__ == "__main__":
    figures.show()
