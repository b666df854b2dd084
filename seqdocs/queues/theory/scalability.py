"""What more workers bring to one job: less than their number.

N workers · σ contention: the share that must be done by one at a time
κ coherency: what each pair of workers costs for keeping in step

Sources: Amdahl 1967, *AFIPS Conference Proceedings* 30; Gunther 2007, *Guerrilla Capacity Planning*
(neither checked against the original).
"""

from __future__ import annotations

import math

from seqdocs.queues.checks import not_negative, positive


def amdahl_speedup(workers: float, serial_share: float) -> float:
    """How many times sooner N workers finish a job of which a share cannot be divided.

    Args:
        workers: N, at least 1.
        serial_share: σ, between 0 and 1, of the time that one worker takes.

    Returns:
        1 / (σ + (1 − σ) / N), no unit; never more than 1 / σ.

    Raises:
        ValueError: if an argument is out of range.

    Source: Amdahl 1967.

    >>> round(amdahl_speedup(workers=16, serial_share=0.05), 2)
    9.14
    """
    return gunther_speedup(workers, _share("serial_share", serial_share), 0.0)


def gunther_speedup(workers: float, contention: float, coherency: float) -> float:
    """Throughput of N workers in that of one: the universal scalability law, which has a peak.

    Args:
        workers: N, at least 1.
        contention: σ, between 0 and 1, no unit.
        coherency: κ, at least 0, no unit; with 0 it is Amdahl's law.

    Returns:
        N / (1 + σ (N − 1) + κ N (N − 1)), no unit.

    Raises:
        ValueError: if an argument is out of range.

    Source: Gunther 2007.

    >>> [round(gunther_speedup(n, contention=0.05, coherency=0.01), 2) for n in (1, 4, 10, 40)]
    [1.0, 3.15, 4.26, 2.16]
    """
    if not (math.isfinite(workers) and workers >= 1):
        raise ValueError(f"`workers` is {workers} but must be finite and at least 1")
    others = workers - 1
    slower = _share("contention", contention) + not_negative("coherency", coherency, "per pair") * workers
    return workers / (1 + slower * others)


def gunther_best_workers(contention: float, coherency: float) -> float:
    """The number of workers at which throughput is greatest; beyond it, each further one slows all down.

    Args:
        contention: σ, between 0 and 1, no unit.
        coherency: κ, above 0, no unit; without it there is no peak.

    Returns:
        √((1 − σ) / κ), workers, not rounded; at least 1, for fewer do not work at all.

    Raises:
        ValueError: if an argument is out of range.

    Source: Gunther 2007.

    >>> round(gunther_best_workers(contention=0.05, coherency=0.01), 2)
    9.75
    """
    pairs = positive("coherency", coherency, "per pair")
    return max(1.0, math.sqrt((1 - _share("contention", contention)) / pairs))


def _share(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"`{name}` is {value} but must lie between 0 and 1")
    return float(value)
