"""Simulated queues against recursions, by hand, and against theory. Times in mean services of one second."""

import sys

import pytest
import torch

from seqdocs.queues import arrivals, multiserver, trace
from seqdocs.queues.theory import disciplines, erlang, mm1

pytest.importorskip("simpy")

from seqdocs.queues.simulation import admission, batches, dispatch, events, order, reneging, sharing

TOLERANCE = {"rtol": 0.0, "atol": 1e-9}  # seconds, fp64
COUNTS = [0, 1, 2, 7, 63]
ALL = {  # every queue as a function of arrivals and services that returns a trace
    "first come": order.first_come,
    "shortest first": order.shortest_first,
    "sharing": sharing.processor_sharing,
    "patient": lambda when, work: reneging.impatient(when, work, torch.full_like(work, 1e9)).trace,
    "batches": lambda when, work: batches.batch_service(when, lambda size: 1.0, 4),
    "choices": lambda when, work: dispatch.shortest_of(when, work, servers=3, choices=2, seed=0),
    "room for all": lambda when, work: admission.admit(when, work, admission.room(10**6)).trace,
}


def drawn(rate, count, seed=0):
    return arrivals.poisson(rate, count, seed), arrivals.exponential(1.0, count, seed + 1)


def seconds(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def near(samples, expected, batches=40):
    """Whether a mean agrees with theory; the error comes from batches, since neighbours are alike."""
    means = torch.stack([part.mean() for part in samples.double().tensor_split(batches)])
    error = float(means.std()) / batches**0.5
    assert error < 0.06 * expected  # or the check below would pass for anything
    assert abs(float(means.mean()) - expected) < 4 * error


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("count", COUNTS)
def test_everybody_is_served_once_and_littles_law_holds(name, count):
    when, work = drawn(0.9, count)
    run = ALL[name](when, work)
    assert torch.equal(run.scheduled, when)
    if count:
        assert abs(trace.littles_law_gap(run)) < 1e-9


@pytest.mark.parametrize("name", ALL)
def test_bad_runs_are_named(name):
    with pytest.raises(ValueError, match=r"^`arrivals` must never go down"):
        ALL[name](seconds(2.0, 1.0), seconds(1.0, 1.0))
    with pytest.raises(ValueError, match=r"^`arrivals` begins at -1\.0 seconds but the clock"):
        ALL[name](seconds(-1.0, 1.0), seconds(1.0, 1.0))


BAD = [
    (lambda: order.first_come(seconds(0.0), seconds(1.0), 0), "`servers` is 0"),
    (lambda: order.most_urgent(seconds(0.0), seconds(1.0), seconds()), "`priorities` has 0 requests but"),
    (lambda: reneging.impatient(seconds(0.0), seconds(1.0), seconds(-1.0)), "`patience` has 1 requests"),
    (lambda: batches.batch_service(seconds(0.0), lambda n: 1.0, 0), "`most` is 0 requests"),
    (lambda: batches.batch_service(seconds(0.0), lambda n: -1.0, 1), "`batch_time` is -1.0 seconds"),
    (lambda: dispatch.shortest_of(seconds(0.0), seconds(1.0), 2, 3, 0), "`choices` is 3 but"),
    (lambda: admission.room(0), "`most` is 0 requests but there must be room"),
    (lambda: admission.within(-1.0), "`deadline` is -1.0 seconds"),
]


@pytest.mark.parametrize(("call", "words"), BAD, ids=[words for _, words in BAD])
def test_bad_arguments_are_named(call, words):
    with pytest.raises(ValueError, match="^" + words):
        call()


def test_without_simpy_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "simpy", None)
    with pytest.raises(ModuleNotFoundError, match=r"need SimPy.*: pip install 'seqdocs\[simulation\]'$"):
        events.environment()


# -- order


@pytest.mark.parametrize("servers", [1, 2, 8])
def test_first_come_is_the_recursion(servers):
    when, work = drawn(0.9 * servers, 3000)
    run = order.first_come(when, work, servers)
    torch.testing.assert_close(trace.waits(run), multiserver.waits(when, work, servers), **TOLERANCE)


def test_the_most_urgent_is_next_but_interrupts_nobody():
    run = order.most_urgent(
        seconds(0.0, 0.5, 0.6, 0.7), seconds(2.0, 1.0, 1.0, 1.0), seconds(9.0, 2.0, 1.0, 1.0)
    )
    assert run.start.tolist() == [0.0, 4.0, 2.0, 3.0]


def test_shortest_first_waits_less_on_average_and_its_longest_wait_more():
    when, work = drawn(0.9, 20_000, seed=2)
    fifo, shortest = order.first_come(when, work), order.shortest_first(when, work)
    assert float(trace.waits(shortest).mean()) < 0.6 * float(trace.waits(fifo).mean())
    longest = work.argsort()[-200:]
    assert float(trace.waits(shortest)[longest].mean()) > float(trace.waits(fifo)[longest].mean())
    assert float(shortest.finish.max()) == pytest.approx(float(fifo.finish.max()))  # the work is the same


def test_two_classes_wait_as_cobham_says():
    when, work = drawn(0.8, 60_000, seed=3)
    urgent = arrivals.mix([1.0, 2.0], [0.4, 0.6], len(when), seed=9)
    waits = trace.waits(order.most_urgent(when, work, urgent))
    expected = disciplines.priority_waits([0.32, 0.48], [1.0, 1.0], [2.0, 2.0])
    near(waits[urgent == 1], expected[0])
    near(waits[urgent == 2], expected[1])


# -- sharing


def test_sharing_worked_out_by_hand():
    # alone until 1; two share until the first has its 2 at 3; then alone again
    run = sharing.processor_sharing(seconds(0.0, 1.0), seconds(2.0, 3.0))
    assert run.finish.tolist() == [3.0, 5.0]
    together = sharing.processor_sharing(seconds(1.0, 1.0, 1.0), seconds(1.0, 1.0, 2.0))
    assert together.finish.tolist() == [4.0, 4.0, 5.0]


@pytest.mark.parametrize("services", ["exponential", "two kinds"])
def test_sharing_takes_what_theory_says_whatever_the_others_ask_for(services):
    when, work = drawn(0.7, 60_000, seed=5)
    if services == "two kinds":
        work = arrivals.mix([0.5, 5.5], [0.9, 0.1], len(when), seed=6)
    spent = trace.latencies(sharing.processor_sharing(when, work))
    near(spent, disciplines.sharing_latency(0.7, 1.0))
    long = work > 2
    near(spent[long] / work[long], disciplines.sharing_latency(0.7, 1.0, 1.0))  # each in its proportion


def test_sharing_works_whenever_there_is_work():
    when, work = drawn(0.9, 2000, seed=7)
    shared, fifo = sharing.processor_sharing(when, work), order.first_come(when, work)
    assert float(shared.finish.max()) == pytest.approx(float(fifo.finish.max()), abs=1e-9)


# -- reneging


def test_who_waits_too_long_goes_and_makes_room():
    out = reneging.impatient(seconds(0.0, 1.0, 2.0), seconds(5.0, 9.0, 1.0), seconds(0.0, 3.0, 4.0))
    assert out.served.tolist() == [True, False, True]
    assert out.trace.start.tolist() == [0.0, 5.0]


@pytest.mark.parametrize("rate", [0.8, 1.5])
def test_the_impatient_leave_as_often_as_theory_says(rate):
    when, work = drawn(rate, 60_000, seed=8)
    out = reneging.impatient(when, work, arrivals.exponential(2.0, len(when), seed=10))
    near(~out.served, disciplines.reneging_share(rate, 1.0, 2.0))


# -- batches


def by_hand(when, batch_time, most):
    """Batch service without events: the next batch begins when the server and its first request are there."""
    start, free, k = torch.zeros_like(when), 0.0, 0
    while k < len(when):
        begins = max(free, float(when[k]))
        size = min(most, int((when[k:] <= begins).sum()))
        start[k : k + size] = begins
        free, k = begins + batch_time(size), k + size
    return start


@pytest.mark.parametrize("most", [1, 2, 8, 1000])
def test_batches_are_those_of_a_plain_loop(most):
    when, _ = drawn(1.8, 3000, seed=11)

    def batch_time(size):
        return 0.5 + 0.25 * size

    run = batches.batch_service(when, batch_time, most)
    torch.testing.assert_close(run.start, by_hand(when, batch_time, most), **TOLERANCE)


def test_those_who_come_together_share_a_batch():
    run = batches.batch_service(seconds(1.0, 1.0, 1.0, 1.0), lambda size: 1.0, 3)
    assert run.start.tolist() == [1.0, 1.0, 1.0, 2.0]


# -- dispatch


def test_one_choice_is_a_separate_line_each():
    when, work = drawn(0.7 * 10, 60_000, seed=12)
    run = dispatch.shortest_of(when, work, servers=10, choices=1, seed=13)
    near(trace.latencies(run), 1 + mm1.mm1_wait(0.7, 1.0))


def test_two_choices_take_as_long_as_theory_says_of_many_servers():
    when, work = drawn(0.8 * 100, 80_000, seed=14)
    run = dispatch.shortest_of(when, work, servers=100, choices=2, seed=15)
    spent = float(trace.latencies(run)[20_000:].mean())  # it began empty
    assert spent == pytest.approx(disciplines.choices_latency(0.8, 2), rel=0.03)


def test_more_choices_wait_less_and_one_common_line_least():
    when, work = drawn(0.9 * 8, 30_000, seed=16)
    waits = [float(trace.waits(dispatch.shortest_of(when, work, 8, d, seed=17)).mean()) for d in (1, 2, 8)]
    assert waits[0] > 3 * waits[1] > 3 * waits[2]
    assert waits[2] > float(multiserver.waits(when, work, 8).mean())


# -- admission


@pytest.mark.parametrize(("rate", "room"), [(0.8, 3), (1.5, 5)])
def test_a_finite_buffer_refuses_as_often_as_theory_says(rate, room):
    when, work = drawn(rate, 60_000, seed=18)
    out = admission.admit(when, work, admission.room(room))
    near(~out.served, disciplines.blocked_share(rate, 1.0, room))
    assert int(trace.ahead_on_arrival(out.trace).max()) == room - 1


def test_without_a_line_servers_refuse_as_erlang_b_says():
    when, work = drawn(6.0, 60_000, seed=19)
    near(~admission.admit(when, work, admission.room(8), servers=8).served, erlang.erlang_b(6.0, 8))


def test_a_deadline_at_the_door_is_kept_inside():
    when, work = drawn(1.5, 20_000, seed=20)
    out = admission.admit(when, work, admission.within(2.0))
    assert float(trace.waits(out.trace).max()) <= 2.0 + 1e-9
    assert 0.2 < float((~out.served).double().mean()) < 0.6
    # those refused would have waited longer: the work of those inside says so
    patient = reneging.impatient(when, work, torch.full_like(work, 2.0))
    assert torch.equal(patient.served, out.served)  # first come: who would not wait is who is not let in


def test_those_who_come_at_one_instant_count_for_each_other():
    out = admission.admit(seconds(1.0, 1.0, 1.0), seconds(1.0, 1.0, 1.0), admission.room(2))
    assert out.served.tolist() == [True, True, False]


def test_the_work_ahead_is_shared_among_the_servers():
    # at 1 each of two servers has 3 s left: one more is let in, and then there are 4 s for each
    when, work = seconds(0.0, 0.0, 1.0, 1.0), seconds(4.0, 4.0, 2.0, 2.0)
    out = admission.admit(when, work, admission.within(3.0), servers=2)
    assert out.served.tolist() == [True, True, True, False]
