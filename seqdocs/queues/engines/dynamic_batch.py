"""Batches by size or deadline: a batch starts when it is full or its first request has waited long enough."""

from __future__ import annotations

from typing import Any

from seqdocs.queues.checks import not_negative
from seqdocs.queues.engines.batch import BlockModel
from seqdocs.queues.engines.static_batch import StaticBatchEngine


class DynamicBatchEngine(StaticBatchEngine):
    """A static batch that does not wait for ever.

    Args:
        model: as of :class:`~seqdocs.queues.engines.batch.BatchEngine`.
        size: as many make a batch.
        patience: seconds that the first may wait for others; with 0 it takes along who is there.
        options: as of :class:`~seqdocs.queues.engines.batch.BatchEngine`.
    """

    def __init__(self, model: BlockModel, size: int, *, patience: float, **options: Any) -> None:
        self.patience = not_negative("patience", patience, "seconds")
        super().__init__(model, size, **options)
