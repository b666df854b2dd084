"""A KV cache in blocks: memory for keys and values is handed out a few positions at a time, as pages are.

A contiguous cache reserves for every request as many positions as it may ever need, and most stay empty. In
blocks, a sequence reserves what it fills, up to the rest of its last block; and two sequences that begin with
the same tokens can hold the same blocks. This module is the book-keeping; the numbers lie in
:mod:`seqdocs.queues.engines.paged_model`.

>>> cache = PagedCache(blocks=4, block_size=2)
>>> one, two = BlockTable(), BlockTable()
>>> cache.reserve(one, 3), cache.reserve(two, 4), cache.reserve(two, 5)
(True, True, False)
>>> one.blocks, two.blocks, cache.free
([0, 1], [2, 3], 0)
>>> cache.release(one)
>>> cache.free
2

Source: Kwon et al., "Efficient memory management for large language model serving with PagedAttention", SOSP
2023, sections 4.1–4.4, https://arxiv.org/abs/2309.06180
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(eq=False)
class BlockTable:
    """Where one sequence lies: position p is position p % block_size of block ``blocks[p // block_size]``.

    Attributes:
        blocks: in order.
        filled: positions that hold keys and values.
    """

    blocks: list[int] = field(default_factory=list)
    filled: int = 0


class PagedCache:
    """Which blocks are free, who holds the others, and which can be shared.

    Only full blocks are shared. A full block is never written again, so nobody ever needs a copy.

    Args:
        blocks: how many there are.
        block_size: positions in each.

    Raises:
        ValueError: if either is below 1.
    """

    def __init__(self, blocks: int, block_size: int) -> None:
        if blocks < 1 or block_size < 1:
            raise ValueError(f"`blocks` is {blocks} and `block_size` {block_size}; both are at least 1")
        self.blocks, self.block_size = blocks, block_size
        self._free = list(range(blocks - 1, -1, -1))  # a stack: what was used last is used next
        self._holders = [0] * blocks
        self._known: dict[tuple[int, tuple[int, ...]], int] = {}  # full blocks, by what they hold after what
        self._names: dict[int, tuple[int, tuple[int, ...]]] = {}

    @property
    def free(self) -> int:
        """Blocks that nobody holds."""
        return len(self._free)

    def holders(self, block: int) -> int:
        """How many tables hold a block."""
        return self._holders[block]

    def needed(self, positions: int) -> int:
        """Blocks that so many positions take."""
        return -(-positions // self.block_size)

    def reserve(self, table: BlockTable, positions: int) -> bool:
        """Give a table the blocks it lacks for so many positions in all; or none, and return False."""
        missing = self.needed(positions) - len(table.blocks)
        if missing > self.free:
            return False
        for _ in range(missing):
            block = self._free.pop()
            self._holders[block] = 1
            table.blocks.append(block)
        return True

    def release(self, table: BlockTable) -> None:
        """Take all blocks of a table back; those that others hold stay theirs."""
        for block in table.blocks:
            self._holders[block] -= 1
            if self._holders[block] == 0:
                self._free.append(block)
                if block in self._names:
                    del self._known[self._names.pop(block)]
        table.blocks, table.filled = [], 0

    def fill(self, table: BlockTable, tokens: Sequence[int], until: int) -> None:
        """The positions of ``tokens[:until]`` are written: what became full can be shared from now on."""
        size = self.block_size
        for number in range(table.filled // size, until // size):
            name = (
                table.blocks[number - 1] if number else -1,
                tuple(tokens[number * size : (number + 1) * size]),
            )
            if name not in self._known:  # else another sequence filled the same at the same time
                self._known[name], self._names[table.blocks[number]] = table.blocks[number], name
        table.filled = until

    def share(self, tokens: Sequence[int]) -> BlockTable:
        """A table that holds what is there already of ``tokens``, but for the last: that one must be read."""
        table, size, before = BlockTable(), self.block_size, -1
        for end in range(size, len(tokens), size):
            block = self._known.get((before, tuple(tokens[end - size : end])))
            if block is None:
                break
            self._holders[block] += 1
            table.blocks.append(block)
            table.filled, before = end, block
        return table
