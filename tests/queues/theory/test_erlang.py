from fractions import Fraction
from itertools import pairwise
from math import exp, factorial

import numpy as np
import pytest

from seqdocs.queues import multiserver
from seqdocs.queues.theory import erlang, mm1

BAD = [
    (lambda: erlang.erlang_b(-1.0, 2), "`offered` is -1.0 erlangs"),
    (lambda: erlang.erlang_b(1.0, 0), "`servers` is 0 but must be a whole number"),
    (
        lambda: erlang.erlang_c(8.0, 2.0, 4),
        "`arrival_rate` is 8 per second .* at each of 4 servers: load 1, but",
    ),
    (lambda: erlang.mmc_wait(9.0, 2.0, 4), "`arrival_rate` is 9 per second .* load 1.12, but a queue"),
    (lambda: erlang.mmc_wait_tail(1.0, 2.0, 4, -1.0), "`time` is -1.0 seconds"),
    (lambda: erlang.mmc_wait_percentile(1.0, 2.0, 4, 1.0), "`q` is 1.0 but must lie between 0 and 1"),
    (lambda: erlang.pooled_and_split(4.0, 1.0, 4), "`arrival_rate` is 4 per second"),
]


@pytest.mark.parametrize(("call", "words"), BAD, ids=[words for _, words in BAD])
def test_bad_arguments_get_one_sentence(call, words):
    with pytest.raises(ValueError, match="^" + words) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("servers", [1, 2, 7, 63])
@pytest.mark.parametrize("load", [Fraction(1, 10), Fraction(19, 20), Fraction(3, 2)])
def test_erlang_b_and_c_are_the_sums_of_their_definition_in_fractions(servers, load):
    offered = load * servers
    weights = [offered**k / Fraction(factorial(k)) for k in range(servers + 1)]  # of k busy servers
    blocked = weights[-1] / sum(weights)
    assert erlang.erlang_b(float(offered), servers) == pytest.approx(float(blocked), rel=1e-13)
    if load < 1:  # whoever finds c or more there waits; those states are a geometric series
        waiting = (weights[-1] / (1 - load)) / (sum(weights[:-1]) + weights[-1] / (1 - load))
        assert erlang.erlang_c(float(offered), 1.0, servers) == pytest.approx(float(waiting), rel=1e-13)


@pytest.mark.parametrize("servers", [1000, 5000])
@pytest.mark.parametrize("spare", [0, 50])
def test_thousands_of_servers_are_no_trouble(servers, spare):
    """The sum counted down from c: B is 1 over 1 + c/a + c(c−1)/a² + …, terms that fall and are added."""
    offered = float(servers - spare)
    terms, term, k = 0.0, 1.0, servers
    while term > 1e-18 * max(terms, 1e-300) and k >= 0:
        terms, term, k = terms + term, term * k / offered, k - 1
    assert erlang.erlang_b(offered, servers) == pytest.approx(1 / terms, rel=1e-11)
    if spare:
        assert 0 < erlang.erlang_c(offered, 1.0, servers) < 1


def test_one_server_is_mm1():
    assert erlang.mmc_wait(7.0, 10.0, 1) == pytest.approx(mm1.mm1_wait(7.0, 10.0), rel=1e-12)
    for time in (0.0, 0.3):
        assert erlang.mmc_wait_tail(7.0, 10.0, 1, time) == pytest.approx(mm1.mm1_wait_tail(7.0, 10.0, time))
    assert erlang.mmc_wait_percentile(7.0, 10.0, 1, 0.99) == pytest.approx(
        mm1.mm1_wait_percentile(7.0, 10.0, 0.99)
    )


def test_the_percentile_is_where_the_tail_is():
    longest = erlang.mmc_wait_percentile(3.6, 1.0, 4, 0.95)
    assert erlang.mmc_wait_tail(3.6, 1.0, 4, longest) == pytest.approx(0.05, rel=1e-12)
    assert erlang.mmc_wait_percentile(0.4, 1.0, 4, 0.5) == 0.0


def test_nobody_waits_when_nobody_comes():
    assert erlang.mmc_wait(0.0, 1.0, 4) == erlang.erlang_b(0.0, 4) == 0.0


@pytest.mark.parametrize("servers", [2, 4, 8])
def test_many_simulated_runs_have_the_mean_and_the_tail_of_the_closed_form(servers):
    runs, count, load = 200, 20_000, 0.8
    draw = np.random.default_rng(servers)
    gaps, work = (draw.standard_exponential((count, runs)) for _ in range(2))
    waits = multiserver.walk(np.zeros((servers, runs)), gaps.cumsum(0) / (load * servers), work)[2000:]
    for seen, expected in (
        (waits.mean(0), erlang.mmc_wait(load * servers, 1.0, servers)),
        ((waits > 0).mean(0), erlang.erlang_c(load * servers, 1.0, servers)),
        ((waits > 0.5).mean(0), erlang.mmc_wait_tail(load * servers, 1.0, servers, 0.5)),
    ):
        error = seen.std(ddof=1) / runs**0.5
        assert abs(seen.mean() - expected) < 4 * error
        assert error < 0.02 * expected  # or the check above would pass for anything


def test_one_line_is_better_than_many_and_the_more_so_the_more_servers():
    gains = [erlang.pooled_and_split(0.9 * c, 1.0, c) for c in (1, 2, 4, 8)]
    assert [gain.split for gain in gains] == pytest.approx([9.0] * 4)
    assert gains[0].pooled == pytest.approx(9.0)
    assert all(more.pooled < fewer.pooled / 2 for fewer, more in pairwise(gains))


def test_the_tail_of_many_servers_falls_exponentially():
    tails = [erlang.mmc_wait_tail(3.0, 1.0, 4, time) for time in (0.0, 1.0, 2.0)]
    assert tails[1] / tails[0] == pytest.approx(tails[2] / tails[1]) == pytest.approx(exp(-1.0))
