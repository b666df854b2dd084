"""The recursion judges a serial engine by its own trace."""

import time

import pytest
import torch

from seqdocs.queues.arrivals import exponential, poisson
from seqdocs.queues.engines.audit import RejectedRunError, audit
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.engines.thread_pool import ThreadPoolEngine
from seqdocs.queues.load import population
from seqdocs.queues.trace import Trace, fifo


def ideal(load, count=400):
    return fifo(poisson(load, count, 0), exponential(1.0, count, 1))


def shifted(run, by):
    """The same run, everybody served so much later."""
    return Trace(run.scheduled, run.sent, run.start + by, run.finish + by, run.tokens)


def test_an_ideal_run_has_no_gap():
    assert audit(ideal(0.8)).gap == pytest.approx(0, abs=1e-12)


def test_an_engine_that_dawdles_is_rejected_with_both_waits():
    run = ideal(0.8)
    mean = audit(run).recursion
    assert audit(shifted(run, 0.04 * mean)).gap == pytest.approx(0.04)
    with pytest.raises(RejectedRunError, match=r"the mean wait is \d+ ms and by the recursion \d+, \+6\.0%"):
        audit(shifted(run, 0.06 * mean))


def test_without_waits_the_gap_is_in_service_times():
    run = fifo(torch.arange(5.0) * 10, torch.ones(5))
    assert audit(shifted(run, 0.03)).gap == pytest.approx(0.03)


def test_a_live_serial_engine_passes_and_a_pool_does_not():
    with SerialEngine(time.sleep) as engine:
        run = population(engine, [0.01] * 24, clients=8)
    assert audit(run, tolerance=100.0).gap >= 0  # by how much is the machine's business
    with ThreadPoolEngine(time.sleep, 8) as engine:
        run = population(engine, [0.01] * 24, clients=8)
    with pytest.raises(RejectedRunError, match="no single server"):
        audit(run)


def test_an_empty_run_is_refused():
    with pytest.raises(ValueError, match=r"^`trace` is empty"):
        audit(fifo(torch.zeros(0), torch.zeros(0)))
