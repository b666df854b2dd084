"""Who waits in line and wants no more, or has no more time, is told at once, by every engine."""

from __future__ import annotations

import threading
from collections import Counter
from time import monotonic, perf_counter, sleep

import pytest
from engine_fakes import FakeModel, answer_of, count_up
from engine_kinds import HELD, let_go, one_cluster  # noqa: F401 - a fixture

from seqdocs.queues.engines.deadlines import FEW, Deadlines
from seqdocs.queues.engines.dynamic_batch import DynamicBatchEngine
from seqdocs.queues.engines.request import RefusedError, Request
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.engines.static_batch import StaticBatchEngine
from seqdocs.queues.engines.thread_pool import ThreadPoolEngine


def ask(number=0, **options):
    return Request((number + 1, 2, 3), 3, **options)


@pytest.fixture(params=HELD)
def held(request, tmp_path, one_cluster):  # noqa: F811
    """An engine with room for three, of whom the first is being served until it is let go."""
    with HELD[request.param](str(tmp_path), limit=3) as engine:
        first, end = engine.submit(ask()), monotonic() + 60
        while not (tmp_path / "begun").exists():
            assert monotonic() < end, "its service never began"
            sleep(0.002)
        try:
            yield engine, first
        finally:
            let_go(tmp_path)
    assert first.done()
    names = {thread.name for thread in threading.enumerate()}  # Ray has some of its own
    assert not any(name == "deadlines" or name.startswith(type(engine).__name__) for name in names)


def test_who_waits_is_told_at_once_and_leaves_a_place(held):
    engine, first = held
    heard = []
    cancelled = engine.submit(ask(1), on_end=lambda: heard.append("cancelled"))
    late = engine.submit(ask(2, deadline=0.05), on_end=lambda: heard.append("late"))
    with pytest.raises(RefusedError, match="lets in 3 requests at a time"):
        engine.submit(ask(3))
    cancelled.cancel()
    for ticket, why in (
        (cancelled, "was cancelled after 0 tokens"),
        (late, "had 0.05 seconds; it is refused"),
    ):
        with pytest.raises(RefusedError, match=why):
            ticket.result(30)
        assert ticket.start is None
    assert not first.done()
    assert (cancelled.error.reason, late.error.reason) == ("cancelled", "deadline")
    assert late.finish - late.arrival >= 0.05
    both = [engine.submit(ask(4)), engine.submit(ask(5))]  # there is room again
    both[0].cancel()
    assert both[0].done()
    assert heard == ["cancelled", "late"]
    both[1].cancel()


def test_who_waits_is_refused_at_once_by_an_engine_that_does_not_drain(held):
    engine, first = held
    waits = engine.submit(ask(1))
    closer = threading.Thread(target=engine.close, kwargs={"drain": False}, daemon=True)
    closer.start()
    with pytest.raises(RefusedError, match="closed before"):
        waits.result(30)
    assert not first.done()


@pytest.mark.parametrize(
    "make",
    [
        lambda model, size: StaticBatchEngine(model, size, limit=4),
        lambda model, size: DynamicBatchEngine(model, size, patience=3600.0, limit=4),
    ],
    ids=["static", "dynamic"],
)
def test_a_batch_that_is_not_full_holds_nobody_beyond_its_time(make):
    model = FakeModel(4, 64)
    with make(model, 4) as engine:
        cancelled, late = engine.submit(ask(1)), engine.submit(ask(2, deadline=0.05))
        stays = [engine.submit(ask(3)), engine.submit(ask(4))]
        cancelled.cancel()
        assert cancelled.error.reason == "cancelled"
        with pytest.raises(RefusedError, match=r"had 0\.05 seconds"):
            late.result(30)
        assert model.steps == []
        stays += [engine.submit(ask(5)), engine.submit(ask(6))]  # now it is full
        assert [ticket.result(30) for ticket in stays] == [answer_of(ticket.request) for ticket in stays]
    assert model.steps[0] == [3] * 4


def test_who_is_cancelled_while_it_is_taken_ends_once():
    """A second end would be an error in one of the threads, and fail the test."""
    ends, lock, tickets = Counter(), threading.Lock(), []

    def over(number):
        with lock:
            ends[number] += 1

    with ThreadPoolEngine(count_up, threads=3) as engine:
        for number in range(3000):
            ticket = engine.submit(2, on_end=lambda number=number: over(number))
            tickets.append(ticket)
            threads = [threading.Thread(target=ticket.cancel) for _ in range(number % 3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert engine._inside == {}
    assert ends == Counter(range(3000))
    assert all((ticket.error is None) == (ticket.tokens == 2) for ticket in tickets)


def test_deadlines_that_were_kept_are_forgotten():
    with SerialEngine(lambda request: 1) as engine:
        for _ in range(10 * FEW):
            engine.submit(ask(deadline=3600.0)).result()
        assert len(engine._deadlines._times) <= FEW + 1


def test_deadlines_end_in_their_order_whatever_order_they_came_in():
    over, done = [], threading.Event()

    def hear(item):
        over.append(item)
        if len(over) == 4:
            done.set()

    deadlines, now = Deadlines(hear, lambda item: item != "gone"), perf_counter()
    for wait, item in ((0.4, "d"), (0.1, "a"), (1e12, "never"), (0.3, "c"), (0.2, "b"), (0.15, "gone")):
        deadlines.watch(now + wait, item)
    assert done.wait(30)
    deadlines.close()
    deadlines.watch(0.0, "too late")
    assert over == ["a", "b", "c", "d"]
