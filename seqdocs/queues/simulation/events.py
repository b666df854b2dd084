"""What all simulated queues share: a clock of events, requests that come in by it, and what became of them.

N requests; all times in seconds. SimPy keeps the events in a heap and calls Python for each. Where there is
a recursion (:mod:`seqdocs.queues.lindley`, :mod:`seqdocs.queues.multiserver`) it gives the same waits sooner.

Source: SimPy's manual, https://simpy.readthedocs.io (processes that wait for events by ``yield``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from seqdocs.queues.lindley import of_one_run
from seqdocs.queues.trace import Trace

if TYPE_CHECKING:
    import simpy

Process = Generator["simpy.Event", Any, None]


class Outcome(NamedTuple):
    """The run of those who were served, and who they were: ``served`` is (N,), bool, in order of arrival."""

    trace: Trace
    served: Tensor


def environment() -> simpy.Environment:
    """A clock at 0 seconds without events.

    Raises:
        ModuleNotFoundError: if SimPy is not installed.
    """
    try:
        import simpy
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "simulated queues need SimPy, which is not installed: pip install 'seqdocs[simulation]'"
        ) from None
    return simpy.Environment()


@dataclass
class Log:
    """The requests of one run, and when the service of each began and ended; NaN for those never served."""

    arrivals: list[float]
    services: list[float]
    start: list[float] = field(init=False)
    finish: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.start = [math.nan] * len(self.arrivals)
        self.finish = [math.nan] * len(self.arrivals)

    def begins(self, k: int, now: float) -> None:
        """Request ``k`` is being served from now on."""
        self.start[k] = max(now, self.arrivals[k])  # the clock adds up gaps, and may be a rounding early

    def ends(self, k: int, now: float) -> None:
        """Request ``k`` is done."""
        self.finish[k] = max(now, self.start[k])

    def outcome(self) -> Outcome:
        """What became of the requests."""
        columns = [
            torch.tensor(column, dtype=torch.float64) for column in (self.arrivals, self.start, self.finish)
        ]
        served = ~columns[2].isnan()
        came, start, finish = (column[served] for column in columns)
        return Outcome(Trace(came, came, start, finish, torch.ones_like(came)), served)


def run(
    arrivals: Tensor, services: Tensor, queue: Callable[[simpy.Environment, Log], Callable[[int], Any]]
) -> Outcome:
    """Let requests come to a queue until all that were taken in are done.

    Args:
        arrivals: (N,), seconds, never going down, not below 0.
        services: (N,), seconds, at least 0.
        queue: sets up a queue on a clock and returns what happens when request ``k`` comes.

    Returns:
        the run of those who were served, and who they were.

    Raises:
        ValueError: if a shape, an order or a sign is wrong.
        ModuleNotFoundError: if SimPy is not installed.
    """
    when, work = of_one_run(arrivals, services)
    if len(when) and float(when[0]) < 0:
        raise ValueError(f"`arrivals` begins at {float(when[0])} seconds but the clock of a simulation at 0")
    clock, log = environment(), Log(when.tolist(), work.tolist())
    comes = queue(clock, log)

    def source() -> Process:
        for k, arrival in enumerate(log.arrivals):
            if arrival > clock.now:  # who comes at the same instant comes before anything else happens
                yield clock.timeout(arrival - clock.now)
            comes(k)

    clock.process(source())
    clock.run()
    return log.outcome()
