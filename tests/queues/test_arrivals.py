import math

import pytest
import torch

from seqdocs.queues import arrivals, lindley

BAD = [
    (lambda: arrivals.poisson(0.0, 3, seed=0), "`rate` is 0.0 per second but must be finite and above 0"),
    (lambda: arrivals.poisson(float("nan"), 3, seed=0), "`rate` is nan per second"),
    (lambda: arrivals.poisson(1.0, -1, seed=0), "`count` is -1 requests but must be at least 0"),
    (lambda: arrivals.deterministic(-2.0, 3), "`rate` is -2.0 per second"),
    (lambda: arrivals.exponential(-1.0, 3, seed=0), "`mean` is -1.0 seconds"),
    (lambda: arrivals.erlang(1.0, 0, 3, seed=0), "`stages` is 0 but must be at least 1"),
    (lambda: arrivals.erlang(0.0, 2, 3, seed=0), "`mean` is 0.0 seconds"),
    (
        lambda: arrivals.hyperexponential(1.0, 0.5, 3, seed=0),
        "`variation` is 0.5 but two exponentials give no less",
    ),
    (lambda: arrivals.hyperexponential(-1.0, 2.0, 3, seed=0), "`mean` is -1.0 seconds"),
    (lambda: arrivals.bursty(1.0, 0.0, 3, seed=0), "`variation` is 0.0 times the square of the mean"),
    (lambda: arrivals.bursty(0.0, 1.0, 3, seed=0), "`rate` is 0.0 per second"),
    (lambda: arrivals.mix([1, 2], [1.0], 3, seed=0), "`sizes` has 2 kinds but `shares` has 1"),
    (lambda: arrivals.mix([], [], 3, seed=0), "`sizes` has 0 kinds"),
    (lambda: arrivals.mix([1, 0], [1, 1], 3, seed=0), "`sizes` is 0 in one of its places"),
]


@pytest.mark.parametrize(("call", "words"), BAD, ids=[words for _, words in BAD])
def test_bad_arguments_are_named(call, words):
    with pytest.raises(ValueError, match="^" + words):
        call()


@pytest.mark.parametrize("count", [0, 1, 2, 7, 63])
def test_arrivals_are_counted_and_never_go_down(count):
    for times in (arrivals.poisson(3.0, count, seed=1), arrivals.deterministic(3.0, count),
                  arrivals.bursty(3.0, 4.0, count, seed=1)):  # fmt: skip
        assert times.shape == (count,)
        assert times.dtype == torch.float64
        assert (times.diff() >= 0).all()


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    first, again, other = (arrivals.poisson(2.0, 50, seed=seed) for seed in (4, 4, 5))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_poisson_gaps_have_mean_and_spread_of_an_exponential():
    gaps = arrivals.poisson(5.0, 100_000, seed=2).diff()
    # the standard error of a mean of n exponentials is mean / sqrt(n), of their spread about sqrt(2) of that
    assert abs(float(gaps.mean()) - 0.2) < 4 * 0.2 / 100_000**0.5
    assert abs(float(gaps.std()) - 0.2) < 4 * 2**0.5 * 0.2 / 100_000**0.5


def test_a_mix_has_its_shares():
    drawn = arrivals.mix([16.0, 160.0], [9.0, 1.0], 40_000, seed=3)
    share = float((drawn == 160.0).double().mean())
    assert abs(share - 0.1) < 4 * (0.1 * 0.9 / 40_000) ** 0.5
    assert set(drawn.tolist()) == {16.0, 160.0}


SPREADS = {  # name: times of mean 0.2, and their squared coefficient of variation
    "two stages": (lambda n: arrivals.erlang(0.2, 2, n, seed=4), 0.5),
    "one stage": (lambda n: arrivals.erlang(0.2, 1, n, seed=4), 1.0),
    "two exponentials": (lambda n: arrivals.hyperexponential(0.2, 3.0, n, seed=4), 3.0),
    "one exponential": (lambda n: arrivals.hyperexponential(0.2, 1.0, n, seed=4), 1.0),
    "bursts": (lambda n: arrivals.bursty(5.0, 4.0, n + 1, seed=4).diff(), 4.0),
    "almost a clock": (lambda n: arrivals.bursty(5.0, 0.1, n + 1, seed=4).diff(), 0.1),
}


@pytest.mark.parametrize("name", SPREADS)
def test_times_have_the_mean_and_the_variation_that_were_asked_for(name):
    draw, variation = SPREADS[name]
    parts = draw(400_000).reshape(100, -1)
    for seen, wanted in ((parts, 0.2), (parts.square(), 0.04 * (1 + variation))):
        error = float(seen.mean(1).std()) / 10
        assert abs(float(seen.mean()) - wanted) < 4 * error
        assert error < 0.03 * wanted  # or the check above would pass for anything


def test_both_kinds_of_a_hyperexponential_bring_the_same_work():
    short = (1 + (2 / 4) ** 0.5) / 2
    times = arrivals.hyperexponential(1.0, 3.0, 400_000, seed=5)
    # beyond ten short means only the long ones are left: their share and their mean give the tail
    tail, mean = (1 - short), 1 / (2 * (1 - short))
    assert float((times > 6).double().mean()) == pytest.approx(tail * math.exp(-6 / mean), rel=0.05)


def test_a_replay_begins_at_zero_and_keeps_the_gaps():
    log = torch.tensor([50.0, 50.5, 54.0], dtype=torch.float64)
    assert arrivals.replay(log).tolist() == [0.0, 0.5, 4.0]
    assert arrivals.replay(log, speed=0.5).tolist() == [0.0, 1.0, 8.0]
    assert arrivals.replay(log[:0]).tolist() == []


def test_a_replay_of_a_run_has_the_same_waits():
    log, services = 7.0 + arrivals.poisson(0.9, 500, seed=0), arrivals.exponential(1.0, 500, seed=1)
    torch.testing.assert_close(lindley.waits(arrivals.replay(log), services), lindley.waits(log, services))


@pytest.mark.parametrize(
    ("times", "speed", "words"),
    [([1.0, 0.0], 1.0, "^`times` must never go down"), ([0.0], 0.0, "^`speed` is 0.0 times the speed")],
)
def test_what_cannot_be_replayed_is_refused(times, speed, words):
    with pytest.raises(ValueError, match=words):
        arrivals.replay(torch.tensor(times), speed)
