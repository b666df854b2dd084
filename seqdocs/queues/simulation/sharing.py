"""Processor sharing: everybody is served at once, and each the slower, the more there are.

With n inside, each gets one n-th of the server. Instead of counting down the work of all, the simulation
keeps one number: how much work a request that was always there would have got. Who comes when it is V and
asks for S is done when it is V + S, so the next to leave is the least in a heap.

Source: Kleinrock 1967, *Journal of the ACM* 14(2), for the model (not checked against the original).
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from torch import Tensor

from seqdocs.queues.simulation.events import Log, Process, run
from seqdocs.queues.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable

    import simpy


def processor_sharing(arrivals: Tensor, services: Tensor) -> Trace:
    """Serve all requests at once, each at an equal share of one server.

    Args:
        arrivals: (N,), seconds, never going down.
        services: (N,), seconds it takes when alone, at least 0.

    Returns:
        the run; nobody waits, so that starts are arrivals and only the finish tells how crowded it was.
        Theory: :func:`seqdocs.queues.theory.disciplines.sharing_latency`.

    Raises:
        ValueError: if an argument is out of range.
        ModuleNotFoundError: if SimPy is not installed.
    """

    def queue(clock: simpy.Environment, log: Log) -> Callable[[int], object]:
        inside: list[tuple[float, int]] = []  # (V at which it is done, request)
        given = since = 0.0  # V, and the moment at which it was so
        alarm = 0  # of many alarms only the one that was set last counts

        def advance() -> None:
            nonlocal given, since
            if inside:
                given += (clock.now - since) / len(inside)
            since = clock.now

        def next_leaves(number: int) -> Process:
            nonlocal given, since
            yield clock.timeout(max(0.0, (inside[0][0] - given) * len(inside)))
            if number != alarm:
                return  # somebody came meanwhile, and it takes longer
            given, since = inside[0][0], clock.now
            while inside and inside[0][0] <= given:
                log.ends(heapq.heappop(inside)[1], clock.now)
            set_alarm()

        def set_alarm() -> None:
            nonlocal alarm
            alarm += 1
            if inside:
                clock.process(next_leaves(alarm))

        def comes(k: int) -> None:
            advance()
            log.begins(k, clock.now)
            heapq.heappush(inside, (given + log.services[k], k))
            set_alarm()

        return comes

    return run(arrivals, services, queue).trace
