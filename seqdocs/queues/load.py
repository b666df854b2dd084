"""Load an engine the way independent users do: on a schedule, whatever the engine is up to.

A generator that waits for an answer before it sends the next request slows down together with the engine and
hides its stalls: the requests that would have suffered are not sent. :func:`open_loop` never waits while it
sends; and since its own thread can be late too, it counts every latency from the scheduled time, keeps how
late it was, and throws a run away that it spoiled itself. :func:`closed_loop` makes the mistake, to show it.

:func:`population` is the honest closed load: so many clients who each wait for their answer, and say so. It
asks what an engine can do at a given concurrency, not how long independent users would wait.

Sources: Schroeder, Wierman and Harchol-Balter 2006, on how open and closed loads differ; Tene 2014, in the
manual of wrk2, counts from the planned time and calls the mistake *coordinated omission*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from time import perf_counter, sleep
from typing import TypeVar

from torch import Tensor

from seqdocs.queues.checks import not_negative, rising
from seqdocs.queues.engines.engine import Engine
from seqdocs.queues.engines.ticket import Ticket
from seqdocs.queues.engines.traced import trace_of
from seqdocs.queues.trace import Trace, services, slips

Request = TypeVar("Request")

STRAGGLERS = (
    0.01  # share of requests that may be later than the worst allowed: more, and a p99 is the sender's
)
WORST = 10  # times as late as the average may be


class LateSenderError(RuntimeError):
    """The sender was so late that the run says more about it than about the engine.

    Args:
        message: how late it was, and how late it may be.
        trace: the run, for who wants to see.
    """

    def __init__(self, message: str, trace: Trace) -> None:
        super().__init__(message)
        self.trace = trace


def open_loop(
    engine: Engine[Request],
    requests: Sequence[Request],
    arrival_times: Tensor,
    slip_limit: float = 0.1,
    *,
    now: Callable[[], float] = perf_counter,
    pause: Callable[[float], None] = sleep,
) -> Trace:
    """Send each request at its time, then wait until all are answered.

    Args:
        engine: an idle engine; it is left open.
        requests: what to send, N of them.
        arrival_times: when to send it, (N,), seconds from the start of the run, never going down.
        slip_limit: how late the sender may be on average, in mean service times; later than ten times
            that it may be in one request of a hundred.
        now: the clock that the engine's tickets go by, seconds.
        pause: sleeps for so many seconds of that clock, or longer.

    Returns:
        the trace of the run; its zero is the start of the run, and it keeps how late each request was sent.

    Raises:
        ValueError: if the lengths differ, or times or limit are out of range.
        RuntimeError: if the engine failed on a request; what it raised is the cause.
        LateSenderError: if the sender was later than ``slip_limit``: run it again on a quieter machine.
    """
    times = _schedule(requests, arrival_times)
    not_negative("slip_limit", slip_limit, "service times")
    zero = now()
    tickets = []
    for request, time in zip(requests, times.tolist(), strict=True):
        _wait_until(zero + time, now, pause)
        tickets.append(engine.submit(request))
    trace = _trace(tickets, zero, times)
    _refuse_late_sender(trace, slip_limit)
    return trace


def closed_loop(
    engine: Engine[Request],
    requests: Sequence[Request],
    arrival_times: Tensor,
    *,
    now: Callable[[], float] = perf_counter,
    pause: Callable[[float], None] = sleep,
) -> Trace:
    """Send each request at its time but not before the last answer, and count from the sending: a mistake.

    This is how many a load test works, and why it hides stalls. Use it to see that, and for nothing else.

    Args:
        engine: as for :func:`open_loop`.
        requests: as for :func:`open_loop`.
        arrival_times: the earliest times to send, (N,), seconds from the start of the run.
        now: as for :func:`open_loop`.
        pause: as for :func:`open_loop`.

    Returns:
        the trace as such a test sees it: ``scheduled`` is when each request was sent, so it is never late.

    Raises:
        ValueError: if the lengths differ or times are out of range.
        RuntimeError: if the engine failed on a request; what it raised is the cause.
    """
    times = _schedule(requests, arrival_times)
    zero = now()
    tickets = []
    for place, (request, time) in enumerate(zip(requests, times.tolist(), strict=True)):
        _wait_until(zero + time, now, pause)
        tickets.append(engine.submit(request))
        _wait_for_answer(tickets[-1], place, len(requests))
    return _trace(tickets, zero)


def population(engine: Engine[Request], requests: Sequence[Request], clients: int) -> Trace:
    """Keep so many requests inside: whoever has an answer sends the next one of the list at once.

    Args:
        engine: an idle engine; it is left open.
        requests: what to send, in this order.
        clients: how many wait for answers at a time, at least 1.

    Returns:
        the trace; each request was scheduled when it was sent, and its zero is the first of them.

    Raises:
        ValueError: if ``clients`` is below 1.
        RuntimeError: if the engine failed on a request; what it raised is the cause.
    """
    if clients < 1:
        raise ValueError(f"`clients` is {clients}; there is at least 1")
    turn, tickets = Lock(), list[Ticket[Request]]()

    def client() -> None:
        while True:
            with turn:  # so that the engine's order is the list's
                if len(tickets) == len(requests):
                    return
                place = len(tickets)
                tickets.append(engine.submit(requests[place]))
            _wait_for_answer(tickets[place], place, len(requests))

    with ThreadPoolExecutor(clients) as crowd:
        for done in [crowd.submit(client) for _ in range(clients)]:
            done.result()
    return trace_of(tickets, tickets[0].scheduled if tickets else 0.0)


def _schedule(requests: Sequence[Request], arrival_times: Tensor) -> Tensor:
    times = rising("arrival_times", arrival_times)
    if len(requests) != len(times):
        raise ValueError(
            f"`requests` has {len(requests)} entries but `arrival_times` has {len(times)}; each needs a time"
        )
    return times


def _wait_until(moment: float, now: Callable[[], float], pause: Callable[[float], None]) -> None:
    early = moment - now()
    if early > 0:
        pause(early)


def _wait_for_answer(ticket: Ticket[Request], place: int, count: int) -> None:
    try:
        ticket.result()
    except Exception as error:
        raise RuntimeError(f"the engine failed on request {place} of {count}: {error}") from error


def _trace(tickets: list[Ticket[Request]], zero: float, scheduled: Tensor | None = None) -> Trace:
    """The run of these requests, all answered; without a schedule each was meant to come when it was sent."""
    for place, ticket in enumerate(tickets):
        _wait_for_answer(ticket, place, len(tickets))
    return trace_of(tickets, zero, scheduled)


def _refuse_late_sender(trace: Trace, limit: float) -> None:
    if not len(trace):
        return
    slip, service = slips(trace), float(services(trace).mean())
    mean, late = float(slip.mean()), int((slip > WORST * limit * service).sum())
    if mean > limit * service or late > STRAGGLERS * len(trace):
        raise LateSenderError(
            f"requests were sent {mean * 1e3:.3g} ms late on average and {float(slip.max()) * 1e3:.3g} ms at"
            f" worst, where a service takes {service * 1e3:.3g} ms; allowed is {limit:g} of that on average"
            f" and {WORST * limit:g} of it for all but one in a hundred: the machine is too busy for it",
            trace,
        )
