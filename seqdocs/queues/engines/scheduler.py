"""Who reads which tokens in the next step: the plan of a batch, without threads and without a model.

Every sequence has tokens it knows (its prompt and what it generated) and of those a number that it has read,
whose keys and values are in the cache. Reading the last known token gives the next one. So *prefill* and
*decode* are the same thing, with many tokens to read or with one:

- without ``chunk`` they are separate: a step reads the whole prompts of those who came, and everybody else
  waits for it; or one token of everybody;
- with ``chunk`` they share each step, *chunked prefill*: one token of everybody who decodes, and up to
  ``chunk`` tokens of prompts, so that a long prompt holds nobody up for long.

When a sequence needs a block and none is free, the youngest is *preempted*: it gives its blocks back, stands
at the head of the line and will read everything it knows again (recompute). The oldest always goes on, so
everybody ends.

Sources: Yu et al., "Orca", OSDI 2022, section 3 (scheduling by iteration); Kwon et al. 2023,
https://arxiv.org/abs/2309.06180, section 4.5 (preemption, recomputation); Agrawal et al., "SARATHI", 2023,
https://arxiv.org/abs/2308.16369, section 4 (chunked prefill).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from seqdocs.queues.engines.paged_cache import BlockTable, PagedCache
from seqdocs.queues.engines.request import Request
from seqdocs.queues.engines.ticket import Ticket


class Reading(NamedTuple):
    """What one sequence does in a step: read ``tokens``, which stand from position ``start`` on.

    ``blocks`` hold all its positions up to the last of them.
    """

    tokens: list[int]
    start: int
    blocks: list[int]


@dataclass(eq=False)
class Sequence:
    """A request that is being answered: the tokens it knows, and the place of those it has read."""

    ticket: Ticket[Request]
    tokens: list[int]
    table: BlockTable = field(default_factory=BlockTable)

    @property
    def unread(self) -> int:
        """Known tokens that it has yet to read; at least 1."""
        return len(self.tokens) - self.table.filled


class Scheduler:
    """Plan one step after the other.

    Args:
        cache: the blocks.
        size: most sequences that run at a time.
        chunk: most tokens of prompts in a step; if omitted, prompts are read whole and apart.
        share: let sequences that begin alike hold the same blocks.

    Attributes:
        waiting: sequences that do not run; the head runs next.
        running: sequences that do, oldest first.
        preemptions: how many there were.
    """

    def __init__(self, cache: PagedCache, size: int, chunk: int | None = None, share: bool = False) -> None:
        if size < 1 or (chunk is not None and chunk < 1):
            raise ValueError(f"`size` is {size} and `chunk` {chunk}; they are at least 1")
        self.cache, self.size, self.chunk, self.share = cache, size, chunk, share
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self.preemptions = 0

    def add(self, ticket: Ticket[Request]) -> None:
        """A request stands at the end of the line."""
        self.waiting.append(Sequence(ticket, list(ticket.request.prompt)))

    def remove(self, sequence: Sequence) -> None:
        """It is answered or refused: take it out and its blocks back."""
        self.cache.release(sequence.table)
        (self.running if sequence in self.running else self.waiting).remove(sequence)

    def plan(self) -> list[tuple[Sequence, Reading]]:
        """Let in whom there is room for, and say what everybody reads now; its blocks are reserved.

        Returns:
            oldest first; empty only if nobody is there.
        """
        self._let_in()
        apart = self.chunk is None and any(one.unread > 1 for one in self.running)
        budget = self.chunk
        planned = []
        for sequence in list(self.running):
            if sequence not in self.running or (apart and sequence.unread == 1):
                continue  # preempted for the sake of an older one; or waiting for prompts
            count = sequence.unread
            if budget is not None and count > 1:
                count = min(count, budget)
                budget -= count
            if count and self._reserve(sequence, sequence.table.filled + count):
                start = sequence.table.filled
                tokens = sequence.tokens[start : start + count]
                planned.append((sequence, Reading(tokens, start, sequence.table.blocks)))
        return planned

    def done(self, sequence: Sequence, reading: Reading, token: int) -> bool:
        """A reading is over; whether that makes ``token`` the next one of its sequence.

        It does not if there is more of the prompt to read.
        """
        self.cache.fill(sequence.table, sequence.tokens, reading.start + len(reading.tokens))
        if sequence.table.filled < len(sequence.tokens):
            return False
        sequence.tokens.append(token)
        return True

    def _let_in(self) -> None:
        # Blocks that those inside lack for what they know; the prompt of some has not had its turn yet.
        promised = sum(self.cache.needed(len(one.tokens)) - len(one.table.blocks) for one in self.running)
        while self.waiting and len(self.running) < self.size:
            first = self.waiting[0]
            table = self.cache.share(first.tokens) if self.share else BlockTable()
            promised += self.cache.needed(len(first.tokens)) - len(table.blocks)
            if promised > self.cache.free:
                self.cache.release(table)
                break
            first.table = table
            self.running.append(self.waiting.popleft())

    def _reserve(self, sequence: Sequence, positions: int) -> bool:
        """Get it the blocks, from the youngest if need be; False if it is the youngest itself."""
        while not self.cache.reserve(sequence.table, positions):
            youngest = self.running.pop()
            self.cache.release(youngest.table)
            self.waiting.appendleft(youngest)
            self.preemptions += 1
            if youngest is sequence:
                return False
        return True
