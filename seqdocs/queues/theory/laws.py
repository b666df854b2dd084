"""What holds for every queue: how full it is, and Little's law.

λ arrival rate (per second) · μ service rate (per second) · S service time (seconds) · ρ = λ E[S] utilisation
W̄ time in the system (seconds) · L number in the system

Source: Little 1961 (L = λ W).
"""

from __future__ import annotations

from seqdocs.queues.checks import not_negative, positive


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
            :func:`seqdocs.queues.theory.heavy.overload_wait`.
    """
    load = utilisation(arrival_rate, servers / positive("service_mean", service_mean, "seconds"))
    if load >= 1:
        side_by_side = f" at each of {servers} servers" if servers > 1 else ""
        raise ValueError(
            f"`arrival_rate` is {arrival_rate:g} per second and a request takes {service_mean:g} seconds"
            f"{side_by_side}: load {load:.3g}, but a queue has a mean wait only below load 1"
        )
    return load


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
