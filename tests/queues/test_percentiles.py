from math import comb

import pytest
import torch

from seqdocs.queues.estimate import Estimate, TooFewSamplesError
from seqdocs.queues.percentiles import fewest_samples, percentile

FEWEST = [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368), (0.999, 3688), (0.01, 368), (0.1, 36)]
# Ranks of the interval, counted by hand from the binomial distribution: see `by_hand`.
CASES = [(0.5, 6), (0.5, 20), (0.9, 36), (0.9, 200), (0.99, 368), (0.99, 700), (0.01, 368), (0.3, 57)]


def by_hand(q, count, tail=0.025):
    """The largest l with P(B < l) ≤ tail and the smallest u with P(B ≥ u) ≤ tail, by plain summing."""
    chance = [comb(count, b) * q**b * (1 - q) ** (count - b) for b in range(count + 1)]
    low = max(rank for rank in range(count + 1) if sum(chance[:rank]) <= tail)
    high = min(rank for rank in range(count + 2) if sum(chance[rank:]) <= tail)
    return low, high


@pytest.mark.parametrize(("q", "fewest"), FEWEST)
def test_the_fewest_samples_are_those_from_which_the_largest_can_lie_beyond(q, fewest):
    assert fewest_samples(q) == fewest
    end = max(q, 1 - q)
    assert end**fewest <= 0.025 < end ** (fewest - 1)


def test_a_lower_level_needs_fewer_samples():
    assert fewest_samples(0.99, level=0.5) == 138


@pytest.mark.parametrize(("q", "count"), CASES)
def test_the_interval_has_the_ranks_of_the_binomial_distribution(q, count):
    ranks = torch.arange(1, count + 1, dtype=torch.float64)
    shuffled = ranks[torch.randperm(count, generator=torch.Generator().manual_seed(1))]
    found = percentile(shuffled, q)
    assert (found.low, found.high) == by_hand(q, count)
    assert found.low <= found.value <= found.high


def test_the_value_is_a_sample_and_the_nearest_rank():
    ranks = torch.arange(1.0, 1001.0)
    assert [percentile(ranks, q).value for q in (0.5, 0.9, 0.99)] == [500, 900, 990]
    assert percentile(ranks[:100], 0.55).value == 55  # although 0.55 · 100 is 55.000000000000007 in fp64


@pytest.mark.parametrize(
    ("q", "fewest", "name"), [(0.99, 368, "p99"), (0.999, 3688, "p99.9"), (0.5, 6, "p50")]
)
def test_too_few_samples_have_no_percentile(q, fewest, name):
    few = torch.arange(fewest - 1.0)
    with pytest.raises(
        TooFewSamplesError,
        match=f"^the {name} of {fewest - 1} samples is not known: it needs at least {fewest}$",
    ):
        percentile(few, q)
    assert isinstance(percentile(torch.arange(float(fewest)), q), Estimate)


def test_no_samples_have_no_percentile():
    with pytest.raises(TooFewSamplesError, match="the p50 of 0 samples"):
        percentile(torch.zeros(0), 0.5)


@pytest.mark.parametrize(
    ("samples", "q", "level", "words"),
    [
        (torch.zeros(500), 99, 0.95, "`q` is 99 but must lie between 0 and 1"),
        (torch.zeros(500), 0.99, 95, "`level` is 95 but"),
        (torch.zeros(5, 100), 0.99, 0.95, r"`samples` has shape \(5, 100\)"),
        (torch.full((500,), float("nan")), 0.99, 0.95, "`samples` holds numbers that are not finite"),
    ],
)
def test_bad_arguments_are_named(samples, q, level, words):
    with pytest.raises(ValueError, match="^" + words):
        percentile(samples, q, level)
