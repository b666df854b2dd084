"""Every doubt is raised by what it doubts and by nothing else."""

from __future__ import annotations

import math

import pytest

from seqdocs.bench import doubts
from seqdocs.bench.doubts import Company
from seqdocs.bench.sampling import Effort

STEADY = [1.0, 1.01, 0.99] * 5


def test_steady_samples_raise_no_doubt():
    times = {"a": STEADY}
    assert doubts.spread(times) == doubts.drift(times) == doubts.grain(times, {"a": 1}, 1e-9) == []


def test_a_wide_spread_is_named():
    assert doubts.spread({"a": STEADY, "b": [1.0, 2.0] * 6}) == [
        "b: the middle half of the samples spreads over 67%"
    ]


@pytest.mark.parametrize(("end", "way"), [(1.3, "30% longer"), (0.8, "20% less")])
def test_a_drift_is_named_with_its_direction(end, way):
    times = {"a": [1.0] * 5 + [(1 + end) / 2] * 5 + [end] * 5}
    assert doubts.drift(times) == [f"a: the last third of the samples took {way} than the first"]


def test_a_few_samples_do_not_drift():
    assert doubts.drift({"a": [1.0, 2.0, 3.0]}) == []


def test_too_few_rounds_and_too_little_precision_are_said():
    effort = Effort(0.02, 15, 1.0)
    assert doubts.effort_missed(15, effort, 0.02) == []
    assert doubts.effort_missed(4, effort, 0.31) == [
        "only 4 rounds within 1 s; 15 were wanted",
        "wanted ±2.0%, reached ±31.0% in 4 rounds",
    ]
    assert "nothing that can be said" in doubts.effort_missed(15, effort, math.inf)[0]


def test_samples_as_short_as_the_clocks_ticks_are_named():
    assert doubts.grain({"a": [1e-6]}, {"a": 1}, 1e-7) == [
        "a: its samples are shorter than a hundred ticks of the clock"
    ]
    assert doubts.grain({"a": [1e-6]}, {"a": 100}, 1e-7) == []


def test_others_who_used_the_processor_are_named():
    assert doubts.company(Company(0.01, 0.01)) == doubts.company(Company(None, None)) == []
    assert doubts.company(Company(0.3, 0.2)) == [
        "another process had the core for 30% of the time",
        "the host gave 20% of the processors' time to others",
    ]


def test_waiting_for_a_core_is_seen(monkeypatch):
    moments = {"time": iter([10.0, 12.0]), "delay": iter([1.0, 1.5]), "stolen": iter([0.0, 4.0])}
    monkeypatch.setattr(doubts.time, "perf_counter", lambda: next(moments["time"]))
    monkeypatch.setattr(doubts, "_run_delay", lambda: next(moments["delay"]))
    monkeypatch.setattr(doubts, "_stolen", lambda: next(moments["stolen"]))
    monkeypatch.setattr(doubts.os, "cpu_count", lambda: 4)
    with doubts.watching() as company:
        pass
    assert (company.waited, company.stolen) == (0.25, 0.5)


def test_a_system_that_does_not_say_leaves_it_open(monkeypatch):
    monkeypatch.setattr(doubts, "_run_delay", lambda: None)
    monkeypatch.setattr(doubts, "_stolen", lambda: None)
    with doubts.watching() as company:
        pass
    assert company == Company(None, None)


def test_more_threads_than_cores_are_named():
    assert doubts.crowded(2, 2) == []
    assert doubts.crowded(4, 2) == ["4 threads shared 2 cores"]


def test_many_doubts_of_a_kind_are_cut_short():
    noisy = {str(number): [1.0, 2.0] * 6 for number in range(5)}
    told = doubts.spread(noisy)
    assert len(told) == 4
    assert told[-1] == "and 2 more like that"
