import asyncio

import pytest

from seqdocs.queues.engines.event_loop import EventLoopEngine


def test_requests_take_turns_token_by_token():
    said = []

    def serve(request):
        for n in range(10**6):
            said.append(request)
            yield n
            if said.count("short") == 3:  # the long one goes on until the short one has had its turns
                break

    with EventLoopEngine(serve, at_once=2) as engine:
        long, short = engine.submit("long"), engine.submit("short")
    assert len(short.result()) == 3
    assert said[0] == "long"
    assert 3 <= len(long.result()) < 10**6


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

    async def serve(request):
        inside.add(request)
        await asyncio.sleep(0.02)  # time enough for others to come in, were they let in
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
