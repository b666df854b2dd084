"""The engines that can be served, by name, each with a language model behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from seqdocs.models.language_model import CausalLM
from seqdocs.queues.engines.continuous_batch import ContinuousBatchEngine
from seqdocs.queues.engines.decoder import decoder
from seqdocs.queues.engines.dynamic_batch import DynamicBatchEngine
from seqdocs.queues.engines.engine import Engine
from seqdocs.queues.engines.event_loop import EventLoopEngine
from seqdocs.queues.engines.paged_model import PagedModel
from seqdocs.queues.engines.process_pool import ProcessPoolEngine
from seqdocs.queues.engines.request import Request, check_request
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.engines.static_batch import StaticBatchEngine
from seqdocs.queues.engines.thread_pool import ThreadPoolEngine
from seqdocs.queues.http.text import VOCABULARY


@dataclass(frozen=True)
class Setup:
    """What is served, and how.

    Args:
        width: of the model.
        layers: likewise.
        heads: likewise.
        context: most positions it reads.
        size: requests that are served at a time, where the engine serves several; processes and replicas no
            more than there are cores.
        limit: requests that are let in at a time; others are told to try again.
        block_size: positions in a block of the paged cache.
        memory: positions of the paged cache in all.
        chunk: most tokens of prompts that are read in a step.
        patience: seconds that a dynamic batch waits to be full.
    """

    width: int = 320
    layers: int = 8
    heads: int = 5
    context: int = 512
    size: int = 16
    limit: int = 256
    block_size: int = 4
    memory: int = 8192
    chunk: int = 64
    patience: float = 0.02

    def model(self) -> CausalLM:
        """A language model over bytes, randomly initialised: what it says is nonsense."""
        torch.manual_seed(0)
        return CausalLM(
            vocabulary=VOCABULARY,
            context=self.context,
            width=self.width,
            layers=self.layers,
            heads=self.heads,
        ).eval()

    def kv_bytes_per_position(self) -> int:
        """Of this model, without making it."""
        return 2 * self.layers * self.width * torch.get_default_dtype().itemsize

    def serve(self) -> Callable[[Request], Iterator[int]]:
        """What serves one request at a time."""
        return decoder(self.model())

    def serve_in_process(self) -> Callable[[Request], Iterator[int]]:
        """The same in a worker: there it is processes, not threads, that share the cores."""
        torch.set_num_threads(1)
        return self.serve()

    def workers(self) -> int:
        """Processes to serve in: each takes a core and memory for a model of its own."""
        return min(self.size, os.cpu_count() or 1)

    def slots(self) -> PagedModel:
        """A contiguous cache: a block as long as the context for each place in the batch."""
        return PagedModel(self.model(), self.size, self.context)

    def pages(self) -> PagedModel:
        """A paged cache."""
        return PagedModel(self.model(), -(-self.memory // self.block_size), self.block_size)

    def door(self) -> dict[str, Any]:
        """Options of engines that do not know what the model can read."""
        check = partial(check_request, context=self.context, vocabulary=VOCABULARY)
        return {"check": check, "limit": self.limit}


def _ray_replicas(one: Setup) -> Engine[Request]:
    from seqdocs.queues.engines.ray_replicas import RayReplicasEngine

    return RayReplicasEngine(one.serve_in_process, one.workers(), **one.door())


ENGINES: dict[str, Callable[[Setup], Engine[Request]]] = {
    "serial": lambda one: SerialEngine(one.serve(), **one.door()),
    "threads": lambda one: ThreadPoolEngine(one.serve(), one.size, **one.door()),
    "event-loop": lambda one: EventLoopEngine(one.serve(), one.size, **one.door()),
    "processes": lambda one: ProcessPoolEngine(one.serve_in_process, one.workers(), **one.door()),
    "ray": _ray_replicas,
    "static": lambda one: StaticBatchEngine(one.slots(), one.size, limit=one.limit),
    "dynamic": lambda one: DynamicBatchEngine(one.slots(), one.size, patience=one.patience, limit=one.limit),
    "continuous": lambda one: ContinuousBatchEngine(one.pages(), one.size, chunk=one.chunk, limit=one.limit),
}
