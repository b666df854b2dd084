"""
Wait against load
=================

How long is the mean wait of an engine that is so and so busy? Three ways to work it out, the slowest first,
and a real engine that serves a real language model one request at a time, put beside them.
"""

# %%
# The wait as a recurrence
# ------------------------
# Behind a line served one at a time stands Lindley's recurrence, :math:`W_{k+1} = \max(0, W_k + S_k - A_k)`:
# what you wait is what the one before you waited, plus its service, minus the time between you. Walking
# through it is the slow way. As a scan over (max, +) it is a tree of a few dozen tensor operations; as a
# running sum minus its running minimum, two. The three must agree before we time them.

import statistics
from dataclasses import replace

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import compare, median_of, rate
from seqdocs.models.language_model import CausalLM
from seqdocs.queues.aim import aim
from seqdocs.queues.arrivals import exponential, poisson
from seqdocs.queues.engines.audit import audit
from seqdocs.queues.engines.decoder import decoder
from seqdocs.queues.engines.request import Request
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.lindley import waits
from seqdocs.queues.load import open_loop, population
from seqdocs.queues.retries import Retries, lateness
from seqdocs.queues.theory.mg1 import md1_wait
from seqdocs.queues.theory.mm1 import mm1_wait
from seqdocs.queues.trace import services
from seqdocs.queues.trace import waits as waited


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
# Below load 1 the line does not grow for ever, but the mean wait climbs like :math:`1/(1-\rho)`: a hyperbola
# in the load. The engine answers requests to a small language model, one at a time. The arrivals are Poisson
# and each request asks for the same number of tokens, so the service times are nearly equal: the formula for
# this engine is M/D/1. M/M/1, for exponential service times, lies twice as high.
#
# The load is the rate of arrivals times the mean service time. The rate we choose; the service time shows in
# the run and not before, since the machine is not always as fast. So a run is made with the service time of
# the one before it, and one that comes out further than :given:`5 %` from the load it was meant for is made
# again, once, with its own. The table says both; where points stand is the load that came out.
#
# A run of a few seconds is not the long run that formulas speak of. So each point stands beside the
# recurrence fed with *its own* times, at which requests were sent and how long each was served, and beside
# the same service times under a million arrivals. The recurrence is also the judge: a run whose mean wait is
# off by more than :given:`5 %` is made again, and where that does not help it is rejected and left out.


def server(device):
    """The function that answers one request: a model of about a million parameters, on one thread."""
    torch.set_num_threads(1)  # the sender needs the other core, or it would be late and the run worthless
    torch.manual_seed(0)
    model = CausalLM(vocabulary=1024, context=256, width=128, layers=4, heads=4, tied=False)
    return decoder(model.to(device).eval())


def at_the_door(run):
    """The run as the engine saw it: a request comes when it is sent, however late that is."""
    return replace(run, scheduled=run.sent)


def mean_waits(run, arrival_rate, long, seed):
    """Seconds: of the engine, of the recurrence on its times, of a long run of its services, of formulas."""
    door, taken = at_the_door(run), services(run)
    found = {"engine": waited(door).mean(), "recurrence": waits(door.scheduled, taken).mean()}
    found = {name: float(wait) for name, wait in found.items()}
    mean = float(taken.mean())
    if arrival_rate * mean >= 1:  # a machine that slowed down under the run has no long run
        return found | dict.fromkeys(("long_run", "md1", "mm1"))
    again = taken[torch.randint(len(taken), (long,), generator=torch.Generator().manual_seed(seed))]
    later = waits(poisson(arrival_rate, long, seed + 100), again, "cumulative")
    formulas = {"md1": md1_wait(arrival_rate, 1 / mean), "mm1": mm1_wait(arrival_rate, 1 / mean)}
    return found | {"long_run": float(later.mean())} | formulas


@experiment(
    small={"tokens": 2, "loads": (0.3, 0.7), "seconds_each": 0.1, "long": 1000}, seconds=150, memory_gb=1
)
def loads(device, *, tokens=32, loads=(0.4, 0.6, 0.8, 0.9), seconds_each=2.5, long=1_000_000):
    """Mean wait at each load: engine, recurrence on the same trace, long run and formulas."""
    points, rows, kept, retries = [], [], [], Retries()
    request = Request(tuple(range(16)), tokens)

    def attempt(arrival_rate, seed):
        times = poisson(arrival_rate, max(20, round(arrival_rate * seconds_each)), seed)
        return retries.keep(
            lambda: open_loop(engine, [request] * len(times), times),
            lambda run: audit(at_the_door(run), 0.05),
        )

    with SerialEngine(server(device)) as engine:
        # One user alone, for a first guess; the first few warm up.
        service = float(services(population(engine, [request] * 24, clients=1))[6:].median())
        for seed, load in enumerate(loads):
            aimed = aim(lambda rate, seed=seed: attempt(rate, seed), load, service)
            kept.append(aimed.kept)
            (run, rejected), service = aimed.kept, aimed.service
            found = mean_waits(run, aimed.arrival_rate, long, seed)
            ms = [None if wait is None else quantity(1e3 * wait, "") for wait in found.values()]
            gap = 100 * (found["engine"] / found["recurrence"] - 1)
            said = "rejected" if rejected else quantity(gap, "")
            rows.append([load, quantity(aimed.load, ""), len(run), *ms[:2], said, *ms[2:]])
            points.append(
                {"asked": load, "load": aimed.load, "service": service, "gap": gap, "rejected": rejected}
                | found
            )
    accepted = [point for point in points if not point["rejected"]]
    variation = [100 * float(services(run).std() / services(run).mean()) for run, _ in kept]
    missed = max(100 * abs(point["load"] / point["asked"] - 1) for point in points)
    late = lateness(run for run, _ in kept)
    names = ("engine", "recurrence", "gap", "long run", "M/D/1", "M/M/1")
    columns = [(name, "%" if name == "gap" else "ms") for name in names]
    return {
        "points": points,
        "table": table(["load asked for", "load", "requests", *columns], rows),
        "service": median_of([point["service"] for point in points], "s"),
        "variation": quantity(statistics.median(variation), "%", min(variation), max(variation)),
        "gap": quantity(max((p["gap"] for p in accepted), key=abs), "%") if accepted else "rejected",
        "missed": quantity(missed, "%"),
        "sent_late": quantity(late.mean, "s"),
        "sent_latest": quantity(late.latest, "s"),
        "rejected": quantity(len(points) - len(accepted), "runs"),
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
# What to take away
# -----------------
# The mean wait is a hyperbola in the load: what blows up near load 1 is not the wait behind so many others,
# which is a straight line (:doc:`/gallery/serving/plot_serialized_queue`), but how many others there are. A
# short run scatters around the formula and follows the recurrence. Next to read: :term:`serialized queue`,
# :term:`utilisation`, :term:`M/M/1 queue`.

if __name__ == "__main__":
    figures.show()
