"""Static, dynamic and continuous batches of the fake model."""

import threading

import pytest
from engine_fakes import POISON, VOCABULARY, FakeModel, answer_of, ticking

from seqdocs.queues.engines import usage
from seqdocs.queues.engines.continuous_batch import ContinuousBatchEngine
from seqdocs.queues.engines.dynamic_batch import DynamicBatchEngine
from seqdocs.queues.engines.request import RefusedError, Request
from seqdocs.queues.engines.static_batch import StaticBatchEngine


def contiguous(size=2, **options):
    return FakeModel(blocks=size, block_size=64, **options)


def asked(*lengths):
    return [Request((number + 1, 2, 3), new) for number, new in enumerate(lengths)]


def served(engine, requests):
    with engine:
        tickets = [engine.submit(request) for request in requests]
    assert [ticket.result() for ticket in tickets] == [answer_of(request) for request in requests]
    return tickets


class Gate:
    """Holds the model's first step until it is opened."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self, readings) -> None:
        self.reached.set()
        self.open.wait(30)


def submitted_during_the_first_step(engine, requests):
    """The first is alone in the first step; all others are in line when the second is planned."""
    gate = engine._model.before
    tickets = [engine.submit(requests[0])]
    assert gate.reached.wait(30)
    tickets += [engine.submit(request) for request in requests[1:]]
    gate.open.set()
    return tickets


def test_a_static_batch_is_full_and_nobody_joins_it():
    model = contiguous()
    served(StaticBatchEngine(model, 2), asked(4, 2, 3, 1, 1))
    assert [len(step) for step in model.steps] == [2, 2, 1, 1, 2, 1, 1, 1]
    assert [sum(step) for step in model.steps] == [6, 2, 1, 1, 6, 1, 1, 3]


def test_a_static_batch_waits_for_its_last():
    model = contiguous()
    with StaticBatchEngine(model, 2) as engine:
        first = engine.submit(asked(1)[0])
        assert not first.done()
        assert model.steps == []
        second = engine.submit(asked(1, 2)[1])
        assert second.result() == answer_of(second.request)
        assert first.done()


def test_a_dynamic_batch_without_patience_takes_who_is_there():
    model = contiguous(4, before=Gate())
    with DynamicBatchEngine(model, 4, patience=0) as engine:
        tickets = submitted_during_the_first_step(engine, asked(2, 2, 1))
        assert [ticket.result() for ticket in tickets] == [answer_of(request) for request in asked(2, 2, 1)]
    assert model.steps == [[3], [1], [3, 3], [1]]


def test_a_dynamic_batch_with_patience_is_full():
    model = contiguous()
    served(DynamicBatchEngine(model, 2, patience=3600.0), asked(1, 1))
    assert model.steps == [[3, 3]]


def test_a_continuous_batch_gives_a_place_to_the_next_at_once():
    model = FakeModel(blocks=64, block_size=4, before=Gate())
    with ContinuousBatchEngine(model, 2) as engine:
        tickets = submitted_during_the_first_step(engine, asked(5, 2, 2))
    assert [ticket.result() for ticket in tickets] == [answer_of(request) for request in asked(5, 2, 2)]
    assert model.steps == [[3], [3], [1, 1], [3], [1, 1], [1], [1]]


def test_preemption_changes_no_token():
    seen, requests = [], asked(12, 12, 12, 12, 9)
    with ContinuousBatchEngine(FakeModel(8, 2, before=Gate()), 4, watch=seen.append) as engine:
        tickets = submitted_during_the_first_step(engine, requests)
    assert [ticket.result() for ticket in tickets] == [answer_of(request) for request in requests]
    assert seen[-1].preemptions > 0


def test_an_error_in_the_model_hits_only_whose_it_is():
    requests = [*asked(3, 3), Request((1, POISON), 3), *asked(2)]
    with ContinuousBatchEngine(FakeModel(64, 4, before=Gate()), 4) as engine:
        tickets = submitted_during_the_first_step(engine, requests)
    assert [tickets[n].result() for n in (0, 1, 3)] == [answer_of(requests[n]) for n in (0, 1, 3)]
    with pytest.raises(ArithmeticError, match="cannot bear"):
        tickets[2].result()
    assert engine._cache.free == 64


def test_a_cancelled_request_gives_its_blocks_back():
    def hang_up(token):
        raise ConnectionError("gone")

    with ContinuousBatchEngine(FakeModel(16, 4), 4) as engine:
        ticket = engine.submit(Request((1,), 60), on_token=hang_up)
        other = engine.submit(Request((2,), 60))  # needs nearly all there is
        assert other.result() == answer_of(other.request)
    assert (ticket.error.reason, ticket.tokens) == ("cancelled", 1)
    assert engine._cache.free == 16


def test_what_could_never_fit_is_refused_at_the_door():
    with ContinuousBatchEngine(FakeModel(blocks=4, block_size=4), 4) as engine:
        assert engine.submit(Request((1,) * 10, 7)).result()
        with pytest.raises(RefusedError, match=r"may need 17 positions of a KV cache that has 16") as caught:
            engine.submit(Request((1,) * 10, 8))
        with pytest.raises(RefusedError, match="tokens are 0 to 96") as bad:
            engine.submit(Request((VOCABULARY,), 1))
    assert (caught.value.reason, bad.value.reason) == ("no blocks", "bad request")


def test_a_stop_token_ends_an_answer():
    whole = answer_of(Request((1, 2), 30))
    request = Request((1, 2), 30, stop=whole[4])
    with ContinuousBatchEngine(FakeModel(64, 4), 4) as engine:
        assert engine.submit(request).result() == whole[: whole.index(whole[4]) + 1]


def test_a_short_prompt_behind_a_long_one_begins_after_it():
    requests = [Request((1,) * n, 3) for n in (30, 30, 1, 30, 1)]
    with ContinuousBatchEngine(FakeModel(64, 4, before=Gate()), 8, chunk=2, now=ticking()) as engine:
        tickets = submitted_during_the_first_step(engine, requests)
    starts = [ticket.start for ticket in tickets]
    assert starts == sorted(starts)


def test_closing_without_draining_refuses_who_runs_and_who_waits():
    gate = Gate()
    engine = ContinuousBatchEngine(FakeModel(64, 4, before=gate), 2)
    tickets = [engine.submit(Request((1,), 9)) for _ in range(4)]
    gate.reached.wait(30)
    closer = threading.Thread(target=engine.close, kwargs={"drain": False}, daemon=True)
    closer.start()
    while not engine._abandoned:
        pass
    gate.open.set()
    closer.join(30)
    assert [ticket.error.reason for ticket in tickets] == ["closed"] * 4
    assert engine._cache.free == 64


def test_usage_counts_what_is_reserved_and_what_is_filled():
    seen = []
    served(ContinuousBatchEngine(FakeModel(64, 4), 1, watch=seen.append), asked(3))
    assert [(one.running, one.reading, one.reserved, one.filled) for one in seen] == [
        (1, 3, 4, 3),
        (1, 1, 4, 4),
        (1, 1, 8, 5),
    ]
    assert usage.waste(seen) == 1 - 12 / 16
    assert usage.peak_bytes(seen, 10) == 80


def test_a_contiguous_cache_wastes_what_is_never_written():
    seen = []
    served(StaticBatchEngine(contiguous(1), 1, watch=seen.append), asked(3))
    assert usage.waste(seen) == 1 - 12 / (3 * 64)


def test_a_run_that_reserved_nothing_has_no_waste():
    with pytest.raises(ValueError, match=r"^`run` reserves nothing in its 0 steps"):
        usage.waste([])


def test_blocks_held_by_several_are_counted_once():
    seen, model = [], FakeModel(64, 2, before=Gate())
    with ContinuousBatchEngine(model, 4, share=True, watch=seen.append) as engine:
        first, twin = submitted_during_the_first_step(engine, [Request((1, 2, 3, 4, 5), 3)] * 2)
    assert first.result() == twin.result() == answer_of(first.request)
    both = next(one for one in seen if one.running == 2)
    assert both.reserved < 2 * 6
    assert all(one.filled <= one.reserved for one in seen)
    assert sum(map(sum, model.steps)) == 7 + 3  # the twin reads its last prompt token and its own answer
