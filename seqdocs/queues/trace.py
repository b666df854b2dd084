"""What happened to every request of one run, and the figures that follow from it.

N requests in the order they were scheduled; times in seconds from one common zero, fp64.

A wait and a latency count from the moment the request was *scheduled* to come, not from the moment a late
sender got round to sending it: otherwise a stalled sender would hide the very delay it causes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seqdocs.queues import lindley
from seqdocs.queues.checks import not_negative, rising, series


@dataclass(frozen=True)
class Trace:
    """The times of one run that began and ended with an empty system.

    Args:
        scheduled: when each request was meant to arrive, (N,), seconds, never going down.
        sent: when it was really handed over, (N,), seconds.
        start: when its service began, (N,), seconds.
        finish: when its answer was complete, (N,), seconds.
        tokens: units of work it got, (N,), no unit beyond that.
        first_token: when the first token of its answer was there, (N,), seconds; omitted if not known.
        token_times: when each token was there, (sum of ``tokens``,), seconds, those of the first request
            first; omitted if not known.

    Raises:
        ValueError: if the lengths differ, ``scheduled`` goes down, or a request starts before it was
            scheduled or finishes before it starts.
    """

    scheduled: Tensor
    sent: Tensor
    start: Tensor
    finish: Tensor
    tokens: Tensor
    first_token: Tensor | None = None
    token_times: Tensor | None = None

    def __post_init__(self) -> None:
        rising("scheduled", self.scheduled)
        for name, values in self._columns().items():
            if name != "token_times" and len(series(name, values)) != len(self):
                raise ValueError(f"`{name}` has {len(values)} requests but `scheduled` has {len(self)}")
        if self.token_times is not None and len(series("token_times", self.token_times)) != self.tokens.sum():
            raise ValueError(
                f"`token_times` has {len(self.token_times)} tokens but `tokens` adds up to"
                f" {float(self.tokens.sum()):g}"
            )
        if bool((self.start < self.scheduled).any()):
            raise ValueError(
                "`start` lies before `scheduled` for some request; no service begins before arrival"
            )
        if bool((self.finish < self.start).any()):
            raise ValueError(
                "`finish` lies before `start` for some request; no service takes less than 0 seconds"
            )

    def __len__(self) -> int:
        return len(self.scheduled)

    def _columns(self) -> dict[str, Tensor]:
        names = ["scheduled", "sent", "start", "finish", "tokens", "first_token", "token_times"]
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def export(self) -> dict[str, list[float]]:
        """The columns as plain lists, for a record or a JSON file."""
        return {name: values.tolist() for name, values in self._columns().items()}

    @classmethod
    def load(cls, columns: dict[str, Any]) -> Trace:
        """A trace from what :meth:`export` gave."""
        return cls(**{name: torch.tensor(values, dtype=torch.float64) for name, values in columns.items()})


def fifo(arrivals: Tensor, services: Tensor, method: lindley.Method = "loop") -> Trace:
    """The run that an ideal engine would make of these requests: one at a time, no gap, no overhead.

    Args:
        arrivals: (N,), seconds, never going down.
        services: (N,), seconds, at least 0.
        method: how to solve for the waits, see :func:`seqdocs.queues.lindley.waits`.

    Returns:
        the trace, one token per request.

    Raises:
        ValueError: as :func:`seqdocs.queues.lindley.waits`.
    """
    start = arrivals + lindley.waits(arrivals, services, method)
    return Trace(arrivals, arrivals, start, start + services, torch.ones_like(start))


def waits(trace: Trace) -> Tensor:
    """Time from scheduled arrival to start of service, (N,), seconds."""
    return trace.start - trace.scheduled


def services(trace: Trace) -> Tensor:
    """Time from start of service to the complete answer, (N,), seconds."""
    return trace.finish - trace.start


def latencies(trace: Trace) -> Tensor:
    """Time from scheduled arrival to the complete answer, (N,), seconds: wait plus service."""
    return trace.finish - trace.scheduled


def slips(trace: Trace) -> Tensor:
    """How late the sender was, (N,), seconds: the load generator's own error."""
    return trace.sent - trace.scheduled


def span(trace: Trace) -> float:
    """Length of the run, seconds: from the first scheduled arrival to the last answer.

    Raises:
        ValueError: if the run is empty or took no time at all.
    """
    length = float(trace.finish.max() - trace.scheduled[0]) if len(trace) else 0.0
    if length <= 0:
        raise ValueError(
            f"`trace` holds {len(trace)} requests within {length} seconds; a rate needs a span above 0"
        )
    return length


def throughput(trace: Trace) -> float:
    """Tokens per second over the whole run, idle time included.

    Raises:
        ValueError: as :func:`span`.
    """
    return float(trace.tokens.sum()) / span(trace)


def goodput(trace: Trace, deadline: float) -> float:
    """Tokens per second of the answers that came in time; what came too late counts nothing.

    Args:
        trace: the run.
        deadline: longest latency that still counts, seconds.

    Raises:
        ValueError: as :func:`span`; also if ``deadline`` is negative or not finite.
    """
    in_time = latencies(trace) <= not_negative("deadline", deadline, "seconds")
    return float(trace.tokens[in_time].sum()) / span(trace)


def mean_in_system(trace: Trace) -> float:
    """Time average of the number of requests in the system, from counting arrivals and departures.

    Counted event by event and not from the latencies, so that Little's law has something to agree with.

    Returns:
        L, requests.

    Raises:
        ValueError: as :func:`span`.
    """
    length = span(trace)
    times = torch.cat([trace.scheduled, trace.finish])
    change = torch.cat([torch.ones_like(trace.scheduled), -torch.ones_like(trace.finish)])
    order = times.argsort(stable=True)  # at one instant those who arrive go first, so nobody leaves early
    inside = change[order].cumsum(0)[:-1]  # number in the system between two events
    return float((inside * times[order].diff()).sum()) / length


def littles_law_gap(trace: Trace) -> float:
    """L − λ W̄ of this run: zero up to rounding, because it began and ended empty.

    Over such a run the law is no limit theorem but an identity: both sides add up the same area.

    Returns:
        the difference, requests.

    Raises:
        ValueError: as :func:`span`.

    Source: Little 1961.
    """
    arrival_rate = len(trace) / span(trace)
    return mean_in_system(trace) - arrival_rate * float(latencies(trace).mean())


def ahead_on_arrival(trace: Trace) -> Tensor:
    """How many requests each one found in the system when it was scheduled, the one in service included.

    A request that finishes at the very instant of an arrival is gone; of two that arrive together the second
    finds the first. In a first-in-first-out run these are the requests that it must wait for.

    Returns:
        (N,), int64.
    """
    earlier = torch.arange(len(trace))
    gone = torch.searchsorted(trace.finish.sort().values, trace.scheduled, right=True)
    return earlier - torch.minimum(gone, earlier)
