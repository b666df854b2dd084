"""Sampling: warm before anything counts, everyone once a round, in an order nobody gains from."""

from __future__ import annotations

import itertools

import pytest

from seqdocs.bench.clock import Clock
from seqdocs.bench.sampling import Effort, calibrate, interleave, ratios, reached, warm_up


class Time:
    """A time that only samples move."""

    def __init__(self):
        self.seconds = 0.0

    def now(self):
        return self.seconds

    def sampler(self, values):
        """Return a sampler that gives these seconds, the last one for ever."""
        given = iter(values)
        last = [0.0]

        def sample():
            last[0] = next(given, last[0])
            self.seconds += last[0]
            return last[0]

        return sample


@pytest.fixture
def clock():
    return Time()


def counted(sample, log, name):
    def run():
        log.append(name)
        return sample()

    return run


@pytest.mark.parametrize(
    ("samples", "drawn"),
    [
        ([1.0], 4),  # steady from the first: three more that are not faster
        ([9.0, 1.0], 5),
        ([9.0, 8.0, 7.0, 6.0, 1.0], 8),
        ([1.0, 0.97, 0.96, 0.955, 0.951], 4),  # less than five hundredths faster is not faster
        ([1.0, 1.0, 1.0, 0.5], 7),
    ],
)
def test_warming_up_goes_on_while_samples_get_faster(clock, samples, drawn):
    log: list[str] = []
    assert warm_up(counted(clock.sampler(samples), log, "x"), 1000, clock.now)
    assert len(log) == drawn


def test_a_warm_up_that_does_not_end_says_so(clock):
    faster = clock.sampler(0.9**n for n in itertools.count())
    assert not warm_up(faster, 2, clock.now)


def test_a_slow_thing_is_warmed_up_at_least_twice(clock):
    log: list[str] = []
    assert warm_up(counted(clock.sampler([100.0]), log, "x"), 1, clock.now)
    assert len(log) == 2


def test_everyone_is_sampled_once_a_round_in_changing_order(clock):
    log: list[str] = []
    samplers = {name: counted(clock.sampler([1.0]), log, name) for name in "abc"}
    times = interleave(samplers, "a", Effort(1e-9, 60, 180), clock.now)
    rounds = ["".join(log[start : start + 3]) for start in range(0, len(log), 3)]
    assert all(sorted(one) == ["a", "b", "c"] for one in rounds)
    assert len(set(rounds)) == 6
    assert {len(own) for own in times.values()} == {len(rounds)}


def test_nobody_is_first_much_more_often(clock):
    log: list[str] = []
    samplers = {name: counted(clock.sampler([1.0]), log, name) for name in "ab"}
    interleave(samplers, "a", Effort(1e-9, 400, 1e9), clock.now)
    assert 160 < log[::2].count("a") < 240


def test_sampling_stops_when_it_is_precise_and_not_before(clock):
    samplers = {"a": clock.sampler([1.0]), "b": clock.sampler([2.0])}
    assert len(interleave(samplers, "a", Effort(0.01, 9, 1e9), clock.now)["a"]) == 9


def test_the_time_ends_it_but_not_before_three_rounds(clock):
    samplers = {"a": clock.sampler([100.0])}
    assert len(interleave(samplers, "a", Effort(0.01, 9, 1), clock.now)["a"]) == 3


def test_ratios_are_taken_within_a_round():
    times = {"a": [1.0, 10.0], "b": [2.0, 20.0]}
    assert ratios(times, "b", "a") == [2.0, 2.0]
    assert reached(times, "a") == float("inf"), "two rounds say nothing"


def test_the_least_certain_ratio_decides_how_precise_all_are():
    steady = {"a": [1.0] * 9, "b": [2.0] * 9}
    assert reached(steady, "a") == 0
    assert reached(steady | {"c": [1.0, 2.0, 3.0] * 3}, "a") == 0.5


def spent(moments):
    """A clock that says these seconds one after the other, the last for ever; it ignores the calls."""
    given, last = iter(moments), [0.0]

    def seconds(call, loops):
        last[0] = next(given, last[0])
        return last[0] * loops

    return Clock("toy", seconds, 1e-9, 5e-3)


def test_a_sample_is_long_enough_for_the_clock():
    assert calibrate(spent([1e-6]), int) * 1e-6 >= 5e-3
    assert calibrate(spent([1.0]), int) == 1


def test_the_first_call_is_not_counted():
    assert calibrate(spent([5.0, 1e-3]), int) >= 5


def test_a_stall_does_not_pass_for_a_slow_call():
    assert calibrate(spent([1e-3, 2e-2, 1e-3]), int) >= 5
