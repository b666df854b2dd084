"""A batch whose members change at every step: who is done leaves, who waits takes the place at once.

Source: Yu et al., "Orca: a distributed serving system for transformer-based generative models", OSDI 2022,
section 3 (there called iteration-level scheduling).
"""

from __future__ import annotations

from seqdocs.queues.engines.batch import BatchEngine
from seqdocs.queues.engines.request import Request
from seqdocs.queues.engines.ticket import Ticket


class ContinuousBatchEngine(BatchEngine):
    """Let requests in whenever there is a place and blocks for what they know, in the order they came.

    Arguments as of :class:`~seqdocs.queues.engines.batch.BatchEngine`.

    >>> import torch
    >>> from seqdocs.models.language_model import CausalLM
    >>> from seqdocs.queues.engines.paged_model import PagedModel
    >>> _ = torch.manual_seed(0)
    >>> model = CausalLM(vocabulary=10, context=16, width=16, layers=2, heads=2)
    >>> with ContinuousBatchEngine(PagedModel(model, blocks=8, block_size=4), size=4, chunk=4) as engine:
    ...     tickets = [engine.submit(Request((1, 2, 3), n)) for n in (2, 5)]
    >>> [ticket.tokens for ticket in tickets]
    [2, 5]
    """

    def _joining(self) -> list[Ticket[Request]]:
        inside = len(self._sequences())
        return self._line.poll(self._size - inside) if inside else self._line.take(self._size)
