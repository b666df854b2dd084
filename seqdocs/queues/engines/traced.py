"""From tickets to a trace: what happened to the requests of a run that is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seqdocs.queues.engines.ticket import Ticket
from seqdocs.queues.trace import Trace


def trace_of(tickets: Sequence[Ticket[Any]], zero: float = 0.0, scheduled: Tensor | None = None) -> Trace:
    """Put the times of tickets into one table.

    Args:
        tickets: all answered or refused. A refused one keeps the tokens it got; if it was never served, its
            service begins when it ends. To count the answered ones only, leave the others out.
        zero: what the trace calls 0, on the engine's clock, seconds.
        scheduled: when each was meant to come, seconds from ``zero``, in the order of ``tickets``. If omitted
            the tickets know it, and are put into that order.

    Returns:
        the trace; it knows the time of every token.

    Raises:
        ValueError: if a ticket is not done, or as :class:`~seqdocs.queues.trace.Trace`.
    """
    if scheduled is None:
        tickets = sorted(tickets, key=lambda ticket: ticket.scheduled)
        scheduled = _column([ticket.scheduled for ticket in tickets]) - zero
    finishes = [_finish(ticket) for ticket in tickets]
    starts = [
        finish if one.start is None else one.start for one, finish in zip(tickets, finishes, strict=True)
    ]
    firsts = [one.first_token for one in tickets if one.first_token is not None]
    return Trace(
        scheduled=scheduled,
        sent=_column([one.arrival for one in tickets]) - zero,
        start=_column(starts) - zero,
        finish=_column(finishes) - zero,
        tokens=_column([one.tokens for one in tickets]),
        first_token=_column(firsts) - zero if len(firsts) == len(tickets) > 0 else None,
        token_times=_column([time for one in tickets for time in one.token_times]) - zero,
    )


def _finish(ticket: Ticket[Any]) -> float:
    if ticket.finish is None:
        raise ValueError(f"{ticket} is not done; a trace is made of a run that is over")
    return ticket.finish


def _column(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
