"""
A stopwatch that does not wait
==============================

A GPU is handed its work and says "thank you" at once. Who stops the clock then has timed the thank-you. The
number looks wonderful, and it hardly changes however much work there is.
"""

# %%
# A device that works by itself
# -----------------------------
# Work for a GPU goes into a queue. Launching it takes microseconds; the processor goes on with the next line
# while the GPU computes. Whoever needs the answer has to *synchronise*: wait until the queue is empty.
#
# On a CPU torch computes before it returns, so there is nothing to forget. To show the mistake on every
# machine, we build the smallest possible asynchronous device: a thread that takes calls from a queue. Where
# there is a GPU, the same experiment runs on it.

import queue
import threading
import time

import torch

from seqdocs.bench import figures
from seqdocs.bench.clock import wall
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import measure, median_of


class ThreadDevice:
    """A pretended GPU: its thread does in order what it is handed."""

    def __init__(self):
        self.queue = queue.Queue()
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        """Take the next call, for ever."""
        torch.set_num_threads(1)
        while True:
            call = self.queue.get()
            call()
            self.queue.task_done()

    def launch(self, call):
        """Take a call, do it later, return at once."""
        self.queue.put(call)

    def synchronise(self):
        """Return when everything is done."""
        self.queue.join()


class RealDevice:
    """A GPU: torch hands it every operation by itself."""

    def launch(self, call):
        """Hand over the operations of a call."""
        call()

    def synchronise(self):
        """Return when everything is done."""
        torch.cuda.synchronize()


def seconds(call):
    """One look at the clock before, one after: how nearly everyone begins."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


# %%
# The same work, timed with and without waiting
# ---------------------------------------------
# The work is one product of two n × n matrices, which costs 2n³ operations. From one size to the next it
# grows eightfold. We stop the clock right after the launch, and again after waiting for the answer. The third
# row is what ``seqdocs.bench`` says when its clock is told how to wait.


@experiment(small={"sizes": (32, 64), "samples": 5}, seconds=60, memory_gb=3)
def waiting(device, *, sizes=(64, 128, 256, 512, 1024), samples=25):
    """Seconds of one matrix product: of its launch, of launch and wait, and by our own clock."""
    real = device.type == "cuda"
    gpu = RealDevice() if real else ThreadDevice()
    sizes = [8 * size for size in sizes] if real else list(sizes)  # work that a GPU notices
    launch, finish, ours = [], [], []
    for n in sizes:
        x = torch.randn(n, n, device=device)

        def product(x=x):
            return gpu.launch(lambda: x @ x)

        def both(product=product):
            product()
            gpu.synchronise()

        both()  # the first product of a size prepares something: another story, told in "The first call"
        alone = []
        for _ in range(samples):
            alone.append(seconds(product))
            gpu.synchronise()  # or the next launch would find a full queue
        launch.append(median_of(alone, "s"))
        finish.append(median_of([seconds(both) for _ in range(samples)], "s"))
        clock = wall() if real else wall(gpu.synchronise)
        ours.append(measure(product, clock=clock, max_seconds=0.2, min_rounds=3)["median"])
    rows = zip(sizes, launch, finish, ours, strict=True)
    return {
        "pretended": not real,
        "sizes": sizes,
        "launch": launch,
        "finish": finish,
        "ours": ours,
        "work": quantity((sizes[-1] // sizes[0]) ** 3, "×"),
        "seems_to_grow": quantity(launch[-1]["value"] / launch[0]["value"], "×"),
        "launch_largest": launch[-1],
        "finish_largest": finish[-1],
        "table": table(["n", "without waiting", "with waiting", "seqdocs.bench"], rows),
    }


for run in waiting():
    device = "a thread that stands in for a GPU" if run["pretended"] else "a GPU"
    fig, axes = figures.figure(
        alt=f"Time of a matrix product on {device} against n, both scales logarithmic. "
        f"With waiting it grows from {run['finish'][0]['value']:.1e} to {run['finish'][-1]['value']:.1e} s. "
        f"Without, it goes from {run['launch'][0]['value']:.1e} to {run['launch'][-1]['value']:.1e} s. "
        "The clock of seqdocs.bench agrees with the first.",
        caption=f"One product of n × n matrices on {device}, timed with and without waiting for it.",
        run=run,
    )
    for key, label, style in (
        ("launch", "without waiting", {"color": figures.VERMILION, "marker": "o"}),
        ("finish", "with waiting", {"color": figures.BLUE, "marker": "o"}),
        ("ours", "seqdocs.bench", {"color": figures.GREY, "marker": "x", "linestyle": "none"}),
    ):
        axes.plot(run["sizes"], [one["value"] for one in run[key]], label=label, markersize=5, **style)
    axes.set(xscale="log", yscale="log", xlabel="n", ylabel="time of one product, s")
    axes.set_xticks(run["sizes"], [str(n) for n in run["sizes"]])
    axes.minorticks_off()
    axes.legend()

# %%
# The flat line is the giveaway. If a result does not care how much work there is, it has not timed the work.
#
# For small products ``seqdocs.bench`` may say less than the blue line. It hands over many and waits once, so
# that waking up the thread is paid once for all; the blue line pays it for each. Both are true: one is the
# time per call in a stream of calls, the other the time of one call alone. Say which you mean.
#
# The innocent line pays
# ----------------------
# Worse than a wrong total is a wrong culprit. Here are three lines of a program: a large product, a sum over
# it, and ``print``, which needs the number and so waits for it. Time each line by itself and ``print`` looks
# dreadful. Wait after each line and the truth comes out.

LINES = ("y = x @ x", "s = y.sum()", "print(s)")


def share(times, line):
    """What part of the whole one line took, in percent."""
    return quantity(100 * times[line]["value"] / sum(time["value"] for time in times), "%")


@experiment(small={"size": 64, "samples": 3}, seconds=60, memory_gb=3)
def blame(device, *, size=768, samples=15):
    """Seconds of each of three lines: as they run, and with a wait after each."""
    real = device.type == "cuda"
    gpu = RealDevice() if real else ThreadDevice()
    n = 8 * size if real else size
    x, memory = torch.randn(n, n, device=device), {}

    def read():
        gpu.synchronise()  # what `.item()` does on a GPU: a number cannot be printed before it is there
        return str(memory["s"].item())

    lines = (
        lambda: gpu.launch(lambda: memory.update(y=x @ x)),
        lambda: gpu.launch(lambda: memory.update(s=memory["y"].sum())),
        read,
    )

    def waited(line):
        line()
        gpu.synchronise()

    def program(timed):
        return [seconds(line) for line in timed]

    careful = [lambda line=line: waited(line) for line in lines]
    program(careful)  # once, not counted
    runs = {
        "as_it_runs": [program(lines) for _ in range(samples)],
        "with_waits": [program(careful) for _ in range(samples)],
    }
    medians = {how: [median_of(line, "s") for line in zip(*all_, strict=True)] for how, all_ in runs.items()}
    return medians | {
        "pretended": not real,
        "blamed": share(medians["as_it_runs"], -1),
        "guilty": share(medians["with_waits"], 0),
    }


for run in blame():
    millis = {how: [1e3 * line["value"] for line in run[how]] for how in ("as_it_runs", "with_waits")}
    fig, axes = figures.figure(
        alt="Milliseconds of three lines of a program. Timed as it runs: "
        + ", ".join(f"{line} {time:.3g}" for line, time in zip(LINES, millis["as_it_runs"], strict=True))
        + ". With a wait after each: "
        + ", ".join(f"{line} {time:.3g}" for line, time in zip(LINES, millis["with_waits"], strict=True))
        + ".",
        caption="The same three lines, timed one by one: as they run, and with a wait after each.",
        run=run,
        height=2.8,
    )
    for shift, (how, colour, label) in enumerate(
        (("as_it_runs", figures.VERMILION, "without waiting"), ("with_waits", figures.BLUE, "with waiting"))
    ):
        places = [row + 0.36 * shift - 0.18 for row in range(len(LINES))]
        axes.barh(places, millis[how], height=0.34, color=colour, label=label)
    axes.set_yticks(range(len(LINES)), LINES, family="monospace")
    axes.invert_yaxis()
    axes.set(xlabel="time of the line, ms", ylabel="line")
    axes.grid(visible=False, axis="y")
    axes.legend()

# %%
# What to take away
# -----------------
# Wait before you start the clock and before you stop it, or let a clock do it that knows how:
# :func:`seqdocs.bench.clock.wall` waits for the GPU, and a test hands it a pretended device to see that it
# does. If a timing does not grow with the work, ask what it timed.

if __name__ == "__main__":
    figures.show()
