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
    for ticket in tickets:
        if not ticket.done():
            raise ValueError(f"{ticket} is not done; a trace is made of a run that is over")
    if scheduled is None:
        tickets = sorted(tickets, key=lambda ticket: ticket.scheduled)
        scheduled = _column([ticket.scheduled - zero for ticket in tickets])
    firsts = [ticket.first_token for ticket in tickets]
    known = [first for first in firsts if first is not None]
    return Trace(
        scheduled=scheduled,
        sent=_column([ticket.arrival - zero for ticket in tickets]),
        start=_column(
            [(ticket.finish if ticket.start is None else ticket.start) - zero for ticket in tickets]
        ),
        finish=_column([ticket.finish - zero for ticket in tickets]),
        tokens=_column([ticket.tokens for ticket in tickets]),
        first_token=_column([first - zero for first in known])
        if tickets and len(known) == len(tickets)
        else None,
        token_times=_column([time - zero for ticket in tickets for time in ticket.token_times]),
    )


def _column(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
