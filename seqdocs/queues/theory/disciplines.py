"""Closed forms of queues that are not first come, first served, or do not take everybody.

λ arrival rate (per second) · μ service rate (per second) · S service time (seconds) · ρ = λ E[S] load

Arrivals are Poisson throughout. Each has its simulation in :mod:`seqdocs.queues.simulation`.

Sources: Cobham 1954, *Operations Research* 2(1) (priorities); Kleinrock 1967, *Journal of the ACM* 14(2)
(processor sharing); Palm 1957, *Tele* (impatience); Mitzenmacher 2001, *IEEE Transactions on Parallel and
Distributed Systems* 12(10) (choices). None was checked against the original; the tests compare each with a
second derivation or with simulation.
"""

from __future__ import annotations

from collections.abc import Sequence

from seqdocs.queues.checks import not_negative, positive, whole
from seqdocs.queues.theory.laws import load_below_one, utilisation
from seqdocs.queues.theory.mg1 import mg1_wait


def sharing_latency(arrival_rate: float, service_mean: float, service: float | None = None) -> float:
    """Mean time from arrival to answer under processor sharing (M/M/1-PS, and M/G/1-PS).

    It is proportional to what the request itself asks for, and depends on the mean of the others' alone.

    Args:
        arrival_rate: λ, requests per second.
        service_mean: E[S], seconds when alone.
        service: what this request takes when alone, seconds; the mean over all requests if omitted.

    Returns:
        S / (1 − ρ), seconds.

    Raises:
        ValueError: if an argument is out of range or ρ is 1 or more.

    Source: Kleinrock 1967.

    >>> round(sharing_latency(arrival_rate=9.0, service_mean=0.1), 9)
    1.0
    """
    own = service_mean if service is None else not_negative("service", service, "seconds")
    return own / (1 - load_below_one(arrival_rate, service_mean))


def priority_waits(
    arrival_rates: Sequence[float], service_means: Sequence[float], service_second_moments: Sequence[float]
) -> list[float]:
    """Mean wait of each class when the most urgent is served next and nobody is interrupted (M/G/1).

    Args:
        arrival_rates: λ of each class, the most urgent first, requests per second.
        service_means: E[S] of each class, seconds.
        service_second_moments: E[S²] of each class, seconds squared.

    Returns:
        E[W_k] = R / ((1 − σ_{k−1}) (1 − σ_k)) of each class, seconds, with R = Σ λ E[S²] / 2 what is left of
        the service in progress, and σ_k the load of the classes up to k.

    Raises:
        ValueError: if the lengths differ, an argument is out of range or the whole load is 1 or more.

    Source: Cobham 1954.

    >>> [round(wait, 3) for wait in priority_waits([4.0, 4.0], [0.1, 0.1], [0.02, 0.02])]
    [0.133, 0.667]
    """
    counts = len(arrival_rates), len(service_means), len(service_second_moments)
    if len(set(counts)) != 1:
        raise ValueError(
            f"`arrival_rates` has {counts[0]} classes, `service_means` {counts[1]} and"
            f" `service_second_moments` {counts[2]}; each has one number per class"
        )
    classes = list(zip(arrival_rates, service_means, service_second_moments, strict=True))
    for rate, mean, second in classes:
        mg1_wait(rate, mean, second)  # refuses what is out of range, or too much already
    total = sum(rate for rate, _, _ in classes)
    load_below_one(
        total, sum(rate * mean for rate, mean, _ in classes) / positive("total", total, "per second")
    )
    left = sum(rate * second for rate, _, second in classes) / 2
    waits, before = [], 0.0
    for rate, mean, _ in classes:
        upto = before + rate * mean
        waits.append(left / ((1 - before) * (1 - upto)))
        before = upto
    return waits


def blocked_share(arrival_rate: float, service_rate: float, room: int) -> float:
    """Share of requests refused because all places are taken (M/M/1/K); at any load.

    Args:
        arrival_rate: λ, requests per second that come, refused ones included.
        service_rate: μ, requests per second while busy.
        room: K, places, the one in service included.

    Returns:
        ρᴷ / (1 + ρ + … + ρᴷ), no unit; by the recursion P_k = ρ P_{k−1} / (1 + ρ P_{k−1}), which neither
        overflows nor minds a load of exactly 1.

    Raises:
        ValueError: if an argument is out of range.

    Source: Kleinrock 1975, section 3.6.

    >>> round(blocked_share(arrival_rate=2.0, service_rate=2.0, room=4), 9)
    0.2
    """
    load, blocked = utilisation(arrival_rate, service_rate), 1.0
    for _ in range(whole("room", room, "places", least=1)):
        blocked = load * blocked / (1 + load * blocked)
    return blocked


def reneging_share(arrival_rate: float, service_rate: float, patience_mean: float) -> float:
    """Share of requests that go away unserved when their patience is exponential (M/M/1+M); at any load.

    Args:
        arrival_rate: λ, requests per second, above 0.
        service_rate: μ, requests per second while busy.
        patience_mean: mean time that a request is ready to wait for its service to begin, seconds.

    Returns:
        1 − μ (1 − π₀) / λ, no unit: those who come, less those whom a server busy for 1 − π₀ of the time
        can serve. π₀ comes from the balance λ πₙ₋₁ = (μ + (n − 1) / patience) πₙ.

    Raises:
        ValueError: if an argument is out of range.

    Source: Palm 1957.
    """
    positive("arrival_rate", arrival_rate, "per second")
    positive("service_rate", service_rate, "per second")
    leave = 1 / positive("patience_mean", patience_mean, "seconds")
    weights, n = [1.0], 0  # of states 0, 1, 2, …, scaled so that none overflows
    while weights[-1] > 1e-17 * max(weights) or arrival_rate > service_rate + n * leave:
        weights.append(weights[-1] * arrival_rate / (service_rate + n * leave))
        n += 1
        if weights[-1] > 1e200:
            weights = [weight * 1e-200 for weight in weights]
    return 1 - service_rate * (1 - weights[0] / sum(weights)) / arrival_rate


def choices_latency(load: float, choices: int) -> float:
    """Mean time from arrival to answer when the shortest of ``choices`` random lines is joined.

    Exact in the limit of very many servers with exponential service times.

    Args:
        load: ρ of each server, below 1, no unit.
        choices: d, lines looked at; 1 is a random server.

    Returns:
        Σ ρ^((dⁱ − d) / (d − 1)) over i ≥ 1, in mean service times; 1 / (1 − ρ) for d = 1.

    Raises:
        ValueError: if ``load`` is negative, or 1 or more, or ``choices`` is below one.

    Source: Mitzenmacher 2001.

    >>> [round(choices_latency(0.9, d), 2) for d in (1, 2, 3)]
    [10.0, 2.61, 2.03]
    """
    load_below_one(load, 1.0)
    whole("choices", choices, "lines", least=1)
    if choices == 1:
        return 1 / (1 - load)
    total, power, term = 0.0, choices, 1.0  # power: dⁱ
    while term > 1e-17:
        total += term
        power *= choices
        term = load ** ((power - choices) / (choices - 1))
    return total
