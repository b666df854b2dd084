"""What a client holds while an engine works: the answer when it is there, the tokens as they come, the times.

Both sides use it at the same time, from different threads. The client's side is public. The engine's side is
``begin``, ``push``, then ``end`` exactly once: a second end would be a second answer, and is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Condition
from typing import Any, Generic, TypeVar

from seqdocs.queues.engines.request import RefusedError

Request = TypeVar("Request")
TOKENS = object()  # the answer is the list of its tokens


class Ticket(Generic[Request]):
    """One request on its way through an engine.

    Times are those of the engine's clock, in seconds; ``None`` until the moment has come.

    Args:
        request: what was asked.
        id: its name in the engine.
        arrival: when it was handed over.
        scheduled: when it was meant to come, for a load test; its arrival if omitted.
        on_token: called with every token, in the engine's thread: keep it short. If it raises, the client is
            taken to be gone, and the request is cancelled.
        on_end: called once, after the last token, when the answer is complete or there will be none; what it
            raises is dropped.
        on_cancel: the engine's: called with this ticket and the reason when it is cancelled, to end it at
            once if it still waits.

    Attributes:
        start: when its service began.
        token_times: when each token of the answer was there.
        finish: when it was answered or refused.
        error: why there is no answer.
    """

    def __init__(
        self,
        request: Request,
        id: str,
        arrival: float,
        scheduled: float | None = None,
        on_token: Callable[[Any], None] | None = None,
        *,
        on_end: Callable[[], None] | None = None,
        on_cancel: Callable[[Ticket[Request], RefusedError], None] | None = None,
    ) -> None:
        self.request, self.id, self.arrival = request, id, arrival
        self.scheduled = arrival if scheduled is None else scheduled
        self.start: float | None = None
        self.finish: float | None = None
        self.token_times: list[float] = []
        self.error: BaseException | None = None
        self.cancelled: RefusedError | None = None
        self._on_token, self._on_end, self._on_cancel = on_token, on_end, on_cancel
        self._tokens: list[Any] = []
        self._answer: Any = None
        self._news = Condition()

    def __repr__(self) -> str:
        state = "waiting" if self.start is None else "running"
        if self.done():
            state = "answered" if self.error is None else f"refused: {self.error}"
        return f"<ticket {self.id}, {state}, {self.tokens} tokens>"

    @property
    def tokens(self) -> int:
        """How many tokens of the answer are there."""
        return len(self.token_times)

    @property
    def first_token(self) -> float | None:
        """When the first token was there."""
        return self.token_times[0] if self.token_times else None

    def done(self) -> bool:
        """Whether :meth:`result` would return at once."""
        return self.finish is not None

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the answer.

        Args:
            timeout: how long to wait, seconds; for ever if omitted.

        Returns:
            the list of its tokens; of an engine that serves plain functions, what the function returned.

        Raises:
            TimeoutError: if the answer is not there in time.
            RefusedError: if the request was refused or cancelled.
            Exception: whatever serving this request raised.
        """
        with self._news:
            if not self._news.wait_for(self.done, timeout):
                raise TimeoutError(f"request {self.id} has no answer after {timeout} seconds")
        if self.error is not None:
            raise self.error
        return self._answer

    def cancel(self) -> None:
        """Ask for no more: it is refused at once if it waits in line, else before its next token.

        What is done stays done.
        """
        self._cancel(RefusedError("cancelled", f"request {self.id} was cancelled after {self.tokens} tokens"))

    def __iter__(self) -> Iterator[Any]:
        """The tokens as they come, from the first on. Who leaves before the end cancels the request.

        Raises:
            Exception: as :meth:`result`, after the last token that came.
        """
        seen = 0
        try:
            while fresh := self._after(seen):
                seen += len(fresh)
                yield from fresh
        finally:
            self.cancel()
        if self.error is not None:
            raise self.error

    def begin(self, time: float) -> None:
        """Service begins; when it begins again, after a preemption, the first time stands."""
        if self.start is None:
            self.start = time

    def push(self, token: Any, time: float) -> None:
        """One more token of the answer is there; it comes too late once there is an end."""
        with self._news:
            if self.done():
                return  # an engine that broke had ended it
            self._tokens.append(token)
            self.token_times.append(time)
            self._news.notify_all()
        if self._on_token is not None:
            try:
                self._on_token(token)
            except Exception as error:
                gone = RefusedError("cancelled", f"request {self.id} lost its client: {error}")
                gone.__cause__ = error
                self._cancel(gone)

    def end(self, time: float, answer: Any = TOKENS, error: BaseException | None = None) -> None:
        """The answer is complete, or there will be none.

        Args:
            time: when.
            answer: what :meth:`result` returns; the list of tokens if omitted.
            error: what :meth:`result` raises instead.

        Raises:
            RuntimeError: if it ended before.
        """
        with self._news:
            if self.finish is not None:
                raise RuntimeError(f"request {self.id} is answered twice; its first answer stands")
            self.error = error
            self._answer = list(self._tokens) if answer is TOKENS else answer
            self.finish = time
            self._news.notify_all()
        if self._on_end is not None:
            with suppress(Exception):  # a client that is gone must not end the thread of the engine
                self._on_end()

    def _after(self, seen: int) -> list[Any]:
        """Wait for tokens beyond those seen; none if there are no more."""
        with self._news:
            self._news.wait_for(lambda: self.done() or len(self._tokens) > seen)
            return self._tokens[seen:]

    def _cancel(self, why: RefusedError) -> None:
        if self.cancelled is None and not self.done():
            self.cancelled = why
            if self._on_cancel is not None:
                self._on_cancel(self, why)
