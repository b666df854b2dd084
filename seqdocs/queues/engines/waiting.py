"""A service that waits, for a disk or for another machine, and computes nothing: what workers overlap best.

It imports no torch, so that processes which do nothing else start quickly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter, sleep


def _wait(seconds: float, request: object) -> float:
    begin = perf_counter()
    sleep(seconds)
    return perf_counter() - begin


def make_waiting(seconds: float) -> Callable[[object], float]:
    """A service that takes so long, whatever it is asked, and answers how long it took.

    Args:
        seconds: at least 0.

    Raises:
        ValueError: if it is less.

    >>> make_waiting(0.0)("anything") >= 0
    True
    """
    if not seconds >= 0:
        raise ValueError(f"`seconds` is {seconds}; it is at least 0")
    return partial(_wait, seconds)
