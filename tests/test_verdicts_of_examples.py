"""A claim that only ever came out one way: with other measurements, the same lines say something else.

Each experiment is run as its worker runs it, but for what measures; see :mod:`tests.fabricated`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from seqdocs.queues.arrivals import poisson
from seqdocs.queues.trace import Trace, fifo
from tests.fabricated import Nobody, Patient, experiment, run, timed

SERVICE = 0.01


def even(count: int) -> torch.Tensor:
    """Arrivals so far apart that nobody waits."""
    return SERVICE * torch.arange(float(count), dtype=torch.float64)


# -- s1-21: a single user sees stable response times; under load the latency is high


def latency_claim(alone: list[float], servers: int) -> str:
    """The verdict where a single user is served in these seconds in turn, and a crowd by so many servers."""

    def population(engine: object, requests: list[object], clients: int) -> Trace:
        own = torch.tensor(alone, dtype=torch.float64).repeat(len(requests))[: len(requests)]
        return run(even(len(requests)), 0.0, own)

    def open_loop(engine: object, requests: list[object], times: torch.Tensor) -> Trace:
        waits = fifo(times, torch.full_like(times, SERVICE / servers)).start - times
        jitter = 1e-5 * torch.rand(len(times), generator=torch.Generator().manual_seed(0))
        return run(times, waits + jitter, SERVICE)  # so that a fit has something to fit

    depth = experiment(
        "serving/plot_serialized_queue:depth",
        population=population, open_loop=open_loop, SerialEngine=Nobody, Retries=Patient,
        server=lambda device: None,
    )  # fmt: skip
    return str(depth("cpu")["claims"]["s1-21"]["verdict"])


@pytest.mark.parametrize(
    ("alone", "servers", "verdict"),
    [
        ([SERVICE], 1, "holds"),
        ([SERVICE], 100, "refuted"),  # enough servers: the load makes nobody wait
        ([SERVICE, 3 * SERVICE], 1, "refuted"),  # a single user's latency swings by itself
    ],
)
def test_latency_under_load(alone: list[float], servers: int, verdict: str) -> None:
    assert latency_claim(alone, servers) == verdict


# -- s1-03: one request at a time minimises the overall compute


def compute_claim(work: dict[int, float], moved: dict[int, float], seconds: dict[int, float]) -> str:
    """The verdict where a step of 1 or 16 sequences costs so much for each, and an answer takes so long."""

    def per_step(costs: dict[int, float]) -> Any:
        return lambda step: {"value": step * costs[step]}

    decoding = experiment(
        "serving/plot_decoding_throughput:decoding",
        compare=lambda calls, **options: timed({str(B): seconds[B] for B in (1, 16)}),
        one_step=lambda model, length, B, device: B,
        flops=per_step(work),
        bytes_moved=per_step(moved),
    )
    return str(decoding("cpu", batches=(1, 16))["claims"]["s1-03"]["verdict"])


@pytest.mark.parametrize(
    ("work", "moved", "seconds", "verdict"),
    [
        ({1: 2e6, 16: 2e6}, {1: 4e6, 16: 4e5}, {1: 0.01, 16: 0.03}, "refuted"),
        ({1: 2e6, 16: 2.5e6}, {1: 4e6, 16: 4e5}, {1: 0.01, 16: 0.03}, "holds"),  # padding, say
        ({1: 2e6, 16: 2e6}, {1: 4e6, 16: 4e6}, {1: 0.01, 16: 0.03}, "qualified"),  # reads nothing twice
        ({1: 2e6, 16: 2e6}, {1: 4e6, 16: 4e5}, {1: 0.01, 16: 0.16}, "qualified"),  # and gains no time
    ],
)
def test_compute_of_one_at_a_time(
    work: dict[int, float], moved: dict[int, float], seconds: dict[int, float], verdict: str
) -> None:
    assert compute_claim(work, moved, seconds) == verdict


# -- s1-13: training and inference both run in a block-and-wait fashion


def blocking_claim(waits: float, computes: float, trains: float) -> str:
    """The verdict where overlapping makes each kind of work so many times as fast."""

    def turns() -> Iterator[float]:
        while True:  # in the order of the experiment: of each kind first one by one, then in turns
            yield from (1.0, 1.0 / waits, 1.0, 1.0 / computes)

    seconds = turns()
    overlap = experiment(
        "serving/plot_asynchronous_execution:overlap",
        took=lambda engine, count: next(seconds),
        training=lambda span, batches: {
            "synchronous": lambda: (1.0, 0),
            "asynchronous": lambda: (1.0 / trains, batches - 1),
        },
        SerialEngine=Nobody,
        EventLoopEngine=lambda serve, count: Nobody(serve),
    )
    return str(overlap("cpu")["claims"]["s1-13"]["verdict"])


@pytest.mark.parametrize(
    ("waits", "computes", "trains", "verdict"),
    [
        (14.0, 1.0, 1.9, "qualified"),
        (1.0, 1.0, 1.0, "holds"),  # nothing overlaps
        (14.0, 1.0, 1.0, "holds"),  # training waits for its batches whatever one does
        (1.0, 1.0, 1.9, "holds"),
        (14.0, 4.0, 1.9, "refuted"),  # even what computes overlaps
    ],
)
def test_block_and_wait(waits: float, computes: float, trains: float, verdict: str) -> None:
    assert blocking_claim(waits, computes, trains) == verdict


# -- s1-32: throughput is what a system processes successfully within a given time


def throughput_claim(lost: int = 0, stretched: float = 1.0) -> str:
    """The verdict where the server loses so many tokens of a run, or its watch runs so much faster."""
    tokens, ledgers = 32, []

    def answers(device: object, ledger: list[tuple[float, int]]) -> Any:
        ledgers.append(ledger)
        return lambda wanted: iter(())

    def open_loop(engine: object, requests: list[int], times: torch.Tensor) -> Trace:
        served = fifo(times, torch.full_like(times, SERVICE))
        spread = served.start[:, None] + SERVICE * torch.arange(1, tokens + 1) / tokens
        ledger = ledgers[0]
        ledger.append((float(served.start[0]), 0))
        last = stretched * (float(served.finish[-1]) - ledger[0][0])
        moments = torch.linspace(0, last, len(times) * tokens).tolist()[lost:]
        ledger += [(ledger[0][0] + moment, 1) for moment in moments]
        return Trace(
            times, times, served.start, served.finish, torch.full_like(times, tokens),
            spread[:, 0], spread.flatten(),
        )  # fmt: skip

    offered = experiment(
        "serving/plot_throughput:offered",
        answers=answers, open_loop=open_loop, SerialEngine=Nobody, Retries=Patient,
        measure=lambda call, max_seconds: {"median": {"value": SERVICE}},
    )  # fmt: skip
    return str(offered("cpu", tokens=tokens)["claims"]["s1-32"]["verdict"])


def test_throughput_is_what_came_over_the_time_it_took() -> None:
    assert throughput_claim() == "holds"
    assert throughput_claim(lost=1) == "refuted"
    assert throughput_claim(stretched=2.0) == "refuted"


def test_what_a_script_does_not_reach_cannot_be_replaced() -> None:
    with pytest.raises(LookupError, match=r"offered does not reach nothing_like_it"):
        experiment("serving/plot_throughput:offered", nothing_like_it=poisson)
