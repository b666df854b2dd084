import pytest
import torch

from seqdocs.queues import arrivals, lindley
from seqdocs.queues.theory import heavy, mg1, mm1

BAD = [
    (
        lambda: heavy.kingman_wait(4.0, 0.25, 1.0, 1.0),
        "`arrival_rate` is 4 per second .* load 1, but a queue",
    ),
    (lambda: heavy.kingman_wait(1.0, 0.25, -1.0, 1.0), "`gap_variation` is -1.0"),
    (lambda: heavy.kingman_wait(1.0, 0.25, 1.0, -2.0), "`service_variation` is -2.0"),
    (
        lambda: heavy.kingman_bound(0.0, 0.25, 1.0, 1.0),
        "`arrival_rate` is 0.0 per second but must be finite and above",
    ),
    (
        lambda: heavy.kingman_bound(4.0, 0.5, 1.0, 1.0),
        "`arrival_rate` is 4 per second .* load 2, but a queue",
    ),
    (lambda: heavy.kingman_bound(1.0, 0.5, 1.0, -1.0), "`service_variation` is -1.0"),
    (lambda: heavy.overload_wait(3.0, 0.25, 1.0), "`arrival_rate` is 3 per second .* but only above load 1"),
    (lambda: heavy.overload_wait(1.0, 1.0, 9.0), "`arrival_rate` is 1 per second .* load 1, but only above"),
    (lambda: heavy.overload_wait(5.0, 0.25, -1.0), "`time` is -1.0 seconds"),
]


@pytest.mark.parametrize(("call", "words"), BAD, ids=[words for _, words in BAD])
def test_bad_arguments_get_one_sentence(call, words):
    with pytest.raises(ValueError, match="^" + words) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("load", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("variation", [0.0, 0.5, 1.0, 4.0])
def test_for_poisson_arrivals_kingman_is_pollaczek_and_khinchine(load, variation):
    exact = mg1.mg1_wait(load * 4, 0.25, 0.0625 * (1 + variation))
    assert heavy.kingman_wait(load * 4, 0.25, 1.0, variation) == pytest.approx(exact, rel=1e-12)


GAPS = {0.2: "almost a clock", 1.0: "Poisson", 4.0: "bursts"}


@pytest.mark.parametrize("gap_variation", GAPS, ids=GAPS.values())
@pytest.mark.parametrize("load", [0.5, 0.9])
def test_simulated_waits_stay_below_the_bound_and_near_the_approximation(gap_variation, load):
    count, service_variation = 1_000_000, 0.5
    when = arrivals.bursty(load, gap_variation, count, seed=21)
    waits = lindley.waits(when, arrivals.erlang(1.0, 2, count, seed=22), "cumulative")
    mean = float(waits.mean())
    error = float(waits.reshape(50, -1).mean(1).std()) / 50**0.5
    assert mean < heavy.kingman_bound(load, 1.0, gap_variation, service_variation) + 4 * error
    about = heavy.kingman_wait(load, 1.0, gap_variation, service_variation)
    assert mean == pytest.approx(about, rel=0.15 if load == 0.9 else 0.75)  # heavy traffic is where it holds


def test_the_bound_is_above_what_is_exact():
    for load in (0.1, 0.5, 0.99):
        assert heavy.kingman_bound(load, 1.0, 1.0, 1.0) > mm1.mm1_wait(load, 1.0)


def test_in_overload_waits_grow_linearly_in_time():
    count, load = 400_000, 1.25
    when = arrivals.poisson(load, count, seed=23)
    waits = lindley.waits(when, arrivals.exponential(1.0, count, seed=24), "cumulative")
    for at in (100_000, 200_000, 399_999):
        assert float(waits[at]) == pytest.approx(heavy.overload_wait(load, 1.0, float(when[at])), rel=0.05)


def test_a_steady_overload_is_the_line_exactly():
    when = arrivals.deterministic(12.0, 1000)
    waits = lindley.waits(when, torch.full((1000,), 0.125))
    expected = [heavy.overload_wait(12.0, 0.125, float(time)) for time in when]
    assert waits.tolist() == pytest.approx(expected, abs=1e-9)


def test_at_load_one_waits_grow_though_no_line_says_how_fast():
    """As the root of time: in four times the time twice the wait; the line (ρ − 1) t says none."""
    count, runs = 40_000, 200
    waits = torch.stack(
        [
            lindley.waits(
                arrivals.poisson(1.0, count, seed=2 * n),
                arrivals.exponential(1.0, count, seed=2 * n + 1),
                "cumulative",
            )
            for n in range(runs)
        ]
    )
    late, early = float(waits[:, -1].mean()), float(waits[:, count // 4].mean())
    assert 1.5 < late / early < 2.6
    assert late > 100
