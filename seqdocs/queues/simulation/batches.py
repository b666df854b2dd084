"""Batch service: the server takes all who wait at once, up to a most, and they all leave together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from seqdocs.queues.checks import not_negative
from seqdocs.queues.simulation.events import Log, Process, run
from seqdocs.queues.trace import Trace

if TYPE_CHECKING:
    import simpy


def batch_service(arrivals: Tensor, batch_time: Callable[[int], float], most: int) -> Trace:
    """Serve in batches: whoever is there when the server is free goes into the next, first come first.

    Args:
        arrivals: (N,), seconds, never going down.
        batch_time: seconds that a batch of so many requests takes.
        most: the largest batch, requests.

    Returns:
        the run; requests of one batch start and finish together.

    Raises:
        ValueError: if ``arrivals`` or a time is out of range, or ``most`` is below one.
        ModuleNotFoundError: if SimPy is not installed.
    """
    if most < 1:
        raise ValueError(f"`most` is {most} requests but a batch holds at least 1")

    def queue(clock: simpy.Environment, log: Log) -> Callable[[int], object]:
        line: deque[int] = deque()
        idle = True

        def serve() -> Process:
            nonlocal idle
            while line:
                batch = [line.popleft() for _ in range(min(most, len(line)))]
                for k in batch:
                    log.begins(k, clock.now)
                yield clock.timeout(not_negative("batch_time", batch_time(len(batch)), "seconds"))
                for k in batch:
                    log.ends(k, clock.now)
            idle = True

        def comes(k: int) -> None:
            nonlocal idle
            line.append(k)
            if idle:
                idle = False  # at once: others may come before the process begins
                clock.process(serve())

        return comes

    return run(arrivals, torch.zeros_like(arrivals), queue).trace
