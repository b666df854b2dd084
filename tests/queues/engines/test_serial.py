import threading
from time import perf_counter

import pytest
import torch

from seqdocs.queues import arrivals, lindley, trace
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.load import open_loop

COUNTS = [0, 1, 2, 7, 63]


def work(size):
    """A service that takes time without sleeping: arithmetic whose answer can be checked."""
    return sum(n * n for n in range(size))


def count_up(n):
    yield from range(n)


@pytest.mark.parametrize("count", COUNTS)
def test_each_request_is_answered_once_and_in_order(count):
    served = []
    with SerialEngine(served.append) as engine:
        tickets = [engine.submit(n) for n in range(count)]
    assert served == list(range(count))
    assert all(ticket.done() for ticket in tickets)
    starts, finishes = [t.start for t in tickets], [t.finish for t in tickets]
    assert all(a <= s <= f for a, s, f in zip([t.arrival for t in tickets], starts, finishes, strict=True))
    assert all(finish <= start for finish, start in zip(finishes[:-1], starts[1:], strict=True))


def test_many_submitters_get_their_own_answers_in_the_order_they_came():
    served, tickets, lock = [], [], threading.Lock()
    with SerialEngine(lambda n: served.append(n) or -n) as engine:

        def submit(first):
            for n in range(first, first + 50):
                ticket = engine.submit(n)
                with lock:
                    tickets.append(ticket)

        threads = [threading.Thread(target=submit, args=(first,)) for first in (0, 100, 200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(served) == sorted(ticket.request for ticket in tickets)
    assert all(ticket.result() == -ticket.request for ticket in tickets)
    by_arrival = sorted(tickets, key=lambda ticket: ticket.arrival)
    assert [ticket.request for ticket in by_arrival] == served


def test_closing_serves_everyone_in_line_and_leaves_no_thread():
    hold = threading.Event()
    before = threading.active_count()
    engine = SerialEngine(lambda n: hold.wait() and n)
    tickets = [engine.submit(n) for n in range(5)]
    assert not tickets[0].done()
    hold.set()
    engine.close()
    engine.close()
    assert [ticket.result() for ticket in tickets] == list(range(5))
    assert threading.active_count() == before


def test_a_closed_engine_says_so():
    engine = SerialEngine(work)
    engine.close()
    with pytest.raises(RuntimeError, match=r"^the engine is closed and takes no more requests"):
        engine.submit(1)


def test_an_answer_that_is_not_there_in_time_is_a_timeout():
    hold = threading.Event()
    with SerialEngine(lambda n: hold.wait()) as engine:
        ticket = engine.submit(1)
        with pytest.raises(TimeoutError):
            ticket.result(timeout=0.01)
        hold.set()


@pytest.mark.parametrize("error", [ArithmeticError("no"), SystemExit(3)])
def test_what_one_request_raises_stays_with_it(error):
    def serve(n):
        if n == 1:
            raise error
        return n

    with SerialEngine(serve) as engine:
        tickets = [engine.submit(n) for n in range(3)]
    assert [tickets[0].result(), tickets[2].result()] == [0, 2]
    with pytest.raises(type(error)) as caught:
        tickets[1].result()
    assert caught.value is error
    assert tickets[1].finish is not None


def test_a_generator_streams_and_its_first_token_is_timed():
    with SerialEngine(count_up) as engine:
        some, none = engine.submit(3), engine.submit(0)
    assert some.result() == [0, 1, 2]
    assert some.tokens == 3
    assert some.start <= some.first_token <= some.finish
    assert none.result() == []
    assert none.first_token is None


def test_a_live_run_is_the_recursion_on_its_own_trace():
    sizes = arrivals.mix([2_000, 20_000], [0.8, 0.2], 60, seed=8).int().tolist()
    with SerialEngine(work) as engine:
        work(20_000)
        begun = perf_counter()
        work(20_000)
        longest = perf_counter() - begun
        times = arrivals.poisson(2 / longest, len(sizes), seed=9)
        run = open_loop(engine, sizes, times, slip_limit=100.0)
    # start_k = max(sent_k, finish_{k-1}): one at a time, in order, nobody left standing. The order holds
    # exactly, the equality up to the time a sleeping thread takes to wake, which a busy machine stretches.
    before = torch.cat([run.sent[:1], run.finish[:-1]])
    gap = run.start - torch.maximum(run.sent, before)
    assert (gap >= 0).all()
    assert float(gap.median()) < longest
    ideal = lindley.waits(run.sent, trace.services(run))
    waited = run.start - run.sent
    assert (waited - ideal >= -1e-9).all()  # the live engine adds its own gaps and can only be later
    assert float((waited - ideal).max()) <= float(gap.sum()) + 1e-9
    assert abs(trace.littles_law_gap(run)) < 1e-9
    assert float(run.tokens.sum()) == len(sizes)


def test_the_sender_waits_for_nobody():
    hold = threading.Event()
    times = torch.tensor([0.0, 0.001, 0.002, 0.003])

    def serve(n):
        if n == 3:
            return n
        return hold.wait()

    with SerialEngine(serve) as engine:
        sent = threading.Thread(target=lambda: runs.append(open_loop(engine, [0, 1, 2, 3], times, 1e9)))
        runs: list[trace.Trace] = []
        sent.start()
        while len(engine._line) < 3:  # all are in line while the first is still being served
            pass
        hold.set()
        sent.join()
    assert trace.ahead_on_arrival(runs[0]).tolist() == [0, 1, 2, 3]


def test_a_streamed_run_knows_its_tokens_and_first_tokens():
    with SerialEngine(count_up) as engine:
        run = open_loop(engine, [3, 1, 2], torch.zeros(3), slip_limit=1e9)
    assert run.tokens.tolist() == [3, 1, 2]
    assert ((run.start <= run.first_token) & (run.first_token <= run.finish)).all()
