"""Is a serial engine one? Its waits must be those of the recursion, fed with its own arrivals and services.

A formula is no judge of a short run, since it speaks of the long run. The recursion is: whatever the arrivals
were, one server that is never idle while somebody waits makes exactly its waits. What a real engine adds is
the time between two services.
"""

from __future__ import annotations

from typing import NamedTuple

from seqdocs.queues.checks import not_negative
from seqdocs.queues.trace import Trace, fifo, services, waits


class RejectedRunError(RuntimeError):
    """The engine was not the queue it claims to be; a run on a quieter machine may be."""


class Audit(NamedTuple):
    """Mean waits of one run, seconds, and by how much the engine's is off, as a share of the recursion's."""

    engine: float
    recursion: float
    gap: float


def audit(trace: Trace, tolerance: float = 0.05) -> Audit:
    """Compare the run of a serial engine with the Lindley recursion on its own trace.

    Args:
        trace: the run, one request at a time in order of arrival.
        tolerance: largest gap of the mean waits, as a share of the recursion's.

    Returns:
        the two means and their gap; with no wait at all in the recursion, the gap is in mean service times.

    Raises:
        RejectedRunError: if the gap is larger.
        ValueError: if the trace is empty or ``tolerance`` is negative.

    Source: Lindley 1952.
    """
    not_negative("tolerance", tolerance, "of the mean wait")
    if not len(trace):
        raise ValueError("`trace` is empty; a mean wait needs a request")
    engine = float(waits(trace).mean())
    recursion = float(waits(fifo(trace.scheduled, services(trace))).mean())
    gap = (engine - recursion) / (recursion or float(services(trace).mean()))
    if abs(gap) > tolerance:
        raise RejectedRunError(
            f"the mean wait is {engine * 1e3:.4g} ms and by the recursion {recursion * 1e3:.4g}, {gap:+.1%};"
            f" allowed is {tolerance:.0%}: the machine was too busy, or the engine is no single server"
        )
    return Audit(engine, recursion, gap)
