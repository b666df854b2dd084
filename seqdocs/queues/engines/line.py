"""The line before an engine: first in, first out, between the threads of clients and those of the engine."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import TIMEOUT_MAX, Condition
from time import perf_counter
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Line(Generic[Item]):
    """A queue from whose head one may be taken, or a batch; and which anybody may leave.

    Whoever takes or removes an item has it alone, whatever others do at the same time.

    Args:
        now: the clock, seconds.
    """

    def __init__(self, now: Callable[[], float] = perf_counter) -> None:
        self._items: OrderedDict[Item, float] = OrderedDict()  # each with the time it came
        self._now = now
        self._closed = False
        self._news = Condition()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Stand at the end of the line; nobody stands in it twice."""
        with self._news:
            self._items[item] = self._now()
            self._news.notify_all()

    def remove(self, item: Item) -> bool:
        """Leave the line from wherever one stands in it; False if it was taken before."""
        with self._news:
            return self._items.pop(item, None) is not None

    def close(self) -> None:
        """Nobody else will come, so nobody is waited for."""
        with self._news:
            self._closed = True
            self._news.notify_all()

    def poll(self, most: int) -> list[Item]:
        """Take whoever stands there, ``most`` at most, without waiting."""
        with self._news:
            return [self._items.popitem(last=False)[0] for _ in range(min(most, len(self._items)))]

    def take(self, most: int = 1, patience: float = 0.0) -> list[Item]:
        """Wait for somebody to come, and then for others to join.

        Args:
            most: how many are taken at most; when they are there nobody is waited for.
            patience: how long the first may be kept waiting for others, seconds from when it came.

        Returns:
            one or more; none only if the line is closed and empty.
        """
        with self._news:
            while True:
                self._news.wait_for(lambda: self._items or self._closed)
                if self._closed or len(self._items) >= most:
                    break
                left = next(iter(self._items.values())) + patience - self._now()
                if left <= 0:
                    break
                self._news.wait(min(left, TIMEOUT_MAX))
            return self.poll(most)
