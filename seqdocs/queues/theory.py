"""Closed forms for one server that takes requests first in, first out.

λ arrival rate (per second) · μ service rate (per second) · S service time (seconds) · ρ = λ E[S] utilisation
W wait before service begins (seconds) · L number in the system

All of these are long-run averages of a queue in equilibrium. A short run is not in equilibrium: compare it
with :func:`seqdocs.queues.lindley.waits` on its own trace instead.

Sources: Erlang 1909 (Poisson calls, constant holding times); Pollaczek 1930 and Khinchine 1932 (any service
times); Little 1961 (L = λ W); Kleinrock 1975, *Queueing Systems* volume 1, chapters 3 and 5.
"""

from __future__ import annotations

import math

from seqdocs.queues.checks import not_negative, positive
from seqdocs.queues.estimate import between


def utilisation(arrival_rate: float, service_rate: float) -> float:
    """Share of time the server must work, ρ = λ / μ; above one it cannot keep up.

    Args:
        arrival_rate: λ, requests per second.
        service_rate: μ, requests per second while busy.

    Returns:
        ρ, no unit.

    Raises:
        ValueError: if a rate is negative or not finite, or ``service_rate`` is zero.

    >>> utilisation(arrival_rate=9.0, service_rate=10.0)
    0.9
    """
    not_negative("arrival_rate", arrival_rate, "per second")
    positive("service_rate", service_rate, "per second")
    return arrival_rate / service_rate


def load_below_one(arrival_rate: float, service_mean: float, servers: int = 1) -> float:
    """The load of each server, ρ = λ E[S] / c, if it leaves a queue a long run.

    Args:
        arrival_rate: λ, requests per second.
        service_mean: E[S], seconds.
        servers: c, how many serve side by side.

    Returns:
        ρ, no unit.

    Raises:
        ValueError: if an argument is out of range or ρ is 1 or more: then the line grows without end, see
            :func:`seqdocs.queues.heavy.overload_wait`.
    """
    load = utilisation(arrival_rate, servers / positive("service_mean", service_mean, "seconds"))
    if load >= 1:
        side_by_side = f" at each of {servers} servers" if servers > 1 else ""
        raise ValueError(
            f"`arrival_rate` is {arrival_rate:g} per second and a request takes {service_mean:g} seconds"
            f"{side_by_side}: load {load:.3g}, but a queue has a mean wait only below load 1"
        )
    return load


def mm1_wait(arrival_rate: float, service_rate: float) -> float:
    """Mean wait with Poisson arrivals and exponential service times (M/M/1).

    Args:
        arrival_rate: λ, requests per second.
        service_rate: μ, requests per second while busy.

    Returns:
        E[W] = ρ / (μ − λ), seconds.

    Raises:
        ValueError: as :func:`utilisation`, or if ρ is 1 or more.

    Source: Kleinrock 1975, section 3.2.

    >>> round(mm1_wait(arrival_rate=9.0, service_rate=10.0), 9)  # nine service times of 0.1 s
    0.9
    """
    service_time = 1 / positive("service_rate", service_rate, "per second")
    return mg1_wait(arrival_rate, service_time, 2 * service_time**2)


def mm1_wait_tail(arrival_rate: float, service_rate: float, time: float) -> float:
    """Share of requests that wait longer than ``time``, in M/M/1: exponential in time, not in the load.

    Args:
        arrival_rate, service_rate: as :func:`mm1_wait`.
        time: t, seconds.

    Returns:
        P(W > t) = ρ exp(−(μ − λ) t), no unit.

    Raises:
        ValueError: as :func:`mm1_wait`, or if ``time`` is negative.

    Source: Kleinrock 1975, chapter 5.

    >>> round(mm1_wait_tail(arrival_rate=9.0, service_rate=10.0, time=0.0), 9)  # who waits at all
    0.9
    """
    load = load_below_one(arrival_rate, 1 / positive("service_rate", service_rate, "per second"))
    return load * math.exp(-(service_rate - arrival_rate) * not_negative("time", time, "seconds"))


def mm1_number(arrival_rate: float, service_rate: float, number: int) -> float:
    """Share of time that ``number`` requests are in the system, the one in service included, in M/M/1.

    Args:
        arrival_rate, service_rate: as :func:`mm1_wait`.
        number: n, at least 0.

    Returns:
        P(L = n) = (1 − ρ) ρⁿ, no unit.

    Raises:
        ValueError: as :func:`mm1_wait`, or if ``number`` is negative.

    Source: Kleinrock 1975, section 3.2.

    >>> mm1_number(arrival_rate=1.0, service_rate=2.0, number=2)
    0.125
    """
    load = load_below_one(arrival_rate, 1 / positive("service_rate", service_rate, "per second"))
    return (1 - load) * math.pow(load, not_negative("number", number, "requests"))


def mm1_wait_percentile(arrival_rate: float, service_rate: float, q: float) -> float:
    """The wait that a share ``q`` of requests does not exceed, in M/M/1.

    A share 1 − ρ of requests waits not at all; how long the others wait is exponential.

    Args:
        arrival_rate, service_rate: as :func:`mm1_wait`.
        q: the quantile, between 0 and 1; 0.99 for the p99.

    Returns:
        the t for which P(W > t) = ρ exp(−(μ − λ) t) is 1 − q, seconds; 0 if fewer than 1 − q wait at all.

    Raises:
        ValueError: as :func:`mm1_wait`, or if ``q`` does not lie between 0 and 1.

    Source: Kleinrock 1975, chapter 5.

    >>> round(mm1_wait_percentile(arrival_rate=9.0, service_rate=10.0, q=0.99), 2)
    4.5
    """
    mm1_wait(arrival_rate, service_rate)  # refuses what has no long run
    tail = 1 - between("q", q)
    load = utilisation(arrival_rate, service_rate)
    return math.log(load / tail) / (service_rate - arrival_rate) if load > tail else 0.0


def md1_wait(arrival_rate: float, service_rate: float) -> float:
    """Mean wait with Poisson arrivals and equal service times (M/D/1): half of :func:`mm1_wait`.

    Arguments and errors are those of :func:`mm1_wait`. Returns E[W] = ρ / (2 (μ − λ)), seconds.

    Source: Erlang 1909; Kleinrock 1975, section 5.6.

    >>> round(md1_wait(arrival_rate=9.0, service_rate=10.0), 9)
    0.45
    """
    service_time = 1 / positive("service_rate", service_rate, "per second")
    return mg1_wait(arrival_rate, service_time, service_time**2)


def mg1_wait(arrival_rate: float, service_mean: float, service_second_moment: float) -> float:
    """Mean wait with Poisson arrivals and any independent service times (M/G/1): Pollaczek–Khinchine.

    The second moment is why one slow request in a hundred hurts everybody: it counts squared.

    Args:
        arrival_rate: λ, requests per second.
        service_mean: E[S], seconds.
        service_second_moment: E[S²], seconds squared; at least E[S]².

    Returns:
        E[W] = λ E[S²] / (2 (1 − ρ)), seconds.

    Raises:
        ValueError: if an argument is out of range or ρ = λ E[S] is 1 or more.

    Source: Pollaczek 1930; Khinchine 1932; Kleinrock 1975, section 5.6.
    """
    positive("service_mean", service_mean, "seconds")
    positive("service_second_moment", service_second_moment, "seconds squared")
    if service_second_moment < service_mean**2 * (1 - 1e-12):  # equal but for rounding: a constant time
        raise ValueError(
            f"`service_second_moment` is {service_second_moment} but the mean of a square"
            f" is at least the square of the mean, {service_mean**2}"
        )
    load = load_below_one(arrival_rate, service_mean)
    return arrival_rate * service_second_moment / (2 * (1 - load))


def wait_given_ahead(ahead: int, service_mean: float, residual: float | None = None) -> float:
    """Mean wait of a request that finds ``ahead`` others in the system: linear in their number.

    Those who queue take a whole service time each, the one being served takes what is left of its own.

    Args:
        ahead: number in the system on arrival, the one being served included.
        service_mean: E[S], seconds.
        residual: mean time left of the service in progress, seconds; E[S] if omitted, which is exact for
            exponential service times (they forget how long they have lasted) and the most that equal
            service times can take.

    Returns:
        (ahead − 1) E[S] + residual, seconds; 0 when nobody is ahead.

    Raises:
        ValueError: if an argument is negative or not finite, or ``service_mean`` is zero.

    >>> [wait_given_ahead(n, service_mean=0.5) for n in range(4)]
    [0.0, 0.5, 1.0, 1.5]
    """
    not_negative("ahead", ahead, "requests")
    positive("service_mean", service_mean, "seconds")
    left = service_mean if residual is None else not_negative("residual", residual, "seconds")
    return (ahead - 1) * service_mean + left if ahead else 0.0


def littles_law(arrival_rate: float, time_in_system: float) -> float:
    """Mean number in the system, L = λ W̄, whatever the distributions, the order and the number of servers.

    Args:
        arrival_rate: λ, requests per second that come (and, in the long run, leave).
        time_in_system: mean time from arrival to departure, seconds.

    Returns:
        L, requests.

    Raises:
        ValueError: if an argument is negative or not finite.

    Source: Little 1961, *Operations Research* 9(3).

    >>> littles_law(arrival_rate=40.0, time_in_system=0.25)
    10.0
    """
    not_negative("arrival_rate", arrival_rate, "per second")
    return arrival_rate * not_negative("time_in_system", time_in_system, "seconds")
