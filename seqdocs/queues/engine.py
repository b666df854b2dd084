"""An engine that really serves: one thread, one request at a time, first in, first out.

This is the serialized queue of the glossary, as small as it can be and still be one: whoever submits goes on
at once, the request stands in line, and the engine's thread takes the next only when the last is done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from time import perf_counter
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

Request = TypeVar("Request")


@dataclass
class Ticket(Generic[Request]):
    """What :meth:`SerialEngine.submit` gives back: the request, its times and, in the end, its answer.

    Times are those of ``time.perf_counter``, in seconds; ``None`` until the moment has come.
    """

    request: Request
    arrival: float
    start: float | None = None
    first_token: float | None = None
    finish: float | None = None
    tokens: int = 0
    _answer: Future[Any] = field(default_factory=Future, repr=False)

    def done(self) -> bool:
        """Whether :meth:`result` would return at once."""
        return self._answer.done()

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the answer.

        Args:
            timeout: how long to wait, seconds; for ever if omitted.

        Returns:
            what ``serve`` returned; if it is a generator, the list of what it yielded.

        Raises:
            TimeoutError: if the answer is not there in time.
            Exception: whatever ``serve`` raised on this request.
        """
        return self._answer.result(timeout)


class SerialEngine(Generic[Request]):
    """Serve requests strictly one after the other, in the order they were submitted.

    Args:
        serve: takes a request and returns its answer (one token), or is a generator function that yields the
            tokens of its answer one by one (then the first one is timed too). It runs in the engine's thread.
            What it raises goes to that request alone; the engine goes on with the next.

    >>> with SerialEngine(lambda n: n * n) as engine:
    ...     tickets = [engine.submit(n) for n in range(4)]
    >>> [ticket.result() for ticket in tickets]
    [0, 1, 4, 9]
    """

    def __init__(self, serve: Callable[[Request], Any]) -> None:
        self._serve = serve
        self._line: SimpleQueue[Ticket[Request] | None] = SimpleQueue()
        self._closed = False
        self._door = threading.Lock()  # arrival times must rise in the order of the line
        self._thread = threading.Thread(target=self._run, name="serial-engine", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> Ticket[Request]:
        """Put a request at the end of the line and return at once.

        Raises:
            RuntimeError: if the engine is closed.
        """
        with self._door:
            if self._closed:
                raise RuntimeError("the engine is closed and takes no more requests; submit before close()")
            ticket = Ticket(request, arrival=perf_counter())
            self._line.put(ticket)
        return ticket

    def close(self) -> None:
        """Take no more requests, serve all that stand in line, end the thread. Closing twice does no harm."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._line.put(None)
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        while (ticket := self._line.get()) is not None:
            ticket.start = perf_counter()
            try:
                answer = self._answer(ticket)
            except BaseException as error:  # even SystemExit: a dead thread would leave the line standing
                ticket.finish = perf_counter()
                ticket._answer.set_exception(error)
            else:
                ticket.finish = perf_counter()
                ticket._answer.set_result(answer)

    def _answer(self, ticket: Ticket[Request]) -> Any:
        answer = self._serve(ticket.request)
        if not isinstance(answer, Iterator):
            ticket.tokens = 1
            return answer
        tokens = []
        for token in answer:
            if ticket.first_token is None:
                ticket.first_token = perf_counter()
            tokens.append(token)
            ticket.tokens += 1
        return tokens
