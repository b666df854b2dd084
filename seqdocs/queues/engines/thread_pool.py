"""Several threads at one line: requests overlap where their service waits or leaves Python.

Threads of one process share the interpreter and the cores. What they gain is what a service spends waiting,
or inside operations that release the lock and leave a core idle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from seqdocs.queues.engines.serial import SerialEngine

Request = TypeVar("Request")


class ThreadPoolEngine(SerialEngine[Request]):
    """The serial engine with more than one thread: requests are taken in order, and end in any.

    Args:
        serve: as of :class:`~seqdocs.queues.engines.serial.SerialEngine`; it runs in several threads at once.
        threads: how many requests are served at a time.
        options: as of :class:`~seqdocs.queues.engines.engine.Engine`.

    >>> with ThreadPoolEngine(lambda n: n * n, threads=3) as engine:
    ...     tickets = [engine.submit(n) for n in range(4)]
    >>> [ticket.result() for ticket in tickets]
    [0, 1, 4, 9]
    """

    def __init__(self, serve: Callable[[Request], Any], threads: int, **options: Any) -> None:
        if threads < 1:
            raise ValueError(f"`threads` is {threads}; it is at least 1")
        self.threads = threads
        super().__init__(serve, **options)
