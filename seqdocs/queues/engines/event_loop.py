"""One thread that switches between requests at every token: ``asyncio``.

Nothing is computed at the same time. Requests take turns, a token each, so a short one need not wait for a
long one before it (processor sharing); and a service that *waits*, for a disk or another machine, costs the
others nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any, TypeVar

from seqdocs.queues.engines.engine import Engine
from seqdocs.queues.engines.ticket import Ticket

Request = TypeVar("Request")


class EventLoopEngine(Engine[Request]):
    """Serve many requests in turns, in one thread.

    Args:
        serve: a generator function, which gives way to others after every token; or an asynchronous one,
            which also gives way where it awaits.
        at_once: most requests that take turns; the others stand in line.
        options: as of :class:`~seqdocs.queues.engines.engine.Engine`.

    >>> def count_up(n):
    ...     yield from range(n)
    >>> with EventLoopEngine(count_up, at_once=2) as engine:
    ...     tickets = [engine.submit(n) for n in (3, 1)]
    >>> [ticket.result() for ticket in tickets]
    [[0, 1, 2], [0]]
    """

    def __init__(
        self, serve: Callable[[Request], Iterator[Any] | AsyncIterator[Any]], at_once: int, **options: Any
    ) -> None:
        if at_once < 1:
            raise ValueError(f"`at_once` is {at_once}; it is at least 1")
        super().__init__(**options)
        self._serve, self._at_once = serve, at_once
        self._start()

    def _work(self) -> None:
        asyncio.run(self._take_turns())

    async def _take_turns(self) -> None:
        room = asyncio.Semaphore(self._at_once)
        async with asyncio.TaskGroup() as group:
            while True:
                await room.acquire()
                taken = await asyncio.to_thread(self._line.take)  # it blocks, which the loop must not
                if not taken:
                    break
                group.create_task(self._answer(taken[0], room))

    async def _answer(self, ticket: Ticket[Request], room: asyncio.Semaphore) -> None:
        try:
            self._stay(ticket)
            ticket.begin(self._now())
            async with aclosing(_in_turns(self._serve(ticket.request))) as tokens:
                async for token in tokens:
                    ticket.push(token, self._now())
                    self._stay(ticket)
        except BaseException as error:  # even SystemExit: it would end the turns of all others
            self._end(ticket, error=error)
        else:
            self._end(ticket)
        finally:
            room.release()


async def _in_turns(tokens: Iterator[Any] | AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """The tokens, with a chance for others between any two."""
    if isinstance(tokens, AsyncIterator):
        async for token in tokens:
            yield token
            await asyncio.sleep(0)
    else:
        for token in tokens:
            yield token
            await asyncio.sleep(0)
