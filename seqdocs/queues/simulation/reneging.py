"""Reneging: who has waited too long goes away unserved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from seqdocs.queues.checks import series
from seqdocs.queues.multiserver import servers_at_least_one
from seqdocs.queues.simulation.events import Log, Outcome, Process, run

if TYPE_CHECKING:
    from collections.abc import Callable

    import simpy


def impatient(arrivals: Tensor, services: Tensor, patience: Tensor, servers: int = 1) -> Outcome:
    """Serve first come, first served those who are still there when their turn comes.

    Args:
        arrivals: (N,), seconds, never going down.
        services: (N,), seconds, at least 0.
        patience: how long each waits for its service to begin before it goes, (N,), seconds, at least 0.
        servers: c, how many serve side by side.

    Returns:
        the run of those who were served, and who they were. Theory for exponential times and one server:
        :func:`seqdocs.queues.theory.disciplines.reneging_share`.

    Raises:
        ValueError: if an argument is out of range.
        ModuleNotFoundError: if SimPy is not installed.
    """
    count, ready = servers_at_least_one(servers), series("patience", patience)
    if len(ready) != len(services) or bool((ready < 0).any()):
        raise ValueError(
            f"`patience` has {len(ready)} requests and `services` {len(services)}; both are (N,), at least 0"
        )
    longest = ready.tolist()

    def queue(clock: simpy.Environment, log: Log) -> Callable[[int], object]:
        from simpy import Resource

        line = Resource(clock, count)

        def request(k: int) -> Process:
            with line.request() as turn:  # leaving the block gives the place in the line back
                yield turn | clock.timeout(longest[k])
                if not turn.triggered:
                    return
                log.begins(k, clock.now)
                yield clock.timeout(log.services[k])
                log.ends(k, clock.now)

        return lambda k: clock.process(request(k))

    return run(arrivals, services, queue)
