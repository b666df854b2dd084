"""Hit a load: the rate of arrivals follows from the service time, which only the run itself shows.

ρ load · λ arrivals per second · E[S] mean service time, seconds: ρ = λ E[S]

A service time that was measured before the run is a guess. Between the two the machine changes its speed, and
a request behind others is not served like one that comes after a pause. With the rate from such a guess a run
that was meant for load 0.9 may come out at 0.74. So whoever aims looks where the run came out, takes the
service time that *it* showed, and tries again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from seqdocs.queues.checks import positive, whole
from seqdocs.queues.retries import Kept
from seqdocs.queues.trace import services


class Aimed(NamedTuple):
    """One run, and where it came out.

    Attributes:
        kept: the run.
        arrival_rate: of its schedule, requests per second.
        service: mean service time of the run, seconds.
    """

    kept: Kept
    arrival_rate: float
    service: float

    @property
    def load(self) -> float:
        """The load that the run came out at."""
        return self.arrival_rate * self.service


def aim(
    attempt: Callable[[float], Kept], load: float, service: float, *, within: float = 0.05, spare: int = 1
) -> Aimed:
    """Run at a load: again with the service time that the last run showed, until it is met.

    Args:
        attempt: takes arrivals per second and makes a run.
        load: the load that is wanted.
        service: a first guess at the mean service time, seconds.
        within: how far off a run may be, as a share of the load.
        spare: how often a run that is further off is made again.

    Returns:
        the first run within reach that counts; if there is none, the nearest, of those that count if one
        does. Which run is taken depends on its load alone, never on its waits.

    Raises:
        ValueError: if a number is out of range.
    """
    positive("load", load, "times what the engine can do")
    positive("service", service, "seconds")
    positive("within", within, "of the load")
    tries: list[Aimed] = []
    for _ in range(whole("spare", spare, "attempts") + 1):
        rate = load / service
        kept = attempt(rate)
        service = float(services(kept.trace).mean())
        tries.append(Aimed(kept, rate, service))
        if kept.rejected is None and abs(tries[-1].load / load - 1) <= within:
            break
    return min(tries, key=lambda one: (one.kept.rejected is not None, abs(one.load / load - 1)))
