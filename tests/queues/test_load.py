"""The load generators before an engine and a clock of make-believe, so that every number is exact."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Barrier

import pytest
import torch

from seqdocs.queues import lindley, trace
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.engines.thread_pool import ThreadPoolEngine
from seqdocs.queues.engines.ticket import Ticket
from seqdocs.queues.load import LateSenderError, closed_loop, open_loop, population

STEP, SERVICE, STALL = 1 / 64, 1 / 128, 1.0  # seconds; powers of two, so that they add up exactly
STALLED = 10  # the request before which the engine pauses


@dataclass
class Clock:
    """Time that passes only when somebody sleeps; sleeping may take longer than was asked for."""

    time: float = 1000.0
    late: dict[int, float] = field(default_factory=dict)  # by how much the n-th sleep overshoots
    sleeps: int = 0

    def now(self) -> float:
        return self.time

    def pause(self, seconds: float) -> None:
        self.time += seconds + self.late.get(self.sleeps, 0.0)
        self.sleeps += 1


class Answered(Ticket):
    """A ticket whose answer is known to come at a certain time; who waits for it lives through that time."""

    clock: Clock

    def result(self, timeout=None):
        self.clock.time = max(self.clock.time, self.finish)
        return self.request


class Engine:
    """One request after the other, ``SERVICE`` each, with a pause of ``STALL`` before request ``STALLED``."""

    def __init__(self, clock: Clock, stalled: int | None = STALLED) -> None:
        self.clock, self.stalled, self.free, self.sent = clock, stalled, clock.time, []

    def submit(self, request: int) -> Ticket:
        ticket = Answered(request, str(request), self.clock.now())
        ticket.clock = self.clock
        ticket.start = max(ticket.arrival, self.free)
        ticket.finish = ticket.start + SERVICE + (STALL if request == self.stalled else 0.0)
        ticket.token_times = [ticket.finish]
        self.free = ticket.finish
        self.sent.append(ticket)
        return ticket


def schedule(count: int) -> torch.Tensor:
    return torch.arange(count, dtype=torch.float64) * STEP


def run(loop, count=200, clock=None, stalled=STALLED, **options):
    clock = clock or Clock()
    engine = Engine(clock, stalled)
    return loop(engine, range(count), schedule(count), now=clock.now, pause=clock.pause, **options)


def test_an_open_load_sends_on_schedule_whatever_the_engine_is_up_to():
    seen = run(open_loop)
    assert torch.equal(seen.sent, schedule(200))
    assert float(seen.finish[STALLED]) > float(seen.sent[STALLED + 60])  # sent while the first is stuck


def test_an_open_load_shows_a_stall_in_every_request_scheduled_during_it():
    latencies = trace.latencies(run(open_loop))
    begin = STALLED * STEP
    during = (schedule(200) > begin) & (schedule(200) < begin + STALL)
    assert int(during.sum()) == 63
    left = begin + STALL - schedule(200)[during]  # of the pause, for each of them
    assert (latencies[during] >= left).all()
    services = torch.full((200,), SERVICE, dtype=torch.float64)
    services[STALLED] += STALL
    assert torch.equal(latencies, lindley.waits(schedule(200), services) + services)


def test_a_closed_load_hides_the_stall_in_all_requests_but_one():
    latencies = trace.latencies(run(closed_loop))
    assert int((latencies > SERVICE).sum()) == 1
    assert float(latencies.max()) == STALL + SERVICE


def test_a_closed_load_sends_after_the_answer_and_calls_that_the_schedule():
    seen = run(closed_loop)
    assert (seen.sent[1:] >= seen.finish[:-1]).all()
    assert torch.equal(seen.scheduled, seen.sent)
    assert float(trace.slips(seen).max()) == 0.0
    assert torch.equal(seen.sent[:STALLED], schedule(STALLED))  # as long as the engine keeps up, both are one
    assert float(seen.sent[STALLED + 1]) > float(schedule(200)[STALLED + 1])


def test_without_a_stall_both_loads_see_the_same():
    open_, closed = (run(loop, stalled=None) for loop in (open_loop, closed_loop))
    assert open_.export() == closed.export()


def test_latency_counts_from_the_scheduled_time_when_the_sender_is_late():
    seen = run(open_loop, 3, Clock(late={1: STEP / 4}), stalled=None, slip_limit=1.0)
    assert torch.equal(seen.scheduled, schedule(3))
    assert trace.slips(seen).tolist() == [0.0, 0.0, STEP / 4]
    assert trace.latencies(seen).tolist() == [SERVICE, SERVICE, SERVICE + STEP / 4]
    assert trace.waits(seen).tolist() == [0.0, 0.0, STEP / 4]


def test_a_sender_that_is_late_on_average_loses_its_run():
    late = Clock(late=dict.fromkeys(range(200), SERVICE / 4))
    with pytest.raises(
        LateSenderError, match=r"^requests were sent 1\.9\d ms late on average and 1\.95 ms at"
    ):
        run(open_loop, clock=late, stalled=None)


@pytest.mark.parametrize(("stragglers", "refused"), [(2, False), (3, True)])
def test_a_sender_that_is_very_late_in_more_than_one_request_of_a_hundred_loses_its_run(stragglers, refused):
    late = Clock(late=dict.fromkeys(range(0, 10 * stragglers, 10), 1.5 * SERVICE))
    if refused:
        with pytest.raises(LateSenderError, match=r"and 11\.7 ms at worst, where a service takes 7\.81 ms"):
            run(open_loop, clock=late, stalled=None)
    else:
        seen = run(open_loop, clock=late, stalled=None)
        assert float(trace.slips(seen).max()) == 1.5 * SERVICE  # recorded all the same


def test_a_limit_out_of_reach_keeps_every_run():
    late = Clock(late=dict.fromkeys(range(200), 5.0))
    assert len(run(open_loop, clock=late, slip_limit=1e9)) == 200


def refuse_seven(self, timeout=None):
    if self.request == 7:
        raise ArithmeticError("7 is odd")


@pytest.mark.parametrize(("loop", "sent"), [(open_loop, 20), (closed_loop, 8)])
def test_a_request_that_fails_is_named_and_a_closed_load_stops_there(loop, sent, monkeypatch):
    monkeypatch.setattr(Answered, "result", refuse_seven)
    clock = Clock()
    engine = Engine(clock)
    with pytest.raises(RuntimeError, match=r"^the engine failed on request 7 of 20: 7 is odd$") as caught:
        loop(engine, range(20), schedule(20), now=clock.now, pause=clock.pause)
    assert isinstance(caught.value.__cause__, ArithmeticError)
    assert len(engine.sent) == sent


@pytest.mark.parametrize("loop", [open_loop, closed_loop])
@pytest.mark.parametrize(
    ("requests", "times", "words"),
    [
        ([1, 2], torch.zeros(1), "`requests` has 2 entries but `arrival_times` has 1"),
        ([1, 2], torch.tensor([1.0, 0.0]), "`arrival_times` must never go down"),
    ],
)
def test_bad_loads_are_named_before_anything_is_sent(loop, requests, times, words):
    engine = Engine(Clock())
    with pytest.raises(ValueError, match="^" + words):
        loop(engine, requests, times)
    assert engine.sent == []


def test_a_negative_limit_is_named():
    with pytest.raises(ValueError, match=r"^`slip_limit` is -0\.1 service times"):
        run(open_loop, slip_limit=-0.1)


@pytest.mark.parametrize("loop", [open_loop, closed_loop])
def test_an_empty_load_is_an_empty_run(loop):
    assert len(run(loop, 0)) == 0


def test_a_population_keeps_so_many_inside():
    meeting = Barrier(3, timeout=60)  # nobody is answered before three are inside

    def serve(request):
        meeting.wait()
        return request

    with ThreadPoolEngine(serve, 5) as engine:
        run = population(engine, range(12), clients=3)
        assert len(engine._inside) == 0
    assert len(run) == 12
    assert int(trace.ahead_on_arrival(run).max()) == 2
    assert bool((trace.slips(run) == 0).all())


def test_a_population_of_one_waits_for_every_answer():
    with SerialEngine(lambda n: n) as engine:
        run = population(engine, range(5), clients=1)
        assert len(population(engine, [], clients=2)) == 0
    assert bool((run.scheduled[1:] >= run.finish[:-1]).all())


def test_a_fault_in_a_population_names_the_request():
    def serve(n):
        raise ArithmeticError("no")

    with SerialEngine(serve) as engine:
        with pytest.raises(RuntimeError, match=r"^the engine failed on request 0 of 1: no$"):
            population(engine, [1], clients=1)
        with pytest.raises(ValueError, match=r"^`clients` is 0; there is at least 1$"):
            population(engine, [1], clients=0)
