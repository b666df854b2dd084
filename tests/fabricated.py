"""An experiment of the gallery as its worker runs it, in a world that a test makes up.

The claims of a page are decided inside of an experiment, from what it measured. Here its text is cut from the
script as for a worker, and what would measure is replaced, so that the same lines decide about other numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from seqdocs.bench.slice import cut
from seqdocs.bench.timing import inverse, median_of
from seqdocs.queues.retries import Kept
from seqdocs.queues.trace import Trace

GALLERY = Path(__file__).resolve().parents[1] / "gallery"


def experiment(key: str, **fakes: Any) -> Callable[..., Any]:
    """The function behind ``section/plot_stem:name``, undecorated, with some of its globals replaced.

    Raises:
        LookupError: if the script reaches no global of that name: the test would replace nothing.
    """
    example, _, name = key.partition(":")
    path = GALLERY / f"{example}.py"
    world: dict[str, Any] = {"__name__": path.stem, "__file__": str(path)}
    exec(compile(cut(path.read_text("utf8"), name, path.name), path, "exec"), world)
    if missing := sorted(fakes.keys() - world.keys()):
        raise LookupError(f"{key} does not reach {', '.join(missing)}; it cannot be replaced")
    world.update(fakes)
    found: Callable[..., Any] = world[name]
    return found


class Nobody:
    """An engine that serves nobody; its runs are made up elsewhere."""

    def __init__(self, serve: Any) -> None:
        self.serve = serve

    def __enter__(self) -> Nobody:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class Patient:
    """``Retries`` that take every run as it is."""

    def keep(self, attempt: Callable[[], Trace], judge: object = None) -> Kept:
        return Kept(attempt())


def run(arrivals: torch.Tensor, waits: torch.Tensor | float, seconds: torch.Tensor | float) -> Trace:
    """A trace of one token each, of these waits and services whatever a queue would have made of them."""
    start = arrivals + waits
    return Trace(arrivals, arrivals, start, start + seconds, torch.ones_like(arrivals))


def timed(seconds: dict[str, float]) -> dict[str, Any]:
    """What ``compare`` would return of calls that take exactly so long; the first is the baseline."""
    first = next(iter(seconds.values()))
    ratios = {name: median_of([own / first] * 9, "×") for name, own in seconds.items()}
    times = {
        name: {"median": median_of([own] * 9, "s"), "ratio": ratios[name], "speedup": inverse(ratios[name])}
        for name, own in seconds.items()
    }
    return {"times": times, "notes": []}
