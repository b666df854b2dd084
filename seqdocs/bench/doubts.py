"""What a reader should hold against a timing: each doubt is a sentence that goes with it to the page."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqdocs.bench.sampling import Effort

SPREAD = 0.15  # interquartile range over median
DRIFT = 0.10  # change of the median from the first third to the last
GRAIN = 0.01  # the clock's resolution over a sample
WAITED = 0.05  # part of the time in which the process could run but another one had the core
MOST_TOLD = 3  # competitors that one kind of doubt names


@dataclass
class Company:
    """Who else used the processor: parts of the time, None where the system does not say."""

    waited: float | None = None
    stolen: float | None = None


def _run_delay() -> float | None:
    """Return the seconds that this thread waited for a core although it could run (Linux)."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text("utf8").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return None


def _stolen() -> float | None:
    """Return the seconds that the host gave this machine's processors to other machines, summed (Linux)."""
    try:
        fields = Path("/proc/stat").read_text("utf8").split("\n", 1)[0].split()
        return int(fields[8]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None


@contextmanager
def watching() -> Iterator[Company]:
    """Note who else uses the processor meanwhile; the object is filled at the end."""
    company = Company()
    start, delay, stolen = time.perf_counter(), _run_delay(), _stolen()
    try:
        yield company
    finally:
        seconds = max(time.perf_counter() - start, 1e-9)
        later, more = _run_delay(), _stolen()
        if delay is not None and later is not None:
            company.waited = (later - delay) / seconds
        if stolen is not None and more is not None:
            company.stolen = (more - stolen) / seconds / (os.cpu_count() or 1)


def _told(sentences: list[str]) -> list[str]:
    """Return the first few, and how many more there are."""
    rest = len(sentences) - MOST_TOLD
    return [*sentences[:MOST_TOLD], f"and {rest} more like that"] if rest > 0 else sentences


def spread(times: Mapping[str, Sequence[float]]) -> list[str]:
    """Name whose samples spread widely."""
    found = []
    for name, seconds in times.items():
        first, middle, third = np.quantile(seconds, [0.25, 0.5, 0.75])
        if third - first > SPREAD * middle:
            width = (third - first) / middle
            found.append(f"{name}: the middle half of the samples spreads over {width:.0%}")
    return _told(found)


def drift(times: Mapping[str, Sequence[float]]) -> list[str]:
    """Name who got slower or faster while it was timed."""
    found = []
    for name, seconds in times.items():
        third = len(seconds) // 3
        if third < 3:
            continue
        change = float(np.median(seconds[-third:]) / np.median(seconds[:third])) - 1
        if abs(change) > DRIFT:
            way = "longer" if change > 0 else "less"
            found.append(f"{name}: the last third of the samples took {abs(change):.0%} {way} than the first")
    return _told(found)


def effort_missed(rounds: int, wanted: Effort, reached: float) -> list[str]:
    """Say when rounds or precision fell short of what was wanted."""
    found = []
    if rounds < wanted.min_rounds:
        found.append(f"only {rounds} rounds within {wanted.max_seconds:g} s; {wanted.min_rounds} were wanted")
    if reached > wanted.precision:
        much = f"±{reached:.1%}" if np.isfinite(reached) else "nothing that can be said"
        found.append(f"wanted ±{wanted.precision:.1%}, reached {much} in {rounds} rounds")
    return found


def grain(times: Mapping[str, Sequence[float]], loops: Mapping[str, int], resolution: float) -> list[str]:
    """Name whose samples are so short that the clock's grain shows."""
    short = [name for name, own in times.items() if np.median(own) * loops[name] * GRAIN < resolution]
    return _told([f"{name}: its samples are shorter than a hundred ticks of the clock" for name in short])


def company(seen: Company) -> list[str]:
    """Say when others used the processor."""
    found = []
    if seen.waited is not None and seen.waited > WAITED:
        found.append(f"another process had the core for {seen.waited:.0%} of the time")
    if seen.stolen is not None and seen.stolen > WAITED:
        found.append(f"the host gave {seen.stolen:.0%} of the processors' time to others")
    return found


def crowded(threads: int, cores: int) -> list[str]:
    """Say when there are more threads than cores to run them."""
    return [f"{threads} threads shared {cores} cores"] if threads > cores else []
