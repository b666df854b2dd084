"""Workers in step and out of step: counted by hand, and against what theory says of exponential tasks."""

import pytest
import torch

from seqdocs.queues.workers import in_step, out_of_step


def tasks(workers, count, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return -torch.log1p(-torch.rand(workers, count, generator=draw, dtype=torch.float64))


def by_hand(times):
    """The same, event by event."""
    begins, left = [0.0] * len(times), [list(row) for row in times]
    done, staleness, finish = 0, [], []
    version = [0] * len(times)  # updates made when each began
    while all(left):
        ends = [begin + row[0] for begin, row in zip(begins, left, strict=True)]
        first = min(range(len(ends)), key=ends.__getitem__)
        finish.append(ends[first])
        staleness.append(done - version[first])
        done += 1
        begins[first], version[first] = ends[first], done
        left[first].pop(0)
    return finish, staleness


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_out_of_step_agrees_with_a_walk_through_events(workers):
    times = tasks(workers, 30)
    found = out_of_step(times)
    finish, staleness = by_hand(times.tolist())
    torch.testing.assert_close(found.finish, torch.tensor(finish, dtype=torch.float64))
    assert found.staleness.tolist() == staleness


def test_one_worker_is_never_stale():
    assert not out_of_step(tasks(1, 20)).staleness.any()


@pytest.mark.parametrize("workers", [2, 8])
def test_an_update_is_as_many_others_old_as_there_are_other_workers(workers):
    assert abs(float(out_of_step(tasks(workers, 20_000)).staleness.double().mean()) - (workers - 1)) < 0.1


@pytest.mark.parametrize("workers", [1, 4, 16])
def test_a_round_takes_the_harmonic_number_of_exponential_tasks(workers):
    rounds = 20_000
    expected = sum(1 / k for k in range(1, workers + 1))
    assert float(in_step(tasks(workers, rounds)).finish[-1]) / rounds == pytest.approx(expected, rel=0.03)


def test_in_step_nobody_is_stale_and_all_come_together():
    found = in_step(tasks(3, 5))
    assert found.finish.reshape(5, 3).std(1).max() == 0
    assert not found.staleness.any()


@pytest.mark.parametrize("make", [in_step, out_of_step])
@pytest.mark.parametrize("bad", [torch.ones(3), torch.full((2, 2), -1.0)])
def test_bad_tasks_are_refused(make, bad):
    with pytest.raises(ValueError, match="`tasks` has shape"):
        make(bad)
