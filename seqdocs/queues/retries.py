"""Runs of live engines that count, and what to say of those that do not.

A run that its sender spoiled, or that was not the queue it claims to be, says nothing about the engine. It is
made again, a few times; on a machine that stays busy the last one is kept with the reason why it is rejected,
so that a page can say so instead of showing its numbers as if they counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from seqdocs.queues.engines.audit import RejectedRunError
from seqdocs.queues.load import LateSenderError
from seqdocs.queues.trace import Trace, slips


class Kept(NamedTuple):
    """A run, and why it is rejected; None if it counts."""

    trace: Trace
    rejected: str | None = None


class Retries:
    """So many more attempts, for all runs of an experiment together: its time stays bounded.

    Args:
        spare: how often a rejected run is made again, in all.

    Raises:
        ValueError: if ``spare`` is negative.
    """

    def __init__(self, spare: int = 4) -> None:
        if spare < 0:
            raise ValueError(f"`spare` is {spare}; there are no fewer than 0 more attempts")
        self.left = spare

    def keep(self, attempt: Callable[[], Trace], judge: Callable[[Trace], object] | None = None) -> Kept:
        """Run until it counts, or no attempt is left.

        Args:
            attempt: makes a run, as :func:`seqdocs.queues.load.open_loop` does; it may raise
                :class:`~seqdocs.queues.load.LateSenderError`.
            judge: raises :class:`~seqdocs.queues.engines.audit.RejectedRunError` for a run that does not
                count.

        Returns:
            the last run; why it is rejected, unless it counts.
        """
        while True:
            try:
                trace = attempt()
            except LateSenderError as error:
                kept = Kept(error.trace, str(error))
            else:
                kept = Kept(trace, _fault(trace, judge))
            if kept.rejected is None or self.left == 0:
                return kept
            self.left -= 1


def _fault(trace: Trace, judge: Callable[[Trace], object] | None) -> str | None:
    try:
        if judge is not None:
            judge(trace)
    except RejectedRunError as error:
        return str(error)
    return None


class Lateness(NamedTuple):
    """How late requests were sent, seconds: on average in the worst of the runs, and the latest of all."""

    mean: float
    latest: float


def lateness(traces: Iterable[Trace]) -> Lateness:
    """Say how late the sender was; it belongs beside every figure of an open loop.

    Raises:
        ValueError: if there is no run, or one of them is empty.
    """
    late = [slips(trace) for trace in traces]
    if not late or not all(len(slip) for slip in late):
        raise ValueError(
            f"of {len(late)} runs {sum(not len(s) for s in late)} are empty; lateness needs requests"
        )
    return Lateness(max(float(slip.mean()) for slip in late), max(float(slip.max()) for slip in late))
