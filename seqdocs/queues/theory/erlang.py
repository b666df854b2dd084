"""Closed forms for one line before several equal servers, and for servers without room to wait.

λ arrival rate (per second) · μ service rate of one server (per second) · c servers · ρ = λ / (c μ) their load
a = λ / μ offered load (erlangs): how many servers would be busy if there were enough

Arrivals are Poisson, service times exponential; Erlang B holds for any service times of that mean.

Sources: Erlang 1917, *Elektroteknikeren* 13, for B and C (known here from citations); Kleinrock 1975,
*Queueing Systems* volume 1, sections 3.5 and 3.6. The recursion in c for B is folklore; the tests compare it
with the sums of the definition in exact fractions.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from seqdocs.queues.checks import not_negative, positive
from seqdocs.queues.estimate import between
from seqdocs.queues.multiserver import servers_at_least_one
from seqdocs.queues.theory.laws import load_below_one
from seqdocs.queues.theory.mm1 import mm1_wait


def erlang_b(offered: float, servers: int) -> float:
    """Share of requests turned away when nobody may wait (M/M/c/c, and M/G/c/c).

    The definition, (aᶜ / c!) / Σₖ aᵏ / k!, overflows beyond c ≈ 170. The recursion
    B₀ = 1, Bₖ = a Bₖ₋₁ / (k + a Bₖ₋₁) adds and divides positive numbers below one only, so it is exact to a
    few roundings for thousands of servers.

    Args:
        offered: a = λ / μ, erlangs; may exceed ``servers``.
        servers: c.

    Returns:
        the probability that all servers are busy on arrival, no unit.

    Raises:
        ValueError: if ``offered`` is negative or not finite, or ``servers`` is below one.

    >>> round(erlang_b(offered=1.0, servers=2), 9)  # (1/2) / (1 + 1 + 1/2)
    0.2
    """
    load, blocked = not_negative("offered", offered, "erlangs"), 1.0
    for server in range(1, servers_at_least_one(servers) + 1):
        blocked = load * blocked / (server + load * blocked)
    return blocked


def erlang_c(arrival_rate: float, service_rate: float, servers: int) -> float:
    """Share of requests that must wait, in M/M/c.

    Args:
        arrival_rate: λ, requests per second.
        service_rate: μ of one server, requests per second while busy.
        servers: c.

    Returns:
        C = B / (1 − ρ (1 − B)) with B of :func:`erlang_b`, no unit.

    Raises:
        ValueError: if an argument is out of range or ρ = λ / (c μ) is 1 or more.

    Source: Erlang 1917.

    >>> round(erlang_c(arrival_rate=9.0, service_rate=10.0, servers=1), 9)  # one server: the load itself
    0.9
    """
    service_mean = 1 / positive("service_rate", service_rate, "per second")
    load = load_below_one(arrival_rate, service_mean, servers_at_least_one(servers))
    blocked = erlang_b(arrival_rate * service_mean, servers)
    return blocked / (1 - load * (1 - blocked))


def mmc_wait(arrival_rate: float, service_rate: float, servers: int) -> float:
    """Mean wait in M/M/c: one line, several servers.

    Args:
        arrival_rate: λ, requests per second, of all together.
        service_rate: μ of one server, requests per second while busy.
        servers: c.

    Returns:
        E[W] = C / (c μ − λ), seconds.

    Raises:
        ValueError: as :func:`erlang_c`.

    Source: Kleinrock 1975, section 3.5.

    >>> [round(mmc_wait(0.9 * c, 1.0, c), 1) for c in (1, 2, 4, 8)]  # service times, at load 0.9
    [9.0, 4.3, 2.0, 0.9]
    """
    return erlang_c(arrival_rate, service_rate, servers) / (servers * service_rate - arrival_rate)


def mmc_wait_tail(arrival_rate: float, service_rate: float, servers: int, time: float) -> float:
    """Share of requests that wait longer than ``time``, in M/M/c.

    Args:
        arrival_rate: λ, requests per second.
        service_rate: μ of one server, requests per second while busy.
        servers: c.
        time: t, seconds.

    Returns:
        P(W > t) = C exp(−(c μ − λ) t), no unit.

    Raises:
        ValueError: as :func:`erlang_c`, or if ``time`` is negative or not finite.
    """
    waiting = erlang_c(arrival_rate, service_rate, servers)
    spare = servers * service_rate - arrival_rate
    return waiting * math.exp(-spare * not_negative("time", time, "seconds"))


def mmc_wait_percentile(arrival_rate: float, service_rate: float, servers: int, q: float) -> float:
    """The wait that a share ``q`` of requests does not exceed, in M/M/c.

    Args:
        arrival_rate: λ, requests per second.
        service_rate: μ of one server, requests per second while busy.
        servers: c.
        q: the quantile, between 0 and 1; 0.99 for the p99.

    Returns:
        the t at which :func:`mmc_wait_tail` is 1 − q, seconds; 0 if fewer than 1 − q wait at all.

    Raises:
        ValueError: as :func:`erlang_c`, or if ``q`` does not lie between 0 and 1.
    """
    waiting = erlang_c(arrival_rate, service_rate, servers)
    tail = 1 - between("q", q)
    return math.log(waiting / tail) / (servers * service_rate - arrival_rate) if waiting > tail else 0.0


class PooledAndSplit(NamedTuple):
    """Mean waits, seconds, of the same requests at the same servers in one line and in one line each."""

    pooled: float
    split: float


def pooled_and_split(arrival_rate: float, service_rate: float, servers: int) -> PooledAndSplit:
    """What one common line is worth: in separate lines a server idles while others have a queue.

    Args:
        arrival_rate: λ, requests per second, of all together.
        service_rate: μ of one server, requests per second while busy.
        servers: c; split, each gets λ / c, every request at random.

    Returns:
        mean waits of M/M/c and of c separate M/M/1, seconds.

    Raises:
        ValueError: as :func:`erlang_c`.

    >>> tuple(round(wait, 2) for wait in pooled_and_split(arrival_rate=7.2, service_rate=1.0, servers=8))
    (0.88, 9.0)
    """
    pooled = mmc_wait(arrival_rate, service_rate, servers)
    return PooledAndSplit(pooled, split=mm1_wait(arrival_rate / servers, service_rate))
