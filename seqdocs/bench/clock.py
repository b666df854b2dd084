"""Clocks: how long some calls took together, whatever device computes.

A GPU is handed its work and returns at once; a clock that does not wait for it times the handing over. Each
clock here waits, and turns garbage collection off meanwhile.
"""

from __future__ import annotations

import gc
import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils import benchmark

Call = Callable[[], object]


@dataclass(frozen=True)
class Clock:
    """A way to time ``loops`` calls in a row.

    ``seconds(call, loops)`` returns what they took together; ``resolution`` is the clock's grain in seconds;
    ``sample`` is how long a sample should last at least, so that neither grain nor reading the clock shows.
    """

    name: str
    seconds: Callable[[Call, int], float]
    resolution: float
    sample: float


# Reading the clock takes a microsecond. A short sample mostly fits between two interruptions by another
# process, and the median forgets the others: on two cores with eight busy processes, samples of 5 ms gave a
# ratio to 9 %, samples of 1 ms to half a per cent, in the same time.
SHORT = 1e-3
LONG = 5e-3  # where the clock waits for a device, which takes some ten microseconds


def wall(synchronise: Callable[[], object] | None = None) -> Clock:
    """Return the clock on the wall, that of ``torch.utils.benchmark``: it waits for a GPU if there is one.

    Args:
        synchronise: waits until a device that torch does not know has done all its work.
    """

    def waited() -> float:
        assert synchronise is not None
        synchronise()
        return time.perf_counter()

    read = benchmark.timer if synchronise is None else waited

    def seconds(call: Call, loops: int) -> float:
        return timeit.Timer(call, timer=read).timeit(loops)

    waits = synchronise is not None or torch.cuda.is_available()
    return Clock("wall", seconds, time.get_clock_info("perf_counter").resolution, LONG if waits else SHORT)


def cuda_events() -> Clock:
    """Return the GPU's own clock: between two marks in its queue, so that starting the work does not count.

    For kernels. What lies between the marks while the GPU waits for its next launch does count.

    Raises:
        ValueError: if there is no GPU.
    """
    if not torch.cuda.is_available():
        raise ValueError("CUDA events need a GPU, and torch sees none; use `wall()`")

    def seconds(call: Call, loops: int) -> float:
        start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        collecting = gc.isenabled()
        gc.disable()
        try:
            torch.cuda.synchronize()
            start.record()
            for _ in range(loops):
                call()
            end.record()
            end.synchronize()
        finally:
            if collecting:
                gc.enable()
        return float(start.elapsed_time(end)) / 1e3

    return Clock("cuda events", seconds, 0.5e-6, LONG)  # CUDA's documentation: about half a microsecond
