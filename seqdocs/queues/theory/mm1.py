"""Closed forms for one server, Poisson arrivals, exponential service times, first in, first out (M/M/1).

λ arrival rate (per second) · μ service rate (per second) · ρ = λ / μ utilisation
W wait before service begins (seconds) · T latency, from arrival to answer (seconds) · L number in the system

These are long-run figures of a queue in equilibrium. A short run is not in equilibrium: compare it with
:func:`seqdocs.queues.lindley.waits` on its own trace instead.

Source: Kleinrock 1975, *Queueing Systems* volume 1, chapters 3 and 5.
"""

from __future__ import annotations

import math

from seqdocs.queues.checks import not_negative, positive, whole
from seqdocs.queues.estimate import between
from seqdocs.queues.theory.laws import load_below_one, utilisation
from seqdocs.queues.theory.mg1 import mg1_wait


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


def mm1_number(arrival_rate: float, service_rate: float, number: int) -> float:
    """Share of time that ``number`` requests are in the system, the one in service included, in M/M/1.

    Args:
        arrival_rate, service_rate: as :func:`mm1_wait`.
        number: n, at least 0.

    Returns:
        P(L = n) = (1 − ρ) ρⁿ, no unit.

    Raises:
        ValueError: as :func:`mm1_wait`, or if ``number`` is negative or not whole.

    Source: Kleinrock 1975, section 3.2.

    >>> mm1_number(arrival_rate=1.0, service_rate=2.0, number=2)
    0.125
    """
    load = load_below_one(arrival_rate, 1 / positive("service_rate", service_rate, "per second"))
    return (1 - load) * math.pow(load, whole("number", number, "requests"))


def mm1_latency_tail(arrival_rate: float, service_rate: float, time: float) -> float:
    """Share of requests whose answer takes longer than ``time``, wait and service together, in M/M/1.

    Args:
        arrival_rate, service_rate: as :func:`mm1_wait`.
        time: t, seconds from arrival.

    Returns:
        P(T > t) = exp(−(μ − λ) t), no unit: exponential, of mean 1 / (μ − λ).

    Raises:
        ValueError: as :func:`mm1_wait`, or if ``time`` is negative.

    Source: Kleinrock 1975, chapter 5.

    >>> round(mm1_latency_tail(arrival_rate=9.0, service_rate=10.0, time=1.0), 3)
    0.368
    """
    load_below_one(arrival_rate, 1 / positive("service_rate", service_rate, "per second"))
    return math.exp(-(service_rate - arrival_rate) * not_negative("time", time, "seconds"))


def mm1_latency_percentile(arrival_rate: float, service_rate: float, q: float) -> float:
    """The time from arrival to answer that a share ``q`` of requests does not exceed, in M/M/1.

    Args:
        arrival_rate, service_rate: as :func:`mm1_wait`.
        q: the quantile, between 0 and 1; 0.99 for the p99.

    Returns:
        −ln(1 − q) / (μ − λ), seconds, where :func:`mm1_latency_tail` is 1 − q.

    Raises:
        ValueError: as :func:`mm1_wait`, or if ``q`` does not lie between 0 and 1.

    Source: Kleinrock 1975, chapter 5.

    >>> round(mm1_latency_percentile(arrival_rate=9.0, service_rate=10.0, q=0.99), 2)
    4.61
    """
    load_below_one(arrival_rate, 1 / positive("service_rate", service_rate, "per second"))
    return -math.log1p(-between("q", q)) / (service_rate - arrival_rate)


def mm1_wait_given_ahead_tail(ahead: int, service_rate: float, time: float) -> float:
    """Share of those who find ``ahead`` others in the system that wait longer than ``time``, in M/M/1.

    They wait for so many exponential service times in a row; the one in progress has, having forgotten how
    long it has lasted, as much before it as a new one. For the mean see
    :func:`seqdocs.queues.theory.mg1.wait_given_ahead`.

    Args:
        ahead: n, number in the system on arrival, the one being served included.
        service_rate: μ, requests per second while busy.
        time: t, seconds.

    Returns:
        P(W > t | n ahead) = Σ exp(−μ t) (μ t)ᵏ / k! over k < n (Erlang's distribution), no unit.

    Raises:
        ValueError: if an argument is out of range, or ``ahead`` is not whole.

    Source: Kleinrock 1975, chapter 5.

    >>> round(mm1_wait_given_ahead_tail(ahead=1, service_rate=10.0, time=0.1), 3)  # one service time
    0.368
    """
    services = positive("service_rate", service_rate, "per second") * not_negative("time", time, "seconds")
    if not whole("ahead", ahead, "requests"):
        return 0.0
    if not services:
        return 1.0
    # each term by its logarithm: exp(−μ t) alone is 0 in floating point from 745 service times on
    log = math.log(services)
    return min(1.0, math.fsum(math.exp(k * log - services - math.lgamma(k + 1)) for k in range(ahead)))
