import numpy as np
import pytest

from seqdocs.queues.theory import disciplines, mg1, mm1

BAD = [
    (lambda: disciplines.sharing_latency(4.0, 0.25), "`arrival_rate` is 4 per second .* load 1, but"),
    (lambda: disciplines.sharing_latency(1.0, 0.25, -1.0), "`service` is -1.0 seconds"),
    (
        lambda: disciplines.priority_waits([2.0, 3.0], [0.2, 0.2], [0.08, 0.08]),
        "`arrival_rate` is 5 per second",
    ),
    (lambda: disciplines.priority_waits([2.0], [0.2], [0.01]), "`service_second_moment` is 0.01 but"),
    (
        lambda: disciplines.priority_waits([2.0], [0.2], []),
        "`arrival_rates` has 1 classes, `service_means` 1 and",
    ),
    (lambda: disciplines.blocked_share(1.0, 0.0, 3), "`service_rate` is 0.0 per second"),
    (lambda: disciplines.blocked_share(1.0, 1.0, 0), "`room` is 0 places"),
    (lambda: disciplines.blocked_share(1.0, 1.0, 0.5), "`room` is 0.5 places but must be a whole number of"),
    (lambda: disciplines.reneging_share(0.0, 1.0, 1.0), "`arrival_rate` is 0.0 per second"),
    (lambda: disciplines.reneging_share(1.0, 1.0, 0.0), "`patience_mean` is 0.0 seconds"),
    (lambda: disciplines.choices_latency(1.0, 2), "`arrival_rate` is 1 per second .* load 1, but"),
    (lambda: disciplines.choices_latency(0.5, 0), "`choices` is 0 lines"),
    (lambda: disciplines.choices_latency(0.5, 1.5), "`choices` is 1.5 lines but must be a whole number of"),
]


@pytest.mark.parametrize(("call", "words"), BAD, ids=[words for _, words in BAD])
def test_bad_arguments_get_one_sentence(call, words):
    with pytest.raises(ValueError, match="^" + words) as caught:
        call()
    assert "\n" not in str(caught.value)


def stationary(births, deaths):
    """The long-run shares of a birth–death chain, from its matrix: an independent way to the closed forms."""
    rates = np.diag(births, 1) + np.diag(deaths, -1)
    balance = (rates - np.diag(rates.sum(1))).T
    balance[0] = 1.0  # the shares add up to one
    return np.linalg.solve(balance, np.eye(len(balance))[0])


@pytest.mark.parametrize("room", [1, 2, 7, 63])
@pytest.mark.parametrize("rate", [0.5, 1.0, 1.7])
def test_a_finite_buffer_refuses_as_its_chain_does(rate, room):
    shares = stationary([rate] * room, [1.0] * room)
    assert disciplines.blocked_share(rate, 1.0, room) == pytest.approx(shares[-1], rel=1e-9)


@pytest.mark.parametrize("rate", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("patience", [0.2, 1.0, 5.0])
def test_the_impatient_leave_as_their_chain_does(rate, patience):
    states = 120
    shares = stationary([rate] * states, [1.0 + n / patience for n in range(states)])
    leaving = sum(share * max(n - 1, 0) / patience for n, share in enumerate(shares))  # per second
    assert disciplines.reneging_share(rate, 1.0, patience) == pytest.approx(leaving / rate, rel=1e-9)


def test_great_patience_is_patience_and_great_overload_no_overflow():
    assert disciplines.reneging_share(0.5, 1.0, 1e6) == pytest.approx(0.0, abs=1e-5)
    assert disciplines.reneging_share(1000.0, 1.0, 10.0) == pytest.approx(0.999, rel=1e-6)


def test_sharing_is_first_come_on_average_when_services_are_exponential():
    first_come = mm1.mm1_wait(7.0, 10.0) + 0.1
    assert disciplines.sharing_latency(7.0, 0.1) == pytest.approx(first_come, rel=1e-12)


def test_the_law_of_conservation_holds_for_priorities():
    """Kleinrock's: Σ ρ_k E[W_k] is what it would be first come, first served, whatever the classes."""
    rates, means = [2.0, 1.0, 0.5], [0.1, 0.2, 0.6]
    seconds = [2 * mean**2 for mean in means]
    waits = disciplines.priority_waits(rates, means, seconds)
    loads = [rate * mean for rate, mean in zip(rates, means, strict=True)]
    left = sum(rate * second for rate, second in zip(rates, seconds, strict=True)) / 2
    together = sum(loads) * left / (1 - sum(loads))
    assert sum(load * wait for load, wait in zip(loads, waits, strict=True)) == pytest.approx(together)
    assert waits == sorted(waits)


def test_one_class_is_no_class():
    assert disciplines.priority_waits([7.0], [0.1], [0.02]) == pytest.approx([mg1.mg1_wait(7.0, 0.1, 0.02)])


@pytest.mark.parametrize("choices", [2, 3])
@pytest.mark.parametrize("load", [0.5, 0.9])
def test_choices_settle_where_their_equations_do(load, choices):
    """s_i, the share of lines with i or more, follows ds_i/dt = λ (s_{i−1}ᵈ − s_iᵈ) − (s_i − s_{i+1})."""
    s = np.array([1.0] + [0.0] * 30)
    for _ in range(20_000):
        flow = load * (s[:-2] ** choices - s[1:-1] ** choices) - (s[1:-1] - s[2:])
        s[1:-1] += 0.05 * flow
    assert disciplines.choices_latency(load, choices) == pytest.approx(s[1:].sum() / load, rel=1e-6)


def test_looking_at_two_lines_is_worth_far_more_than_at_a_third():
    one, two, three = (disciplines.choices_latency(0.95, d) for d in (1, 2, 3))
    assert one - two > 10 * (two - three) > 0
