"""Closed forms for one server with Poisson arrivals and any service times, first in, first out (M/G/1).

λ arrival rate (per second) · μ service rate (per second) · S service time (seconds) · ρ = λ E[S] utilisation
W wait before service begins (seconds)

These are long-run averages of a queue in equilibrium. A short run is not in equilibrium: compare it with
:func:`seqdocs.queues.lindley.waits` on its own trace instead.

Sources: Erlang 1909 (Poisson calls, constant holding times); Pollaczek 1930 and Khinchine 1932 (any service
times); Kleinrock 1975, *Queueing Systems* volume 1, chapter 5.
"""

from __future__ import annotations

from seqdocs.queues.checks import not_negative, positive, whole
from seqdocs.queues.theory.laws import load_below_one


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


def md1_wait(arrival_rate: float, service_rate: float) -> float:
    """Mean wait with Poisson arrivals and equal service times (M/D/1): half of M/M/1's.

    Arguments and errors: :func:`~seqdocs.queues.theory.mm1.mm1_wait`. Returns E[W] = ρ / (2 (μ − λ)), in
    seconds.

    Source: Erlang 1909; Kleinrock 1975, section 5.6.

    >>> round(md1_wait(arrival_rate=9.0, service_rate=10.0), 9)
    0.45
    """
    service_time = 1 / positive("service_rate", service_rate, "per second")
    return mg1_wait(arrival_rate, service_time, service_time**2)


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
        ValueError: if an argument is out of range, or ``ahead`` is not whole.

    >>> [wait_given_ahead(n, service_mean=0.5) for n in range(4)]
    [0.0, 0.5, 1.0, 1.5]
    """
    whole("ahead", ahead, "requests")
    positive("service_mean", service_mean, "seconds")
    left = service_mean if residual is None else not_negative("residual", residual, "seconds")
    return (ahead - 1) * service_mean + left if ahead else 0.0
