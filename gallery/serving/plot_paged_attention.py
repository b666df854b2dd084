"""
Paged attention
===============

A language model keeps keys and values for every token it has read. Reserve room for the longest answer and
most of it stays empty; hand memory out in small blocks and almost none does, so more requests fit. All
numbers here are counted, not timed.
"""

# %%
# How much of the memory is empty
# -------------------------------
# Sixteen requests run together on a small model, with prompts and answers of mixed lengths. In every step we
# count the positions that are handed out and those that hold keys and values. One block as long as the
# context is the contiguous cache; then the blocks get smaller.

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity
from seqdocs.bench.verdicts import verdict_by
from seqdocs.models.language_model import CausalLM
from seqdocs.queues.arrivals import mix
from seqdocs.queues.engines.continuous_batch import ContinuousBatchEngine
from seqdocs.queues.engines.decoder import decoder, kv_bytes_per_position
from seqdocs.queues.engines.paged_cache import PagedCache
from seqdocs.queues.engines.paged_model import PagedModel
from seqdocs.queues.engines.request import Request
from seqdocs.queues.engines.scheduler import Scheduler
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.engines.ticket import Ticket
from seqdocs.queues.engines.traced import trace_of
from seqdocs.queues.engines.usage import peak_bytes, waste
from seqdocs.queues.mixture import mixed_requests

VOCABULARY, CONTEXT = 256, 512


def language_model(device):
    """Small, and in fp64, so that every engine must say the same."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = CausalLM(vocabulary=VOCABULARY, context=CONTEXT, width=32, layers=2, heads=2, tied=False)
    return model.double().to(device).eval()


def questions(count, seed=0):
    """Prompts and answers of mixed lengths."""
    prompts = mix([24, 100, 250], [0.4, 0.4, 0.2], count, seed)
    return mixed_requests(prompts, mix([10, 50, 150], [0.4, 0.4, 0.2], count, seed + 1), VOCABULARY, seed)


def serve(model, asked, positions, block, size):
    """The answers, and what the memory looked like in every step."""
    usage = []
    paged = PagedModel(model, positions // block, block)
    with ContinuousBatchEngine(paged, size, chunk=128, watch=usage.append) as engine:
        tickets = [engine.submit(request) for request in asked]
    return [ticket.result() for ticket in tickets], usage, kv_bytes_per_position(model)


@experiment(small={"requests": 4, "size": 2, "blocks": (4, 512)}, seconds=60, memory_gb=1)
def emptiness(device, *, requests=32, size=16, blocks=(1, 2, 4, 8, 16, 32, 64, 128, 512)):
    """Share of the reserved positions that hold nothing, by the size of a block."""
    model, asked = language_model(device), questions(requests)
    shares = {block: waste(serve(model, asked, size * CONTEXT, block, size)[1]) for block in blocks}
    return {
        "blocks": list(blocks),
        "shares": [100 * share for share in shares.values()],
        "paged": quantity(100 * shares[4], "%"),
        "contiguous": quantity(100 * shares[CONTEXT], "%"),
        "by_block": {f"block_{block}": quantity(100 * share, "%") for block, share in shares.items()},
        "requests": quantity(requests, "requests"),
    }


for run in emptiness():
    fig, axes = figures.figure(
        alt="Share of the reserved memory that is empty, against positions in a block: "
        + ", ".join(f"{b}: {share:.1f} %" for b, share in zip(run["blocks"], run["shares"], strict=True))
        + ". The last is the contiguous cache. A line marks 4 %.",
        caption="Empty share of a KV cache by the size of its blocks; the largest is the whole context.",
        run=run,
    )
    axes.plot(run["blocks"], run["shares"], "o-", color=figures.BLUE)
    axes.axhline(4, color=figures.GREY, linestyle=":")
    axes.set(xlabel="positions in a block", ylabel="reserved but empty, %", xscale="log", ylim=(0, 100))
    axes.set_xticks(run["blocks"], [str(block) for block in run["blocks"]])
    axes.minorticks_off()

# %%
# More requests in the same memory
# --------------------------------
# Now both get the same memory, enough for four whole contexts. The contiguous cache lets four requests in.
# The paged one lets in whom there are blocks for; when they run out, the youngest gives its own back and
# reads everything again later. The answers are the same, token by token, as one by one.


def overlaps(trace):
    """Most requests that were in service at one time."""
    return max(int(((trace.start <= moment) & (trace.finish > moment)).sum()) for moment in trace.start)


@experiment(small={"requests": 6, "contexts": 2, "size": 4}, seconds=60, memory_gb=1)
def same_memory(device, *, requests=48, contexts=4, size=32, block=4):
    """Sequences that run at a time in the same memory, contiguous and paged, and one by one."""
    model, asked = language_model(device), questions(requests)
    room = contexts * CONTEXT
    with SerialEngine(decoder(model)) as engine:
        tickets = [engine.submit(request) for request in asked]
    alone, run = [ticket.result() for ticket in tickets], trace_of(tickets)
    at_once = overlaps(run)
    runs, same, preempted = {}, {}, {}
    for name, blocks in (("contiguous", CONTEXT), ("paged", block)):
        answers, usage, each = serve(model, asked, room, blocks, size)
        same[name] = sum(one == other for one, other in zip(answers, alone, strict=True))
        runs[name], preempted[name] = usage, usage[-1].preemptions
    largest = max(request.positions for request in asked)
    most = {name: max(step.running for step in usage) for name, usage in runs.items()}
    # A request reserves what it can become for as long as it is served: most positions reserved at a time.
    room_of_each = torch.tensor([request.positions for request in asked])
    reserved = max(int(room_of_each[(run.start <= at) & (run.finish > at)].sum()) for at in run.start)
    paged_peak = peak_bytes(runs["paged"], each)
    one_context = at_once == 1 and reserved == largest and paged_peak > 2 * reserved * each
    return {
        "running": {name: [step.running for step in usage] for name, usage in runs.items()},
        "most": {name: quantity(count, "") for name, count in most.items()},
        "steps": {name: quantity(len(usage), "steps") for name, usage in runs.items()},
        "preemptions": quantity(preempted["paged"], "preemptions"),
        "same": {name: quantity(count, "") for name, count in same.items()},
        "requests": quantity(requests, "requests"),
        "room": quantity(room, "positions"),
        "room_bytes": quantity(room * each, "B"),
        "per_position": quantity(each, "B"),
        "serial_peak": quantity(reserved * each, "B"),
        "paged_peak": quantity(paged_peak, "B"),
        "claims": {
            "s1-24": verdict_by(
                {"holds": one_context and most["paged"] > 1},
                "refuted",
                f"the serial engine never reserved more than {reserved * each / 1e3:.0f} kB, which is its"
                f" longest of {requests} contexts; a batch of up to {most['paged']} reserved"
                f" {paged_peak / 1e3:,.0f} kB",
            )
        },
    }


for run in same_memory():
    most = {name: run["most"][name]["value"] for name in ("contiguous", "paged")}
    fig, axes = figures.figure(
        alt=f"Requests in the batch, step by step, in {run['room']['value']} positions. Contiguous: at most"
        f" {most['contiguous']}, {run['steps']['contiguous']['value']} steps. Paged: at most"
        f" {most['paged']}, {run['steps']['paged']['value']} steps,"
        f" {run['preemptions']['value']} preemptions.",
        caption="Requests that run at a time in the same memory.",
        run=run,
    )
    for name, colour in (("contiguous", figures.ORANGE), ("paged", figures.BLUE)):
        axes.step(range(len(run["running"][name])), run["running"][name], color=colour, label=name)
    axes.set(xlabel="step of the model", ylabel="requests in the batch", ylim=(0, None))
    axes.legend()

# %%
# Who holds which block
# ---------------------
# The plan alone, without a model: six requests share twelve blocks of four positions. Each row is a block,
# each column a step. A sequence takes blocks one at a time, wherever one is free: its *block table* says
# where. Where a colour ends and comes back later, it was preempted.


@experiment(small={"requests": 3}, seconds=10, memory_gb=1, devices=("cpu",))  # book-keeping: no device
def tables(device, *, requests=6, blocks=12, block_size=4, size=4):
    """Which sequence holds each block, step by step; -1 is free."""
    cache = PagedCache(blocks, block_size)
    plan, asked = Scheduler(cache, size, chunk=8), questions(requests, seed=3)
    for number, request in enumerate(asked):
        short = Request(request.prompt[: 4 + 3 * (number % 3)], 8 + 5 * (number % 4))
        plan.add(Ticket(short, str(number), 0.0))
    grid, last = [], []
    while planned := plan.plan():
        owners = [-1] * blocks
        for sequence in plan.running:
            for block in sequence.table.blocks:
                owners[block] = int(sequence.ticket.id)
        grid.append(owners)
        if len(grid) == 12:
            last = [[int(one.ticket.id), list(one.table.blocks)] for one in plan.running]
        for sequence, reading in planned:
            if plan.done(sequence, reading, 0):
                sequence.ticket.push(0, 0.0)
                if sequence.ticket.request.ends(sequence.ticket.tokens, 0):
                    plan.remove(sequence)
    return {
        "grid": grid,
        "tables": last,
        "preemptions": quantity(plan.preemptions, "preemptions"),
        "steps": quantity(len(grid), "steps"),
        "blocks": quantity(blocks, "blocks"),
    }


for run in tables():
    grid = torch.tensor(run["grid"]).T
    said = "; ".join(f"request {who} in {', '.join(map(str, held))}" for who, held in run["tables"])
    fig, axes = figures.figure(
        alt=f"Blocks against steps, coloured by the request that holds them, {run['steps']['value']} steps,"
        f" {run['preemptions']['value']} preemptions. Block tables at step 12: {said or 'none'}.",
        caption="Which request holds each block. White is free; a colour that comes back was preempted.",
        run=run,
    )
    shown = torch.where(grid < 0, torch.nan, grid.double())
    axes.imshow(shown, aspect="auto", cmap="tab10", vmin=-0.5, vmax=9.5, interpolation="none", origin="lower")
    axes.grid(visible=False)
    axes.set(xlabel="step", ylabel="block")

# %%
# What to take away
# -----------------
# Memory that is reserved for what may come is memory nobody uses. In blocks, what is reserved is what is
# filled, but for the rest of the last block. Read on at :term:`paged attention`.

if __name__ == "__main__":
    figures.show()
