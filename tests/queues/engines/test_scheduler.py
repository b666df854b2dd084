"""The plan alone: no thread, no model; a token is whatever the test says it is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdocs.queues.engines.paged_cache import PagedCache
from seqdocs.queues.engines.request import Request
from seqdocs.queues.engines.scheduler import Scheduler
from seqdocs.queues.engines.ticket import Ticket


def scheduler(*prompts, blocks=100, block_size=2, size=4, chunk=None, share=False):
    plan = Scheduler(PagedCache(blocks, block_size), size, chunk, share)
    for number, length in enumerate(prompts):
        plan.add(Ticket(Request((number,) * length, 99), str(number), 0.0))
    return plan


def step(plan):
    """Who reads how many tokens; everybody's next token is 7."""
    planned = plan.plan()
    for sequence, reading in planned:
        plan.done(sequence, reading, 7)
    return {sequence.ticket.id: len(reading.tokens) for sequence, reading in planned}


def names(sequences):
    return "".join(sequence.ticket.id for sequence in sequences)


def test_apart_prompts_are_read_whole_and_everybody_else_waits():
    plan = scheduler(5, 3)
    assert step(plan) == {"0": 5, "1": 3}
    assert step(plan) == {"0": 1, "1": 1}
    plan.add(Ticket(Request((2,) * 9, 99), "2", 0.0))
    assert [step(plan), step(plan)] == [{"2": 9}, {"0": 1, "1": 1, "2": 1}]


def test_in_chunks_a_long_prompt_holds_nobody_up():
    plan = scheduler(2, 7, chunk=4)
    assert [step(plan) for _ in range(4)] == [
        {"0": 2, "1": 2},
        {"0": 1, "1": 4},
        {"0": 1, "1": 1},
        {"0": 1, "1": 1},
    ]


def test_no_more_run_than_there_are_places_and_they_come_in_order():
    plan = scheduler(1, 1, 1, size=2)
    assert step(plan) == {"0": 1, "1": 1}
    plan.remove(plan.running[0])
    assert step(plan) == {"1": 1, "2": 1}


def test_nobody_comes_in_on_blocks_that_others_inside_have_yet_to_fill():
    plan = scheduler(6, 6, 2, blocks=6, chunk=3)
    assert [step(plan), step(plan)] == [{"0": 3}, {"0": 3}]
    assert names(plan.waiting) == "2"  # 0 and 1 will need all blocks, though one has none of them yet
    assert plan.preemptions == 0


def test_nobody_comes_in_whose_tokens_find_no_room_nor_anybody_behind_it():
    plan = scheduler(6, 5, 1, blocks=5)
    assert step(plan) == {"0": 6}
    assert names(plan.waiting) == "12"


def test_when_blocks_run_out_the_youngest_goes_to_the_head_of_the_line():
    plan = scheduler(2, 2, 2, blocks=3)  # each fills one block and needs a second for its next token
    step(plan)
    plan.add(Ticket(Request((3,), 99), "3", 0.0))
    assert step(plan) == {"0": 1}
    assert (names(plan.running), names(plan.waiting), plan.preemptions) == ("0", "123", 2)
    assert plan.waiting[0].tokens == [1, 1, 7]  # it keeps what it said and will read it again
    assert plan.waiting[0].table.filled == 0


def test_a_preempted_sequence_goes_on_where_it_was():
    plan = scheduler(2, 2, blocks=3)
    step(plan)
    step(plan)
    assert names(plan.waiting) == "1"
    plan.remove(plan.running[0])
    assert step(plan) == {"1": 3}


def test_sequences_that_begin_alike_read_it_once():
    plan = scheduler(5, share=True)
    step(plan)
    plan.add(Ticket(Request((0,) * 5, 99), "twin", 0.0))
    assert step(plan) == {"0": 1, "twin": 1}
    assert plan.running[1].table.blocks[:2] == plan.running[0].table.blocks[:2]


def test_who_is_taken_out_leaves_no_block_behind():
    plan = scheduler(5, 5, blocks=4)
    step(plan)
    for sequence in [*plan.running, *plan.waiting]:
        plan.remove(sequence)
    assert plan.cache.free == 4
    assert plan.plan() == []


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    requests=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12),
    blocks=st.integers(1, 12),
    block_size=st.integers(1, 17),
    size=st.integers(1, 5),
    chunk=st.one_of(st.none(), st.integers(1, 12)),
    share=st.booleans(),
)
def test_whoever_could_fit_alone_ends_and_in_no_more_steps_than_all_could_need(
    requests, blocks, block_size, size, chunk, share
):
    plan = Scheduler(PagedCache(blocks, block_size), size, chunk, share)
    fitting = [Request((1,) * n, new) for n, new in requests if n + new - 1 <= blocks * block_size]
    for number, request in enumerate(fitting):
        plan.add(Ticket(request, str(number), 0.0))
    steps, ended = 0, []
    while plan.running or plan.waiting:
        planned = plan.plan()
        steps += 1
        assert planned, "a step in which nobody reads"
        assert steps <= sum((size + 1) * request.positions for request in fitting)
        order = [int(one.ticket.id) for one in (*plan.running, *plan.waiting)]
        assert order == sorted(order)
        if chunk is not None:
            assert sum(len(r.tokens) for _, r in planned if len(r.tokens) > 1) <= chunk
        for sequence, reading in planned:
            assert len(reading.blocks) * block_size >= reading.start + len(reading.tokens)
            if plan.done(sequence, reading, 7):
                generated = len(sequence.tokens) - len(sequence.ticket.request.prompt)
                if generated == sequence.ticket.request.max_new_tokens:
                    plan.remove(sequence)
                    ended.append(sequence.ticket.id)
    assert len(ended) == len(fitting)
    assert plan.cache.free == blocks


@pytest.mark.parametrize("bad", [{"size": 0}, {"chunk": 0}])
def test_a_plan_for_nobody_is_refused(bad):
    with pytest.raises(ValueError, match=r"^`size` is . and `chunk` (None|0); they are at least 1"):
        scheduler(**bad)
