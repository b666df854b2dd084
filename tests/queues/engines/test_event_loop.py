import asyncio
import threading

import pytest

from seqdocs.queues.engines.event_loop import EventLoopEngine


def test_requests_take_turns_token_by_token():
    said, begin = [], threading.Event()

    def serve(request):
        begin.wait(30)  # until all have come
        for n in range(request[1]):
            said.append(request[0])
            yield n

    with EventLoopEngine(serve, at_once=2) as engine:
        tickets = [engine.submit((name, 4)) for name in "ab"]
        while engine._line:  # one holds the loop; the other is fetched by the helper thread
            pass
        begin.set()
    assert [ticket.result() for ticket in tickets] == [[0, 1, 2, 3]] * 2
    assert said[-2:] in (["a", "b"], ["b", "b"])
    assert "".join(said).find("b") < 4  # b began before a was done


def test_a_service_that_awaits_lets_the_others_go_on():
    async def serve(request):
        if request == "waits":
            await opened.wait()
        else:
            opened.set()
        yield request

    opened = asyncio.Event()
    with EventLoopEngine(serve, at_once=2) as engine:
        tickets = [engine.submit(request) for request in ("waits", "opens")]
    assert [ticket.result() for ticket in tickets] == [["waits"], ["opens"]]


def test_no_more_than_the_limit_take_turns():
    inside, most = set(), []

    def serve(request):
        inside.add(request)
        most.append(len(inside))
        yield request
        yield request
        inside.remove(request)

    with EventLoopEngine(serve, at_once=2) as engine:
        tickets = [engine.submit(n) for n in range(7)]
    assert [ticket.result() for ticket in tickets] == [[n, n] for n in range(7)]
    assert max(most) <= 2


def test_a_loop_with_no_turn_is_refused():
    with pytest.raises(ValueError, match=r"^`at_once` is 0; it is at least 1"):
        EventLoopEngine(print, at_once=0)
