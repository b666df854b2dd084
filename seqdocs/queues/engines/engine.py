"""The door of every engine: who may come in, in which order, and that everybody who came in gets out.

An engine is a line and threads that work on it. This class holds what all engines share; what they do with
the line is their own :meth:`Engine._work`.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import count
from time import perf_counter
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from seqdocs.queues.engines.deadlines import Deadlines
from seqdocs.queues.engines.line import Line
from seqdocs.queues.engines.request import RefusedError
from seqdocs.queues.engines.ticket import TOKENS, Ticket

Request = TypeVar("Request")


class Engine(ABC, Generic[Request]):
    """Answer each request exactly once, or refuse it with a reason.

    Who waits in line is refused the moment it is cancelled or its deadline is over, and leaves its place to
    others; who is served, before its next token. A service that gives no tokens is not interrupted.

    Use it as a context manager. Leaving the block closes the engine: everybody inside is served first, unless
    the block ends with an exception.

    Args:
        check: raises :class:`~seqdocs.queues.engines.request.RefusedError` for a request that cannot be
            served; by default anything may be one. If it has an ``id`` or a ``deadline``, they are kept.
        limit: admission control: most requests inside, waiting or being served; no limit if omitted.
        now: the clock, seconds.
    """

    def __init__(
        self,
        *,
        check: Callable[[Request], None] | None = None,
        limit: int | None = None,
        now: Callable[[], float] = perf_counter,
    ) -> None:
        self._check, self._limit, self._now = check, limit, now
        self._line: Line[Ticket[Request]] = Line(now)
        self._deadlines: Deadlines[Ticket[Request]] = Deadlines(self._too_late, _waits, now)
        self._inside: dict[str, Ticket[Request]] = {}
        self._numbers = count()
        self._closed = self._abandoned = self._broken = False
        self._door = threading.Lock()  # arrival times must rise in the order of the line
        self._threads: list[threading.Thread] = []

    def submit(
        self,
        request: Request,
        *,
        scheduled: float | None = None,
        on_token: Callable[[Any], None] | None = None,
        on_end: Callable[[], None] | None = None,
    ) -> Ticket[Request]:
        """Put a request at the end of the line and return at once.

        Args:
            request: what is asked.
            scheduled: when it was meant to come, on the engine's clock; now if omitted.
            on_token: called with every token as it comes, see :class:`~seqdocs.queues.engines.ticket.Ticket`.
            on_end: called when there are no more, see there.

        Raises:
            RefusedError: if the engine is closed or full, if a request of the same id is still inside, or if
                this one could never be served.
        """
        if self._check is not None:
            self._check(request)
        with self._door:
            self._admit(name := getattr(request, "id", None))
            name = name or f"number {next(self._numbers)}"
            ticket = Ticket(
                request, name, self._now(), scheduled, on_token, on_end=on_end, on_cancel=self._leave_line
            )
            until = _until(ticket)
            self._inside[ticket.id] = ticket
            self._line.put(ticket)
        if until is not None:
            self._deadlines.watch(until, ticket)
        return ticket

    def close(self, drain: bool = True) -> None:
        """Take no more requests and end all threads. Closing twice does no harm.

        Args:
            drain: serve everybody who is inside first; else refuse who waits at once, and who is served
                before the next token.
        """
        with self._door:
            self._closed = True
            self._abandoned |= not drain
            self._line.close()
        if not drain:
            for ticket in self._line.poll(len(self._line)):
                self._end(ticket, error=_abandoned(ticket))
        for thread in self._threads:
            thread.join()
        self._deadlines.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(drain=kind is None)

    @abstractmethod
    def _work(self) -> None:
        """What each thread does, until the line is closed and empty; it ends every ticket that it takes."""

    def _start(self, threads: int = 1) -> None:
        """Open for business; the last thing a constructor does."""
        name = type(self).__name__
        self._threads = [
            threading.Thread(target=self._run, name=f"{name} {number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # a fault of the engine itself: nobody may be left waiting for it
            with self._door:
                self._closed = self._broken = True
                self._line.close()
                self._line.poll(len(self._line))
                left = list(self._inside.values())
            for ticket in left:
                self._end(ticket, error=error)
            raise

    def _admit(self, name: str | None) -> None:
        if self._closed:
            raise RefusedError(
                "closed", "the engine is closed and takes no more requests; submit before close()"
            )
        if name in self._inside:
            raise RefusedError("duplicate", f"request {name} is not answered yet; give this one another id")
        if self._limit is not None and len(self._inside) >= self._limit:
            raise RefusedError(
                "full", f"the engine lets in {self._limit} requests at a time; try again later"
            )

    def _gone(self, ticket: Ticket[Request]) -> RefusedError | None:
        """Why this request should get no more work, if so; asked before every token."""
        if ticket.cancelled is not None:
            return ticket.cancelled
        if self._abandoned or self._broken:
            return _abandoned(ticket)
        until = _until(ticket)
        return _late(ticket) if until is not None and self._now() > until else None

    def _too_late(self, ticket: Ticket[Request]) -> None:
        self._leave_line(ticket, _late(ticket))

    def _leave_line(self, ticket: Ticket[Request], why: RefusedError) -> None:
        """Refuse it if it still waits; whoever took it asks :meth:`_gone`."""
        if self._line.remove(ticket):
            self._end(ticket, error=why)

    def _stay(self, ticket: Ticket[Request]) -> None:
        """Raise what :meth:`_gone` says."""
        gone = self._gone(ticket)
        if gone is not None:
            raise gone

    def _end(self, ticket: Ticket[Request], answer: Any = TOKENS, error: BaseException | None = None) -> None:
        """Answer or refuse it; its id is free before anybody sees the answer."""
        with self._door:
            inside = self._inside.get(ticket.id) is ticket
            if inside:
                del self._inside[ticket.id]
        if inside or not self._broken:  # a fault of the engine ends also what other threads are serving
            ticket.end(self._now(), answer, error)


def _until(ticket: Ticket[Any]) -> float | None:
    """When its time is over, on the engine's clock."""
    limit = getattr(ticket.request, "deadline", None)
    return None if limit is None else ticket.arrival + limit


def _waits(ticket: Ticket[Any]) -> bool:
    return ticket.start is None and not ticket.done()


def _late(ticket: Ticket[Any]) -> RefusedError:
    limit = ticket.request.deadline
    return RefusedError(
        "deadline", f"request {ticket.id} had {limit:g} seconds; it is refused after {ticket.tokens} tokens"
    )


def _abandoned(ticket: Ticket[Any]) -> RefusedError:
    return RefusedError("closed", f"the engine was closed before request {ticket.id} was answered")
