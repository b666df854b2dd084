import pytest
import torch

from seqdocs.queues import arrivals, lindley, trace
from seqdocs.queues.theory import mg1, mm1

BAD = [
    (lambda: mg1.md1_wait(4.0, 4.0), "`arrival_rate` is 4 per second .* load 1, but"),
    (lambda: mg1.mg1_wait(1.0, 0.5, 0.2), "`service_second_moment` is 0.2 but the mean of a square"),
    (lambda: mg1.mg1_wait(1.0, -0.5, 0.3), "`service_mean` is -0.5 seconds"),
    (lambda: mg1.wait_given_ahead(-1, 0.5), "`ahead` is -1 requests"),
    (
        lambda: mg1.wait_given_ahead(1.5, 0.5),
        "`ahead` is 1.5 requests but must be a whole number of at least 0",
    ),
]


@pytest.mark.parametrize(("call", "words"), BAD, ids=[words for _, words in BAD])
def test_bad_arguments_get_one_sentence(call, words):
    with pytest.raises(ValueError, match="^" + words) as caught:
        call()
    assert "\n" not in str(caught.value)


def exponential(count):
    return arrivals.exponential(0.1, count, seed=11), mm1.mm1_wait(7.0, 10.0)


def equal(count):
    return torch.full((count,), 0.1, dtype=torch.float64), mg1.md1_wait(7.0, 10.0)


def mixed(count):
    sizes, shares = torch.tensor([0.05, 0.55]), torch.tensor([0.9, 0.1])
    second = float((shares * sizes**2).sum())
    drawn = arrivals.mix(sizes.tolist(), shares.tolist(), count, seed=11)
    return drawn, mg1.mg1_wait(7.0, float((shares * sizes).sum()), second)


@pytest.mark.parametrize("kind", [exponential, equal, mixed])
def test_a_long_simulated_run_has_the_mean_wait_of_the_closed_form(kind):
    count, batches = 1_000_000, 50
    services, expected = kind(count)
    waits = lindley.waits(arrivals.poisson(7.0, count, seed=12), services, method="cumulative")
    # Neighbours wait alike, so the error is estimated from means of batches far longer than a busy period.
    means = waits.reshape(batches, -1).mean(1)
    error = float(means.std()) / batches**0.5
    assert abs(float(means.mean()) - expected) < 4 * error
    assert error < 0.03 * expected  # or the check above would pass for anything


def test_waits_given_the_number_ahead_follow_the_line_for_exponential_services():
    services, _ = exponential(400_000)
    when = arrivals.poisson(7.0, len(services), seed=13)
    run = trace.fifo(when, services, method="cumulative")
    ahead, waits = trace.ahead_on_arrival(run), trace.waits(run)
    for n in range(5):
        seen = waits[ahead == n]
        error = max(float(seen.std()) / len(seen) ** 0.5, 1e-12)
        # neighbours share some of those ahead, so they are not independent: allow twice the usual four errors
        assert abs(float(seen.mean()) - mg1.wait_given_ahead(n, 0.1)) < 8 * error
