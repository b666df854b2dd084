"""Who is served next: first come, the most urgent, or the shortest; nobody is interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from seqdocs.queues.checks import series
from seqdocs.queues.multiserver import servers_at_least_one
from seqdocs.queues.simulation.events import Log, Process, run
from seqdocs.queues.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable

    import simpy


def first_come(arrivals: Tensor, services: Tensor, servers: int = 1) -> Trace:
    """Serve in the order of arrival: the waits of :func:`seqdocs.queues.multiserver.waits`, the slow way.

    Args:
        arrivals: (N,), seconds, never going down.
        services: (N,), seconds, at least 0.
        servers: c, how many serve side by side.

    Returns:
        the run.

    Raises:
        ValueError: if an argument is out of range.
        ModuleNotFoundError: if SimPy is not installed.
    """
    return most_urgent(arrivals, services, torch.zeros(len(services)), servers)


def shortest_first(arrivals: Tensor, services: Tensor, servers: int = 1) -> Trace:
    """Serve the shortest of those who wait: the least mean wait without interrupting, and long ones pay.

    The lengths must be known beforehand, which those of a language model's answers are not.

    Arguments, result and errors are those of :func:`first_come`.

    Source: Smith 1956, *Naval Research Logistics Quarterly* 3 (shortest first has the least mean).
    """
    return most_urgent(arrivals, services, services, servers)


def most_urgent(arrivals: Tensor, services: Tensor, priorities: Tensor, servers: int = 1) -> Trace:
    """Serve the request of the least ``priorities`` number, and among equals the one that came first.

    Args:
        arrivals: (N,), seconds, never going down.
        services: (N,), seconds, at least 0.
        priorities: (N,), no unit; the least is the most urgent.
        servers: c, how many serve side by side.

    Returns:
        the run. Theory for one server: :func:`seqdocs.queues.theory.disciplines.priority_waits`.

    Raises:
        ValueError: if an argument is out of range.
        ModuleNotFoundError: if SimPy is not installed.
    """
    count, urgent = servers_at_least_one(servers), series("priorities", priorities).tolist()
    if len(urgent) != len(services):
        raise ValueError(f"`priorities` has {len(urgent)} requests but `services` has {len(services)}")

    def queue(clock: simpy.Environment, log: Log) -> Callable[[int], object]:
        from simpy import PriorityResource

        line = PriorityResource(clock, count)

        def request(k: int) -> Process:
            with line.request(priority=urgent[k]) as turn:
                yield turn
                log.begins(k, clock.now)
                yield clock.timeout(log.services[k])
                log.ends(k, clock.now)

        return lambda k: clock.process(request(k))

    return run(arrivals, services, queue).trace
