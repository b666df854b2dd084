"""
Latency
=======

"How long does it take?" has four answers: until the first token, from token to token, the longest gap, and
until the last. We take all four from the same runs of live engines, and see which fault shows in which.
"""

# %%
# One run, seen request by request
# --------------------------------
# A small language model, randomly initialised, behind an engine with continuous batching. Requests come at
# random; most prompts are short, some are long. Each row is a request: grey while it waits for its first
# token, then a tick for every token.

import statistics

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import median_of
from seqdocs.bench.verdicts import above, verdict_by
from seqdocs.models.language_model import CausalLM
from seqdocs.queues.arrivals import mix, poisson
from seqdocs.queues.engines.continuous_batch import ContinuousBatchEngine
from seqdocs.queues.engines.decoder import decoder
from seqdocs.queues.engines.paged_model import PagedModel
from seqdocs.queues.engines.request import Request
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.engines.traced import trace_of
from seqdocs.queues.load import open_loop
from seqdocs.queues.percentiles import nearest_rank
from seqdocs.queues.retries import Retries, lateness
from seqdocs.queues.token_latency import first_token_latencies, inter_token_latencies, seconds_per_token
from seqdocs.queues.trace import latencies

SHORT, LONG = 16, 960  # tokens of a prompt


def language_model(device):
    """A model of about a million parameters."""
    torch.set_num_threads(1)  # one for the model; the sender needs the other core
    torch.manual_seed(0)
    model = CausalLM(vocabulary=1024, context=1024, width=128, layers=4, heads=4, tied=False)
    return model.to(device).eval()


def prompts(count, long_share, new_tokens, seed):
    """Requests whose prompts are short or, a share of them, long."""
    sizes = mix([SHORT, LONG], [1 - long_share, long_share], count, seed) if long_share else [SHORT] * count
    lengths = [int(size) for size in sizes]
    return [Request(tuple(range(length)), new_tokens) for length in lengths]


ENGINES = {
    "serial": lambda model: SerialEngine(decoder(model)),
    "continuous": lambda model: ContinuousBatchEngine(PagedModel(model, 512, 16), size=16),
    "chunked prefill": lambda model: ContinuousBatchEngine(PagedModel(model, 512, 16), size=16, chunk=48),
}
NUMBERS = {
    "first token": first_token_latencies,
    "per token": seconds_per_token,
    "gap between tokens": inter_token_latencies,
    "end to end": latencies,
}


def one_by_one(engine, requests):
    """The run of requests of which each is sent when the one before is answered."""
    tickets = []
    for request in requests:
        tickets.append(engine.submit(request))
        tickets[-1].result()
    return trace_of(tickets[2:], tickets[2].arrival)  # the first two warm up


def high(values, q):
    """The q-quantile, one of the values."""
    return float(values.sort().values[nearest_rank(len(values), q) - 1])


def rows_of(run, count):
    """Scheduled arrival and token times of the first requests, seconds, for drawing."""
    counts = run.tokens.long().tolist()
    ends = torch.tensor(counts).cumsum(0).tolist()
    times = [run.token_times[end - n : end].tolist() for n, end in zip(counts, ends, strict=True)]
    return [[came, *own] for came, own in zip(run.scheduled.tolist()[:count], times, strict=False)]


@experiment(small={"requests": 8, "new_tokens": 3}, seconds=120, memory_gb=1)
def four_numbers(device, *, requests=120, new_tokens=24, long_share=0.15, load=0.8, shown=24, seed=4):
    """Four latencies of the same requests: alone, and under the same load in three engines."""
    model = language_model(device)
    asked = prompts(requests, long_share, new_tokens, seed)
    with SerialEngine(decoder(model)) as engine:
        alone = one_by_one(engine, prompts(14, 0.0, new_tokens, seed))
        mixed = one_by_one(engine, asked[:30])
    times = poisson(load / float(latencies(mixed).mean()), requests, seed)
    kept, retries = {}, Retries()
    for name, make in ENGINES.items():
        with make(model) as engine:
            one_by_one(engine, asked[:4])
            kept[name] = retries.keep(lambda engine=engine: open_loop(engine, asked, times))
    runs = {"alone": alone} | {name: one.trace for name, one in kept.items()}
    late = {name: 1e3 * lateness([one.trace]).mean for name, one in kept.items()}
    said = {name: "rejected" if one.rejected else quantity(late[name], "") for name, one in kept.items()}
    values = {name: {what: take(run) for what, take in NUMBERS.items()} for name, run in runs.items()}
    spread = {
        name: {what: [float(found.median()), high(found, 0.99 if what.startswith("gap") else 0.9)]
               for what, found in own.items()}
        for name, own in values.items()
    }  # fmt: skip
    gaps = {
        name: [round(gap, 6) for gap in values[name]["gap between tokens"].sort().values.tolist()]
        for name in ENGINES
    }
    factors = (latencies(alone) / first_token_latencies(alone)).tolist()
    whole = median_of(factors, "×")
    cells = [
        [name, *(quantity(1e3 * end, "") for what in NUMBERS for end in own[what]), said.get(name)]
        for name, own in spread.items()
    ]
    columns = [
        (f"{what}, {which}", "ms")
        for what in NUMBERS
        for which in ("median", "p99" if what.startswith("gap") else "p90")
    ] + [("sent late, mean", "ms")]
    return {
        "rows": rows_of(runs["continuous"], shown),
        "gaps": gaps,
        "spread": spread,
        "first": {
            name.replace(" ", "_"): median_of(own["first token"].tolist(), "s")
            for name, own in values.items()
        },
        "whole": whole,
        "sent_late": quantity(max(late.values()) / 1e3, "s"),
        "rejected": quantity(sum(one.rejected is not None for one in kept.values()), "runs"),
        "requests": quantity(requests, "requests"),
        "new_tokens": quantity(new_tokens, "tokens"),
        "long_prompt": quantity(LONG, "tokens"),
        "gap": {
            name.replace(" ", "_"): quantity(own["gap between tokens"][1], "s")
            for name, own in spread.items()
        },
        "table": table(["engine", *columns], cells),
        "claims": {
            "s1-30": verdict_by(
                {"qualified": above(whole, 1.5, "time to the last token over time to the first, alone")},
                "holds",
                f"the same request took {statistics.median(factors):.1f} times as long to its last token of"
                f" {new_tokens} as to its first",
            )
        },
    }


runs = four_numbers()
for run in runs:
    rows = run["rows"]
    ends = [row[-1] - row[0] for row in rows]
    fig, axes = figures.figure(
        alt=f"Timeline of the first {len(rows)} requests: a grey bar until the first token, a tick for every"
        f" token. From arrival to last token they take {1e3 * min(ends):.0f} to {1e3 * max(ends):.0f} ms.",
        caption="Requests in an engine with continuous batching: waiting (grey) and tokens (ticks).",
        run=run,
        height=4.2,
    )
    for place, (came, first, *more) in enumerate(rows):
        axes.barh(place, 1e3 * (first - came), left=1e3 * came, color="#808080", alpha=0.5)
        axes.plot([1e3 * time for time in (first, *more)], [place] * (1 + len(more)), "|",
                  color=figures.BLUE, markersize=7)  # fmt: skip
    axes.set(xlabel="time, ms", ylabel="request, in order of arrival")
    axes.invert_yaxis()

# %%
# Four numbers
# ------------
# *Time to first token* is the wait and the reading of the prompt. *Time per output token* is the mean pace
# after that, one number per answer. *Inter-token latency* is every single gap, so it knows the stalls that a
# mean hides. *End to end* is all of it. The same requests at the same times, in three engines, and alone.

SHADES = (figures.GREY, figures.VERMILION, figures.BLUE, figures.GREEN)

for run in runs:
    spread = run["spread"]
    fig, panels = figures.figure(
        alt="Median and high percentile of four latencies, in milliseconds. "
        + " ".join(
            f"{name}: "
            + ", ".join(f"{what} {1e3 * own[what][0]:.3g} and {1e3 * own[what][1]:.3g}" for what in own)
            + "."
            for name, own in spread.items()
        ),
        caption="Median (bar) and p90 (whisker; of gaps the p99) of four latencies in the same runs.",
        run=run,
        rows=2,
        columns=2,
        sharey=True,
    )
    for axes, what in zip(panels, NUMBERS, strict=True):
        for place, (own, colour) in enumerate(zip(spread.values(), SHADES, strict=True)):
            middle, end = (1e3 * value for value in own[what])
            axes.barh(place, middle, color=colour)
            axes.plot([middle, end], [place, place], "|-", color="0.3", linewidth=1)
        axes.set(title=what, xlabel="ms", xscale="log")
        low, high_ = axes.get_xlim()
        ticks = [
            10.0**power * step
            for power in range(-2, 5)
            for step in (1, 3)
            if low < 10.0**power * step < high_
        ]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    for axes in (panels[0], panels[2]):
        axes.set_yticks(range(len(spread)), list(spread))
        axes.set(ylabel="engine")
    panels[0].invert_yaxis()

# %%
# Each fault has its number
# -------------------------
# The serial engine keeps the best pace, and makes everybody wait for it: look at the first token. A batch
# shares each step, so the pace suffers a little. A long prompt that is read in one go stops all others for as
# long: a single large gap, which the mean pace does not show. Chunked prefill cuts the prompt into pieces and
# the gap with it.

for run in runs:
    fig, axes = figures.figure(
        alt="Share of gaps between tokens that are longer than t, on logarithmic scales. The p99 is "
        + ", ".join(
            f"{name}: {1e3 * own['gap between tokens'][1]:.3g} ms" for name, own in run["spread"].items()
        )
        + ".",
        caption="Gaps between the tokens of an answer: how many are longer than t.",
        run=run,
    )
    for (name, gaps), colour in zip(run["gaps"].items(), SHADES[1:], strict=True):
        shares = [1 - place / len(gaps) for place in range(len(gaps))]
        axes.step([1e3 * gap for gap in gaps], shares, where="post", color=colour, label=name)
    axes.set(xscale="log", yscale="log", xlabel="t, ms", ylabel="share of gaps longer than t")
    axes.legend()

# %%
# What to take away
# -----------------
# Ask which latency is meant. A chat feels the first token and the gaps; a program that needs the whole answer
# feels the end. A mean over all tokens hides both a long line and a stall. Read on at :term:`latency` and
# :term:`tail latency`.

if __name__ == "__main__":
    figures.show()
