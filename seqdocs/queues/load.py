"""Load an engine the way independent users do: on a schedule, whatever the engine is up to.

A generator that waits for an answer before it sends the next request slows down together with the engine and
hides its stalls. This one never waits while it sends; and since its own thread can be late too, it counts
every latency from the scheduled time, keeps how late it was, and throws a run away that it spoiled itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter, sleep
from typing import TypeVar

import torch
from torch import Tensor

from seqdocs.queues.checks import not_negative, rising
from seqdocs.queues.engine import SerialEngine, Ticket
from seqdocs.queues.trace import Trace, services, slips

Request = TypeVar("Request")


class LateSenderError(RuntimeError):
    """The sender was so late that the run says more about it than about the engine."""


def open_loop(
    engine: SerialEngine[Request], requests: Sequence[Request], arrival_times: Tensor, slip_limit: float = 0.1
) -> Trace:
    """Send each request at its time, then wait until all are answered.

    Args:
        engine: an idle engine; it is left open.
        requests: what to send, N of them.
        arrival_times: when to send it, (N,), seconds from the start of the run, never going down.
        slip_limit: how late the sender may be on average, in mean service times.

    Returns:
        the trace of the run; its zero is the start of the run.

    Raises:
        ValueError: if the lengths differ, or times or limit are out of range.
        RuntimeError: if the engine failed on a request; what it raised is the cause.
        LateSenderError: if the sender was later than ``slip_limit``: run it again on a quieter machine.
    """
    times = rising("arrival_times", arrival_times)
    not_negative("slip_limit", slip_limit, "service times")
    if len(requests) != len(times):
        raise ValueError(
            f"`requests` has {len(requests)} entries but `arrival_times` has {len(times)}; each needs a time"
        )
    zero = perf_counter()
    tickets = []
    for request, time in zip(requests, times.tolist(), strict=True):
        early = zero + time - perf_counter()
        if early > 0:
            sleep(early)
        tickets.append(engine.submit(request))
    trace = _trace(tickets, times, zero)
    if len(trace):
        slip, service = float(slips(trace).mean()), float(services(trace).mean())
        if slip > slip_limit * service:
            raise LateSenderError(
                f"requests were sent {slip * 1e3:.3g} ms late on average, more than {slip_limit:g} of the"
                f" mean service time of {service * 1e3:.3g} ms; the machine is too busy for this run"
            )
    return trace


def _trace(tickets: list[Ticket[Request]], times: Tensor, zero: float) -> Trace:
    for place, ticket in enumerate(tickets):
        try:
            ticket.result()
        except Exception as error:
            raise RuntimeError(f"the engine failed on request {place} of {len(tickets)}: {error}") from error

    def column(name: str) -> Tensor:
        return torch.tensor([getattr(ticket, name) - zero for ticket in tickets], dtype=torch.float64)

    streamed = bool(tickets) and all(ticket.first_token is not None for ticket in tickets)
    return Trace(
        scheduled=times,
        sent=column("arrival"),
        start=column("start"),
        finish=column("finish"),
        tokens=torch.tensor([ticket.tokens for ticket in tickets], dtype=torch.float64),
        first_token=column("first_token") if streamed else None,
    )
