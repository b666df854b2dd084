"""How much of a KV cache is reserved, and how much of that is filled, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Usage(NamedTuple):
    """The state of a batching engine in one step.

    Attributes:
        time: on the engine's clock, seconds.
        running: sequences in the batch.
        reading: tokens that are read in this step, of all of them.
        reserved: positions of the cache that are handed out; a block that several hold counts once.
        filled: of those, the ones that hold keys and values at the end of the step.
        preemptions: how many there were since the engine was opened.
    """

    time: float
    running: int
    reading: int
    reserved: int
    filled: int
    preemptions: int


def waste(run: Sequence[Usage]) -> float:
    """Share of the reserved positions that were empty, over all steps of a run.

    Raises:
        ValueError: if nothing was ever reserved.
    """
    reserved = sum(step.reserved for step in run)
    if not reserved:
        raise ValueError(f"`run` reserves nothing in its {len(run)} steps; a waste needs a reservation")
    return 1 - sum(step.filled for step in run) / reserved


def peak_bytes(run: Sequence[Usage], bytes_per_position: int) -> int:
    """Most bytes of the cache that were reserved at a time."""
    return max((step.reserved for step in run), default=0) * bytes_per_position
