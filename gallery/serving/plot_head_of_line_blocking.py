"""
Head-of-line blocking
=====================

First in, first out is the order of a plain loop over a list, and it is fair. But one slow request holds up
all behind it. We measure what that costs, why it counts squared, and what two other orders do instead.
"""

# %%
# A loop over a list is a queue
# -----------------------------
# The plainest server is ``for request in requests: serve(request)``. It needs no thread, no library, and it
# *is* first in, first out: who is earlier in the list is done earlier, and no two ever overlap. We note when
# each of a few real model calls begins and ends, in such a loop, in the serial engine, and in a pool of two.

import itertools
import time

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.verdicts import all_of, verdict_by
from seqdocs.models.language_model import CausalLM
from seqdocs.queues.arrivals import exponential, hyperexponential, mix, poisson
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.engines.thread_pool import ThreadPoolEngine
from seqdocs.queues.intervals import independent_runs
from seqdocs.queues.lindley import waits
from seqdocs.queues.theory.disciplines import sharing_latency
from seqdocs.queues.theory.mg1 import md1_wait, mg1_wait
from seqdocs.queues.theory.mm1 import mm1_wait


def model_call(device):
    """A function that reads a prompt of so many tokens, and returns when it has its answer."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = CausalLM(vocabulary=256, context=512, width=64, layers=2, heads=2).to(device).eval()

    def serve(tokens):
        prompt = torch.zeros(1, tokens, dtype=torch.long, device=device)
        return model.prefill(prompt)[0].argmax(-1).item()  # the number waits for a GPU, too

    return serve


def loop(serve, requests):
    """Begin and end of each call, seconds since the first began; the whole server is this loop."""
    spans, zero = [], time.perf_counter()
    for request in requests:
        begin = time.perf_counter() - zero
        serve(request)
        spans.append((begin, time.perf_counter() - zero))
    return spans


def engine_spans(engine, requests):
    """The same of an engine that got all requests at once."""
    with engine:
        tickets = [engine.submit(request) for request in requests]
        for ticket in tickets:
            ticket.result()
    zero = min(ticket.start for ticket in tickets)
    return [(ticket.start - zero, ticket.finish - zero) for ticket in tickets]


def in_order(spans):
    """Does everyone end after the one before him in the list?"""
    return all(earlier[1] <= later[1] for earlier, later in itertools.pairwise(spans))


def overlaps(spans):
    """How many calls begin while another that began before them is still running."""
    ordered = sorted(spans)
    return sum(any(other[1] > begin for other in ordered[:place]) for place, (begin, _) in enumerate(ordered))


@experiment(small={"requests": 6, "longest": 32, "slow": 128}, seconds=60, memory_gb=1)
def lists(device, *, requests=24, longest=96, slow=512, seed=0):
    """Order and overlaps of the same requests in a loop, a serial engine and a pool of two threads."""
    serve = model_call(device)
    draw = torch.Generator().manual_seed(seed)
    sizes = torch.randint(8, longest, (requests,), generator=draw).tolist()
    sizes[2] = slow  # one slow call, early in the list
    for size in sizes[:3]:
        serve(size)

    def slowly(size):
        serve(size)
        time.sleep(0.002)  # a remote call would wait longer; now two threads overlap on one core, too

    spans = {
        "loop over a list": loop(slowly, sizes),
        "serial engine": engine_spans(SerialEngine(slowly), sizes),
        "pool of two threads": engine_spans(ThreadPoolEngine(slowly, threads=2), sizes),
    }
    counts = {name: {"order": in_order(one), "overlaps": overlaps(one)} for name, one in spans.items()}
    plain, pool = counts["loop over a list"], counts["pool of two threads"]
    served = [begin for begin, _ in spans["pool of two threads"]]
    passed = sum(later < earlier for earlier, later in itertools.pairwise(served))
    # Whoever is taken first may look at the clock last, if the machine stops its thread just then.
    begun = 10 * passed <= requests
    none = quantity(plain["overlaps"], "overlaps")
    rows = [[name, "kept" if c["order"] else "broken", c["overlaps"]] for name, c in counts.items()]
    return {
        "spans": {name: [list(span) for span in one] for name, one in spans.items()},
        "requests": quantity(requests, "requests"),
        "table": table(["server", "order of the list", "overlapping calls"], rows),
        "claims": {
            "s1-31": verdict_by(
                {"qualified": begun and pool["overlaps"] > 0 and plain["overlaps"] == 0},
                "holds",
                f"one line before two servers: {requests - passed} of {requests} requests began in its order,"
                f" and {pool['overlaps']} of them while another was being served; before one server none did",
            ),
            "s1-11": verdict_by(
                {"holds": all_of(plain["order"], none["value"] == 0, pool["overlaps"] > 0)},
                "refuted",
                f"{requests} calls in a loop ended in the order of the list, {plain['overlaps']} overlapped;"
                f" in a pool of two threads {pool['overlaps']} overlapped",
            ),
        },
    }


for run in lists():
    fig, panels = figures.figure(
        alt="Each call as a bar from its begin to its end, in the order of the list. "
        + " ".join(f"{row[0]}: order {row[1]}, {row[2]} overlaps." for row in run["table"]["rows"])
        + " The third call is long, and in the loop all later ones begin after it.",
        caption="Begin and end of each call: one after the other in a loop, two at a time in a pool.",
        run=run,
        columns=3,
        sharex=True,
        sharey=True,
    )
    for axes, (name, spans) in zip(panels, run["spans"].items(), strict=True):
        length = [1e3 * (end - begin) for begin, end in spans]
        slow = [figures.VERMILION if place == 2 else figures.BLUE for place in range(len(spans))]
        axes.barh(range(len(spans)), length, left=[1e3 * begin for begin, _ in spans], color=slow)
        axes.set(xlabel="time, ms", title=name)
    panels[0].set(ylabel="place in the list")
    panels[0].invert_yaxis()

# %%
# It counts squared
# -----------------
# Who comes at a random moment finds a long service in progress more often than a short one, simply because it
# lasts longer, and then has more of it left. Both effects together give the *second* moment of
# Pollaczek–Khinchine, :math:`W = \lambda\,E[S^2] / 2(1-\rho)`. So all these queues, at the same load and the
# same mean service time, lie on one straight line.

SERVICES = {
    "equal (M/D/1)": (1.0, lambda n, seed: torch.ones(n, dtype=torch.float64)),
    "exponential (M/M/1)": (2.0, lambda n, seed: exponential(1.0, n, seed)),
    "1 in 100 is 10 times as long": (
        (0.99 + 0.01 * 10**2) / (0.99 + 0.01 * 10) ** 2,
        lambda n, seed: mix([1 / 1.09, 10 / 1.09], [0.99, 0.01], n, seed),
    ),
    "1 in 100 is 30 times as long": (
        (0.99 + 0.01 * 30**2) / (0.99 + 0.01 * 30) ** 2,
        lambda n, seed: mix([1 / 1.29, 30 / 1.29], [0.99, 0.01], n, seed),
    ),
    "hyperexponential, C² = 4": (5.0, lambda n, seed: hyperexponential(1.0, 4.0, n, seed)),
}


# Queues on paper have no device; the recursion runs on the CPU.
@experiment(small={"count": 5000, "runs": 4}, seconds=60, memory_gb=1, devices=("cpu",))
def squared(device, *, load=0.8, count=400_000, runs=8):
    """Mean wait against the second moment of the service times, at one load and one mean."""
    torch.set_num_threads(1)
    points, rows = [], []
    for name, (second, draw) in SERVICES.items():
        means = [
            float(waits(poisson(load, count, 2 * seed), draw(count, 2 * seed + 1), "cumulative").mean())
            for seed in range(runs)
        ]
        found, said = independent_runs(means), mg1_wait(load, 1.0, second)
        points.append({"name": name, "second": second, "found": list(found), "said": said})
        rows.append([name, second, quantity(said, ""), quantity(found.value, "", *found.interval)])
    unit = "service times"
    return {
        "points": points,
        "load": quantity(load, ""),
        "halved": quantity(md1_wait(load, 1.0) / mm1_wait(load, 1.0), "×"),
        "rare": quantity(points[3]["found"][0] / points[0]["found"][0], "×"),
        "table": table(["service times", "second moment", ("theory", unit), ("simulated", unit)], rows),
    }


for run in squared():
    points = run["points"]
    fig, axes = figures.figure(
        alt="Mean wait in service times against the second moment of the service times: a straight line. "
        + "; ".join(f"{p['name']}: {p['found'][0]:.3g}" for p in points)
        + ".",
        caption=f"Mean wait against E[S²] at load {run['load']['value']}: formula and simulation.",
        run=run,
    )
    ends = [0, 1.05 * max(point["second"] for point in points)]
    slope = points[0]["said"] / points[0]["second"]
    axes.plot(ends, [slope * end for end in ends], color=figures.COLOURS["theory"], label="formula")
    for point in points:
        middle, low, high = point["found"]
        reach = [[middle - low], [high - middle]]
        axes.errorbar(point["second"], middle, reach, fmt="o", capsize=3, label=point["name"])
    axes.set(xlabel="second moment of the service times, E[S²]", ylabel="mean wait, service times")
    axes.legend()

# %%
# Two remedies
# ------------
# The same requests, one in a hundred thirty times as long, in three orders. *Processor sharing* works on all
# of them at once, each a little: a request is slowed by the same factor whatever its length. *Shortest first*
# lets the short ones pass, if their length is known. Neither makes the server faster. SimPy simulates them.


def latencies_by(order, arrivals, services):
    """Mean latency over own length, of short requests and of long ones, and of all in service times."""
    from seqdocs.queues.simulation.order import first_come, shortest_first
    from seqdocs.queues.simulation.sharing import processor_sharing
    from seqdocs.queues.trace import latencies

    orders = {
        "first come": first_come,
        "shortest first": shortest_first,
        "processor sharing": processor_sharing,
    }
    took = latencies(orders[order](arrivals, services))
    slowed, long = took / services, services > 5
    return float(slowed[~long].mean()), float(slowed[long].mean()), float(took.mean())


ORDERS = ("first come", "shortest first", "processor sharing")


@experiment(small={"count": 600, "runs": 3}, seconds=90, memory_gb=1, packages=("simpy",), devices=("cpu",))
def orders(device, *, load=0.8, count=12_000, runs=6):
    """How much slower than alone short and long requests are in three orders of service."""
    try:
        import simpy  # noqa: F401
    except ImportError:
        return {"missing": "not measured: simpy is not installed here"}
    _, draw = SERVICES["1 in 100 is 30 times as long"]
    bars, rows = {}, []
    for order in ORDERS:
        found = [
            latencies_by(order, poisson(load, count, 2 * seed), draw(count, 2 * seed + 1))
            for seed in range(runs)
        ]
        short, long, every = (independent_runs(column) for column in zip(*found, strict=True))
        bars[order] = {"short": list(short), "long": list(long)}
        rows.append([order, *(quantity(one.value, "", *one.interval) for one in (short, long, every))])
    return {
        "missing": "",
        "bars": bars,
        "runs": quantity(runs, "runs"),
        "sharing": quantity(sharing_latency(load, 1.0), "×"),
        "short": {order.replace(" ", "_"): quantity(bar["short"][0], "×") for order, bar in bars.items()},
        "table": table(
            ["order", ("short ones slowed", "×"), ("long ones slowed", "×"),
             ("mean latency", "service times")], rows
        ),
    }  # fmt: skip


for run in orders():
    if run["missing"]:
        print(run["missing"])
        continue
    bars = run["bars"]
    fig, axes = figures.figure(
        alt="Latency over own length, short and long requests, in three orders. "
        + "; ".join(
            f"{name}: short {bar['short'][0]:.1f}, long {bar['long'][0]:.2g}" for name, bar in bars.items()
        )
        + f". Theory for processor sharing: {run['sharing']['value']:.1f} for both.",
        caption="How many times slower than alone: short and long requests in three orders of service.",
        run=run,
        height=3.0,
    )
    for shift, kind, colour in ((-0.2, "short", figures.BLUE), (0.2, "long", figures.VERMILION)):
        middle, low, high = zip(*(bar[kind] for bar in bars.values()), strict=True)
        reach = [[m - e for m, e in zip(middle, low, strict=True)],
                 [e - m for m, e in zip(middle, high, strict=True)]]  # fmt: skip
        places = [place + shift for place in range(len(bars))]
        axes.barh(places, middle, 0.4, xerr=reach, color=colour, label=f"{kind} requests")
    axes.set_yticks(range(len(bars)), list(bars))
    axes.invert_yaxis()
    axes.set(xlabel="latency over own length", ylabel="order of service")
    axes.legend()

# %%
# What to take away
# -----------------
# A slow request costs the others its length squared, so cap it, split it, or let others pass. A batch engine
# that gives every sequence one token per step is close to processor sharing: there a long answer slows
# all, and blocks none. Read on at :term:`head-of-line blocking` and :term:`first in, first out`.

if __name__ == "__main__":
    figures.show()
