"""A run comes out at the load that it was meant for, whatever was known of the service time before."""

import pytest
import torch

from seqdocs.queues.aim import aim
from seqdocs.queues.arrivals import poisson
from seqdocs.queues.retries import Kept
from seqdocs.queues.trace import fifo


def machine(*services, rejected=()):
    """Make a run; its services take the next of these seconds, the last of them for ever."""
    left, rates = list(services), []

    def attempt(rate):
        rates.append(rate)
        seconds = left.pop(0) if len(left) > 1 else left[0]
        run = fifo(poisson(rate, 50, seed=0), torch.full((50,), seconds, dtype=torch.float64))
        return Kept(run, "late" if len(rates) in rejected else None)

    attempt.rates = rates
    return attempt


# Two runs of a real engine once: the load meant, the service time alone before, the one during the run.
ONCE = [(0.8, 0.01196, 0.01105), (0.9, 0.01312, 0.01082)]


def test_two_loads_that_a_wrong_guess_made_equal_are_told_apart():
    missed = [aim(machine(real), load, guess, spare=0).load for load, guess, real in ONCE]
    assert missed == pytest.approx([0.739, 0.742], abs=1e-3)
    met = [aim(machine(real), load, guess).load for load, guess, real in ONCE]
    assert met == pytest.approx([0.8, 0.9])


def test_a_run_that_came_out_right_is_made_once():
    attempt = machine(0.0104)
    aimed = aim(attempt, 0.5, 0.01)
    assert attempt.rates == [50.0]
    assert aimed.load == pytest.approx(0.52)
    assert (aimed.arrival_rate, aimed.service) == pytest.approx((50.0, 0.0104))


def test_the_next_rate_is_that_of_the_service_time_just_seen():
    attempt = machine(0.02, 0.03, 0.03)
    assert aim(attempt, 0.6, 0.01, spare=2).load == pytest.approx(0.6)
    assert attempt.rates == pytest.approx([60, 30, 20])


def test_on_a_machine_that_never_settles_the_nearest_run_is_taken():
    attempt = machine(0.02, 0.023, 0.04)  # loads 1.0, 0.575 and 0.87 for 0.5
    assert aim(attempt, 0.5, 0.01, spare=2).load == pytest.approx(0.575)
    assert len(attempt.rates) == 3


def test_a_run_that_counts_goes_before_a_nearer_one_that_does_not():
    aimed = aim(machine(0.01, 0.02, 0.04, rejected={1}), 0.5, 0.01)
    assert aimed.kept.rejected is None
    assert aim(machine(0.01, rejected={1, 2}), 0.5, 0.01).kept.rejected == "late"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"load": 0.0}, r"^`load` is 0\.0"),
        ({"service": -1.0}, r"^`service` is -1\.0"),
        ({"within": 0.0}, r"^`within` is 0\.0"),
        ({"spare": -1}, r"^`spare` is -1"),
    ],
)
def test_numbers_out_of_range_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        aim(machine(0.01), **({"load": 0.5, "service": 0.01} | wrong))
