"""Admission: a request is taken in or refused at the door, so that those inside are served in time.

A rule sees who is inside and says yes or no: :func:`room` counts heads (a finite buffer), :func:`within` adds
up the work ahead (a deadline that can be kept).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

from seqdocs.queues.checks import not_negative
from seqdocs.queues.multiserver import servers_at_least_one
from seqdocs.queues.simulation.events import Log, Outcome, Process, run

if TYPE_CHECKING:
    import simpy
    from simpy.resources.resource import Request


class Inside(NamedTuple):
    """What a rule knows: how many requests are inside, and how much work is left for each server, seconds."""

    requests: int
    work: float


Rule = Callable[[Inside], bool]


def room(most: int) -> Rule:
    """Take in as long as fewer than ``most`` requests are inside, those in service included.

    Raises:
        ValueError: if ``most`` is below one.
    """
    if most < 1:
        raise ValueError(f"`most` is {most} requests but there must be room for at least 1")
    return lambda inside: inside.requests < most


def within(deadline: float) -> Rule:
    """Take in as long as the work ahead of it takes no more than ``deadline`` seconds.

    Raises:
        ValueError: if ``deadline`` is negative or not finite.
    """
    longest = not_negative("deadline", deadline, "seconds")
    return lambda inside: inside.work <= longest


def admit(arrivals: Tensor, services: Tensor, rule: Rule, servers: int = 1) -> Outcome:
    """Serve first come, first served those whom the rule takes in; the others are refused at once.

    Args:
        arrivals: (N,), seconds, never going down.
        services: (N,), seconds, at least 0.
        rule: :func:`room`, :func:`within` or any function of :class:`Inside`.
        servers: c, how many serve side by side.

    Returns:
        the run of those who were taken in, and who they were. Theory of a finite buffer:
        :func:`seqdocs.queues.theory.disciplines.blocked_share`.

    Raises:
        ValueError: if an argument is out of range.
        ModuleNotFoundError: if SimPy is not installed.
    """
    count = servers_at_least_one(servers)

    def queue(clock: simpy.Environment, log: Log) -> Callable[[int], object]:
        from simpy import Resource

        line = Resource(clock, count)
        waiting = 0.0  # work of those who wait, seconds
        ends: dict[int, float] = {}  # when those in service will be done

        def comes(k: int) -> None:
            nonlocal waiting
            left = waiting + sum(end - clock.now for end in ends.values())
            if rule(Inside(line.count + len(line.queue), left / count)):
                waiting += log.services[k]
                clock.process(serve(k, line.request()))

        def serve(k: int, place: Request) -> Process:
            nonlocal waiting
            with place as turn:
                yield turn
                log.begins(k, clock.now)
                waiting -= log.services[k]
                ends[k] = clock.now + log.services[k]
                yield clock.timeout(log.services[k])
                del ends[k]
                log.ends(k, clock.now)

        return comes

    return run(arrivals, services, queue)
