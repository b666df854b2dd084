"""
Scan
====

A recurrence looks like T steps that wait for one another. If two steps compose into one of the same form, a
tree solves all of them in about log2 T rounds. The same tree solves a recurrent network and a queue.
"""

# %%
# One primitive, two recurrences
# ------------------------------
# A linear recurrent network multiplies and adds, :math:`h_t = a_t h_{t-1} + b_t`. The waits in a line are
# made of sums and maxima, :math:`W_{k+1} = \max(0, W_k + U_k)`. Both steps are associative, and both are
# solved by walking, by a tree, and by a third way that suits the machine. We look at the largest difference.

import torch

from seqdocs.bench import figures
from seqdocs.bench.agreement import check_agreement, difference
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.show import show
from seqdocs.bench.timing import compare, with_backward
from seqdocs.models.cost import sequential_steps
from seqdocs.queues.lindley import waits
from seqdocs.scan import associative_scan, scan

METHODS = ("loop", "parallel", "chunked")


def problem(B, T, D, device, dtype=torch.float32):
    """Decays between 0 and 1, and positive inputs, so that the logarithmic form can take part."""
    torch.manual_seed(0)
    a, b = torch.sigmoid(torch.randn(B, T, D, dtype=dtype)), torch.rand(B, T, D, dtype=dtype)
    return a.to(device), b.to(device)


@experiment(small={"T": 50, "requests": 50}, seconds=60, memory_gb=2)
def agreement(device, T=1000, requests=10_000):
    """Largest relative difference from the loop, in double precision."""
    a, b = problem(2, T, 8, device, torch.float64)
    h = {method: scan(a, b, method=method) for method in METHODS}
    gaps, services = torch.rand(2, requests, dtype=torch.float64)
    arrivals = gaps.cumsum(0)
    line = {method: waits(arrivals, 0.9 * services, method) for method in ("loop", "scan", "cumulative")}
    rows = [["linear recurrence (×, +)", name, difference(h[name], h["loop"])] for name in METHODS[1:]]
    rows += [
        ["queue (max, +)", name, difference(line[name], line["loop"])] for name in ("scan", "cumulative")
    ]
    return {
        "worst": quantity(max(row[2] for row in rows), ""),
        "steps": quantity(T, "steps"),
        "requests": quantity(requests, "requests"),
        "table": table(
            ["recurrence", "method", "difference from the loop"],
            [[*words, quantity(gap, "")] for *words, gap in rows],
        ),
    }


agreed = agreement()

# %%
# Fewer rounds
# ------------
# We count what really runs: the longest chain of tensor operations in which each needs the result of the one
# before. The loop grows with T. The tree grows with its logarithm, for both kinds of step. Chunks lie
# between: they are walked side by side, about :math:`\sqrt T` steps each.


@experiment(small={"lengths": (2, 8)}, seconds=60, memory_gb=2)
def depth(device, lengths=(4, 16, 64, 256, 1024, 4096)):
    """Operations that wait for one another, against length."""
    chains = {name: [] for name in (*METHODS, "maximum")}
    for T in lengths:
        a, b = problem(1, T, 1, device)
        for method in METHODS:
            chains[method].append(sequential_steps(lambda a, b, m=method: scan(a, b, method=m), a, b))
        running = sequential_steps(
            lambda b: associative_scan(lambda e, f: (torch.maximum(e[0], f[0]),), (b,), 1)[0], b
        )
        chains["maximum"].append(running)
    return {
        "lengths": list(lengths),
        "chains": chains,
        "longest": quantity(lengths[-1], "steps"),
        "at_longest": {name: quantity(chain[-1], "operations") for name, chain in chains.items()},
    }


counted = depth()
NAMES = {
    "loop": "loop",
    "parallel": "tree",
    "chunked": "chunked",
    "compiled": "torch's scan, compiled",
    "logarithms": "logarithms, as in minGRU-pytorch",
    "copy": "copying three tensors",
}
COLOURS = {"loop": "loop", "parallel": "scan", "chunked": "measured", "maximum": "linear"}
for run in counted:
    ends = {name: chain[-1] for name, chain in run["chains"].items()}
    fig, axes = figures.figure(
        alt=f"Operations in a row against length, both logarithmic. At {run['lengths'][-1]} steps: loop "
        f"{ends['loop']}, chunked {ends['chunked']}, tree {ends['parallel']}, running maximum by tree "
        f"{ends['maximum']}.",
        caption="The longest chain of tensor operations that wait for one another.",
        run=run,
    )
    for name, chain in run["chains"].items():
        label = NAMES.get(name, "running maximum, tree")
        axes.plot(run["lengths"], chain, "o-", color=figures.COLOURS[COLOURS[name]], label=label)
    axes.set(xlabel="length, $T$", ylabel="operations in a row", xscale="log", yscale="log")
    axes.legend()

# %%
# Fewer rounds are not less time
# ------------------------------
# A CPU has few hands. The tree does about three times the arithmetic of the loop and moves its tensors
# through memory again and again; chunks are walked in pieces that stay in the cache. The yardstick is copying
# three tensors: nothing that reads two and writes one can do much better. Beside ours stand the scan of torch
# itself, compiled, and the form in logarithms that ``minGRU-pytorch`` uses, with the logarithms taken
# beforehand. First on one thread, then on all, for which nothing is compiled again.


def compiled_scan(a, b):
    """The scan of torch itself, compiled; or None and why there is none."""
    try:
        from torch._higher_order_ops.associative_scan import associative_scan as torch_scan

        def combine(x, y):
            return x[0] * y[0], y[0] * x[1] + y[1]

        mode = "generic" if a.device.type == "cpu" else "pointwise"
        run = torch.compile(lambda a, b: torch_scan(combine, (a, b), dim=1, combine_mode=mode)[1])
        run(a, b)
        return lambda: run(a, b), ""
    except Exception as error:  # no compiler, or a torch without it
        return None, f"not measured: {type(error).__name__}: {str(error).strip().splitlines()[0][:100]}"


def in_logarithms(a, b):
    """The form of ``minGRU-pytorch``; or None and why there is none."""
    try:
        from minGRU_pytorch.minGRU import heinsen_associative_scan_log
    except ImportError:
        return None, "not measured: the package minGRU-pytorch is not installed"
    log_a, log_b = a.log(), b.log()
    return lambda: heinsen_associative_scan_log(log_a, log_b), ""


def against_all(device, shape, threads, compiled):
    """Time of every way at one shape, in units of chunked."""
    a, b = problem(*shape, device)
    threads = threads or torch.get_num_threads()
    torch.set_num_threads(threads)  # before compiling, since compiled code is made for a number of threads
    ways = {method: lambda m=method: scan(a, b, method=m) for method in ("chunked", "loop", "parallel")}
    missing = {} if compiled else {"compiled": "not measured: compiled for one thread only"}
    made = {"logarithms": in_logarithms(a, b)} | ({"compiled": compiled_scan(a, b)} if compiled else {})
    for name, (way, reason) in made.items():
        if way is None:
            missing[name] = reason
        else:
            ways[name] = way
    check_agreement({name: way() for name, way in ways.items()}, "chunked", tolerance=1e-3)
    ways["copy"] = lambda: (a.clone(), b.clone(), b.clone())
    timed = compare(ways, agree=False, max_seconds=2.5, threads=threads)["times"]
    rows = [
        [NAMES[name], timed[name]["median"], timed[name]["ratio"]]
        if name in timed
        else [NAMES[name], None, None]
        for name in NAMES
    ]
    return {
        "shape": list(shape),
        "threads": quantity(threads, "threads"),
        "ratio": {name: one["ratio"] for name, one in timed.items()},
        "over_copy": {"chunked": timed["copy"]["speedup"]},
        "missing": missing,
        "compiled": timed["compiled"]["ratio"] if "compiled" in timed else missing["compiled"],
        "logarithms": timed["logarithms"]["ratio"] if "logarithms" in timed else missing["logarithms"],
        "table": table(["way", "time", "in units of chunked"], rows),
    }


@experiment(
    small={"shape": (2, 16, 4), "compiled": False}, seconds=240, memory_gb=6, packages=("minGRU-pytorch",)
)
def one_thread(device, shape=(8, 1024, 256), compiled=True):
    """On one thread."""
    return against_all(device, shape, 1, compiled)


@experiment(small={"shape": (2, 16, 4)}, seconds=120, memory_gb=4, packages=("minGRU-pytorch",))
def all_threads(device, shape=(8, 1024, 256)):
    """On as many threads as torch is set to; compiling again would take longer than all else."""
    return against_all(device, shape, None, compiled=False)


for runs, words in ((one_thread(), "on one thread"), (all_threads(), "on all threads")):
    for run in runs:
        ratios = {name: run["ratio"][name] for name in NAMES if name in run["ratio"]}
        fig, axes = figures.figure(
            alt=f"Time of each way {words}, in units of the chunked scan: "
            + "; ".join(f"{NAMES[name]}: {ratio['value']:.2g}" for name, ratio in ratios.items())
            + "".join(f". {NAMES[name]}: {reason}" for name, reason in run["missing"].items())
            + ".",
            caption=f"Time in units of chunked at (B, T, D) = {tuple(run['shape'])} in float32, {words}.",
            run=run,
        )
        values = [ratio["value"] for ratio in ratios.values()]
        errors = [
            [ratio["value"] - ratio["low"] for ratio in ratios.values()],
            [ratio["high"] - ratio["value"] for ratio in ratios.values()],
        ]
        bars = axes.barh(
            [NAMES[name] for name in ratios], values, xerr=errors, color=figures.BLUE, height=0.6
        )
        axes.bar_label(bars, [f" {show(ratio)}" for ratio in ratios.values()])
        axes.set(
            xscale="log", xlabel="time in units of chunked", ylabel="way", xlim=(None, 2.5 * max(values))
        )
        axes.invert_yaxis()

# %%
# The gradient is a scan too
# --------------------------
# Backwards, :math:`G_t = g_t + a_{t+1} G_{t+1}`: the same recurrence against time. No graph of T steps is
# kept, only :math:`a` and :math:`h`.


@experiment(small={"shape": (2, 16, 4)}, seconds=60, memory_gb=4)
def gradient(device, shape=(8, 1024, 256)):
    """Forward and backward in units of forward, for the loop's graph and for chunked, on one thread."""
    a, b = (x.requires_grad_() for x in problem(*shape, device))
    both = {
        method: with_backward(lambda m=method: scan(a, b, method=m), [a, b]) for method in ("chunked", "loop")
    }
    check_agreement({name: call() for name, call in both.items()}, "loop", tolerance=1e-3)
    calls = {
        "forward": lambda: scan(a.detach(), b.detach(), method="chunked"),
        "both": both["chunked"],
        "loop": both["loop"],
    }
    timed = compare(calls, agree=False, max_seconds=2, threads=1)["times"]
    return {
        "over_forward": timed["both"]["ratio"],
        "loop_over_forward": timed["loop"]["ratio"],
        "seconds": timed["both"]["median"],
    }


for run in gradient():
    both, loop = run["over_forward"]["value"], run["loop_over_forward"]["value"]
    fig, axes = figures.figure(
        alt="In units of one chunked pass forward, forward and backward take "
        f"{both:.2g} chunked and {loop:.2g} by the graph of the loop.",
        caption="Forward and backward, in units of one chunked pass forward, on one thread.",
        run=run,
        height=2.2,
    )
    bars = axes.barh(
        ["forward", "both, chunked", "both, loop"], [1, both, loop], color=figures.BLUE, height=0.6
    )
    axes.bar_label(bars, [" 1×", *(f" {show(run[name])}" for name in ("over_forward", "loop_over_forward"))])
    axes.set(xlabel="time in units of forward", ylabel="what", xlim=(0, 1.15 * max(both, loop)))
    axes.invert_yaxis()

# %%
# What to take away
# -----------------
# Associative means that you may put the brackets where you like. A machine with thousands of hands takes the
# brackets of a tree; one with few takes those that keep its cache warm. Next to read: :term:`scan`.

if __name__ == "__main__":
    figures.show()
