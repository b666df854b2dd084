"""What holds when arrivals are not Poisson, and when more comes than can be served.

λ arrival rate (per second) · S service time (seconds) · ρ = λ E[S] load
C² squared coefficient of variation: variance / mean², of the gaps between arrivals and of the service times

Sources: Kingman 1961, *Mathematical Proceedings of the Cambridge Philosophical Society* 57(4), for the
approximation; Kingman 1962, *Biometrika* 49, for the bound. Neither was checked against the original; the
tests compare the bound with simulated queues, and both with Pollaczek–Khinchine.
"""

from __future__ import annotations

from seqdocs.queues.checks import not_negative, positive
from seqdocs.queues.theory.laws import load_below_one, utilisation


def kingman_wait(
    arrival_rate: float, service_mean: float, gap_variation: float, service_variation: float
) -> float:
    """Mean wait, about, with any independent gaps and service times (G/G/1): exact for Poisson arrivals.

    The nearer the load to 1, the better. It says what a wait is made of: how full, how uneven, how long.

    Args:
        arrival_rate: λ, requests per second.
        service_mean: E[S], seconds.
        gap_variation: C² of the gaps between arrivals; 1 for Poisson arrivals.
        service_variation: C² of the service times; 1 for exponential ones, 0 for equal ones.

    Returns:
        ρ / (1 − ρ) · (C_A² + C_S²) / 2 · E[S], seconds.

    Raises:
        ValueError: if an argument is out of range or ρ is 1 or more.

    Source: Kingman 1961.

    >>> round(kingman_wait(9.0, 0.1, gap_variation=1.0, service_variation=0.0), 9)  # M/D/1
    0.45
    """
    load = load_below_one(arrival_rate, service_mean)
    uneven = not_negative("gap_variation", gap_variation, "times the square of the mean") + not_negative(
        "service_variation", service_variation, "times the square of the mean"
    )
    return load / (1 - load) * uneven / 2 * service_mean


def kingman_bound(
    arrival_rate: float, service_mean: float, gap_variation: float, service_variation: float
) -> float:
    """What the mean wait never exceeds, with any independent gaps and service times (G/G/1).

    Args:
        arrival_rate: λ, requests per second, above 0.
        service_mean: E[S], seconds.
        gap_variation: C² of the gaps between arrivals.
        service_variation: C² of the service times.

    Returns:
        λ (Var A + Var S) / (2 (1 − ρ)), seconds.

    Raises:
        ValueError: if an argument is out of range or ρ is 1 or more.

    Source: Kingman 1962.

    >>> round(kingman_bound(9.0, 0.1, gap_variation=1.0, service_variation=1.0), 3)  # M/M/1 waits 0.9
    1.006
    """
    load = load_below_one(positive("arrival_rate", arrival_rate, "per second"), service_mean)
    gaps = not_negative("gap_variation", gap_variation, "times the square of the mean") / arrival_rate**2
    services = (
        not_negative("service_variation", service_variation, "times the square of the mean") * service_mean**2
    )
    return arrival_rate * (gaps + services) / (2 * (1 - load))


def overload_wait(arrival_rate: float, service_mean: float, time: float) -> float:
    """Mean wait of who arrives ``time`` seconds after an overload began: it grows linearly, without end.

    In t seconds ρ t seconds of work come and t are done. What chance adds grows with the root of t only.

    Args:
        arrival_rate: λ, requests per second.
        service_mean: E[S], seconds.
        time: t, seconds since the queue was empty.

    Returns:
        (ρ − 1) t, seconds.

    Raises:
        ValueError: if an argument is out of range, or ρ is 1 or less: below 1 the mean wait does not grow for
            long, and at 1 all that makes it grow is chance, which no mean knows.

    >>> overload_wait(arrival_rate=12.0, service_mean=0.125, time=60.0)
    30.0
    """
    load = utilisation(arrival_rate, 1 / positive("service_mean", service_mean, "seconds"))
    if load <= 1:
        raise ValueError(
            f"`arrival_rate` is {arrival_rate:g} per second and a request takes {service_mean:g} seconds:"
            f" load {load:.3g}, but only above load 1 the line grows linearly in time"
        )
    return (load - 1) * not_negative("time", time, "seconds")
