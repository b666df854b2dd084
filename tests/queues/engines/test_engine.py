"""The door, which is the same for all engines: tried on the smallest."""

import threading

import pytest
from engine_fakes import count_up, ticking

from seqdocs.queues.engines.engine import Engine
from seqdocs.queues.engines.request import RefusedError, Request
from seqdocs.queues.engines.serial import SerialEngine


class Held:
    """A service that waits until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, request):
        self.begun.set()
        self.go.wait(30)
        yield from request.prompt


def ask(name=None, **options):
    return Request((1, 2), 1, id=name, **options)


def test_a_request_whose_id_is_inside_is_refused_and_welcome_when_it_has_left():
    held = Held()
    with SerialEngine(held) as engine:
        first = engine.submit(ask("a"))
        with pytest.raises(RefusedError, match=r"^request a is not answered yet") as caught:
            engine.submit(ask("a"))
        assert caught.value.reason == "duplicate"
        other = engine.submit(ask("b"))
        held.go.set()
        assert first.result() == [1, 2]
        again = engine.submit(ask("a"))
    assert [ticket.result() for ticket in (other, again)] == [[1, 2]] * 2


def test_requests_without_a_name_get_one_each():
    with SerialEngine(count_up) as engine:
        names = {engine.submit(1).id for _ in range(5)}
    assert len(names) == 5


def test_a_full_engine_refuses_until_somebody_has_left():
    held = Held()
    with SerialEngine(held, limit=2) as engine:
        tickets = [engine.submit(ask()) for _ in range(2)]
        with pytest.raises(RefusedError, match=r"^the engine lets in 2 requests at a time") as caught:
            engine.submit(ask())
        assert caught.value.reason == "full"
        held.go.set()
        tickets[0].result()
        engine.submit(ask()).result()


def test_what_the_check_refuses_does_not_come_in():
    def check(request):
        raise RefusedError("bad request", "not this one")

    with SerialEngine(count_up, check=check, limit=1) as engine:
        for _ in range(2):
            with pytest.raises(RefusedError, match="not this one"):
                engine.submit(3)


def test_closing_without_draining_refuses_all_but_what_is_complete():
    held = Held()
    engine = SerialEngine(held)
    tickets = [engine.submit(ask()) for _ in range(3)]
    held.begun.wait(30)
    closer = threading.Thread(target=engine.close, kwargs={"drain": False}, daemon=True)
    closer.start()
    while not engine._abandoned:
        pass
    held.go.set()
    closer.join(30)
    assert [ticket.error.reason for ticket in tickets] == ["closed"] * 3
    assert [ticket.tokens for ticket in tickets] == [1, 0, 0]


def test_a_block_that_fails_does_not_wait_for_the_line():
    held = Held()
    with pytest.raises(KeyError), SerialEngine(held) as engine:
        tickets = [engine.submit(ask()) for _ in range(2)]
        held.go.set()
        raise KeyError
    assert tickets[1].done()
    assert tickets[1].error is None or tickets[1].error.reason == "closed"


def test_a_cancelled_request_in_line_is_never_begun():
    held = Held()
    with SerialEngine(held) as engine:
        tickets = [engine.submit(ask()) for _ in range(3)]
        tickets[1].cancel()
        held.go.set()
    assert [ticket.error and ticket.error.reason for ticket in tickets] == [None, "cancelled", None]
    assert tickets[1].start is None


def test_a_request_gets_no_token_after_its_deadline():
    with SerialEngine(lambda request: iter(range(1000)), now=ticking()) as engine:
        ticket = engine.submit(ask(deadline=20 / 1024))  # the clock ticks some times for each token
    assert ticket.error.reason == "deadline"
    assert str(ticket.error).startswith("request number 0 had 0.0195312 seconds; it is refused after")
    assert 0 < ticket.tokens < 20
    assert all(time <= ticket.arrival + 22 / 1024 for time in ticket.token_times)


def test_an_answer_that_is_complete_is_not_taken_back_by_a_cancel():
    with SerialEngine(count_up) as engine:
        ticket = engine.submit(3)
        assert ticket.result() == [0, 1, 2]
        ticket.cancel()
    assert ticket.result() == [0, 1, 2]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_the_engine_itself_leaves_nobody_waiting():
    class Broken(Engine[int]):
        def __init__(self):
            super().__init__()
            self.go = threading.Event()
            self._start()

        def _work(self):
            self.go.wait(30)
            raise ZeroDivisionError("a bug")

    engine = Broken()
    tickets = [engine.submit(n) for n in range(3)]
    engine.go.set()
    for ticket in tickets:
        with pytest.raises(ZeroDivisionError, match="a bug"):
            ticket.result(30)
    engine.close()
    with pytest.raises(RefusedError, match="closed"):
        engine.submit(4)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_in_one_thread_ends_what_others_serve_once_and_ends_the_others():
    """The thread that breaks and the one that serves both want to end the same request; one of them does."""

    class HalfBroken(Engine[int]):
        def __init__(self):
            super().__init__()
            self.serves, self.broke, self.served = threading.Event(), threading.Event(), threading.Event()
            self.first = iter([True])
            self._start(2)

        def _work(self):
            if next(self.first, False):
                self.serves.wait(30)
                raise ZeroDivisionError("a bug")
            while taken := self._line.take():
                self.serves.set()
                self.broke.wait(30)
                taken[0].push("too late", self._now())
                self._end(taken[0], "too late")
            self.served.set()

    ended = []
    engine = HalfBroken()
    tickets = [engine.submit(n, on_end=lambda n=n: ended.append(n)) for n in range(3)]
    for ticket in tickets:
        with pytest.raises(ZeroDivisionError, match="a bug"):
            ticket.result(30)
    engine.broke.set()
    assert engine.served.wait(30)  # the line is closed, so the other thread is free to go
    engine.close()
    assert sorted(ended) == [0, 1, 2]
    assert [ticket.tokens for ticket in tickets] == [0, 0, 0]
    with pytest.raises(RefusedError, match="closed"):
        engine.submit(4)
