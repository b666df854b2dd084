"""The interval of a ratio of medians holds the truth as often as it says, for few samples and many."""

from __future__ import annotations

import numpy as np
import pytest

from seqdocs.bench.ratio import ratio_of_medians


@pytest.mark.parametrize(("first", "second"), [(15, 15), (5, 40), (100, 30)])
def test_the_interval_covers_the_true_ratio(first, second):
    draw = np.random.default_rng(first)
    held = 0
    for _ in range(400):
        found = ratio_of_medians(
            draw.lognormal(0, 0.1, first).tolist(), (1.5 * draw.lognormal(0, 0.3, second)).tolist()
        )
        held += found["low"] <= 1.5 <= found["high"]
    assert 0.93 <= held / 400 <= 0.995


def test_the_ratio_turned_over_has_the_ends_turned_over():
    first, second = [1.0, 1.1, 1.3, 1.0], [2.0, 2.5, 2.1]
    there, back = ratio_of_medians(first, second), ratio_of_medians(second, first)
    for name, other in (("value", "value"), ("low", "high"), ("high", "low")):
        assert there[name] == pytest.approx(1 / back[other])


def test_a_surer_interval_is_wider():
    samples = np.random.default_rng(0).lognormal(size=20).tolist()
    usual, sure = ratio_of_medians(samples, samples), ratio_of_medians(samples, samples, 0.99)
    assert sure["low"] <= usual["low"] < 1 < usual["high"] <= sure["high"]


@pytest.mark.parametrize(
    ("samples", "words"), [([], "`samples` is empty"), ([0.0, 1.0], "a sample is zero"), ([1e-300], "zero")]
)
def test_what_has_no_ratio_is_refused(samples, words):
    with pytest.raises(ValueError, match=words):
        ratio_of_medians([1.0], samples)
