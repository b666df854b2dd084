"""Intervals hold the truth as often as they say: on samples whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from seqdocs.bench.interval import bootstrap_median, enclosing, half_width


def test_few_samples_get_an_interval_wide_enough():
    """The bootstrap alone covers about 92 %: it cannot imagine what these few samples did not show."""
    draw = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        low, high = bootstrap_median(draw.lognormal(size=9), resamples=300)
        held += low <= 1.0 <= high
    assert held > 945


@pytest.mark.parametrize("count", [5, 15, 40])
def test_enclosing_samples_hold_the_median_of_any_distribution(count):
    draw = np.random.default_rng(count)
    truth = np.log(2.0)  # median of the exponential
    held = 0
    for _ in range(1000):
        low, high = enclosing(draw.exponential(size=count))
        held += low <= truth <= high
    assert held > 920


@pytest.mark.parametrize("count", [1, 2, 3, 8, 63])
def test_an_interval_holds_the_median_of_its_samples_and_grows_with_the_level(count):
    samples = np.random.default_rng(0).lognormal(size=count)
    narrow, wide = bootstrap_median(samples, 0.95), bootstrap_median(samples, 0.99)
    assert wide[0] <= narrow[0] <= np.median(samples) <= narrow[1] <= wide[1]


def test_more_samples_give_a_narrower_interval():
    draw = np.random.default_rng(0)
    few, many = (half_width(draw.lognormal(0, 0.1, count)) for count in (15, 1500))
    assert many < few / 5


def test_the_same_samples_give_the_same_interval():
    samples = np.random.default_rng(1).normal(1, 0.1, 20)
    assert bootstrap_median(samples) == bootstrap_median(samples)


@pytest.mark.parametrize("interval", [enclosing, bootstrap_median])
def test_no_sample_is_refused(interval):
    with pytest.raises(ValueError, match="`samples` is empty; a median needs at least one"):
        interval([])


def test_too_few_samples_have_no_width():
    assert half_width([1.0, 2.0]) == float("inf")
    assert half_width([0.0, 0.0, 0.0]) == float("inf")
