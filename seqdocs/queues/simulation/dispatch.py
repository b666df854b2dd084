"""Dispatch: many servers with a line each, and who comes is sent to the shortest of a few lines.

Looking at two lines instead of one takes most of the waiting away; looking at more adds little.

Sources: Mitzenmacher 2001, *IEEE Transactions on Parallel and Distributed Systems* 12(10); Vvedenskaya,
Dobrushin and Karpelevich 1996 (neither checked against the original).
"""

from __future__ import annotations

from collections import deque
from random import Random
from typing import TYPE_CHECKING

from torch import Tensor

from seqdocs.queues.multiserver import servers_at_least_one
from seqdocs.queues.simulation.events import Log, Process, run
from seqdocs.queues.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable

    import simpy


def shortest_of(arrivals: Tensor, services: Tensor, servers: int, choices: int, seed: int) -> Trace:
    """Send each request to the shortest of some lines picked at random; there it is first come, first served.

    Args:
        arrivals: (N,), seconds, never going down.
        services: (N,), seconds, at least 0.
        servers: c, how many serve side by side, each with its own line.
        choices: d, how many different lines are looked at: 1 sends at random, 2 is the power of two choices,
            c joins the shortest of all. Among equals the one that was picked first is taken.
        seed: of the picks.

    Returns:
        the run. Theory for many servers: :func:`seqdocs.queues.theory.disciplines.choices_latency`.

    Raises:
        ValueError: if an argument is out of range.
        ModuleNotFoundError: if SimPy is not installed.
    """
    count, draw = servers_at_least_one(servers), Random(seed)
    if not 1 <= choices <= count:
        raise ValueError(f"`choices` is {choices} but must lie between 1 and the {count} servers")

    def queue(clock: simpy.Environment, log: Log) -> Callable[[int], object]:
        lines: list[deque[int]] = [deque() for _ in range(count)]  # the first of each is being served

        def serve(line: deque[int]) -> Process:
            while line:
                log.begins(line[0], clock.now)
                yield clock.timeout(log.services[line[0]])
                log.ends(line.popleft(), clock.now)

        def comes(k: int) -> None:
            line = min(draw.sample(lines, choices), key=len)
            line.append(k)
            if len(line) == 1:
                clock.process(serve(line))

        return comes

    return run(arrivals, services, queue).trace
