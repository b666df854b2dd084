import pytest
import torch

from seqdocs.queues import trace
from seqdocs.queues.engines.request import RefusedError
from seqdocs.queues.engines.ticket import Ticket
from seqdocs.queues.engines.traced import trace_of


def ticket(arrival, *times, finish, start=None, error=None, scheduled=None):
    made = Ticket("what", "one", arrival, scheduled)
    if start is not None:
        made.begin(start)
    for time in times:
        made.push("t", time)
    made.end(finish, error=error)
    return made


def test_a_trace_holds_every_time_of_every_ticket():
    run = trace_of(
        [ticket(11.0, 13.0, 14.0, start=12.0, finish=14.5), ticket(12.0, 15.0, start=14.5, finish=15.5)], 10.0
    )
    assert run.export() == {
        "scheduled": [1.0, 2.0],
        "sent": [1.0, 2.0],
        "start": [2.0, 4.5],
        "finish": [4.5, 5.5],
        "tokens": [2.0, 1.0],
        "first_token": [3.0, 5.0],
        "token_times": [3.0, 4.0, 5.0],
    }


def test_who_was_refused_in_line_was_in_the_system_until_then():
    no = RefusedError("cancelled", "no")
    run = trace_of([ticket(1.0, finish=4.0, error=no), ticket(2.0, 5.0, start=4.0, finish=5.0)])
    assert run.start.tolist() == [4.0, 4.0]
    assert run.first_token is None
    assert abs(trace.littles_law_gap(run)) < 1e-12


def test_tickets_are_put_in_the_order_they_were_scheduled_unless_the_schedule_is_given():
    late = ticket(3.0, start=3.0, finish=4.0, scheduled=1.0)
    early = ticket(2.0, start=2.0, finish=3.0)
    assert trace_of([early, late]).sent.tolist() == [3.0, 2.0]
    assert trace_of([early, late], 0.0, torch.tensor([0.5, 0.7])).sent.tolist() == [2.0, 3.0]


def test_a_run_that_goes_on_has_no_trace():
    with pytest.raises(ValueError, match=r"^<ticket one, waiting, 0 tokens> is not done"):
        trace_of([Ticket("what", "one", 1.0)])
