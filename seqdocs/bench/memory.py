"""Peak memory of a call: what torch's allocator held at the highest moment, beyond what it held before.

On the CPU torch's profiler reports every allocation and release of torch's allocator; the highest running
sum is the peak. On a GPU the caching allocator keeps that number itself. Both see tensors, what autograd
saves for the backward pass, and scratch space that operators take from the allocator. They do not see what
libraries allocate behind torch's back (oneDNN and MKL packing weights, cuDNN's own heap), Python objects,
or work done in other Python threads. The resident set of a process does see those, but only in steps of
megabytes and with the allocator's leftovers in it: :mod:`seqdocs.bench.fresh` measures it in a new process,
and the record of each experiment holds it for the whole process.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from seqdocs.bench.quantity import Quantity, quantity


def _cpu(call: Callable[[], object]) -> int:
    with torch.autograd.profiler.profile(profile_memory=True) as profile:
        result = call()
    del result  # it counts: it was alive until here
    events = [event for event in profile.kineto_results.events() if event.name() == "[memory]"]
    live = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        live += event.nbytes()  # negative when released
        peak = max(peak, live)
    return peak


def _cuda(call: Callable[[], object], device: torch.device) -> int:
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    result = call()
    torch.cuda.synchronize(device)
    del result
    return torch.cuda.max_memory_allocated(device) - before


def peak_memory(call: Callable[[], object], device: torch.device | str = "cpu") -> Quantity:
    """Return the most bytes that ``call`` held at once beyond those held before it, its result included.

    Args:
        call: runs once before, unmeasured (first calls keep workspaces), then once measured.
        device: where it computes; "cpu" or "cuda".

    Returns:
        a quantity in "B".

    Raises:
        ValueError: if the device is neither.

    >>> peak_memory(lambda: torch.zeros(1000) + 1)["value"] >= 8000  # the zeros and the sum, 4 bytes each
    True
    """
    place = torch.device(device)
    if place.type not in ("cpu", "cuda"):
        raise ValueError(f"`device` is {str(device)!r}; memory is measured on cpu and cuda")
    call()
    return quantity(_cpu(call) if place.type == "cpu" else _cuda(call, place), "B")
