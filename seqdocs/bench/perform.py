"""Run one experiment once, here, in this process: seeds, threads, the clock, the check of what it returns."""

from __future__ import annotations

import inspect
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from seqdocs.bench.record import ResultError, plain
from seqdocs.bench.witness import listening, summary
from seqdocs.resident import highest


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the parameters of the published run: every parameter but the first, with its default.

    Raises:
        TypeError: if the function takes no device, or another parameter lacks a default.
    """
    name = getattr(function, "__name__", "experiment")
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        raise TypeError(f"`{name}` takes no device; the first parameter of an experiment is the torch device")
    for parameter in parameters[1:]:
        if parameter.default is inspect.Parameter.empty:
            raise TypeError(f"`{parameter.name}` of `{name}` has no default; that is its published value")
    return {parameter.name: parameter.default for parameter in parameters[1:]}


def perform(
    function: Callable[..., Any], device: str, params: Mapping[str, Any], threads: int
) -> dict[str, Any]:
    """Run an experiment once.

    Every run starts from the same seeds, so that no run depends on the one before it.

    Args:
        function: takes a torch device and ``params``.
        device: ``cpu`` or ``cuda``.
        params: keyword arguments.
        threads: how many threads torch may use.

    Returns:
        the keys of a record that a run fills, from ``params`` to ``result``.

    Raises:
        ResultError: if the result is not plain data, or no dict.
    """
    import numpy as np
    import torch

    name = getattr(function, "__name__", "experiment")
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    start = time.perf_counter()
    with listening() as timings:
        result = plain(function(torch.device(device), **params), name)
    seconds = time.perf_counter() - start
    if not isinstance(result, dict):
        raise ResultError(f"`{name}` returned a {type(result).__name__}; an experiment returns a dict")
    return {
        "params": plain(dict(params), f"parameters of {name}"),
        "created": created,
        "seconds": round(seconds, 3),
        "peak_memory": highest(),
        **summary(timings),
        "result": result,
    }
