import pytest
import torch

from seqdocs.queues import arrivals, lindley, trace
from seqdocs.queues.theory import laws, mg1, mm1

# Mean waits in service times at five loads: textbook values of rho / (1 - rho) and half of it.
LOADS = [(0.5, 1.0), (0.7, 7 / 3), (0.8, 4.0), (0.9, 9.0), (0.95, 19.0)]

BAD = [
    (
        lambda: mm1.mm1_wait(5.0, 4.0),
        "`arrival_rate` is 5 per second .* load 1.25, but a queue has a mean wait",
    ),
    (
        lambda: mm1.mm1_wait(-1.0, 4.0),
        "`arrival_rate` is -1.0 per second but must be finite and at least 0",
    ),
    (lambda: mm1.mm1_wait(1.0, 0.0), "`service_rate` is 0.0 per second but must be finite and above 0"),
    (lambda: mm1.mm1_wait(float("inf"), 4.0), "`arrival_rate` is inf per second"),
    (lambda: mm1.mm1_wait_percentile(5.0, 4.0, 0.99), "`arrival_rate` is 5 per second .* load 1.25, but"),
    (lambda: mm1.mm1_wait_percentile(3.0, 4.0, 99), "`q` is 99 but must lie between 0 and 1"),
    (lambda: mm1.mm1_wait_tail(3.0, 4.0, -1.0), "`time` is -1.0 seconds"),
    (lambda: mm1.mm1_wait_tail(5.0, 4.0, 1.0), "`arrival_rate` is 5 per second .* load 1.25, but"),
    (lambda: mm1.mm1_number(3.0, 4.0, -1), "`number` is -1 requests"),
    (lambda: mm1.mm1_number(4.0, 4.0, 1), "`arrival_rate` is 4 per second .* load 1, but"),
    (
        lambda: mm1.mm1_number(3.0, 4.0, 1.5),
        "`number` is 1.5 requests but must be a whole number of at least 0",
    ),
    (lambda: mm1.mm1_latency_tail(4.0, 4.0, 1.0), "`arrival_rate` is 4 per second .* load 1, but"),
    (lambda: mm1.mm1_latency_tail(3.0, 4.0, -1.0), "`time` is -1.0 seconds"),
    (lambda: mm1.mm1_latency_percentile(5.0, 4.0, 0.5), "`arrival_rate` is 5 per second .* load 1.25, but"),
    (lambda: mm1.mm1_latency_percentile(3.0, 4.0, 1.0), "`q` is 1.0 but must lie between 0 and 1"),
    (lambda: mm1.mm1_wait_given_ahead_tail(0.5, 4.0, 1.0), "`ahead` is 0.5 requests but must be a whole"),
    (lambda: mm1.mm1_wait_given_ahead_tail(1, 0.0, 1.0), "`service_rate` is 0.0 per second"),
    (lambda: mm1.mm1_wait_given_ahead_tail(1, 4.0, -1.0), "`time` is -1.0 seconds"),
]


@pytest.mark.parametrize(("call", "words"), BAD, ids=[words for _, words in BAD])
def test_bad_arguments_get_one_sentence(call, words):
    with pytest.raises(ValueError, match="^" + words) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("load", "services"), LOADS)
def test_waits_at_textbook_loads(load, services):
    assert mm1.mm1_wait(load * 8.0, 8.0) * 8.0 == pytest.approx(services, rel=1e-12)
    assert mg1.md1_wait(load * 8.0, 8.0) * 8.0 == pytest.approx(services / 2, rel=1e-12)


def test_nobody_waits_when_nobody_comes():
    assert mm1.mm1_wait(0.0, 2.0) == mg1.md1_wait(0.0, 2.0) == 0.0


def exponential(count):
    return arrivals.exponential(0.1, count, seed=11)


@pytest.mark.parametrize("q", [0.2, 0.3, 0.65, 0.99])
def test_a_long_simulated_run_has_the_percentiles_of_the_closed_form(q):
    expected = mm1.mm1_wait_percentile(7.0, 10.0, q)
    services = exponential(1_000_000)
    waits = lindley.waits(arrivals.poisson(7.0, len(services), seed=12), services, method="cumulative")
    longer = (waits > expected).double()
    error = max(float(longer.reshape(50, -1).mean(1).std()) / 50**0.5, 1e-12)
    assert abs(float(longer.mean()) - min(1 - q, 0.7)) < 4 * error
    assert error < 0.1 * (1 - q)  # or the check above would pass for anything


def test_the_tail_of_the_wait_is_where_its_percentile_is_and_has_its_mean():
    longest = mm1.mm1_wait_percentile(7.0, 10.0, 0.99)
    assert mm1.mm1_wait_tail(7.0, 10.0, longest) == pytest.approx(0.01, rel=1e-12)
    step = 1e-3  # the mean is the area under the tail, here by the trapezoidal rule
    tail = torch.tensor([mm1.mm1_wait_tail(7.0, 10.0, step * n) for n in range(20_000)])
    assert float(torch.trapezoid(tail, dx=step)) == pytest.approx(mm1.mm1_wait(7.0, 10.0), rel=1e-5)


def test_the_number_in_the_system_adds_up_and_obeys_littles_law():
    shares = [mm1.mm1_number(7.0, 10.0, n) for n in range(200)]
    assert sum(shares) == pytest.approx(1.0, rel=1e-12)
    assert shares[0] == pytest.approx(0.3, rel=1e-12)  # idle for 1 − ρ of the time
    inside = sum(n * share for n, share in enumerate(shares))
    assert inside == pytest.approx(laws.littles_law(7.0, mm1.mm1_wait(7.0, 10.0) + 0.1), rel=1e-9)


def test_latency_is_a_wait_and_a_service_in_the_mean_and_exponential_around_it():
    longest = mm1.mm1_latency_percentile(7.0, 10.0, 0.99)
    assert mm1.mm1_latency_tail(7.0, 10.0, longest) == pytest.approx(0.01, rel=1e-12)
    step = 1e-3
    tail = torch.tensor([mm1.mm1_latency_tail(7.0, 10.0, step * n) for n in range(20_000)])
    assert float(torch.trapezoid(tail, dx=step)) == pytest.approx(mm1.mm1_wait(7.0, 10.0) + 0.1, rel=1e-5)


@pytest.mark.parametrize("q", [0.2, 0.65, 0.99])
def test_a_long_simulated_run_has_the_latencies_of_the_closed_form(q):
    services = exponential(1_000_000)
    waits = lindley.waits(arrivals.poisson(7.0, len(services), seed=12), services, method="cumulative")
    longer = (waits + services > mm1.mm1_latency_percentile(7.0, 10.0, q)).double()
    error = float(longer.reshape(50, -1).mean(1).std()) / 50**0.5
    assert abs(float(longer.mean()) - (1 - q)) < 4 * error
    assert error < 0.1 * (1 - q)  # or the check above would pass for anything


@pytest.mark.parametrize("time", [0.0, 0.05, 0.2, 1.0])
@pytest.mark.parametrize("ahead", [1, 2, 7, 1000])
def test_the_wait_given_ahead_has_erlangs_distribution(ahead, time):
    erlang = torch.special.gammaincc(torch.tensor(float(ahead)).double(), torch.tensor(10 * time).double())
    assert mm1.mm1_wait_given_ahead_tail(ahead, 10.0, time) == pytest.approx(float(erlang), abs=1e-12)


def test_the_wait_given_ahead_holds_where_its_first_term_vanishes():
    """exp(−1000) is 0 in floating point, yet half of those behind 1000 wait longer than 1000 services."""
    erlang = torch.special.gammaincc(torch.tensor(1000.0).double(), torch.tensor(1000.0).double())
    assert mm1.mm1_wait_given_ahead_tail(1000, 1.0, 1000.0) == pytest.approx(float(erlang), rel=1e-9)


def test_who_finds_nobody_ahead_never_waits():
    assert mm1.mm1_wait_given_ahead_tail(0, 10.0, 0.0) == 0.0


@pytest.mark.parametrize("ahead", [1, 3])
def test_simulated_waits_given_ahead_are_as_long_as_erlang_says(ahead):
    services = exponential(400_000)
    run = trace.fifo(arrivals.poisson(7.0, len(services), seed=13), services, method="cumulative")
    seen = trace.waits(run)[trace.ahead_on_arrival(run) == ahead]
    for time in (0.05, 0.2):
        said = mm1.mm1_wait_given_ahead_tail(ahead, 10.0, time)
        error = (said * (1 - said) / len(seen)) ** 0.5
        # neighbours share some of those ahead, so they are not independent: allow twice the usual four errors
        assert abs(float((seen > time).double().mean()) - said) < 8 * error
