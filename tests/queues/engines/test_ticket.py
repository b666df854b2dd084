import threading

import pytest

from seqdocs.queues.engines.request import RefusedError
from seqdocs.queues.engines.ticket import Ticket


def ticket(**options):
    return Ticket("what", "one", 1.0, **options)


def test_tokens_can_be_read_while_they_come_and_again_afterwards():
    one, came, asked = ticket(), [], threading.Event()

    def read():
        for token in one:
            came.append(token)
            asked.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    one.push("a", 2.0)
    assert asked.wait(10)
    assert came == ["a"]
    assert not one.done()
    one.push("b", 3.0)
    one.end(4.0)
    reader.join(30)
    assert came == list(one) == one.result() == ["a", "b"]
    assert (one.token_times, one.first_token, one.finish) == ([2.0, 3.0], 2.0, 4.0)


def test_who_reads_to_the_end_cancels_nothing_and_who_leaves_does():
    stays, leaves = ticket(), ticket()
    for one in (stays, leaves):
        one.push("a", 2.0)
    stays.end(3.0)
    assert list(stays) == ["a"]
    assert stays.cancelled is None
    for _ in leaves:
        break
    assert leaves.cancelled.reason == "cancelled"


def test_a_second_answer_is_an_error_and_the_first_stands():
    one = ticket()
    one.end(2.0, "first")
    with pytest.raises(RuntimeError, match=r"^request one is answered twice"):
        one.end(3.0, "second")
    assert (one.result(), one.finish) == ("first", 2.0)


def test_nothing_is_an_answer_too():
    one = ticket()
    one.push(None, 2.0)
    one.end(2.0, None)
    assert one.result() is None


def test_an_error_comes_after_the_tokens_before_it():
    one, came = ticket(), []
    one.push("a", 2.0)
    one.end(3.0, error=ArithmeticError("no"))
    with pytest.raises(ArithmeticError, match="no"):
        came.extend(token for token in one)
    assert came == ["a"]
    with pytest.raises(ArithmeticError):
        one.result()


def test_a_callback_gets_every_token_and_when_it_fails_the_client_is_gone():
    def listen(token):
        if token == "b":
            raise ConnectionError("hung up")
        heard.append(token)

    heard = []
    one = ticket(on_token=listen)
    one.push("a", 2.0)
    assert one.cancelled is None
    one.push("b", 3.0)
    assert heard == ["a"]
    assert isinstance(one.cancelled, RefusedError)
    assert str(one.cancelled) == "request one lost its client: hung up"


def test_a_callback_hears_the_end_once_after_the_tokens_and_cannot_stop_it():
    def over():
        heard.append("over")
        raise ConnectionError("hung up")

    heard = []
    one = ticket(on_token=heard.append, on_end=over)
    one.push("a", 2.0)
    one.end(3.0)
    assert heard == ["a", "over"]
    assert one.result() == ["a"]


def test_no_answer_in_time_is_a_timeout():
    with pytest.raises(TimeoutError, match=r"^request one has no answer after 0\.01 seconds"):
        ticket().result(0.01)


def test_service_begins_once():
    one = ticket(scheduled=0.5)
    one.begin(2.0)
    one.begin(3.0)
    assert (one.scheduled, one.arrival, one.start) == (0.5, 1.0, 2.0)


def test_a_ticket_says_how_it_stands():
    one = ticket()
    said = [repr(one)]
    one.begin(2.0)
    said.append(repr(one))
    one.end(3.0, error=RefusedError("full", "no room"))
    said.append(repr(one))
    assert said == [
        "<ticket one, waiting, 0 tokens>",
        "<ticket one, running, 0 tokens>",
        "<ticket one, refused: no room, 0 tokens>",
    ]
