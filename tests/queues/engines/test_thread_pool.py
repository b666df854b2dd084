import threading

import pytest

from seqdocs.queues.engines.thread_pool import ThreadPoolEngine


def test_as_many_requests_as_threads_are_served_at_a_time():
    together = threading.Barrier(3)  # opens only if three are there at once
    with ThreadPoolEngine(lambda n: together.wait(30) * 0 + n, threads=3) as engine:
        tickets = [engine.submit(n) for n in range(6)]
    assert [ticket.result() for ticket in tickets] == list(range(6))


def test_a_pool_of_none_is_refused():
    with pytest.raises(ValueError, match=r"^`threads` is 0; it is at least 1"):
        ThreadPoolEngine(print, threads=0)


def test_closing_leaves_no_thread():
    before = threading.active_count()
    with ThreadPoolEngine(lambda n: n, threads=4) as engine:
        engine.submit(1)
        assert threading.active_count() == before + 4
    assert threading.active_count() == before
