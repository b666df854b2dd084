import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdocs.queues import arrivals, lindley

COUNTS = [0, 1, 2, 3, 7, 63, 1000]
FAST = ["scan", "cumulative"]
TOLERANCE = {"rtol": 0.0, "atol": 1e-9}  # seconds, fp64

BAD = [
    ([0.0, 1.0], [1.0], {}, "`arrivals` has 2 requests but `services` has 1"),
    ([0.0, 2.0, 1.0], [1.0] * 3, {}, "`arrivals` must never go down but does at request 2: 2.0 then 1.0"),
    ([0.0, 1.0], [1.0, -0.5], {}, "`services` holds -0.5 seconds but a service takes at least 0"),
    ([0.0, float("nan")], [1.0, 1.0], {}, "`arrivals` holds numbers that are not finite"),
    ([[0.0]], [1.0], {}, r"`arrivals` has shape \(1, 1\) but must be \(N,\)"),
    ([0.0], [1.0], {"method": "fast"}, "`method` is 'fast' but must be one of loop, scan, cumulative"),
]

numbers = st.integers(0, 40).map(
    lambda n: n / 8
)  # eighths add up exactly, and meet at the same instant often
runs = st.lists(st.tuples(numbers, numbers), max_size=40)
checked = settings(derandomize=True, deadline=None, max_examples=150)


def run(pairs):
    gaps, services = zip(*pairs, strict=True) if pairs else ((), ())
    return torch.tensor(gaps, dtype=torch.float64).cumsum(0), torch.tensor(services, dtype=torch.float64)


@pytest.mark.parametrize(("when", "work", "options", "words"), BAD)
def test_bad_runs_are_named(when, work, options, words):
    with pytest.raises(ValueError, match="^" + words):
        lindley.waits(torch.tensor(when), torch.tensor(work), **options)


@pytest.mark.parametrize("method", ["loop", *FAST])
def test_a_run_worked_out_by_hand(method):
    waits = lindley.waits(torch.tensor([0.0, 1.0, 2.0, 9.0]), torch.tensor([3.0, 3.0, 1.0, 1.0]), method)
    assert waits.tolist() == [0.0, 2.0, 4.0, 0.0]


@pytest.mark.parametrize("method", FAST)
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("load", [0.5, 1.0, 1.7])
def test_fast_forms_equal_the_loop(count, load, method):
    when, work = arrivals.poisson(load, count, seed=count), arrivals.exponential(1.0, count, seed=count + 1)
    reference = lindley.waits(when, work)
    assert reference.shape == (count,)
    torch.testing.assert_close(lindley.waits(when, work, method), reference, **TOLERANCE)


@checked
@given(st.lists(st.tuples(numbers, numbers), min_size=3, max_size=3), numbers)
def test_composing_steps_is_associative_and_means_doing_both(steps, wait):
    a, b, c = (tuple(torch.tensor([x, y], dtype=torch.float64).unbind()) for x, y in steps)
    left, right = lindley.then(lindley.then(a, b), c), lindley.then(a, lindley.then(b, c))
    assert [float(x) for x in left] == [float(x) for x in right]
    by_hand = wait
    for floor, shift in (a, b, c):
        by_hand = max(float(floor), by_hand + float(shift))
    assert max(float(left[0]), wait + float(left[1])) == by_hand


@checked
@given(runs)
def test_nobody_waits_less_than_nothing_and_all_forms_agree(pairs):
    reference = lindley.waits(*run(pairs))
    assert (reference >= 0).all()
    for method in FAST:
        torch.testing.assert_close(lindley.waits(*run(pairs), method), reference, **TOLERANCE)


@checked
@given(runs.filter(bool), st.integers(0, 39), numbers)
def test_a_longer_service_never_shortens_a_wait(pairs, place, extra):
    when, work = run(pairs)
    longer = work.clone()
    longer[place % len(work)] += extra
    assert (lindley.waits(when, longer) >= lindley.waits(when, work)).all()


@checked
@given(runs.filter(bool))
def test_the_server_works_whenever_there_is_work(pairs):
    """Work conservation: what was served until the last finish plus idle time is all the time there was."""
    when, work = run(pairs)
    start = when + lindley.waits(when, work)
    finish = start + work
    before = torch.cat([when.new_zeros(1), finish[:-1]])
    idle = (start - before).clamp(min=0)
    assert float(finish[-1]) == pytest.approx(float(work.sum() + idle.sum()), abs=1e-9)
    assert ((idle == 0) | (start == when)).all()  # it idles only until somebody comes


@pytest.mark.parametrize("load", [0.95, 1.2])
def test_long_runs_keep_their_last_digits(load):
    """One running sum over all requests would grow until a rounding error is 1e-9 itself."""
    count = 3 * lindley.STRETCH + 5
    when, work = arrivals.poisson(load, count, seed=5), arrivals.exponential(1.0, count, seed=6)
    reference = lindley.waits(when, work)
    for method in FAST:
        torch.testing.assert_close(lindley.waits(when, work, method), reference, **TOLERANCE)
        late = lindley.waits(when + 1e6, work, method)
        torch.testing.assert_close(late, lindley.waits(when + 1e6, work), **TOLERANCE)
