"""
Roofline
========

Is a program slow because the machine computes slowly, or because the numbers do not arrive in time? Two
numbers of the machine and two of the program tell, and why generating text one token at a time leaves most
of a processor idle.
"""

# %%
# Two roofs
# ---------
# No program computes faster than the best matrix product of the machine, and none gets its numbers faster
# than the best copy. Both are measured, once per machine. What binds depends on the *arithmetic intensity* I
# of the program: the floating-point operations (FLOP) it does for each byte that it reads or writes. With a
# peak P in FLOP/s and a bandwidth β in B/s it cannot go faster than
#
# .. math:: \min(P,\; I \cdot β).
#
# Drawn over I with both axes logarithmic, that is a roof: it climbs with the bandwidth and goes flat at the
# peak. They meet at the *ridge*. On its left a program waits for memory, whatever the processor could do; on
# its right memory keeps up. The picture is due to Williams, Waterman and Patterson (`2009
# <https://doi.org/10.1145/1498765.1498785>`__).

import torch

from seqdocs.bench import figures, roofline
from seqdocs.bench.cost import arithmetic_intensity, bytes_moved, flops
from seqdocs.bench.experiment import experiment
from seqdocs.bench.fresh import fresh_peak
from seqdocs.bench.memory import peak_memory
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.show import show
from seqdocs.bench.timing import compare, inverse, rate
from seqdocs.models.language_model import CausalLM
from seqdocs.models.lstm import LSTM, lstm_step


@experiment(small={"sizes": (16, 32), "copy_bytes": 1_000_000, "seconds": 0.1}, seconds=60, memory_gb=1)
def peaks(device, *, sizes=None, copy_bytes=2**27, seconds=0.7):
    """The two roofs of the machine on one thread, and the intensity at which they meet."""
    roofs = roofline.peaks(device, threads=1, sizes=sizes, copy_bytes=copy_bytes, max_seconds=seconds)
    return roofs | {"ridge": roofline.ridge(roofs)}


def roofs_of(run):
    """The two peaks of a run, as roofline functions take them."""
    return {name: run[name] for name in ("flops", "bandwidth")}


def draw_roofs(axes, run, reach):
    """Both roofs over a range of intensities, and where they meet."""
    roofs, meet = roofs_of(run), run["ridge"]["value"]
    ends = [reach[0], meet, reach[1]]
    heights = [roofline.roof(end, roofs)["value"] for end in ends]
    axes.plot(ends, heights, color="0.5", linewidth=2.5, zorder=1)
    axes.plot([meet, meet], [heights[1] / 1e6, heights[1]], ":", color="0.5", linewidth=1, zorder=1)
    axes.set(xscale="log", yscale="log", xlim=reach, ylim=(heights[1] / 1000, heights[1] * 3))
    axes.set(xlabel="arithmetic intensity, FLOP/B", ylabel="FLOP/s")


measured_peaks = peaks()
for run in measured_peaks:
    slope, top, meet = (show(run[name]) for name in ("bandwidth", "flops", "ridge"))
    fig, axes = figures.figure(
        alt=f"A line over arithmetic intensity, both axes logarithmic: it climbs with {slope} until {meet},"
        f" where it reaches {top} and goes flat.",
        caption="The roofline of one thread, 32-bit numbers: best matrix product and best copy.",
        run=run,
        height=3.0,
    )
    draw_roofs(axes, run, (0.05, 2000))
    height = run["flops"]["value"]
    axes.text(0.14, roofline.roof(0.1, roofs_of(run))["value"], f"memory roof,\n{slope}", va="top")
    axes.text(100, 1.2 * height, f"compute roof, {top}", ha="center", va="bottom")
    axes.text(1.1 * run["ridge"]["value"], 0.002 * height, f"ridge, {meet}")

# %%
# Where the work stands
# ---------------------
# Now some of the work this site is about, each with the operations it needs, the bytes it moves and the time
# it takes. Operations and bytes are counted while torch runs (:func:`seqdocs.bench.cost.flops`,
# :func:`seqdocs.bench.cost.bytes_moved`), not measured; torch counts products only, and we put in the
# additions of the one sum here by hand.
#
# - *Vector sum*: two numbers read and one written for a single addition.
# - *Matrix times vector*: every number of the matrix is read for one multiplication and one addition, so the
#   intensity of 32-bit numbers is ½, however large the matrix.
# - *Matrix times matrix*: each number is used n times, so intensity grows with n.
# - *LSTM step*, *decoding step*: matrices times as many vectors as there are sequences in the batch.
# - *Attention* over T tokens, without a mask: the T × T *matrix* of weights written out, or *fused* into one
#   kernel that keeps pieces of it on the chip. The same operations, far fewer bytes.


def attention(method, T, device="cpu"):
    """A call that attends over T tokens, with four heads; complete in itself, so that its text can travel."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    q, k, v = torch.randn(3, 1, 4, T, 64, device=device)

    def matrix():
        return (q @ k.mT / 8).softmax(-1) @ v  # 8 is the square root of the width

    return matrix if method == "matrix" else lambda: scaled_dot_product_attention(q, k, v)


def vector_sum(n, device):
    """A call that adds two vectors."""
    a, b, out = torch.rand(3, n, device=device)
    return lambda: torch.add(a, b, out=out)


def product(n, columns, device):
    """A call that multiplies an n × n matrix with as many columns."""
    a, b = torch.rand(n, n, device=device), torch.rand(n, columns, device=device)
    return (lambda: torch.mv(a, b[:, 0])) if columns == 1 else (lambda: torch.mm(a, b))


def recurrent_step(B, width, device):
    """A call that takes one step of an LSTM for B sequences."""
    weights = LSTM(width, width).to(device).requires_grad_(False).weights(0)
    x, h, c = torch.rand(3, B, width, device=device)
    return lambda: lstm_step(x, h, c, weights)


def decoding_steps(batches, width, layers, device, before=64):
    """For each B a call that decodes one more token for B sequences, after as many as are in its cache."""
    model = CausalLM(vocabulary=8192, context=before + 1, width=width, layers=layers, heads=8)
    model = model.to(device).eval()

    def one(B):
        _, cache = model.prefill(torch.randint(8192, (B, before), device=device))
        token = torch.zeros(B, dtype=torch.long, device=device)

        def step():
            for layer in cache:
                layer.length = before  # takes the last token back
            return model.decode(token, cache)

        return step

    return {B: one(B) for B in batches}


def describe(call, timed, counted_by_hand=None):
    """What a call costs, and how fast it was done."""
    work, moved = counted_by_hand or flops(call), bytes_moved(call)
    return {
        "flops": work,
        "bytes": moved,
        "intensity": arithmetic_intensity(work, moved),
        "time": timed["median"],
        "rate": rate(timed, work["value"], "FLOP/s"),
        "bandwidth": inverse(timed["median"], "B/s", moved["value"]),
    }


@experiment(
    small={
        "vector": 64, "rows": (8, 16), "square": (4, 8), "steps": (1, 2), "width": 16, "tokens": 8,
        "batches": (1, 2), "model_width": 16, "layers": 1, "seconds": 0.1,
    },
    seconds=120,
    memory_gb=1,
)  # fmt: skip
def operations(
    device, *,
    vector=2**23, rows=(1024, 4096), square=(16, 64, 256, 1024), steps=(1, 64), width=1024, tokens=1024,
    batches=(1, 4, 16), model_width=768, layers=2, seconds=2.0,
):  # fmt: skip
    """FLOP, bytes and seconds of vector sums, matrix products, LSTM steps, attention and decoding steps."""
    decode = decoding_steps(batches, model_width, layers, device)
    calls = {
        "vector_sum": ("vector sum", f"n = {vector:,}", vector_sum(vector, device)),
        **{f"vector_{n}": ("matrix × vector", f"n = {n}", product(n, 1, device)) for n in rows},
        **{f"matrix_{n}": ("matrix × matrix", f"n = {n}", product(n, n, device)) for n in square},
        **{f"lstm_{B}": ("LSTM step", f"batch {B}", recurrent_step(B, width, device)) for B in steps},
        **{f"attention_{m}": ("attention", m, attention(m, tokens, device)) for m in ("matrix", "fused")},
        **{f"decoding_{B}": ("decoding step", f"batch {B}", decode[B]) for B in batches},
    }
    timed = compare(
        {key: call for key, (_, _, call) in calls.items()},
        agree=False, precision=0.1, max_seconds=seconds, threads=1,
    )["times"]  # fmt: skip
    additions = {"vector_sum": quantity(vector, "FLOP")}
    points = {
        key: {"group": group, "label": label} | describe(call, timed[key], additions.get(key))
        for key, (group, label, call) in calls.items()
    }
    shown = ("flops", "bytes", "intensity", "time", "rate", "bandwidth")
    columns = ["operation", "work", "bytes moved", "intensity", "time", "work per second", "bytes per second"]
    cells = [[f"{p['group']}, {p['label']}", *(p[name] for name in shown)] for p in points.values()]
    return {"points": points, "table": table(columns, cells)}


COLOURS = {
    "vector sum": figures.GREY,
    "matrix × vector": figures.ORANGE,
    "matrix × matrix": figures.VERMILION,
    "LSTM step": figures.COLOURS["lstm"],
    "attention": figures.COLOURS["attention"],
    "decoding step": figures.GREEN,
}
UP = {"matrix × vector": 4, "LSTM step": -4, "decoding step": -11, "attention": -12}  # of labels, in points


def placed(run):
    """Each point of a run with its place under the roofs of the same machine."""
    roofs = roofs_of(roofline.of_same_machine(run, measured_peaks))
    return {
        key: point | roofline.place(point["flops"], point["bytes"], point["time"], roofs)
        for key, point in run["points"].items()
    }


done = operations()
for run in done:
    points = placed(run).values()
    fig, axes = figures.figure(
        alt="Operations per second over arithmetic intensity, under the two roofs. "
        + " ".join(
            f"{p['group']}, {p['label']}: {show(p['rate'])} at {show(p['intensity'])},"
            f" {p['fraction']['value']:.0f} % of the {p['bound']} roof."
            for p in points
        ),
        caption="What one thread reaches, under its roofline.",
        run=run,
        height=5.2,
    )
    draw_roofs(axes, roofline.of_same_machine(run, measured_peaks), (0.05, 2000))
    for group, colour in COLOURS.items():
        own = [point for point in points if point["group"] == group]
        x, y = ([point[name]["value"] for point in own] for name in ("intensity", "rate"))
        axes.plot(x, y, "o-", color=colour, linewidth=1, label=group)
        for point in own:
            at = point["intensity"]["value"], point["rate"]["value"]
            over = point["bound"] == "memory" and point["fraction"]["value"] > 100  # room is on its left
            axes.annotate(
                point["label"], at, xytext=(-6 if over else 6, UP.get(group, -4)),
                textcoords="offset points", ha="right" if over else "left", fontsize="x-small", color=colour,
            )  # fmt: skip
    axes.set_ylim(min(point["rate"]["value"] for point in points) / 3, None)
    axes.legend(loc="lower right")

# %%
# The same in numbers: each operation, how fast it went, and what part of the roof above it that is.

for run in done:
    print(run.label)
    for point in placed(run).values():
        name = f"{point['group']}, {point['label']}"
        part = f"{point['fraction']['value']:.0f} % of the {point['bound']} roof"
        print(f"  {name:26} {show(point['intensity']):>12} {show(point['rate']):>14}  {part}")

# %%
# Why one token at a time is slow
# -------------------------------
# To decode one token of one text, every weight of the model is read, :given:`4 bytes`, for one multiplication
# and one addition: half an operation per byte, on the left of the ridge. No step can be faster than reading
# the weights is, and a processor that computes twice as fast changes nothing. With B texts in the batch a
# weight that is read once is used B times: the point moves to the right by almost B, and may climb until it
# meets the ridge. Only from there on must more batch cost more time. An LSTM step is no different: who
# computes one step at a time has but a thin matrix to multiply with.
#
# Two warnings. A point *above* the memory roof is no mistake: the bytes are those that operations hand over,
# and what fits into a cache is handed over faster than memory could (the smaller matrix times a vector). And
# a point far *below* both roofs waits for neither: small matrices wait for Python and torch to start them.
# A point above the compute roof would be one: either something slowed the machine down while the roof was
# measured, or the count has operations that were never done.

# %%
# Memory is a cost, too
# ---------------------
# Attention with the T × T weights written out moves more, and holds more. How much more does the process
# need? The allocator of torch knows to the byte what its tensors hold
# (:func:`seqdocs.bench.memory.peak_memory`). The system knows what a fresh process held beyond what it had
# before the call (:func:`seqdocs.bench.fresh.fresh_peak`), with everything that happens behind torch's back.


@experiment(small={"methods": ("fused",), "tokens": 16}, seconds=60, memory_gb=1, devices=("cpu",))
def memory(device, *, methods=("matrix", "fused"), tokens=2048):
    """Most bytes held during a call, as torch's allocator and as a fresh process count them."""
    return {
        "tokens": quantity(tokens, "tokens"),
        "allocator": {m: peak_memory(attention(m, tokens, device), device) for m in methods},
        "process": {m: fresh_peak(attention, m, tokens, threads=1) for m in methods},
    }


for run in memory():
    kinds = {"allocator": "torch's allocator", "process": "fresh process"}
    held = {kind: {m: leaf["value"] / 1e6 for m, leaf in run[kind].items()} for kind in kinds}
    fig, axes = figures.figure(
        alt=f"Megabytes that attention over {run['tokens']['value']} tokens holds. "
        + " ".join(
            f"{method}: {held['allocator'][method]:.3g} by the allocator, {one:.3g} in a fresh process."
            for method, one in held["process"].items()
        ),
        caption=f"Peak memory of attention over {run['tokens']['value']:,} tokens, four heads.",
        run=run,
        height=2.6,
    )
    for number, (kind, label) in enumerate(kinds.items()):
        places = [place + 0.4 * number for place in range(len(held[kind]))]
        bars = axes.barh(places, list(held[kind].values()), height=0.38, label=label)
        axes.bar_label(bars, fmt=" %.3g", fontsize="small")
    axes.set_yticks([place + 0.2 for place in range(len(held["process"]))], list(held["process"]))
    axes.set(xlabel="peak memory, MB", ylabel="attention")
    axes.margins(x=0.1)
    axes.grid(visible=False, axis="y")
    axes.legend()

# %%
# What to take away
# -----------------
# Count operations and bytes before you time anything: they say which roof is near, and how far there is to
# go. Left of the ridge move fewer bytes (a larger batch, fused kernels, shorter numbers); right of it do
# fewer operations, or use more of the processor. Read on at :term:`throughput`.

if __name__ == "__main__":
    figures.show()
