import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from seqdocs.queues.engines.paged_cache import BlockTable, PagedCache

BLOCKS, SIZE = 6, 3


class Book(RuleBasedStateMachine):
    """Tables that are reserved, filled, shared and released in any order, beside a plain account of them."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = PagedCache(BLOCKS, SIZE)
        self.tables: list[tuple[BlockTable, list[int]]] = []
        self.memory: dict[tuple[int, int], int] = {}  # what was written where

    @rule(tokens=st.lists(st.integers(0, 1), min_size=1, max_size=12), share=st.booleans())
    def begin(self, tokens, share):
        table = self.cache.share(tokens) if share else BlockTable()
        assert table.filled == len(table.blocks) * SIZE < len(tokens)
        self.tables.append((table, tokens))

    @rule(data=st.data(), more=st.integers(1, 5))
    def read(self, data, more):
        if not self.tables:
            return
        table, tokens = data.draw(st.sampled_from(self.tables))
        until, before = min(len(tokens), table.filled + more), list(table.blocks)
        missing = -(-until // SIZE) - len(before)
        free = self.cache.free
        if not self.cache.reserve(table, until):
            assert missing > free
            assert table.blocks == before  # all or nothing
            return
        assert self.cache.free == free - missing
        for place in range(table.filled, until):
            self.memory[table.blocks[place // SIZE], place % SIZE] = tokens[place]
        self.cache.fill(table, tokens, until)

    @rule(data=st.data())
    def end(self, data):
        if self.tables:
            entry = data.draw(st.sampled_from(self.tables))
            self.tables.remove(entry)
            self.cache.release(entry[0])
            assert (entry[0].blocks, entry[0].filled) == ([], 0)

    @invariant()
    def every_block_is_free_or_held_by_those_who_have_it(self):
        held = [block for table, _ in self.tables for block in table.blocks]
        assert [self.cache.holders(block) for block in range(BLOCKS)] == [
            held.count(b) for b in range(BLOCKS)
        ]
        assert sorted([*self.cache._free, *set(held)]) == list(range(BLOCKS))
        assert all(len(set(table.blocks)) == len(table.blocks) for table, _ in self.tables)

    @invariant()
    def everybody_finds_its_own_tokens(self):
        for table, tokens in self.tables:
            found = [self.memory[table.blocks[p // SIZE], p % SIZE] for p in range(table.filled)]
            assert found == tokens[: table.filled]

    @invariant()
    def only_full_blocks_are_held_by_several(self):
        for table, _ in self.tables:
            assert all(self.cache.holders(block) == 1 for block in table.blocks[table.filled // SIZE :])

    def teardown(self):
        for table, _ in self.tables:
            self.cache.release(table)
        assert self.cache.free == BLOCKS
        assert not self.cache._known
        assert not self.cache._names


Book.TestCase.settings = settings(
    derandomize=True, deadline=None, max_examples=150, stateful_step_count=40, database=None
)
TestBook = Book.TestCase


def filled(cache, tokens):
    table = cache.share(tokens)
    assert cache.reserve(table, len(tokens))
    cache.fill(table, tokens, len(tokens))
    return table


def test_who_begins_alike_holds_the_same_blocks():
    cache = PagedCache(8, 2)
    first = filled(cache, [1, 2, 3, 4, 5])
    second = filled(cache, [1, 2, 3, 4, 6])
    assert second.blocks[:2] == first.blocks[:2]
    assert second.blocks[2] != first.blocks[2]
    assert cache.free == 8 - 4
    cache.release(first)
    assert filled(cache, [1, 2, 9, 9, 9]).blocks[0] == second.blocks[0]


def test_the_last_token_is_never_shared_since_it_must_be_read():
    cache = PagedCache(8, 2)
    filled(cache, [1, 2, 3, 4])
    assert cache.share([1, 2, 3, 4]).filled == 2


def test_the_same_tokens_after_others_are_not_the_same():
    cache = PagedCache(8, 2)
    filled(cache, [1, 2, 3, 4, 5])
    assert cache.share([9, 9, 3, 4, 5]).filled == 0
    assert cache.share([3, 4, 5]).filled == 0


@pytest.mark.parametrize(("blocks", "size"), [(0, 1), (1, 0)])
def test_a_cache_of_nothing_is_refused(blocks, size):
    with pytest.raises(
        ValueError, match=f"^`blocks` is {blocks} and `block_size` {size}; both are at least 1"
    ):
        PagedCache(blocks, size)
