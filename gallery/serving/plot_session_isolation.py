"""
Session isolation
=================

What one user asked must not reach another. A server that answers one request at a time does not get this for
free: memory is used again, and nobody empties it unless the program does. Everything here is counted.
"""

# %%
# What is left when everybody has gone
# ------------------------------------
# A continuous batch answers requests and gives their blocks back. The numbers in them stay. Then other
# requests get those blocks, and we compare their answers with those of an engine whose memory is new.

import gc
import weakref

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity
from seqdocs.bench.verdicts import verdict_by
from seqdocs.models.language_model import CausalLM
from seqdocs.queues.arrivals import mix
from seqdocs.queues.engines.continuous_batch import ContinuousBatchEngine
from seqdocs.queues.engines.decoder import decoder
from seqdocs.queues.engines.paged_model import PagedModel
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.mixture import mixed_requests

VOCABULARY, CONTEXT = 256, 64


def language_model(device):
    """Small, and in fp64, with weights so large that every token depends on those before."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = CausalLM(vocabulary=VOCABULARY, context=CONTEXT, width=32, layers=2, heads=2, tied=False)
    for parameter in model.double().parameters():
        if parameter.ndim > 1:
            parameter.data.mul_(12)
    return model.to(device).eval()


def questions(count, seed):
    """Prompts of a few or of thirty tokens."""
    return mixed_requests(mix([5, 30], [0.5, 0.5], count, seed), torch.full((count,), 20), VOCABULARY, seed)


def serve(paged, asked):
    """Answers of a continuous batch on this memory."""
    with ContinuousBatchEngine(paged, size=4, chunk=16) as engine:
        tickets = [engine.submit(request) for request in asked]
    return [ticket.result() for ticket in tickets]


def wrong(answers, right):
    """How many differ."""
    return sum(answer != other for answer, other in zip(answers, right, strict=True))


class Careless(PagedModel):
    """The same without the one line that empties a block before it is used."""

    def _clear(self, blocks):
        """Do nothing."""


@experiment(small={"first": 3, "second": 3}, seconds=60, memory_gb=1)
def reuse(device, *, first=24, second=24, blocks=40, block_size=4):
    """Numbers left behind, and answers that depend on them, with blocks that are emptied and that are not."""
    model, ours, theirs = language_model(device), questions(first, 1), questions(second, 2)
    right = [list(decoder(model)(request)) for request in theirs]
    counts, left, held = {}, 0, 0
    for name, kind in (("emptied", PagedModel), ("as found", Careless)):
        paged = kind(model, blocks, block_size)
        serve(paged, ours)
        if kind is PagedModel:
            left = sum(int((part != 0).sum()) for part in paged.memory)
            held = sum(part.numel() for part in paged.memory)
        plain = wrong(serve(paged, theirs), right)
        for part in paged.memory:
            part.fill_(torch.nan)  # poison: whoever reads it, and be it with weight zero, says so
        counts[name] = {"others": plain, "poison": wrong(serve(paged, theirs), right)}
    clean = counts["emptied"] == {"others": 0, "poison": 0}
    leaks = left > 0 and counts["as found"]["poison"] > 0
    return {
        "counts": counts,
        "left": quantity(left, "numbers"),
        "share": quantity(100 * left / held, "%"),
        "requests": quantity(second, "requests"),
        "emptied": {name: quantity(count, "") for name, count in counts["emptied"].items()},
        "careless": {name: quantity(count, "") for name, count in counts["as found"].items()},
        "claims": {
            "s1-27": verdict_by(
                {"refuted": clean and leaks},
                "qualified",
                f"{left:,} numbers of finished requests stayed in memory; poisoned, they spoilt"
                f" {counts['as found']['poison']} of {second} answers, and none where blocks are emptied",
            )
        },
    }


for run in reuse():
    counts = run["counts"]
    fig, axes = figures.figure(
        alt=f"Wrong answers of {run['requests']['value']} requests on memory that others have used. "
        + "; ".join(
            f"blocks {name}: {count['others']} after other requests, {count['poison']} after poison"
            for name, count in counts.items()
        )
        + ".",
        caption="Wrong answers on used memory, with blocks emptied first and with blocks as found.",
        run=run,
    )
    for place, (name, colour) in enumerate((("emptied", figures.BLUE), ("as found", figures.VERMILION))):
        values = [counts[name]["others"], counts[name]["poison"]]
        bars = axes.bar(
            [0.4 * place - 0.2, 0.4 * place + 0.8], values, 0.38, color=colour, label=f"blocks {name}"
        )
        axes.bar_label(bars)
    axes.set_xticks([0, 1], ["what others left", "poison (not a number)"])
    axes.set(xlabel="in the memory", ylabel="wrong answers", ylim=(0, run["requests"]["value"] * 1.15))
    axes.legend()

# %%
# One prompt, then nothing of it
# ------------------------------
# The serial engine makes a cache for each request and lets go of it with the answer. We watch the caches: how
# many exist while a request is served, and how many after.


@experiment(small={"requests": 3}, seconds=60, memory_gb=1)
def contexts(device, *, requests=24):
    """Caches that exist during and after each request of a serial engine."""
    model, caches, during = language_model(device), [], []
    prefill = model.prefill

    def watched(*args, **options):
        logits, cache = prefill(*args, **options)
        caches.append(weakref.ref(cache[0]))
        during.append(sum(one() is not None for one in caches))
        return logits, cache

    model.prefill = watched
    after = []
    with SerialEngine(decoder(model)) as engine:
        for request in questions(requests, 1):
            engine.submit(request).result()
    del model.prefill
    gc.collect()
    after = sum(one() is not None for one in caches)
    one_at_a_time = max(during) == 1 and after == 0
    return {
        "during": during,
        "most": quantity(max(during), "contexts"),
        "after": quantity(after, "contexts"),
        "requests": quantity(requests, "requests"),
        "claims": {
            "s1-20": verdict_by(
                {"holds": one_at_a_time},
                "refuted",
                f"of {requests} requests, never more than {max(during)} had a cache, and {after} at the end",
            )
        },
    }


for run in contexts():
    fig, axes = figures.figure(
        alt=f"Caches that exist as each of {run['requests']['value']} requests is served: never more than"
        f" {run['most']['value']}; {run['after']['value']} when all are answered.",
        caption="Caches in a serial engine, request by request.",
        run=run,
        height=2.4,
    )
    axes.step(range(len(run["during"])), run["during"], where="mid", color=figures.BLUE)
    axes.set(xlabel="request", ylabel="caches", ylim=(0, 2), yticks=[0, 1, 2])

# %%
# What to take away
# -----------------
# A memory that is handed on is as private as its last holder left it. Whoever hands it out must empty it, or
# never read what it did not write. Read on at :term:`session isolation`.

if __name__ == "__main__":
    figures.show()
