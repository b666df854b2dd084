"""The intervals of queue figures hold the truth as often as they say; a run too short for one is refused.

Waits of an M/M/1 queue come from Lindley's recursion, the truth from the closed forms. Everything is seeded;
each test prints the coverage it found.
"""

from __future__ import annotations

import math

import pytest
import torch

from seqdocs.queues import arrivals, lindley
from seqdocs.queues.estimate import TooFewSamplesError
from seqdocs.queues.intervals import batch_means, batch_percentile, independent_runs
from seqdocs.queues.percentiles import percentile
from seqdocs.queues.theory import mm1

RUNS = 300
PROMISED = (0.92, 0.98)  # of a nominal 95 %


def queue(load: float, count: int, seed: int) -> torch.Tensor:
    """Waits from an empty queue, in mean service times."""
    times, work = arrivals.poisson(load, count, seed), arrivals.exponential(1.0, count, seed + 1_000_000)
    return lindley.waits(times, work, "cumulative")


def p99(load: float) -> float:
    """99 % of requests wait no longer than this, in mean service times."""
    return mm1.mm1_wait_percentile(load, 1.0, 0.99)


def judged(make, draw, truth, runs=RUNS):
    """Shares of runs whose interval holds the truth, misses it, and is refused."""
    counts = {"holds": 0, "misses": 0, "refused": 0}
    for seed in range(runs):
        try:
            found = make(draw(seed))
        except TooFewSamplesError:
            counts["refused"] += 1
        else:
            counts["holds" if found.low <= truth <= found.high else "misses"] += 1
    return {name: count / runs for name, count in counts.items()}


def told(capsys, text):
    with capsys.disabled():
        print(f"\n{text}")


FIGURES = {
    "mean by batch means": (batch_means, mm1.mm1_wait(0.7, 1.0), 50_000),
    "p99 by batches": (lambda waits: batch_percentile(waits, 0.99), p99(0.7), 100_000),
}


@pytest.mark.parametrize("name", FIGURES)
def test_one_long_run_covers_what_theory_says(name, capsys):
    make, truth, count = FIGURES[name]
    found = judged(make, lambda seed: queue(0.7, count, seed), truth)
    covers = found["holds"] / (1 - found["refused"])
    told(capsys, f"{name}, M/M/1 at load 0.7, {count:,} waits: covers in {covers:.1%} of the {RUNS} runs,"
         f" {found['refused']:.1%} refused")  # fmt: skip
    assert PROMISED[0] <= covers <= PROMISED[1]
    assert found["refused"] <= 0.05


REPEATED = {
    "mean": (lambda waits: float(waits.mean()), mm1.mm1_wait(0.7, 1.0)),
    "p99": (lambda waits: percentile(waits, 0.99).value, p99(0.7)),
}


@pytest.mark.parametrize("name", REPEATED)
def test_independent_runs_cover_what_theory_says(name, capsys):
    figure, truth = REPEATED[name]
    found = judged(
        lambda seed: independent_runs([figure(queue(0.7, 20_000, 100 * seed + run)) for run in range(10)]),
        lambda seed: seed,
        truth,
    )
    told(capsys, f"{name} by 10 independent runs of 20,000 waits: covers in {found['holds']:.1%} of {RUNS}")
    assert PROMISED[0] <= found["holds"] <= PROMISED[1]


@pytest.mark.parametrize("count", [368, 1000, 5000])
def test_order_statistics_cover_the_p99_of_independent_samples(count, capsys):
    found = judged(
        lambda samples: percentile(samples, 0.99),
        lambda seed: arrivals.exponential(1.0, count, seed),
        math.log(100),
        runs=2000,
    )
    told(capsys, f"p99 of {count} exponential samples: covers in {found['holds']:.1%} of 2,000")
    assert found["holds"] >= 0.94


def test_order_statistics_do_not_cover_the_p99_of_a_queue(capsys):
    """The reason for batches: counted as independent, 50,000 waits promise far too much."""
    found = judged(
        lambda waits: percentile(waits, 0.99), lambda seed: queue(0.7, 50_000, seed), p99(0.7), 100
    )
    told(capsys, f"p99 of 50,000 waits counted as independent: covers in {found['holds']:.1%} of 100")
    assert found["holds"] < 0.5


@pytest.mark.parametrize("load", [0.5, 0.9])
@pytest.mark.parametrize("count", [500, 2000, 10_000, 40_000])
def test_whatever_the_length_few_wrong_intervals_come_out(load, count, capsys):
    """A short run is refused rather than given an interval that is too narrow."""
    lines = []
    for name, make, truth in (
        ("mean", batch_means, mm1.mm1_wait(load, 1.0)),
        ("p99", lambda waits: batch_percentile(waits, 0.99), p99(load)),
    ):
        found = judged(make, lambda seed: queue(load, count, seed), truth, runs=100)
        lines.append(f"{name}: {found['holds']:.1%} right, {found['misses']:.1%} wrong,"
                     f" {found['refused']:.1%} refused")  # fmt: skip
        assert found["misses"] <= 0.12
    told(capsys, f"load {load}, {count:,} waits, " + "; ".join(lines))
