import math
import statistics

import pytest
import torch

from seqdocs.queues import arrivals, lindley
from seqdocs.queues.estimate import TooFewSamplesError
from seqdocs.queues.intervals import RunTooShortError, batch_means, batch_percentile, independent_runs
from seqdocs.queues.percentiles import percentile


def draw(count, seed=0):
    return torch.randn(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def queue(load, count, seed=0):
    return lindley.waits(
        arrivals.poisson(load, count, seed), arrivals.exponential(1.0, count, seed + 1), "cumulative"
    )


def test_runs_give_the_textbook_interval_of_a_mean():
    found = independent_runs([2.0, 3.0, 4.0, 7.0])
    error = statistics.stdev([2.0, 3.0, 4.0, 7.0]) / 2
    assert found.value == 4.0
    assert found.interval == pytest.approx((4 - 3.1824 * error, 4 + 3.1824 * error), abs=1e-3)


def test_of_independent_samples_batches_give_the_interval_of_the_mean():
    samples = draw(20_000)
    found = batch_means(samples)
    assert found.value == pytest.approx(float(samples.mean()))
    wanted = 2.093 / math.sqrt(20_000)  # t of 20 batches; the spread of 20 means is known to about a sixth
    assert (found.high - found.low) / 2 == pytest.approx(wanted, rel=0.5)


def test_of_a_queue_batches_give_a_wider_interval_than_counting_samples():
    waits = queue(0.7, 100_000)
    found = batch_means(waits)
    as_if_independent = 1.96 * float(waits.std()) / math.sqrt(len(waits))
    assert (found.high - found.low) / 2 > 3 * as_if_independent
    tail, naive = batch_percentile(waits, 0.99), percentile(waits, 0.99)
    assert tail.value == naive.value
    assert tail.high - tail.low > 3 * (naive.high - naive.low)


def test_no_sample_is_left_out_when_batches_are_uneven():
    samples = draw(20 * 10 + 13)
    assert batch_means(samples).value == pytest.approx(float(samples.mean()))


def test_a_run_that_remembers_is_refused():
    with pytest.raises(
        RunTooShortError,
        match=r"^neighbouring stretches of 100 samples are correlated by 0\.\d\d, .* run longer$",
    ):
        batch_means(queue(0.95, 20_000))


def test_a_run_that_grows_all_the_time_is_refused():
    for figure in (batch_means, lambda run: batch_percentile(run, 0.99)):
        with pytest.raises(RunTooShortError, match=r"correlated by (0\.9\d|1\.00)"):
            figure(queue(1.5, 20_000))


def test_a_tail_that_came_in_one_burst_has_no_interval():
    samples = draw(40_000)
    samples[20_000:20_300] += 100.0  # the p99.5 lies within the burst, and nine batches know nothing of it
    with pytest.raises(RunTooShortError, match=r"^9 of 10 batches lie on one side of the p99\.5"):
        batch_percentile(samples, 0.995)


@pytest.mark.parametrize(("q", "fewest"), [(0.99, 3680), (0.5, 100), (0.999, 36880)])
def test_each_batch_must_know_its_own_percentile(q, fewest):
    with pytest.raises(TooFewSamplesError, match=f"10 batches of {fewest - 1} samples .* at least {fewest}"):
        batch_percentile(draw(fewest - 1), q)


def test_equal_samples_have_an_interval_of_no_width():
    assert batch_means(torch.ones(500)) == (1.0, 1.0, 1.0)
    assert batch_percentile(torch.ones(5000), 0.99) == (1.0, 1.0, 1.0)


BAD = [
    (lambda: independent_runs([1.0]), TooFewSamplesError, "an interval from 1 runs is not known"),
    (lambda: independent_runs([1.0, float("nan")]), ValueError, "`values` holds numbers that are not finite"),
    (lambda: independent_runs([1.0, 2.0], level=95), ValueError, "`level` is 95 but"),
    (lambda: batch_means(torch.ones(199)), TooFewSamplesError, "an interval from 20 batches of 199 samples"),
    (lambda: batch_means(torch.ones(500), batches=1), ValueError, "`batches` is 1 but must be at least 2"),
    (lambda: batch_percentile(torch.ones(5000), 1.0), ValueError, r"`q` is 1\.0 but must lie between 0"),
]


@pytest.mark.parametrize(("call", "kind", "words"), BAD, ids=[words for _, _, words in BAD])
def test_bad_arguments_are_named(call, kind, words):
    with pytest.raises(kind, match="^" + words):
        call()
