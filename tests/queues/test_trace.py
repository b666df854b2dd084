import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdocs.queues import arrivals, trace
from seqdocs.queues.trace import Trace

COLUMNS = {
    "scheduled": [0.0, 1.0],
    "sent": [0.0, 1.5],
    "start": [0.0, 2.0],
    "finish": [2.0, 3.0],
    "tokens": [4, 2],
}
BAD = [
    ({"sent": [0.0]}, "`sent` has 1 requests but `scheduled` has 2"),
    ({"scheduled": [1.0, 0.0]}, "`scheduled` must never go down"),
    ({"start": [0.0, 0.5]}, "`start` lies before `scheduled`"),
    ({"finish": [2.0, 1.5]}, "`finish` lies before `start`"),
    ({"first_token": [1.0]}, "`first_token` has 1 requests"),
]
numbers = st.integers(0, 40).map(lambda n: n / 7)


@pytest.mark.parametrize(("change", "words"), BAD)
def test_impossible_traces_are_refused(change, words):
    with pytest.raises(ValueError, match="^" + words):
        Trace.load({**COLUMNS, **change})


def test_figures_of_a_run_worked_out_by_hand():
    run = Trace.load(COLUMNS)
    assert trace.waits(run).tolist() == [0.0, 1.0]
    assert trace.services(run).tolist() == [2.0, 1.0]
    assert trace.latencies(run).tolist() == [2.0, 2.0]
    assert trace.slips(run).tolist() == [0.0, 0.5]
    assert trace.throughput(run) == 2.0
    assert trace.mean_in_system(run) == pytest.approx(4 / 3)
    assert trace.ahead_on_arrival(run).tolist() == [0, 1]


@pytest.mark.parametrize(("deadline", "tokens"), [(0.0, 0.0), (1.9, 0.0), (2.0, 4.0), (3.0, 6.0)])
def test_goodput_counts_the_answers_in_time(deadline, tokens):
    run = Trace.load({**COLUMNS, "finish": [2.0, 4.0]})  # latencies 2 and 3 in a run of 4 seconds
    assert trace.goodput(run, deadline) == tokens / 4
    with pytest.raises(ValueError, match=r"^`deadline` is -1 seconds"):
        trace.goodput(run, -1)


def test_a_trace_survives_export_and_json():
    run = Trace.load({**COLUMNS, "first_token": [1.0, 2.5]})
    again = Trace.load(json.loads(json.dumps(run.export())))
    assert again.export() == run.export()


def test_an_empty_run_has_no_rate():
    run = trace.fifo(torch.zeros(0), torch.zeros(0))
    assert len(run) == 0
    assert trace.ahead_on_arrival(run).tolist() == []
    with pytest.raises(ValueError, match=r"^`trace` holds 0 requests"):
        trace.throughput(run)


def test_who_leaves_at_the_instant_of_an_arrival_is_gone():
    run = trace.fifo(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, 2.0, 1.0]))
    assert trace.ahead_on_arrival(run).tolist() == [0, 0, 1]


def test_those_who_come_together_stand_behind_one_another():
    run = trace.fifo(torch.zeros(4), torch.ones(4))
    assert trace.ahead_on_arrival(run).tolist() == [0, 1, 2, 3]
    assert trace.waits(run).tolist() == [0.0, 1.0, 2.0, 3.0]


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=40).filter(lambda run: run[0][2] > 0)
)
def test_littles_law_is_an_identity_whatever_the_order_of_service(rows):
    """Any delays and any service times, not first in first out: the law asks for neither."""
    gaps, delays, services = (torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True))
    scheduled = gaps.cumsum(0)
    start = scheduled + delays
    run = Trace(scheduled, scheduled, start, start + services, torch.ones_like(start))
    assert abs(trace.littles_law_gap(run)) < 1e-9


def test_littles_law_holds_on_a_long_run():
    run = trace.fifo(
        arrivals.poisson(9.0, 20_000, seed=5), arrivals.exponential(0.1, 20_000, seed=6), "cumulative"
    )
    assert abs(trace.littles_law_gap(run)) < 1e-9
    assert trace.mean_in_system(run) > 2  # the identity of a run in which nobody waits would say little


@pytest.mark.parametrize("count", [1, 2, 7, 63])
def test_ahead_counts_everyone_who_is_still_there(count):
    run = trace.fifo(arrivals.poisson(1.1, count, seed=count), arrivals.exponential(1.0, count, seed=7))
    by_hand = [sum(float(f) > float(run.scheduled[k]) for f in run.finish[:k]) for k in range(count)]
    assert trace.ahead_on_arrival(run).tolist() == by_hand
