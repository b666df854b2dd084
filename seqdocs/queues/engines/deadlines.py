"""Who waits beyond its time is told so when the time is over, not when its turn would have come."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from threading import TIMEOUT_MAX, Condition, Thread
from time import perf_counter
from typing import Generic, TypeVar

Item = TypeVar("Item")
FEW = 64  # items are looked through for those that wait no more when there are more than so many


class Deadlines(Generic[Item]):
    """A thread that sleeps until the next time is over. It is started by the first item that has one.

    Args:
        over: called in that thread, with each item whose time is over.
        waits: whether an item still waits; those that do not are forgotten.
        now: the clock, seconds.
    """

    def __init__(
        self,
        over: Callable[[Item], None],
        waits: Callable[[Item], bool],
        now: Callable[[], float] = perf_counter,
    ) -> None:
        self._over, self._waits, self._now = over, waits, now
        self._times: list[tuple[float, int, Item]] = []  # a heap; the number decides where times are equal
        self._numbers, self._many = count(), FEW
        self._thread: Thread | None = None
        self._closed = False
        self._news = Condition()

    def watch(self, time: float, item: Item) -> None:
        """Call ``over`` with this item at that time, on the clock."""
        with self._news:
            if self._closed:
                return  # whoever was inside then is served or refused
            if len(self._times) >= self._many:
                self._times = [one for one in self._times if self._waits(one[2])]
                heapq.heapify(self._times)
                self._many = max(FEW, 2 * len(self._times))
            heapq.heappush(self._times, (time, next(self._numbers), item))
            if self._thread is None:
                self._thread = Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            self._news.notify_all()

    def close(self) -> None:
        """End the thread; nobody waits any more."""
        with self._news:
            self._closed = True
            self._news.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while (item := self._next()) is not None:
            if self._waits(item):
                self._over(item)

    def _next(self) -> Item | None:
        """The next whose time is over, once it is; None when closed."""
        with self._news:
            while not self._closed:
                left = self._times[0][0] - self._now() if self._times else TIMEOUT_MAX
                if left <= 0:
                    return heapq.heappop(self._times)[2]
                self._news.wait(min(left, TIMEOUT_MAX))
            return None
