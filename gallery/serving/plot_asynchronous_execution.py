"""
Asynchronous execution
======================

To wait for a result, or to go on and ask for it later. Going on gains exactly what would have been spent
waiting: all of it when a service waits for something else, nothing when it computes itself.
"""

# %%
# Work that waits and work that computes
# --------------------------------------
# Sixteen requests, served one after the other and by an event loop, which is one thread that turns to another
# request whenever one awaits something. Once the service awaits :given:`20 ms` (an answer from elsewhere),
# once it computes matrix products for about as long. And a training loop whose batches come from elsewhere:
# loaded between two steps, or by a second thread during a step.

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity
from seqdocs.bench.timing import median_of
from seqdocs.bench.verdicts import above, all_of, below, verdict_by
from seqdocs.queues.engines.engine import Engine
from seqdocs.queues.engines.event_loop import EventLoopEngine
from seqdocs.queues.engines.request import RefusedError
from seqdocs.queues.engines.serial import SerialEngine


def services(seconds):
    """Each kind of work as a function that blocks, and as a generator that gives way."""
    torch.set_num_threads(1)
    x = torch.randn(192, 192)

    def compute():
        end = time.thread_time() + seconds  # work, not time: a busy machine stretches it
        while time.thread_time() < end:
            torch.mm(x, x)
        return 1

    def wait(_):
        time.sleep(seconds)
        return 1

    async def awaits(_):
        await asyncio.sleep(seconds)
        yield 1

    def computes(_):
        yield compute()

    return {"waits": (wait, awaits), "computes": (lambda _: compute(), computes)}


def took(engine, count):
    """Seconds until all of so many requests are answered."""
    with engine:
        begin = time.perf_counter()
        for ticket in [engine.submit(number) for number in range(count)]:
            ticket.result()
        return time.perf_counter() - begin


def training(seconds, batches):
    """A loop that loads each batch and then learns from it, and one that loads the next meanwhile."""
    x = torch.randn(192, 192)
    weights = torch.zeros(192, 192, requires_grad=True)
    loads, steps = [], []  # when each load began, when each step returned

    def load():
        loads.append(time.perf_counter())
        time.sleep(seconds)
        return x

    def step(batch):
        end = time.thread_time() + seconds  # as long as loading takes, however fast the machine is
        while time.thread_time() < end:
            (batch @ weights - batch).square().mean().backward()
            with torch.no_grad():
                weights.sub_(0.1 * weights.grad)
            weights.grad = None
        steps.append(time.perf_counter())

    def in_turn():
        for _ in range(batches):
            step(load())

    def ahead():
        with ThreadPoolExecutor(1) as loader:
            coming = loader.submit(load)
            for left in range(batches - 1, -1, -1):
                batch = coming.result()
                if left:
                    coming = loader.submit(load)
                step(batch)

    def timed(way):
        """Seconds of it, and how many loads began before the step before them had returned."""
        loads.clear(), steps.clear()
        begin = time.perf_counter()
        way()
        early = sum(load < step for load, step in zip(loads[1:], steps, strict=False))
        return time.perf_counter() - begin, early

    return {"synchronous": lambda: timed(in_turn), "asynchronous": lambda: timed(ahead)}


@experiment(small={"count": 4, "seconds": 0.005, "rounds": 2}, seconds=60, memory_gb=1, devices=("cpu",))
def overlap(device, *, count=16, seconds=0.02, rounds=5):  # threads of this machine: no device
    """Seconds for all requests, one by one and in an event loop, of both kinds of work."""
    runs = {kind: {"synchronous": [], "asynchronous": []} for kind in ("waits", "computes", "trains")}
    early = {name: [] for name in runs["trains"]}
    for _ in range(rounds):
        for name, way in training(seconds, count).items():
            duration, begun = way()
            runs["trains"][name].append(duration)
            early[name].append(begun)
        for kind, (blocking, giving_way) in services(seconds).items():
            runs[kind]["synchronous"].append(took(SerialEngine(blocking), count))
            runs[kind]["asynchronous"].append(took(EventLoopEngine(giving_way, count), count))
    gains = {
        kind: median_of([a / b for a, b in zip(run["synchronous"], run["asynchronous"], strict=True)], "×")
        for kind, run in runs.items()
    }
    waiting_overlaps = all_of(
        above(gains["waits"], 3.0, "requests that wait: time one by one over time in turns"),
        above(gains["trains"], 1.1, "training steps: time loading in turn over time loading ahead"),
    )
    computing = gains["computes"], 2.0, "requests that compute: time one by one over time in turns"
    return {
        "seconds": {
            kind: {name: median_of(times, "s") for name, times in run.items()} for kind, run in runs.items()
        },
        "gain": gains,
        "count": quantity(count, "requests"),
        "service": quantity(seconds, "s"),
        "claims": {
            "s1-07": verdict_by(
                {"qualified": max(early["synchronous"]) == 0 and min(early["asynchronous"]) > 0},
                "holds",
                f"in a plain loop none of {count - 1} inputs began to load before the step ahead of it had"
                f" returned; with a second thread {min(early['asynchronous'])} did, in each of {rounds} runs",
            ),
            "s1-13": verdict_by(
                {
                    "qualified": all_of(waiting_overlaps, below(*computing)),
                    "refuted": all_of(waiting_overlaps, above(*computing)),
                },
                "holds",
                f"in turns, {count} requests that wait took 1/{gains['waits']['value']:.0f} of the time, and"
                f" {count} that compute {1 / gains['computes']['value']:.2f} of it; training with the next"
                f" batch loaded meanwhile took {1 / gains['trains']['value']:.2f} of it",
            ),
        },
    }


for run in overlap():
    times = run["seconds"]
    fig, axes = figures.figure(
        alt=f"Seconds for {run['count']['value']} requests, or as many training steps. "
        + "; ".join(
            f"work that {kind}: {times[kind]['synchronous']['value']:.3g} s one by one,"
            f" {times[kind]['asynchronous']['value']:.3g} s overlapped"
            for kind in times
        )
        + ".",
        caption="Time until all requests are answered or all batches learnt from, one by one and overlapped.",
        run=run,
    )
    ways = (-0.2, "synchronous", figures.VERMILION), (0.2, "asynchronous", figures.BLUE)
    for place, kind in enumerate(times):
        for shift, name, colour in ways:
            label = name if place == 0 else None
            axes.bar(place + shift, times[kind][name]["value"], 0.38, color=colour, label=label)
    axes.set_xticks(range(len(times)), [f"work that {kind}" for kind in times])
    axes.set(xlabel="kind of work", ylabel="seconds for all")
    axes.legend()

# %%
# When does an operation return?
# ------------------------------
# A matrix product on a CPU returns when it is done. On a CUDA device the call only puts it into a queue, and
# the thread goes on while the device computes; who wants the number waits then. We time the call alone, and
# the call with the wait for the device.


@experiment(small={"size": 64, "rounds": 3}, seconds=60, memory_gb=1)
def returns(device, *, size=1024, rounds=25):
    """Share of an operation's time that has passed when its call returns."""
    torch.set_num_threads(1)
    on_cpu = torch.device(device).type == "cpu"
    wait, x = (lambda: None) if on_cpu else torch.cuda.synchronize, torch.randn(size, size, device=device)
    for _ in range(3):
        torch.mm(x, x)
    wait()
    shares = []
    for _ in range(rounds):
        begin = time.perf_counter()
        torch.mm(x, x)
        returned = time.perf_counter()
        wait()
        shares.append(100 * (returned - begin) / (time.perf_counter() - begin))
    share = median_of(shares, "%")
    what = "share of a product's time that has passed when its call returns, in per cent"
    blocks = above(share, 80.0, what) if on_cpu else below(share, 60.0, what)
    said = f"on this device {share['value']:.0f} % of a product's time had passed when its call returned"
    return {
        "share": share,
        "size": quantity(size, "rows"),
        "claims": {"s1-12": verdict_by({"qualified": blocks}, "refuted", said)},
    }


for run in returns():
    share = run["share"]["value"]
    fig, axes = figures.figure(
        alt=f"A bar: {share:.0f} % of the time of a matrix product has passed when the call returns; the rest"
        " is spent waiting for the device.",
        caption=f"A product of {run['size']['value']} rows and columns: the call's share of the time.",
        run=run,
        height=2.2,
    )
    axes.barh([0], [share], color=figures.VERMILION, label="until the call returns")
    axes.barh([0], [100 - share], left=[share], color=figures.BLUE, label="the thread could go on")
    axes.set(xlabel="share of the time, %", ylabel="product", yticks=[], xlim=(0, 100), ylim=(-0.6, 1.2))
    axes.legend(loc="upper right", ncols=2)

# %%
# A door that can say no
# ----------------------
# Going on has a price: who submits without waiting can submit more than anybody can serve. An event loop
# takes turns among all who are inside, so with too many inside everybody is late. *Admission control* lets in
# as many as can be served in time and refuses the others at once. Requests come half again as fast as they
# can be served; an answer counts if it came within ten service times.


def turns(work):
    """A service that takes ten turns and gives way after each."""

    def serve(_):
        for _ in range(10):
            time.sleep(work / 10)  # the thread is busy for so long, whatever else the machine does
            yield 1

    return serve


@experiment(small={"count": 20, "limits": (2, 40)}, seconds=60, memory_gb=1, devices=("cpu",))
def admission(device, *, count=240, service=0.01, limits=(4, 240), deadline=10.0):  # one thread: no device
    """Answers in time, late, and refused, of the same overload with few inside and with many."""
    rows = {}
    for limit in limits:
        engine: Engine = EventLoopEngine(turns(service), limit, limit=limit)
        tickets, refused = [], 0
        with engine:
            begin = time.perf_counter()
            for number in range(count):
                time.sleep(max(0.0, begin + number * service / 1.5 - time.perf_counter()))
                try:
                    tickets.append(engine.submit(number))
                except RefusedError:
                    refused += 1
        took = [ticket.finish - ticket.arrival for ticket in tickets]
        in_time = sum(seconds <= deadline * service for seconds in took)
        rows[limit] = {"in_time": in_time, "late": len(tickets) - in_time, "refused": refused}
    few, many = (rows[limit] for limit in limits)
    return {
        "limits": list(limits),
        "rows": [rows[limit] for limit in limits],
        "few": {name: quantity(number, "") for name, number in few.items()},
        "many": {name: quantity(number, "") for name, number in many.items()},
        "limit": quantity(limits[0], ""),
        "count": quantity(count, "requests"),
    }


for run in admission():
    names = [f"{run['limit']['value']} at a time", "all let in"]
    fig, axes = figures.figure(
        alt=f"Of {run['count']['value']} requests in overload: "
        + "; ".join(
            f"{name}: {row['in_time']} answered in time, {row['late']} late, {row['refused']} refused"
            for name, row in zip(names, run["rows"], strict=True)
        )
        + ".",
        caption="The same overload with a limit at the door and without.",
        run=run,
    )
    left = [0] * len(names)
    for what, colour in (("in_time", figures.BLUE), ("late", figures.VERMILION), ("refused", figures.GREY)):
        widths = [row[what] for row in run["rows"]]
        axes.barh(names, widths, left=left, color=colour, label=what.replace("_", " "))
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.set(xlabel="requests", ylabel="let in")
    axes.legend(ncols=3)

# %%
# What to take away
# -----------------
# Asynchronous does not mean parallel. It means that waiting costs nobody else anything. Read on at
# :term:`asynchronous execution`.

if __name__ == "__main__":
    figures.show()
