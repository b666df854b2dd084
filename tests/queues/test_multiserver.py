import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdocs.queues import arrivals, lindley, multiserver

BAD = [
    ([0.0, 1.0], [1.0], 2, {}, "`arrivals` has 2 requests but `services` has 1"),
    ([0.0, 2.0, 1.0], [1.0] * 3, 2, {}, "`arrivals` must never go down but does at request 2"),
    ([0.0], [-1.0], 2, {}, r"`services` holds -1\.0 seconds"),
    ([0.0], [1.0], 0, {}, "`servers` is 0 but must be a whole number of at least 1"),
    ([0.0], [1.0], 1.5, {}, "`servers` is 1.5 but must be a whole number"),
    ([0.0], [1.0], 2, {"method": "scan"}, "`method` is 'scan' but must be one of loop, heap"),
]
eighths = st.integers(0, 40).map(lambda n: n / 8)  # they add up exactly, and meet at the same instant often
runs = st.lists(st.tuples(eighths, eighths), max_size=40)
checked = settings(derandomize=True, deadline=None, max_examples=150)


def drawn(pairs):
    gaps, services = zip(*pairs, strict=True) if pairs else ((), ())
    return torch.tensor(gaps, dtype=torch.float64).cumsum(0), torch.tensor(services, dtype=torch.float64)


@pytest.mark.parametrize(("when", "work", "servers", "options", "words"), BAD)
def test_bad_runs_are_named(when, work, servers, options, words):
    with pytest.raises(ValueError, match="^" + words):
        multiserver.waits(torch.tensor(when), torch.tensor(work), servers, **options)


@pytest.mark.parametrize("method", ["loop", "heap"])
def test_a_run_worked_out_by_hand(method):
    when, work = torch.tensor([0.0, 1.0, 2.0, 3.0, 3.0]), torch.tensor([5.0, 3.0, 1.0, 4.0, 1.0])
    # two servers, free at 5 and 4: the third waits until 4, the fourth until 5, the fifth until 5 as well
    assert multiserver.waits(when, work, 2, method).tolist() == [0.0, 0.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize("count", [0, 1, 2, 7, 63, 1000])
@pytest.mark.parametrize("servers", [1, 2, 3, 8])
@pytest.mark.parametrize("load", [0.5, 1.3])
def test_loop_heap_and_walk_give_the_same_waits(count, servers, load):
    when = arrivals.poisson(load * servers, count, seed=count)
    work = arrivals.exponential(1.0, count, seed=count + 1)
    reference = multiserver.waits(when, work, servers, "loop")
    assert reference.shape == (count,)
    assert torch.equal(multiserver.waits(when, work, servers, "heap"), reference)
    many = [np.repeat(column.numpy()[:, None], 3, axis=1) for column in (when, work)]
    walked = multiserver.walk(np.zeros((servers, 3)), *many)
    assert np.array_equal(walked, np.repeat(reference.numpy()[:, None], 3, axis=1))


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_a_run_walked_in_pieces_is_the_whole_run(pieces):
    generator = np.random.default_rng(3)
    when = generator.standard_exponential((60, 4)).cumsum(0) / 2.5
    work = generator.standard_exponential((60, 4))
    whole = multiserver.walk(np.zeros((3, 4)), when, work)
    free = np.zeros((3, 4))
    parts = [
        multiserver.walk(free, *part)
        for part in zip(np.array_split(when, pieces), np.array_split(work, pieces), strict=True)
    ]
    assert np.array_equal(np.concatenate(parts), whole)
    assert (np.diff(free, axis=0) >= 0).all()
    one_by_one = multiserver.waits(torch.tensor(when[:, 2]), torch.tensor(work[:, 2]), 3, "loop")
    assert np.array_equal(whole[:, 2], one_by_one.numpy())


def test_a_walk_names_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"^`free` has shape \(2, 4\), `arrivals` \(9, 3\) and"):
        multiserver.walk(np.zeros((2, 4)), np.zeros((9, 3)), np.zeros((9, 3)))


@checked
@given(runs)
def test_one_server_is_lindleys_recursion(pairs):
    expected = lindley.waits(*drawn(pairs))
    for method in ("loop", "heap"):
        torch.testing.assert_close(multiserver.waits(*drawn(pairs), 1, method), expected, rtol=0.0, atol=1e-9)


@checked
@given(runs, st.integers(1, 4))
def test_one_more_server_lets_nobody_wait_longer(pairs, servers):
    fewer, more = (multiserver.waits(*drawn(pairs), servers + extra) for extra in (0, 1))
    assert (more <= fewer).all()
    assert (more >= 0).all()


@checked
@given(runs.filter(bool), st.integers(1, 4))
def test_never_more_than_all_servers_work_and_nobody_waits_while_one_idles(pairs, servers):
    when, work = drawn(pairs)
    start = when + multiserver.waits(when, work, servers)
    for k, begun in enumerate(start.tolist()):
        inside = (start[:k] <= begun) & (start[:k] + work[:k] > begun)  # in service as this one begins
        assert int(inside.sum()) < servers
        if begun > when[k]:  # it waited: just before, every server was busy
            assert int(((start[:k] < begun) & (start[:k] + work[:k] >= begun)).sum()) >= servers
