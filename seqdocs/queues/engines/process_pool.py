"""Processes that serve, each with its own interpreter and model; one that dies is replaced.

Processes are started afresh (``spawn``). Each has a thread here that hands it one request after another and
passes its tokens on. After every token the worker asks whether to go on, so that a cancelled request stops at
once and leaves nothing in the pipe for the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from seqdocs.queues.engines.engine import Engine
from seqdocs.queues.engines.request import RefusedError
from seqdocs.queues.engines.ticket import TOKENS, Ticket
from seqdocs.queues.engines.worker import LostError, Worker

Request = TypeVar("Request")


class Server(Protocol):
    """What serves elsewhere, one request at a time, and can be replaced.

    A :class:`~seqdocs.queues.engines.worker.Worker` is one.
    """

    def send(self, value: Any) -> None:
        """A request, or after a token whether to go on."""

    def receive(self, timeout: float) -> tuple[str, Any] | None:
        """What it says next; None if it says nothing for so many seconds."""

    def replace(self) -> None:
        """End it and begin another."""

    def close(self) -> None:
        """End it."""


class ProcessPoolEngine(Engine[Request]):
    """Serve in other processes, one request at a time in each.

    A worker that dies is replaced and its request begun anew. The tokens the client has already seen are not
    sent again, which is right for services that give the same tokens each time, as greedy decoding does.

    Args:
        make: called once in each worker without arguments; returns the function that serves, as of
            :class:`~seqdocs.queues.engines.serial.SerialEngine`. Both ends can import it, as they can
            requests, tokens and answers.
        processes: how many.
        retries: how often a request is begun anew before it is refused with "worker lost".
        patience: seconds between two looks at a silent worker; if its request is gone by then, the worker is
            killed and replaced.
        options: as of :class:`~seqdocs.queues.engines.engine.Engine`.
    """

    def __init__(
        self,
        make: Callable[[], Callable[[Request], Any]],
        processes: int,
        *,
        retries: int = 1,
        patience: float = 5.0,
        **options: Any,
    ) -> None:
        if processes < 1 or retries < 0:
            raise ValueError(f"`processes` is {processes} and `retries` {retries}; they are at least 1 and 0")
        super().__init__(**options)
        self._make, self._retries, self._patience = make, retries, patience
        self._bytes: dict[Server, int] = {}  # the most that each worker, or one it replaced, ever held
        self._start(processes)

    @property
    def workers_bytes(self) -> int | None:
        """Most bytes that the workers held, added up, as they told with the last token of an answer.

        None if nobody did: a service that gives no tokens, or a system that does not say.
        """
        return sum(self._bytes.values()) or None

    def _work(self) -> None:
        worker = self._hire()
        try:
            while taken := self._line.take():
                self._answer(taken[0], worker)
        finally:
            worker.close()

    def _hire(self) -> Server:
        return Worker(self._make)

    def _answer(self, ticket: Ticket[Request], worker: Server) -> None:
        try:
            answer = self._try(ticket, worker)
        except BaseException as error:
            self._end(ticket, error=error)
        else:
            self._end(ticket, answer)

    def _try(self, ticket: Ticket[Request], worker: Server) -> Any:
        """Serve it, again if the worker dies."""
        lost = None
        for _ in range(1 + self._retries):
            self._stay(ticket)
            ticket.begin(self._now())
            try:
                return self._pass_on(ticket, worker)
            except LostError as error:
                lost = error
                worker.replace()
        raise RefusedError(
            "worker lost",
            f"request {ticket.id} is refused: {1 + self._retries} workers in a row died serving it",
        ) from lost

    def _pass_on(self, ticket: Ticket[Request], worker: Server) -> Any:
        worker.send(ticket.request)
        known, came = ticket.tokens, 0  # tokens of an earlier try, and of this one
        while True:
            kind, value = self._hear(ticket, worker)
            if kind == "error":
                raise value
            if kind == "end":
                self._bytes[worker] = max(self._bytes.get(worker, 0), value or 0)
                return TOKENS
            came += 1
            if came > known:
                ticket.push(value, self._now())
            if kind == "answer":
                return value
            gone = self._gone(ticket)
            worker.send(gone is None)
            if gone is not None:
                raise gone

    def _hear(self, ticket: Ticket[Request], worker: Server) -> tuple[str, Any]:
        while (said := worker.receive(self._patience)) is None:
            gone = self._gone(ticket)
            if gone is not None:
                worker.replace()
                raise gone
        return said
