"""The loop of every engine that runs requests together: let in, plan, read, hand out the tokens."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from seqdocs.queues.engines.engine import Engine
from seqdocs.queues.engines.paged_cache import PagedCache
from seqdocs.queues.engines.request import RefusedError, Request, check_request
from seqdocs.queues.engines.scheduler import Reading, Scheduler, Sequence
from seqdocs.queues.engines.ticket import Ticket
from seqdocs.queues.engines.usage import Usage


class BlockModel(Protocol):
    """A language model whose memory is ``blocks`` blocks of ``block_size`` positions."""

    context: int
    vocabulary: int
    blocks: int
    block_size: int

    def next_tokens(self, readings: list[Reading]) -> list[int]:
        """Read them together; return the likeliest token after the last of each."""
        ...


class BatchEngine(Engine[Request]):
    """What batching engines share; they differ in who may join when, ``_joining``.

    An exception in the model is asked whose it is: the readings of the step are tried again, each alone, and
    those that fail alone get it.

    Args:
        model: see :class:`~seqdocs.queues.engines.paged_model.PagedModel`.
        size: most requests that run together.
        chunk: as of :class:`~seqdocs.queues.engines.scheduler.Scheduler`.
        share: likewise.
        watch: called in every step with its :class:`~seqdocs.queues.engines.usage.Usage`.
        options: as of :class:`~seqdocs.queues.engines.engine.Engine`.

    Attributes:
        peak_positions: most positions of the cache that were handed out at a time.
    """

    def __init__(
        self,
        model: BlockModel,
        size: int,
        *,
        chunk: int | None = None,
        share: bool = False,
        watch: Callable[[Usage], None] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(check=self._check_fit, **options)
        self._model, self._size, self._watch = model, size, watch
        self._cache = PagedCache(model.blocks, model.block_size)
        self._plan = Scheduler(self._cache, size, chunk, share)
        self.peak_positions = 0
        self._start()

    @abstractmethod
    def _joining(self) -> list[Ticket[Request]]:
        """Who joins before the next step; waits for somebody if nobody is there."""

    def _check_fit(self, request: Request) -> None:
        check_request(request, self._model.context, self._model.vocabulary)
        room = self._cache.blocks * self._cache.block_size
        if request.positions > room:
            raise RefusedError(
                "no blocks",
                f"the request is refused: it may need {request.positions} positions of a KV cache that has"
                f" {room} in all",
            )

    def _sequences(self) -> list[Sequence]:
        return [*self._plan.running, *self._plan.waiting]

    def _work(self) -> None:
        while True:
            for ticket in self._joining():
                self._plan.add(ticket)
            if not self._sequences():
                break  # the line is closed and empty
            for sequence in self._sequences():
                if gone := self._gone(sequence.ticket):
                    self._leave(sequence, gone)
            planned = self._plan.plan()
            self.peak_positions = max(self.peak_positions, self._reserved())
            for sequence in self._plan.running:  # even if it reads nothing in its first step
                sequence.ticket.begin(self._now())
            if self._watch is not None and planned:
                self._watch(self._usage([reading for _, reading in planned]))
            self._read(planned)

    def _read(self, planned: list[tuple[Sequence, Reading]]) -> None:
        if not planned:
            return
        try:
            tokens = self._model.next_tokens([reading for _, reading in planned])
        except BaseException as error:
            if len(planned) == 1:
                self._leave(planned[0][0], error)
                return
            for one in planned:
                self._read([one])
            return
        for (sequence, reading), token in zip(planned, tokens, strict=True):
            if self._plan.done(sequence, reading, token):
                ticket = sequence.ticket
                ticket.push(token, self._now())
                if ticket.request.ends(ticket.tokens, token):
                    self._leave(sequence)

    def _leave(self, sequence: Sequence, error: BaseException | None = None) -> None:
        self._plan.remove(sequence)
        self._end(sequence.ticket, error=error)

    def _reserved(self) -> int:
        return (self._cache.blocks - self._cache.free) * self._cache.block_size

    def _usage(self, readings: list[Reading]) -> Usage:
        size, running, reserved = self._cache.block_size, self._plan.running, self._reserved()
        reading = sum(len(one.tokens) for one in readings)
        tables = [sequence.table for sequence in running]  # only their last blocks are not full or shared
        empty = sum(len(table.blocks) * size - table.filled for table in tables) - reading
        preemptions = self._plan.preemptions
        return Usage(self._now(), len(running), reading, reserved, reserved - empty, preemptions)
