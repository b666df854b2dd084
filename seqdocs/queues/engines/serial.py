"""One thread, one request at a time, first in, first out.

This is the serialized queue of the glossary, as small as it can be and still be one: whoever submits goes on
at once, the request stands in line, and the engine's thread takes the next only when the last is done.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

from seqdocs.queues.engines.engine import Engine
from seqdocs.queues.engines.ticket import TOKENS, Ticket

Request = TypeVar("Request")


class SerialEngine(Engine[Request]):
    """Serve requests strictly one after the other, in the order they were submitted.

    Args:
        serve: takes a request and returns its answer (one token), or is a generator function that yields the
            tokens of its answer one by one. It runs in the engine's thread. What it raises goes to that
            request alone; the engine goes on with the next.
        options: as of :class:`~seqdocs.queues.engines.engine.Engine`.

    >>> with SerialEngine(lambda n: n * n) as engine:
    ...     tickets = [engine.submit(n) for n in range(4)]
    >>> [ticket.result() for ticket in tickets]
    [0, 1, 4, 9]
    """

    threads = 1

    def __init__(self, serve: Callable[[Request], Any], **options: Any) -> None:
        super().__init__(**options)
        self._serve = serve
        self._start(self.threads)

    def _work(self) -> None:
        while taken := self._line.take():
            self._answer(taken[0])

    def _answer(self, ticket: Ticket[Request]) -> None:
        try:
            answer = self._run_one(ticket)
        except BaseException as error:  # even SystemExit: a dead thread would leave the line standing
            self._end(ticket, error=error)
        else:
            self._end(ticket, answer)

    def _run_one(self, ticket: Ticket[Request]) -> Any:
        self._stay(ticket)
        ticket.begin(self._now())
        answer = self._serve(ticket.request)
        if not isinstance(answer, Iterator):
            ticket.push(answer, self._now())
            return answer
        try:
            for token in answer:
                ticket.push(token, self._now())
                self._stay(ticket)
        finally:
            if isinstance(answer, Generator):
                answer.close()  # frees its cache now: the error that ended it keeps it alive
        return TOKENS
