"""Timings: a planted difference is found, none is invented, wrong answers are never called fast."""

from __future__ import annotations

import gc
import itertools
import random
import time

import pytest
import torch

from seqdocs.bench import clock as clock_module
from seqdocs.bench import doubts, sampling, timing
from seqdocs.bench.agreement import DisagreementError, check_agreement, difference
from seqdocs.bench.quantity import quantity
from seqdocs.bench.timing import compare, inverse, measure, median_of, rate, with_backward

ONE = torch.ones(3)

# two answers, words of the refusal; empty where they agree
ANSWERS = [
    (ONE, ONE.clone(), ""),
    (ONE, ONE * (1 + 1e-6), ""),
    (
        ONE,
        ONE * 1.1,
        "`other` and `base` disagree: they differ by 0.1 of the largest entry, where 0.0001 is allowed",
    ),
    (ONE.double(), ONE.double() * (1 + 1e-6), "1e-09 is allowed"),
    (ONE.bfloat16(), ONE * 1.01, ""),
    (ONE, torch.ones(4), "`other` has shape (4,) but `base` has (3,)"),
    ((ONE, ONE), (ONE,), "`other` returned 1 tensors but `base` 2"),
    ({"a": [ONE, 1.0]}, {"a": [ONE, 2.0]}, "`other`['a'][1] and `base` disagree"),
    (torch.tensor([1, 2]), torch.tensor([1, 3]), "where 0 is allowed"),
    (torch.tensor([float("nan")]), torch.tensor([1.0]), "they differ by inf"),
    (torch.tensor([float("nan"), 1]), torch.tensor([float("nan"), 1]), ""),
    (torch.tensor([float("inf"), 1]), torch.tensor([float("inf"), 1]), ""),
    (torch.zeros(0), torch.zeros(0), ""),
    (3, 3, ""),
]


class Clock:
    """A clock that only the calls move, so that these tests do not depend on who else uses the machine."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        self.load = 1.0  # what the machine makes of every call
        monkeypatch.setattr(clock_module.benchmark, "timer", lambda: self.now)
        monkeypatch.setattr(timing.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(doubts, "_run_delay", lambda: None)
        monkeypatch.setattr(doubts, "_stolen", lambda: None)

    def busy(self, seconds):
        """Return a call that takes that long on an idle machine."""

        def call():
            self.now += seconds * self.load

        return call


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.mark.parametrize(("right", "other", "words"), ANSWERS)
def test_answers_are_compared_by_what_their_dtype_allows(right, other, words):
    if not words:
        check_agreement({"base": right, "other": other}, "base")
        return
    with pytest.raises(DisagreementError) as error:
        check_agreement({"base": right, "other": other}, "base")
    assert words in str(error.value)


def test_a_tolerance_can_be_given():
    check_agreement({"base": ONE, "other": ONE * 1.1}, "base", tolerance=0.2)
    with pytest.raises(DisagreementError):
        check_agreement({"base": ONE, "other": ONE * 1.1}, "base", tolerance=0.05)


def test_an_answer_of_another_kind_is_refused():
    with pytest.raises(
        TypeError, match="`base` is a NoneType; return tensors, numbers, or lists and dicts of them"
    ):
        check_agreement({"base": None}, "base")


def test_difference_is_relative_to_the_largest_entry():
    assert difference(torch.tensor([100.0, 1.0]), torch.tensor([100.0, 2.0])) == 0.01
    assert difference(torch.tensor([1.0]), torch.tensor([0.0])) == 1.0


def test_disagreeing_answers_are_not_timed():
    timed = []

    def wrong():
        timed.append(1)
        return ONE * 2

    with pytest.raises(DisagreementError, match="`wrong` and `right` disagree"):
        compare({"right": lambda: ONE, "wrong": wrong})
    assert len(timed) == 1


def test_a_planted_factor_of_two_is_found(clock):
    result = compare({"once": clock.busy(0.002), "twice": clock.busy(0.004)}, agree=False)
    twice = result["times"]["twice"]
    assert [twice["ratio"][end] for end in ("low", "value", "high")] == pytest.approx([2.0, 2.0, 2.0])
    assert twice["speedup"]["value"] == pytest.approx(0.5)
    assert result["times"]["once"]["ratio"]["value"] == 1.0
    assert result["times"]["once"]["median"]["value"] == pytest.approx(0.002)
    assert result["notes"] == []


def test_a_planted_factor_is_found_by_the_real_clock():
    def spin(seconds):
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    result = compare({"once": lambda: spin(0.001), "eight": lambda: spin(0.008)}, agree=False)
    assert 2 < result["times"]["eight"]["ratio"]["value"] < 32


def test_a_load_that_comes_and_goes_leaves_the_ratio_alone(clock):
    """Timing first one and then the other would report up to five times what is there."""
    once, twice = clock.busy(0.006), clock.busy(0.012)

    calls = itertools.count()

    def loaded(call):
        def run():
            clock.load = 5.0 if next(calls) // 9 % 2 else 1.0
            call()

        return run

    result = compare({"once": loaded(once), "twice": loaded(twice)}, agree=False, max_seconds=10)
    assert 1.9 < result["times"]["twice"]["ratio"]["value"] < 2.1
    assert any("spreads over" in note for note in result["notes"])


def test_the_same_thing_twice_has_a_ratio_of_one(clock):
    call = clock.busy(0.002)
    ratio = compare({"a": call, "b": call}, agree=False)["times"]["b"]["ratio"]
    assert ratio["value"] == pytest.approx(1.0)


def test_every_raw_sample_is_kept_and_lasts_long_enough(clock):
    result = compare({"a": clock.busy(3e-6), "b": clock.busy(0.1)}, agree=False)
    for name in ("a", "b"):
        own = result["times"][name]
        assert len(own["seconds"]) == result["rounds"]
        assert own["loops"] * own["median"]["value"] >= clock_module.SHORT
    assert result["times"]["b"]["loops"] == 1
    assert (result["baseline"], result["threads"]) == ("a", torch.get_num_threads())


def test_small_things_are_quick_to_time(clock):
    compare({"a": clock.busy(1e-6), "b": clock.busy(1e-5)}, agree=False)
    assert clock.now < 0.5


def test_a_slow_call_gets_few_rounds_and_the_result_says_so(clock):
    result = compare({"slow": clock.busy(3.0)}, agree=False, max_seconds=1.0)
    assert result["rounds"] == sampling.FEWEST_ROUNDS
    assert result["notes"] == ["only 3 rounds within 1 s; 15 were wanted"]


def test_threads_are_pinned_and_given_back():
    before = torch.get_num_threads()
    seen = set()
    call = {"a": lambda: seen.add(torch.get_num_threads())}
    result = compare(call, agree=False, threads=2, max_seconds=0.05)
    assert seen == {2}
    assert result["threads"] == 2
    assert torch.get_num_threads() == before


def test_no_garbage_is_collected_inside_a_sample():
    seen = set()
    compare({"a": lambda: seen.add(gc.isenabled())}, agree=False, max_seconds=0.05)
    assert seen == {False}
    assert gc.isenabled()


def test_a_difference_is_told_from_none(clock):
    times = compare({"a": clock.busy(0.1), "b": clock.busy(0.1), "c": clock.busy(0.102)}, agree=False)[
        "times"
    ]
    assert {name: own["differs"] for name, own in times.items()} == {"a": False, "b": False, "c": True}


def test_noise_alone_is_no_difference(clock):
    noise = random.Random(0)

    def noisy():
        clock.now += noise.uniform(0.09, 0.11)

    noisy_twice = compare({"a": noisy, "b": noisy}, agree=False)["times"]["b"]
    assert noisy_twice["ratio"]["value"] != 1.0
    assert not noisy_twice["differs"]


def test_a_precision_that_was_not_reached_is_said(clock):
    noise = random.Random(0)

    def noisy():
        clock.now += noise.uniform(0.05, 0.15)

    result = compare({"a": noisy, "b": noisy}, agree=False, precision=0.001, max_seconds=3)
    assert result["precision"]["wanted"] == 0.001 < result["precision"]["reached"]
    assert any(note.startswith("wanted ±0.1%, reached ±") for note in result["notes"])


def test_more_time_is_spent_until_the_precision_is_reached(clock):
    noise = random.Random(0)

    def noisy():
        clock.now += 0.01 * noise.uniform(0.95, 1.05)

    rough, fine = (
        compare({"a": noisy, "b": noisy}, agree=False, precision=precision, max_seconds=1000)
        for precision in (0.02, 0.004)
    )
    assert rough["precision"]["reached"] <= 0.02
    assert fine["precision"]["reached"] <= 0.004
    assert fine["rounds"] > 5 * rough["rounds"]


def test_a_call_that_warms_up_for_long_is_timed_warm(clock):
    calls = itertools.count()

    def warming():  # a tenth faster with every call, until it is warm
        clock.now += max(0.01, 0.05 * 0.9 ** next(calls))

    def steady():
        clock.now += 0.01

    result = compare({"steady": steady, "warming": warming}, agree=False, max_seconds=10)
    assert result["times"]["warming"]["seconds"] == pytest.approx([0.01] * result["rounds"])


def test_an_asynchronous_device_is_waited_for(clock):
    """A device that takes work and returns at once; only who waits for it sees its time pass."""
    finished = [0.0]

    def launch(seconds):
        clock.now += 1e-5  # handing over is quick
        finished[0] = max(finished[0], clock.now) + seconds

    def synchronise():
        clock.now = max(clock.now, finished[0])

    calls = {"one": lambda: launch(0.004), "three": lambda: launch(0.012)}
    times = compare(calls, agree=False, clock=clock_module.wall(synchronise))["times"]
    assert times["one"]["median"]["value"] == pytest.approx(0.004, rel=0.01)
    assert times["three"]["ratio"]["value"] == pytest.approx(3.0, rel=0.01)


def test_a_timing_says_with_what_clock_and_how_sure(clock):
    result = compare({"a": clock.busy(0.01)}, agree=False)
    assert (result["clock"], result["precision"]["wanted"]) == ("wall", 0.02)
    assert result["precision"]["reached"] == pytest.approx(0.0)


def test_a_bad_question_is_refused():
    with pytest.raises(ValueError, match="`candidates` is empty"):
        compare({})
    with pytest.raises(ValueError, match="`baseline` is 'c'; it must be one of a, b"):
        compare({"a": int, "b": int}, baseline="c")
    with pytest.raises(ValueError, match="`precision` is 0; it must be above zero"):
        compare({"a": int}, precision=0)
    with pytest.raises(ValueError, match="`samples` is empty"):
        median_of([], "s")


def test_measure_times_one_call_and_gives_a_rate(clock):
    measured = measure(clock.busy(0.005), max_seconds=0.1)
    assert set(measured) == {"median", "seconds", "loops", "rounds", "threads", "notes"}
    speed = rate(measured, 10, "tokens/s")
    assert speed["unit"] == "tokens/s"
    assert speed["value"] == pytest.approx(2000)
    assert speed["low"] <= speed["value"] <= speed["high"]


def test_the_inverse_turns_the_interval_round():
    assert inverse(quantity(2.0, "×", 1.0, 4.0)) == quantity(0.5, "×", 0.25, 1.0)
    assert inverse(quantity(2.0, "s"), "1/s") == quantity(0.5, "1/s")


def test_with_backward_returns_gradients_and_leaves_none_behind():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    both = with_backward(lambda: x * x, [x])
    output, gradient = both()
    assert output.tolist() == [1.0, 4.0]
    assert gradient.tolist() == [2.0, 4.0]
    assert both()[1].tolist() == [2.0, 4.0]
    assert x.grad is None
    with pytest.raises(DisagreementError, match=r"`wrong`\[1\] and `right` disagree"):
        compare({"right": both, "wrong": lambda: (both()[0], torch.zeros(2))})
