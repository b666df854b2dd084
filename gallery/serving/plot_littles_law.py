"""
Little's law
============

The mean number in a system is the rate at which requests come times the mean time each stays. It holds for
any order of service and any distribution. On a run that begins and ends empty it is no law of averages but an
identity, and we check it to the last digits.
"""

# %%
# One area, cut two ways
# ----------------------
# Count those who came, and those who left; between the two staircases lies everybody who is inside. Cut into
# columns, the area is the number inside, added up over time. Cut into rows, it is the time each one stayed,
# added up over requests. It is the same area.

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.models.language_model import CausalLM
from seqdocs.queues.arrivals import exponential, poisson
from seqdocs.queues.engines.continuous_batch import ContinuousBatchEngine
from seqdocs.queues.engines.decoder import decoder
from seqdocs.queues.engines.paged_model import PagedModel
from seqdocs.queues.engines.request import Request
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.engines.thread_pool import ThreadPoolEngine
from seqdocs.queues.load import open_loop
from seqdocs.queues.retries import Retries, lateness
from seqdocs.queues.theory.laws import littles_law
from seqdocs.queues.trace import Trace, fifo, latencies, littles_law_gap, mean_in_system, span


def both_sides(run):
    """The number inside, counted event by event, and arrival rate times mean latency."""
    return mean_in_system(run), littles_law(len(run) / span(run), float(latencies(run).mean()))


# Queues on paper have no device; only the live engines further down do.
@experiment(small={"requests": 8}, seconds=30, memory_gb=1, devices=("cpu",))
def area(device, *, requests=12, load=0.9):
    """A run short enough to be drawn."""
    run = fifo(poisson(load, requests, seed=5), exponential(1.0, requests, seed=6))
    inside, by_law = both_sides(run)
    return {
        "arrivals": run.scheduled.tolist(),
        "departures": run.finish.sort().values.tolist(),
        "inside": quantity(inside, "requests"),
        "by_law": quantity(by_law, "requests"),
        "gap": quantity(abs(littles_law_gap(run)), "requests"),
    }


for run in area():
    came, left = run["arrivals"], run["departures"]
    count = list(range(1, len(came) + 1))
    fig, axes = figures.figure(
        alt=f"Two staircases against time: {len(came)} arrivals, and as many departures below them. The area"
        f" between them gives {run['inside']['value']:.3f} requests inside on average.",
        caption="Arrivals and departures of a short run; the area between them counts both sides of the law.",
        run=run,
    )
    for place, (begin, end) in enumerate(zip(came, left, strict=True)):
        axes.fill_between([begin, end], place, place + 1, color=figures.BLUE, alpha=0.2, linewidth=0)
    axes.step([came[0], *came], [0, *count], where="post", color=figures.BLUE, label="arrivals")
    axes.step([came[0], *left], [0, *count], where="post", color=figures.VERMILION, label="departures")
    axes.set(xlabel="time, mean service times", ylabel="requests so far")
    axes.legend()

# %%
# Any order of service
# --------------------
# The same arrivals and the same requirements, served in the order of arrival, shortest first, all at once, by
# four slower servers on one line, and by four that are chosen by the power of two choices. Every order gives
# other latencies. The identity does not care. SimPy simulates them.


def simulated(arrivals, services):
    """A run of the same requests in each order of service."""
    from seqdocs.queues.simulation.dispatch import shortest_of
    from seqdocs.queues.simulation.order import first_come, shortest_first
    from seqdocs.queues.simulation.sharing import processor_sharing

    return {
        "first come": first_come(arrivals, services),
        "shortest first": shortest_first(arrivals, services),
        "processor sharing": processor_sharing(arrivals, services),
        "four servers, one line": first_come(arrivals, 4 * services, servers=4),
        "four servers, best of two lines": shortest_of(arrivals, 4 * services, 4, choices=2, seed=0),
    }


@experiment(small={"count": 300}, seconds=60, memory_gb=1, packages=("simpy",), devices=("cpu",))
def orders(device, *, load=0.9, count=10_000):
    """Both sides of the law, and what is between them, in each order of service."""
    try:
        import simpy  # noqa: F401
    except ImportError:
        return {"missing": "not measured: simpy is not installed here"}
    runs = simulated(poisson(load, count, seed=1), exponential(1.0, count, seed=2))
    sides = {name: both_sides(run) for name, run in runs.items()}
    rows = [
        [name, *(quantity(side, "") for side in both), abs(both[0] - both[1])] for name, both in sides.items()
    ]
    return {
        "missing": "",
        "sides": {name: list(both) for name, both in sides.items()},
        "gap": quantity(max(abs(littles_law_gap(run)) for run in runs.values()), "requests"),
        "orders": quantity(len(runs), "orders"),
        "requests": quantity(count, "requests"),
        "table": table(["order", "mean number inside", "λ × latency", "difference"], rows),
    }


for run in orders():
    if run["missing"]:
        print(run["missing"])
        continue
    fig, axes = figures.figure(
        alt="Mean number inside against arrival rate times latency, one point for each order of service, all"
        f" on the diagonal; the largest difference is {run['gap']['value']:.0e} requests.",
        caption="Both sides of Little's law for the same requests in five orders of service.",
        run=run,
    )
    top = 1.1 * max(side for both in run["sides"].values() for side in both)
    axes.plot([0, top], [0, top], color=figures.COLOURS["theory"], linewidth=1)
    for (name, (inside, by_law)), mark in zip(run["sides"].items(), "osD^v", strict=True):
        axes.plot(by_law, inside, mark, label=name)
    axes.set(xlabel="arrival rate × mean latency, requests", ylabel="mean number inside, requests")
    axes.legend()

# %%
# Real engines
# ------------
# A small language model behind three engines: one request at a time, four threads, and continuous batching.
# Threads disturb each other, the machine has other things to do, and nobody knows the distribution of a
# latency in advance. A run whose sender was late is made again, and in the end said to be rejected: its
# latencies would be the sender's. The identity still holds to rounding, because every request came and left.
# If it does not hold in your own logs, requests are missing there or clocks disagree.


@experiment(small={"requests": 6, "tokens": 2}, seconds=90, memory_gb=1)
def live(device, *, requests=100, tokens=32, load=0.8, seed=3):
    """Both sides of the law on traces of live engines."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = CausalLM(vocabulary=256, context=64, width=64, layers=2, heads=4).to(device).eval()
    makers = {
        "serial": lambda: SerialEngine(decoder(model)),
        "four threads": lambda: ThreadPoolEngine(decoder(model), threads=4),
        "continuous batch": lambda: ContinuousBatchEngine(PagedModel(model, 64, 16), size=8),
    }
    asked = [Request(tuple(range(8)), tokens) for _ in range(requests)]
    sides, gaps, late, rejected, rate, retries = {}, [], [], 0, None, Retries()
    for name, make in makers.items():
        with make() as engine:
            alone = [engine.submit(request) for request in asked[:8]]
            for ticket in alone:
                ticket.result()
            rate = rate or load / min(ticket.finish - ticket.start for ticket in alone[1:])
            times = poisson(rate, requests, seed)
            run, why = retries.keep(lambda engine=engine, times=times: open_loop(engine, asked, times))
        sides[name] = both_sides(run)
        gaps.append(abs(littles_law_gap(run)))
        late.append("rejected" if why else quantity(1e3 * lateness([run]).mean, ""))
        rejected += why is not None
    rows = [
        [name, *(quantity(side, "") for side in both), slip]
        for (name, both), slip in zip(sides.items(), late, strict=True)
    ]
    return {
        "sides": {name: list(both) for name, both in sides.items()},
        "gap": quantity(max(gaps), "requests"),
        "requests": quantity(requests, "requests"),
        "rejected": quantity(rejected, "runs"),
        "table": table(["engine", "mean number inside", "λ × latency", ("sent late, mean", "ms")], rows),
    }


for run in live():
    names = list(run["sides"])
    fig, axes = figures.figure(
        alt="Mean number inside, counted and by Little's law, for three live engines: "
        + "; ".join(f"{name} {both[0]:.2f} and {both[1]:.2f}" for name, both in run["sides"].items())
        + f". The largest difference is {run['gap']['value']:.0e}.",
        caption="Both sides of Little's law on the traces of three live engines under the same requests.",
        run=run,
        height=2.8,
    )
    for shift, side, colour in ((-0.2, 0, figures.BLUE), (0.2, 1, figures.ORANGE)):
        label = ("counted event by event", "arrival rate × mean latency")[side]
        places = [place + shift for place in range(len(names))]
        axes.barh(places, [run["sides"][name][side] for name in names], 0.4, color=colour, label=label)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set(xlabel="mean number inside, requests", ylabel="engine")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)

# %%
# Where it is off
# ---------------
# A dashboard looks at a window of time that neither begins nor ends empty, and multiplies the requests served
# per second by their mean latency. What is cut off at the end matters less and less as the window grows, if
# the load is below 1. In an overload it never stops to matter: those who came and have not left yet are in
# the number inside, and in no latency.


def by_window(run, end):
    """Share by which requests served times mean latency misses the number inside, until ``end``."""
    cut = run.scheduled <= end
    came, left = run.scheduled[cut], run.finish[cut].clamp(max=end)
    gone = run.finish <= end
    if not bool(gone.any()):
        return 1.0
    inside = float((left - came).sum()) / end
    return abs(1 - float(latencies(run)[gone].sum()) / end / inside)


@experiment(small={"longest": 100, "seeds": 2}, seconds=60, memory_gb=1, devices=("cpu",))
def windows(device, *, loads=(0.5, 0.9, 1.2), longest=30_000, seeds=20):
    """The gap between both sides against the length of the window, averaged over runs."""
    torch.set_num_threads(1)
    lengths = [longest / 3**power for power in range(6)][::-1]
    gaps = {}
    for load in loads:
        count = round(1.3 * load * longest) + 100
        runs: list[Trace] = [
            fifo(poisson(load, count, seed), exponential(1.0, count, seed + seeds), "cumulative")
            for seed in range(seeds)
        ]
        gaps[str(load)] = [100 * sum(by_window(run, end) for run in runs) / seeds for end in lengths]
    return {
        "lengths": lengths,
        "gaps": gaps,
        "overloaded": quantity(gaps[str(loads[-1])][-1], "%"),
        "calm": quantity(gaps[str(loads[0])][-1], "%"),
    }


for run in windows():
    fig, axes = figures.figure(
        alt="Gap between both sides of the law against the length of the window, on logarithmic scales. "
        + "; ".join(f"load {load}: from {gap[0]:.1f} to {gap[-1]:.2g} %" for load, gap in run["gaps"].items())
        + ".",
        caption="How far served per second × latency is off in a window that does not end empty.",
        run=run,
    )
    shades = (figures.BLUE, figures.GREEN, figures.VERMILION)
    for (load, gap), colour in zip(run["gaps"].items(), shades, strict=True):
        axes.plot(run["lengths"], gap, "o-", color=colour, label=f"load {load}")
    axes.set(xscale="log", yscale="log", xlabel="length of the window, service times", ylabel="gap, %")
    axes.legend()

# %%
# What to take away
# -----------------
# Two of the three numbers give the third, whatever happens inside. Use it to check logs, and to size a
# system: the arrival rate times the latency you promise is how many requests you must have room for. Read on
# at :term:`Little's law` and :term:`throughput`.

if __name__ == "__main__":
    figures.show()
