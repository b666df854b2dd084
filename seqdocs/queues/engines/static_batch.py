"""A fixed number of requests at a time: nobody joins a batch that runs, and nobody starts before it is full.

The batch lasts as long as its longest answer, and the places of those who are done stand empty until then.
Each gets its answer when it is complete. The last requests, too few for a batch, wait until the engine is
closed.
"""

from __future__ import annotations

import math

from seqdocs.queues.engines.batch import BatchEngine
from seqdocs.queues.engines.request import Request
from seqdocs.queues.engines.ticket import Ticket


class StaticBatchEngine(BatchEngine):
    """Wait for ``size`` requests, serve them together to the end, and so on.

    Arguments as of :class:`~seqdocs.queues.engines.batch.BatchEngine`. Give it a contiguous cache: as many
    blocks as the batch has places, each as long as the context.
    """

    patience = math.inf

    def _joining(self) -> list[Ticket[Request]]:
        if self._sequences():
            return []
        return self._line.take(self._size, self.patience)
