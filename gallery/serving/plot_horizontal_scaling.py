"""
Horizontal scaling
==================

More servers of the same kind, for more requests. How much it helps depends on whether they share one line, on
what cannot be shared out, and on what the servers wait for.
"""

# %%
# One line or many
# ----------------
# Servers that are nine tenths busy, and as many more requests as there are servers. If all take from one
# line, waits shrink: whoever is free takes the next. If every server has a line of its own, nobody gains
# anything: one may idle while others have a queue. The formulas say so; ``x`` marks are traces of requests
# through the exact recursions.

import contextlib
import statistics

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import median_of
from seqdocs.bench.verdicts import above, all_of, between, verdict_by
from seqdocs.queues import lindley, multiserver
from seqdocs.queues.arrivals import exponential, poisson
from seqdocs.queues.engines.process_pool import ProcessPoolEngine
from seqdocs.queues.engines.waiting import make_waiting
from seqdocs.queues.load import population
from seqdocs.queues.theory.erlang import pooled_and_split
from seqdocs.queues.theory.scalability import amdahl_speedup, gunther_best_workers, gunther_speedup
from seqdocs.queues.trace import span


def simulated(servers, load, customers, seed):
    """Mean waits, in service times, of the same requests in one line and in a line each."""
    arrivals, services = poisson(load * servers, customers, seed), exponential(1.0, customers, seed + 1)
    pooled = float(multiserver.waits(arrivals, services, servers).mean())
    whose = torch.randint(servers, (customers,), generator=torch.Generator().manual_seed(seed + 2))
    own = [lindley.waits(arrivals[whose == one], services[whose == one], "scan") for one in range(servers)]
    return pooled, float(torch.cat(own).mean())


@experiment(
    small={"customers": 2000, "runs": 2}, seconds=60, memory_gb=1, devices=("cpu",)
)  # no tensors to move
def lines(device, *, counts=(1, 2, 4, 8), load=0.9, customers=50_000, runs=4):
    """Mean wait against number of servers, pooled and split: formulas, and traces through the recursions."""
    theory = {count: pooled_and_split(load * count, 1.0, count) for count in counts}
    seen = {count: [simulated(count, load, customers, 10 * run) for run in range(runs)] for count in counts}
    # What became of the mean wait from the fewest servers to the most, in traces of the same requests.
    shrunk, kept = (
        median_of(
            [few[at] / many[at] for few, many in zip(seen[counts[0]], seen[counts[-1]], strict=True)], "×"
        )
        for at in (0, 1)
    )
    rows = [
        [
            count,
            *theory[count],
            *(statistics.mean(run[place] for run in seen[count]) for place in (0, 1)),
        ]
        for count in counts
    ]
    return {
        "counts": list(counts),
        "pooled": {f"servers_{n}": quantity(theory[n].pooled, "service times") for n in counts},
        "split": {f"servers_{n}": quantity(theory[n].split, "service times") for n in counts},
        "seen": [[statistics.mean(run[place] for run in seen[n]) for n in counts] for place in (0, 1)],
        "shrunk": shrunk,
        "kept": kept,
        "load": quantity(100 * load, "%"),
        "customers": quantity(customers * runs, "requests"),
        "table": table(
            [
                "servers",
                ("one line", "service times"),
                ("a line each", "service times"),
                ("one line, traced", "service times"),
                ("a line each, traced", "service times"),
            ],
            rows,
        ),
        "claims": {
            "s1-06": verdict_by(
                {
                    "qualified": all_of(
                        above(shrunk, 5.0, f"wait at one server over that of {counts[-1]} at one line"),
                        between(kept, 0.6, 1.6, f"wait at one server over that of {counts[-1]}, a line each"),
                    )
                },
                "refuted",
                f"in traces of {customers * runs:,} requests, {counts[-1]} servers at one line divide the"
                f" mean wait of one by {shrunk['value']:.1f}, and with a line each by {kept['value']:.2f}",
            )
        },
    }


for run in lines():
    counts = run["counts"]
    pooled = [run["pooled"][f"servers_{n}"]["value"] for n in counts]
    split = [run["split"][f"servers_{n}"]["value"] for n in counts]
    fig, axes = figures.figure(
        alt="Mean wait in service times against servers, each nine tenths busy. One line: "
        + ", ".join(f"{n}: {wait:.1f}" for n, wait in zip(counts, pooled, strict=True))
        + f". A line each: {split[0]:.1f} for any number.",
        caption="Mean wait of the same load per server, in one common line and in a line each.",
        run=run,
    )
    for heights, marks, colour, label in (
        (pooled, run["seen"][0], figures.BLUE, "one line"),
        (split, run["seen"][1], figures.VERMILION, "a line each"),
    ):
        axes.plot(counts, heights, "o-", color=colour, label=label, markersize=4)
        axes.plot(counts, marks, "x", color=colour, markersize=9)
    axes.set(xlabel="servers", ylabel="mean wait, service times", ylim=(0, None))
    axes.set_xticks(counts)
    axes.legend()

# %%
# Live replicas
# -------------
# Replicas are processes with a common line. Each request waits :given:`20 ms`, as for a disk or another
# machine. Eight clients keep them busy. Where Ray is installed, the same runs with Ray actors, which may live
# on other machines.


def rates(make_engine, counts, requests, rounds):
    """Requests per second of each number of replicas, in rounds; every replica has answered once before."""
    with contextlib.ExitStack() as stack:  # closes those that are there, should a later one fail to start
        engines = {count: stack.enter_context(make_engine(count)) for count in counts}
        for count, engine in engines.items():
            population(engine, range(4 * count), count)
        runs = {count: [] for count in counts}
        for _ in range(rounds):
            for count, engine in engines.items():
                runs[count].append(requests / span(population(engine, range(requests), 8)))
    return runs


def scaling(runs):
    """How many times the rate of one replica, round by round."""
    base = runs[min(runs)]
    return {
        count: median_of([rate / one for rate, one in zip(run, base, strict=True)], "×")
        for count, run in runs.items()
    }


@experiment(
    small={"counts": (1, 2), "requests": 4, "rounds": 2}, seconds=120, memory_gb=1, devices=("cpu",)
)  # what waits needs no device
def replicas(device, *, counts=(1, 2, 4), service=0.02, requests=24, rounds=5):
    """Requests per second of process replicas whose service waits, against their number."""
    from functools import partial

    runs = rates(lambda n: ProcessPoolEngine(partial(make_waiting, service), n), counts, requests, rounds)
    times = scaling(runs)
    doubled = above(times[2], 1.3, "requests per second of two replicas over one")
    return {
        "counts": list(counts),
        "rates": {f"replicas_{n}": median_of(run, "requests/s") for n, run in runs.items()},
        "times": {f"replicas_{n}": value for n, value in times.items()},
        "service": quantity(service, "s"),
        "claims": {
            "s1-29": verdict_by(
                {"holds": all_of(doubled)},
                "refuted",
                f"two replicas of the same server answer {times[2]['value']:.2f} times as many requests",
            )
        },
    }


@experiment(
    small={"counts": ()}, seconds=180, memory_gb=1, devices=("cpu",), packages=("ray",)
)  # what waits needs no device; a cluster takes too long to start for a small run
def ray_replicas(device, *, counts=(1, 2), service=0.02, requests=24, rounds=5):
    """The same with Ray actors; in words where there is no Ray or too little of the machine."""
    from functools import partial

    from seqdocs.queues.engines.ray_replicas import RayReplicasEngine

    if not counts:
        return {"times": "not measured", "why": "a small run starts no cluster"}
    serve = partial(make_waiting, service)
    try:
        runs = rates(lambda n: RayReplicasEngine(serve, n, num_cpus=0.25), counts, requests, rounds)
    except (ImportError, ValueError) as error:
        return {"times": "not measured", "why": str(error)}
    return {"times": scaling(runs)[2], "why": ""}


actors = ray_replicas()
for run, with_ray in zip(replicas(), actors, strict=True):
    counts, times = run["counts"], [run["times"][f"replicas_{n}"] for n in run["counts"]]
    ray = with_ray["times"]
    told = "without Ray" if isinstance(ray, str) else f"two Ray actors {ray['value']:.2f} times"
    fig, (left, right) = figures.figure(
        alt="Requests per second, in those of one replica. Live, waiting work: "
        + ", ".join(f"{n} replicas {t['value']:.2f}" for n, t in zip(counts, times, strict=True))
        + f"; {told}. Beside it the laws of Amdahl and Gunther with 5 % contention and 1 % coherency: Amdahl"
        f" reaches {amdahl_speedup(32, 0.05):.1f} with 32 workers, Gunther falls beyond"
        f" {gunther_best_workers(0.05, 0.01):.0f}.",
        caption="Left: live replicas of a service that waits. Right: what two laws say of work that does not"
        " divide.",
        run=[run, with_ray],
        columns=2,
    )
    left.plot(counts, counts, ":", color=figures.GREY, label="in proportion")
    left.plot(counts, [t["value"] for t in times], "o-", color=figures.BLUE, label="processes")
    if not isinstance(ray, str):
        left.plot([1, 2], [1, ray["value"]], "x--", color=figures.VERMILION, label="Ray actors")
    left.set(xlabel="replicas", ylabel="requests/s, in those of one", ylim=(0, None))
    left.set_xticks(counts)
    workers = range(1, 33)
    right.plot(workers, workers, ":", color=figures.GREY, label="in proportion")
    right.plot(workers, [amdahl_speedup(n, 0.05) for n in workers], color=figures.GREEN, label="Amdahl")
    right.plot(
        workers, [gunther_speedup(n, 0.05, 0.01) for n in workers], color=figures.ORANGE, label="Gunther"
    )
    right.set(xlabel="workers $N$", ylabel="speed-up", ylim=(0, 12))
    left.legend()
    right.legend()

# %%
# What to take away
# -----------------
# Put one line in front of all servers. Then more servers mean shorter waits at the same load each, until
# something that cannot be shared out is the bottleneck. Read on at :term:`horizontal scaling`.

if __name__ == "__main__":
    figures.show()
