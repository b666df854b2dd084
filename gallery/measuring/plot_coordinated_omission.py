"""
Coordinated omission
====================

A load test that waits for each answer before it sends the next request stops asking when the engine stops
answering. It then reports a fine p99 for an engine that kept a crowd waiting.
"""

# %%
# An engine that pauses once
# --------------------------
# The engine takes two milliseconds per request, one request at a time. Once in the run it pauses for a tenth
# of a second, as real ones do when they collect garbage, write a checkpoint or compile. It only sleeps, as if
# it waited for an accelerator, so that the processor is free for the sender: what is on trial here is the
# load test.
#
# Both tests bring the same requests on the same schedule, at equal gaps and well below what the engine can
# do. The *open* one sends each at its time. The *closed* one sends each at its time too, but not before it
# has the last answer, and starts its stopwatch when it sends. That is the loop everybody writes first:
# send, wait, note the time, repeat.

from time import sleep

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.queues.arrivals import deterministic
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.intervals import independent_runs
from seqdocs.queues.load import LateSenderError, closed_loop, open_loop
from seqdocs.queues.percentiles import percentile
from seqdocs.queues.trace import latencies, services, slips

COLOURS = {"open": figures.BLUE, "closed": figures.VERMILION}


def on_schedule(engine, requests, times, wanted):
    """Runs whose sender kept its schedule; on a machine too busy for that, the least late of all tries."""
    kept, late = [], []
    while len(kept) < wanted and len(late) < 3:
        try:
            kept.append(open_loop(engine, requests, times))
        except LateSenderError as error:
            late.append(error.trace)
    late.sort(key=lambda run: float(slips(run).mean()))
    return (kept + late)[:wanted]


def seconds(latency):
    """An estimate of a latency, which is never below zero, whatever Student's t says."""
    return quantity(latency.value, "s", max(latency.low, 0.0), latency.high)


def summary(runs, service):
    """What a load test reports of its runs."""
    each = [latencies(run) for run in runs]
    p50, p99 = (independent_runs([percentile(one, q).value for one in each]) for q in (0.5, 0.99))
    slow = sum(int((one > 2 * service).sum()) for one in each) / len(each)
    worst = max(float(one.max()) for one in each)
    return {
        "sent": [[round(moment, 6) for moment in run.sent.tolist()] for run in runs],
        "latencies": [[round(latency, 6) for latency in one.tolist()] for one in each],
        "p50": seconds(p50),
        "p99": seconds(p99),
        "worst": quantity(worst, "s"),
        "slow": quantity(slow, "requests"),
        "slow_share": quantity(100 * slow / len(each[0]), "%"),
    }


@experiment(
    small={"requests": 370, "service": 0.0005, "pause": 0.02, "repeats": 2},
    seconds=60,
    memory_gb=2,
    devices=("cpu",),
)
def stalled(device, *, requests=370, service=0.002, pause=0.1, load=0.7, repeats=3):
    """The same engine under an open and a closed load; it pauses before one request of each run."""
    pauses = [0.0] * requests
    pauses[requests // 4] = pause
    times = deterministic(load / service, requests)
    with SerialEngine(lambda extra: sleep(service + extra)) as engine:
        opened = on_schedule(engine, pauses, times, repeats)
        closed = [closed_loop(engine, pauses, times) for _ in opened]
    reports = {"open": summary(opened, service), "closed": summary(closed, service)}
    rows = [[name, *(reports[loop][name] for loop in reports)] for name in ("p50", "p99", "worst")]
    return reports | {
        "pause": quantity(pause, "s"),
        "requests": quantity(requests, "requests"),
        "load": quantity(load, ""),
        "service": quantity(float(services(opened[0]).median()), "s"),
        "times_as_long": quantity(reports["open"]["p99"]["value"] / reports["closed"]["p99"]["value"], "×"),
        "sent_late": quantity(max(float(slips(run).mean()) for run in opened), "s"),
        "sent_latest": quantity(max(float(slips(run).max()) for run in opened), "s"),
        "table": table(["latency", "open", "closed"], rows),
    }


runs = stalled()

for run in runs:
    fig, both = figures.figure(
        alt=f"Latency of each request against the time it was sent. Under the open load"
        f" {run['open']['slow']['value']:.0f} of {run['requests']['value']} requests are slow: a jump to"
        f" {1e3 * run['open']['worst']['value']:.0f} ms at the pause, then a slope back down. Under the"
        f" closed load {run['closed']['slow']['value']:.0f}: one point at the pause, and a gap in time.",
        caption=f"One pause of {1e3 * run['pause']['value']:g} ms, seen by two load tests.",
        run=run,
        columns=2,
        sharey=True,
    )
    for axes, loop in zip(both, COLOURS, strict=True):
        x, y = run[loop]["sent"][0], [1e3 * latency for latency in run[loop]["latencies"][0]]
        axes.plot(x, y, ".", color=COLOURS[loop], markersize=4)
        axes.set(title=f"{loop} load", xlabel="sent, s")
    both[0].set(ylabel="latency, ms")

# %%
# Where did the others go?
# ------------------------
# The closed test did not lie about any request it sent. But while the engine paused, a real crowd would have
# gone on coming, and so would the schedule; the test held back. It omitted just those requests that would
# have suffered, *in coordination with the engine*. Each of them would have waited for the rest of the pause,
# and then for those who had come before it. One bad sample in a few hundred is what is left, and a p99 does
# not see it: it leaves out the worst hundredth.
#
# We repeat both tests a few times and take the p99 of every run; the mean of these gets its interval by
# Student's t. The pause stands in both reports; but one of them says that hardly anybody met it.

for run in runs:
    p99 = {loop: 1e3 * run[loop]["p99"]["value"] for loop in COLOURS}
    fig, axes = figures.figure(
        alt="Latency against the share of requests that took at least as long, both reports. The curves are"
        f" one until {run['open']['slow_share']['value']:.0f} % of the requests are left; then that of the"
        f" open load climbs and the other stays. At one in a hundred, the p99, they read {p99['open']:.0f} ms"
        f" and {p99['closed']:.1f} ms.",
        caption="The two reports on one engine: latency that a share of the requests reaches, every run.",
        run=run,
    )
    for loop, colour in COLOURS.items():
        for number, one in enumerate(run[loop]["latencies"]):
            y = sorted((1e3 * latency for latency in one), reverse=True)
            share = [100 * (rank + 1) / len(y) for rank in range(len(y))]
            label = f"{loop} load: p99 of {p99[loop]:.3g} ms" if number == 0 else None
            axes.step(share, y, where="post", color=colour, linewidth=1.2, alpha=0.8, label=label)
    axes.axvline(1, color=figures.GREY, linewidth=1, linestyle="--")
    axes.annotate("p99", (1, 0.04), (4, 0), xycoords=("data", "axes fraction"), textcoords="offset points")
    axes.set(
        xscale="log", yscale="log", xlabel="share of requests that took as long, %", ylabel="latency, ms"
    )
    ticks = ["100", "30", "10", "3", "1", "0.3"]
    axes.set_xticks([float(tick) for tick in ticks], ticks)
    axes.minorticks_off()
    axes.set(xlim=(100, 0.25))
    axes.legend()

# %%
# What to do instead
# ------------------
# Send on a schedule, and wait for nobody. Count from the *scheduled* time: if the sender itself was late, by
# its own fault or because a connection was busy, the user has waited all the same. And watch the sender:
# :func:`~seqdocs.queues.load.open_loop` keeps how late every request went out, and throws a run away whose
# sender was late by more than a tenth of a service time.
#
# A closed load is right for one thing: a fixed number of users who do wait for each answer, such as workers
# in a pool. How far the two kinds part is worked out by :cite:t:`schroeder2006`; the name of the mistake is
# Gil Tene's, whose load generator also counts from the planned time :cite:p:`tene2014`. Read on at
# :term:`serialized queue`.

if __name__ == "__main__":
    figures.show()
