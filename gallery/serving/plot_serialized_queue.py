"""
Serialized queue
================

A real engine answers requests to a real language model strictly one at a time. We measure how long a request
waits behind others, how the wait grows with load, and what one slow request does to all behind it.
"""

# %%
# One engine, one line
# --------------------
# The engine is a thread that takes the next request only when the last is done. It serves a small causal
# language model, randomly initialised: what it says is nonsense, what it costs is not. A request is the
# number of tokens it asks for; ``serve`` yields them one by one, as a chat would stream them.

import statistics
from dataclasses import replace

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import compare, median_of, rate
from seqdocs.bench.verdicts import above, all_of, below, between, verdict_by
from seqdocs.models.language_model import CausalLM
from seqdocs.queues.arrivals import deterministic, exponential, poisson
from seqdocs.queues.engines.audit import audit
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.lindley import waits
from seqdocs.queues.load import open_loop
from seqdocs.queues.retries import Retries, lateness
from seqdocs.queues.theory.mg1 import md1_wait
from seqdocs.queues.theory.mm1 import mm1_wait
from seqdocs.queues.trace import ahead_on_arrival, latencies, services
from seqdocs.queues.trace import waits as waited

PROMPT = 16  # tokens that every request brings along


def language_model(device):
    """A model of about a million parameters, and a prompt."""
    torch.manual_seed(0)
    model = CausalLM(vocabulary=1024, context=256, width=128, layers=4, heads=4, tied=False)
    return model.to(device).eval(), torch.randint(1024, (1, PROMPT), device=device)


def server(device):
    """The function that answers one request."""
    # One thread for the model. The sender needs the other core, or it would be late and the run worthless.
    torch.set_num_threads(1)
    model, prompt = language_model(device)

    def serve(new_tokens):
        logits, cache = model.prefill(prompt, capacity=PROMPT + new_tokens)
        for left in range(new_tokens - 1, -1, -1):
            token = logits.argmax(-1)
            yield token.item()  # also waits for a GPU to have computed it
            if left:
                logits = model.decode(token, cache)

    return serve


def alone(engine, tokens, count=40):
    """Seconds each request takes when nobody else is there; the first few, which warm up, are left out."""
    seconds = []
    for _ in range(count):
        ticket = engine.submit(tokens)
        ticket.result()
        seconds.append(ticket.finish - ticket.start)
    return seconds[count // 4 :]


def sent_late(kept):
    """How late requests were sent: on average in the worst run, and the latest of all; and runs rejected."""
    late = lateness(one.trace for one in kept)
    return {
        "sent_late": quantity(late.mean, "s"),
        "sent_latest": quantity(late.latest, "s"),
        "rejected": quantity(sum(one.rejected is not None for one in kept), "runs"),
    }


# %%
# The slow way first: without a cache, reading the whole sequence again for each token. The streamed answer
# must be the same.

slow, question = language_model("cpu")
with SerialEngine(server("cpu")) as engine:
    streamed = engine.submit(8).result()
assert streamed == slow.generate(question, 8, cached=False)[0, PROMPT:].tolist()
print("streamed:", streamed)

# %%
# Behind n others
# ---------------
# We send requests at random times, half again as many as the engine can serve, so that the line grows long.
# Every request notes how many it found in the system. If each costs one service time, the wait is a straight
# line of slope one: you wait for those who stand there, plus what is left of the one being served.
#
# An exponential gets its best chance too: the amplitude and rate that leave the smallest squared error.


def line_fit(x, y):
    """Slope, intercept and R² of the straight line with the smallest squared error."""
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum())
    intercept = float(y.mean()) - slope * float(x.mean())
    left = (y - intercept - slope * x).square().sum() / (y - y.mean()).square().sum()
    return slope, intercept, 1 - float(left)


def exponential_fit(x, y):
    """Amplitude, rate and R² of the a·exp(b·x) with the smallest squared error; b from a fine grid."""
    rates = torch.linspace(-2, 2, 4001, dtype=torch.float64) / x.max()
    shapes = torch.exp(rates[:, None] * x)
    amplitudes = (shapes @ y) / shapes.square().sum(1)
    errors = (y - amplitudes[:, None] * shapes).square().sum(1)
    best = int(errors.argmin())
    left = errors[best] / (y - y.mean()).square().sum()
    return float(amplitudes[best]), float(rates[best]), 1 - float(left)


@experiment(small={"tokens": 2, "requests": 20, "repeats": 2}, seconds=120, memory_gb=1)
def depth(device, *, tokens=16, load=1.5, requests=120, repeats=11):
    """Wait against number ahead, in an overloaded engine; several runs, each from an empty line."""
    retries, sizes = Retries(), [tokens] * requests
    with SerialEngine(server(device)) as engine:
        service = statistics.median(alone(engine, tokens))
        kept, singles = [], []
        for seed in range(repeats):
            plan = poisson(load / service, requests, seed)
            kept.append(retries.keep(lambda plan=plan: open_loop(engine, sizes, plan)))
            singles.append(torch.tensor(alone(engine, tokens, 8)))
    runs = [one.trace for one in kept]
    ahead = [ahead_on_arrival(run).double() for run in runs]
    wait = [waited(run) / services(run).mean() for run in runs]
    slopes = [line_fit(n, w)[0] for n, w in zip(ahead, wait, strict=True)]
    slope, intercept, _ = line_fit(torch.cat(ahead), torch.cat(wait))
    amplitude, growth, _ = exponential_fit(torch.cat(ahead), torch.cat(wait))
    # Run by run, so that a machine that changes its speed between two runs bends neither curve.
    fits = [(line_fit(n, w)[2], exponential_fit(n, w)[2]) for n, w in zip(ahead, wait, strict=True)]
    straight, curved = (statistics.median(column) for column in zip(*fits, strict=True))
    in_line = all(bool((run.start[1:] >= run.finish[:-1]).all()) for run in runs)
    lead = median_of([line - exponential for line, exponential in fits], "")
    better = "R² of the line minus R² of the exponential"
    linear = all_of(
        above(lead, 0, better),
        between(median_of(slopes, "service times"), 0.5, 2.0, "wait added by each request ahead"),
    )
    # A single user, between the runs: third quartile of a few latencies in a row over the first.
    steady = [float(single.quantile(0.75) / single.quantile(0.25)) for single in singles]
    steadiness = median_of(steady, "×")
    pairs = zip(runs, singles, strict=True)
    crowded = median_of([float(latencies(run).mean() / single.median()) for run, single in pairs], "×")
    return {
        "ahead": torch.cat(ahead).int().tolist(),
        "wait": [round(w, 4) for w in torch.cat(wait).tolist()],
        "line": {"slope": slope, "intercept": intercept},
        "exponential": {"amplitude": amplitude, "rate": growth},
        "slope": median_of(slopes, "service times"),
        "r2_line": quantity(straight, ""),
        "r2_exponential": quantity(curved, ""),
        "deepest": quantity(int(torch.cat(ahead).max()), "requests"),
        "requests": quantity(requests * repeats, "requests"),
        "service": median_of(torch.cat([services(run) for run in runs]).tolist(), "s"),
        "steadiness": steadiness,
        "crowded": crowded,
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
                f"each request ahead adds {slope:.2f} service times; a straight line explains {straight:.1%}"
                f" of the waits, the best exponential {curved:.1%}",
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
    exponential_curve = curve["amplitude"] * torch.exp(curve["rate"] * n)
    colours = figures.COLOURS
    axes.plot(run["ahead"], run["wait"], ".", color=colours["measured"], alpha=0.4, label="measured")
    axes.plot(n, line["intercept"] + line["slope"] * n, color=colours["measured"], label="straight line")
    axes.plot(n, exponential_curve, "--", color=colours["theory"], label="best exponential")
    axes.set(xlabel="requests ahead on arrival", ylabel="wait, service times")
    axes.legend()

# %%
# The wait as a recurrence
# ------------------------
# Behind the line stands Lindley's recurrence, :math:`W_{k+1} = \max(0, W_k + S_k - A_k)`: what you wait is
# what the one before you waited, plus its service, minus the time between you. Walking through it is the
# slow way. As a scan over (max, +) it is a tree of a few dozen tensor operations; as a running sum minus
# its running minimum, two. The three must agree before we time them.


@experiment(small={"customers": 1000}, seconds=60, memory_gb=1)
def recursion(device, *, customers=100_000, load=0.9):
    """Customers per second of the three ways to solve for the waits."""
    arrivals = poisson(load, customers, seed=1).to(device)
    work = exponential(1.0, customers, seed=2).to(device)
    result = compare(
        {
            "loop": lambda: waits(arrivals, work, method="loop"),
            "scan": lambda: waits(arrivals, work, method="scan"),
            "cumulative": lambda: waits(arrivals, work, method="cumulative"),
        },
        threads=1,  # operations this short gain nothing from a second one
    )
    speeds = {name: rate(timed, customers, "customers/s") for name, timed in result["times"].items()}
    return {"customers": quantity(customers, "customers"), "speeds": speeds, "notes": result["notes"]}


for run in recursion():
    speeds = {name: speed["value"] / 1e6 for name, speed in run["speeds"].items()}
    fig, axes = figures.figure(
        alt="Millions of customers per second of the three methods: "
        + ", ".join(f"{name} {speed:.3g}" for name, speed in speeds.items())
        + ".",
        caption=f"Exact waits of {run['customers']['value']:,} customers: three methods, one answer.",
        run=run,
        height=2.6,
    )
    axes.barh(list(speeds), list(speeds.values()), color=figures.COLOURS["measured"])
    axes.invert_yaxis()
    axes.set(xlabel="million customers per second", ylabel="method")

# %%
# The wait against load
# ---------------------
# Below load 1 the line does not grow for ever, but the mean wait climbs like :math:`1/(1-\rho)`: a
# hyperbola in the load, again no exponential. The arrivals are Poisson and each request asks for the same
# number of tokens, so the service times are nearly equal: the formula for this engine is M/D/1. M/M/1, for
# exponential service times, lies twice as high.
#
# A run of a few seconds is not the long run that formulas speak of. So each point stands beside the
# recurrence fed with *its own* times, at which requests were sent and how long each was served, and beside
# the same service times under a million arrivals. The recurrence is also the judge: a run whose mean wait is
# off by more than :given:`5 %` is made again, and where that does not help it is rejected and left out.


def at_the_door(run):
    """The run as the engine saw it: a request comes when it is sent, however late that is."""
    return replace(run, scheduled=run.sent)


@experiment(
    small={"tokens": 2, "loads": (0.3, 0.7), "seconds_each": 0.1, "long": 1000}, seconds=150, memory_gb=1
)
def loads(device, *, tokens=32, loads=(0.4, 0.6, 0.8, 0.9), seconds_each=2.5, long=1_000_000):
    """Mean wait at each load: engine, recurrence on the same trace, long run and formulas."""
    points, rows, kept, single = [], [], [], []
    retries = Retries()
    with SerialEngine(server(device)) as engine:
        for seed, load in enumerate(loads):
            single.append(statistics.mean(alone(engine, tokens, 24)))
            arrival_rate = load / single[-1]
            times = poisson(arrival_rate, max(20, round(arrival_rate * seconds_each)), seed)
            sizes = [tokens] * len(times)
            kept.append(
                retries.keep(
                    lambda sizes=sizes, times=times: open_loop(engine, sizes, times),
                    lambda run: audit(at_the_door(run), 0.05),
                )
            )
            run, rejected = kept[-1]
            door, taken = at_the_door(run), services(run)
            mean = float(taken.mean())
            again = taken[torch.randint(len(taken), (long,), generator=torch.Generator().manual_seed(seed))]
            point = {
                "load": arrival_rate * mean,
                "engine": float(waited(door).mean()),
                "recurrence": float(waits(door.scheduled, taken).mean()),
            }
            stable = point["load"] < 1  # a machine that slowed down under the run has no long run
            more = poisson(arrival_rate, long, seed + 100)
            point["long_run"] = float(waits(more, again, "cumulative").mean()) if stable else None
            point["md1"] = md1_wait(arrival_rate, 1 / mean) if stable else None
            point["mm1"] = mm1_wait(arrival_rate, 1 / mean) if stable else None
            ms = [None if wait is None else quantity(1e3 * wait, "") for wait in list(point.values())[1:]]
            gap = 100 * (point["engine"] / point["recurrence"] - 1)
            said = "rejected" if rejected else quantity(gap, "")
            rows.append([quantity(point["load"], ""), len(run), *ms[:2], said, *ms[2:]])
            points.append(point | {"gap": gap, "service": mean, "rejected": rejected})
    accepted = [point for point in points if not point["rejected"]]
    variation = [100 * float(services(run).std() / services(run).mean()) for run, _ in kept]
    names = ("engine", "recurrence", "gap", "long run", "M/D/1", "M/M/1")
    columns = [(name, "%" if name == "gap" else "ms") for name in names]
    return {
        "points": points,
        "table": table(["load", "requests", *columns], rows),
        "service": median_of(single, "s"),
        "variation": quantity(statistics.median(variation), "%", min(variation), max(variation)),
        "gap": quantity(max((p["gap"] for p in accepted), key=abs), "%") if accepted else "rejected",
        **sent_late(kept),
        "highest_load": quantity(points[-1]["load"], ""),
    }


for run in loads():
    points = [point for point in run["points"] if not point["rejected"]]
    left_out = len(run["points"]) - len(points)
    pairs = "; ".join(
        f"load {p['load']:.2f}, engine {1e3 * p['engine']:.3g} ms, recurrence {1e3 * p['recurrence']:.3g} ms"
        for p in points
    )
    fig, axes = figures.figure(
        alt=f"Mean wait against load: {pairs or 'no run counts'}; {left_out} rejected. The curves of M/D/1"
        " and, twice as high, M/M/1 turn steeply upwards near load 1.",
        caption="Mean wait against load: engine, recurrence on the same trace, long run, two formulas."
        + (f" {left_out} of {len(run['points'])} runs were rejected and are not drawn." if left_out else ""),
        run=run,
    )
    mean = statistics.mean(point["service"] for point in run["points"])
    grid = [step / 100 for step in range(5, 94)]
    grey = figures.COLOURS["theory"]
    axes.plot(grid, [1e3 * mm1_wait(rho / mean, 1 / mean) for rho in grid], "--", color=grey, label="M/M/1")
    axes.plot(grid, [1e3 * md1_wait(rho / mean, 1 / mean) for rho in grid], color=grey, label="M/D/1")
    marks = (("engine", "o", "measured"), ("recurrence", "x", "recursion"), ("long_run", "_", "scan"))
    x = [point["load"] for point in points]
    for name, mark, colour in marks:
        heights = [float("nan") if point[name] is None else 1e3 * point[name] for point in points]
        label = name.replace("_", " ")
        axes.plot(x, heights, mark, color=figures.COLOURS[colour], label=label, markersize=8)
    axes.set(xlabel="load $\\rho$", ylabel="mean wait, ms", ylim=(0, None))
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
    sizes = [tokens] * requests
    sizes[place] *= longer
    retries, even, blocked = Retries(), [], []
    with SerialEngine(server(device)) as engine:
        service = statistics.median(alone(engine, tokens))
        times = deterministic(load / service, requests)
        for _ in range(repeats):  # in turn, so that a machine that slows down slows both
            even.append(retries.keep(lambda: open_loop(engine, [tokens] * requests, times)))
            blocked.append(retries.keep(lambda: open_loop(engine, sizes, times)))

    def usual(kept):
        return torch.stack([latencies(one.trace) for one in kept]).median(0).values

    without, behind = usual(even), usual(blocked)
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
# Behind n others you wait about n service times: a straight line. What blows up is the mean wait near load
# 1, and one long request does to its followers what many short ones would. Read on at :term:`serialized
# queue` and :term:`throughput`.

if __name__ == "__main__":
    figures.show()
