"""The roofline of a machine: how fast it could do what is asked, given how many bytes each operation needs.

Two roofs, both measured: no program computes faster than the best matrix product here, nor moves data faster
than the best copy. Which one binds depends on the *intensity*, the operations done per byte moved: below the
*ridge*, where the roofs meet, memory; above it, compute.

::

    roof(I) = min(P, I · β)        P in FLOP/s, β in B/s, I in FLOP/B

>>> peaks = {"flops": quantity(90e9, "FLOP/s"), "bandwidth": quantity(30e9, "B/s")}
>>> ridge(peaks)["value"], roof(0.5, peaks)["value"] / 1e9
(3.0, 15.0)
>>> step = place(quantity(8_000_000, "FLOP"), quantity(16_000_000, "B"), quantity(1e-3, "s"), peaks)
>>> step["bound"], step["rate"]["value"] / 1e9, round(step["fraction"]["value"])
('memory', 8.0, 53)

Source: Williams, Waterman & Patterson, "Roofline: An insightful visual performance model for multicore
architectures", Communications of the ACM 52(4), 2009, https://doi.org/10.1145/1498765.1498785
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from seqdocs.bench.cost import arithmetic_intensity
from seqdocs.bench.quantity import Quantity, quantity
from seqdocs.bench.run import Run
from seqdocs.bench.timing import compare, inverse, measure

Peaks = dict[str, Quantity]

SIZES = {"cpu": (384, 768, 1536), "cuda": (2048, 4096, 8192)}
COPY_BYTES = 2**28  # and as many for the copy: far more than the caches that one processor has


def peaks(
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    *,
    threads: int | None = None,
    sizes: Sequence[int] | None = None,
    copy_bytes: int = COPY_BYTES,
    max_seconds: float = 1.0,
) -> Peaks:
    """Measure a machine's two roofs; once in a process, later calls return the same.

    A copy counts its bytes twice, read and written. Matrices hold random numbers: some processors are faster
    on zeros. What torch is told to round (``torch.set_float32_matmul_precision``) is left as it is.

    Args:
        device: "cpu" or "cuda".
        dtype: of the matrices, floating point or complex; the copy moves bytes, whatever they mean.
        threads: torch threads; as many as torch is set to if omitted.
        sizes: rows of the square matrices that are tried, by default ``SIZES`` of the device.
        copy_bytes: bytes to copy; where they fit into a cache, it is the cache that is measured.
        max_seconds: time for the products, and for the copy.

    Returns:
        ``{"flops": quantity in FLOP/s, "bandwidth": quantity in B/s}``: the best median rate of the sizes,
        and the median rate of the copy.

    Raises:
        ValueError: if the device is neither, ``dtype`` has no matrix product, or a size is not positive.
    """
    where = torch.device(device)
    if where.type not in SIZES:
        raise ValueError(f"`device` is {str(device)!r}; roofs are measured on {' and '.join(SIZES)}")
    if not dtype.is_floating_point:
        raise ValueError(f"`dtype` is {dtype}; roofs are those of floating-point products")
    tried = tuple(SIZES[where.type] if sizes is None else sizes)
    if not tried or min(*tried, copy_bytes) < 1:
        raise ValueError(
            f"`sizes` is {tried}, `copy_bytes` {copy_bytes}; there is at least one, all positive"
        )
    used = threads or torch.get_num_threads()
    measured = _peaks(where, dtype, threads=used, sizes=tried, copy_bytes=copy_bytes, max_seconds=max_seconds)
    return copy.deepcopy(measured)  # the caller's to change


@functools.cache
def _peaks(
    device: torch.device,
    dtype: torch.dtype,
    *,
    threads: int,
    sizes: tuple[int, ...],
    copy_bytes: int,
    max_seconds: float,
) -> Peaks:
    products = {}
    for n in sizes:
        a, b, out = (torch.rand(n, n, device=device).to(dtype) for _ in range(3))
        products[str(n)] = functools.partial(torch.mm, a, b, out=out)
    timed = compare(products, agree=False, max_seconds=max_seconds, threads=threads)["times"]
    rates = [inverse(timed[str(n)]["median"], "FLOP/s", 2 * n**3) for n in sizes]
    source = torch.ones(copy_bytes, dtype=torch.uint8, device=device)
    target = torch.zeros_like(source)
    copied = measure(lambda: target.copy_(source), max_seconds=max_seconds, threads=threads)["median"]
    best = max(rates, key=lambda rate: float(rate["value"]))
    return {"flops": best, "bandwidth": inverse(copied, "B/s", 2 * copy_bytes)}


def ridge(peaks: Peaks) -> Quantity:
    """Return the intensity at which the roofs meet, in "FLOP/B"."""
    return _over(peaks["flops"], peaks["bandwidth"], "FLOP/B")


def roof(intensity: float, peaks: Peaks) -> Quantity:
    """Return the most operations per second that an intensity allows.

    Args:
        intensity: FLOP per byte, not negative.
        peaks: from :func:`peaks`.

    Returns:
        a quantity in "FLOP/s", with an interval where the peaks have one.

    Raises:
        ValueError: if the intensity is negative.
    """
    if not intensity >= 0:
        raise ValueError(f"`intensity` is {intensity}; it is operations per byte, zero or more")
    if intensity >= ridge(peaks)["value"]:
        return peaks["flops"]
    return _times(peaks["bandwidth"], intensity, "FLOP/s")


def place(flops: Quantity, bytes_moved: Quantity, seconds: Quantity, peaks: Peaks) -> dict[str, Any]:
    """Place what was measured under the roofs.

    A fraction above 100 % is no mistake: bytes are counted where operations hand them over, and what stays in
    a cache is handed over faster than the memory could.

    Args:
        flops: of the call, in "FLOP".
        bytes_moved: of the call, in "B", above zero.
        seconds: that it took, in "s", above zero.
        peaks: from :func:`peaks`, of the same machine, dtype and number of threads.

    Returns:
        a dict of ``intensity`` (FLOP/B), ``rate`` (FLOP/s), ``fraction`` (% of the roof above it) and
        ``bound`` ("memory" or "compute", the roof that it is). The interval of the fraction takes the ends
        of time and roof at their worst.

    Raises:
        ValueError: if there are no bytes, or no time passed.
    """
    intensity = arithmetic_intensity(flops, bytes_moved)
    if not seconds["value"] > 0:
        raise ValueError(f"`seconds` is {seconds['value']}; a rate needs a time above zero")
    rate = inverse(seconds, "FLOP/s", flops["value"])
    memory = intensity["value"] < ridge(peaks)["value"]
    own = inverse(seconds, "B/s", bytes_moved["value"]) if memory else rate
    limit = peaks["bandwidth" if memory else "flops"]
    fraction = _times(_over(own, limit, "%"), 100.0, "%")
    return {
        "intensity": intensity,
        "rate": rate,
        "fraction": fraction,
        "bound": "memory" if memory else "compute",
    }


def of_same_machine(run: Run, others: Iterable[Run]) -> Run:
    """Return the run among ``others`` that was made where ``run`` was.

    Raises:
        ValueError: if there is none: nothing is placed under the roofs of another machine.
    """
    there = list(others)
    for other in there:
        if other.record["slug"] == run.record["slug"]:
            return other
    found = ", ".join(other.record["slug"] for other in there) or "no machine"
    raise ValueError(
        f"{run.name} ran on {run.record['slug']} and its roofs were measured on {found}; "
        "a point stands under the roofs of its own machine"
    )


def _over(above: Quantity, below: Quantity, unit: str) -> Quantity:
    """Divide, with the ends of both intervals at their worst; one without an interval counts as exact."""
    low, high = (_end(above, end) for end in ("low", "high"))
    least, most = (_end(below, end) for end in ("low", "high"))
    value = above["value"] / below["value"]
    if above["low"] is None and below["low"] is None:
        return quantity(value, unit)
    return quantity(value, unit, low / most, high / least)


def _times(leaf: Quantity, factor: float, unit: str) -> Quantity:
    """Scale a quantity by an exact number."""
    low, high = (None if leaf[end] is None else leaf[end] * factor for end in ("low", "high"))
    return quantity(leaf["value"] * factor, unit, low, high)


def _end(leaf: Quantity, end: str) -> float:
    return float(leaf["value"] if leaf[end] is None else leaf[end])
