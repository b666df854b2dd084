"""Exact waits of one first-in-first-out line before several servers.

F_i when server i will be free · a_k arrival of request k · S_k its service time · W_k its wait · c servers
all seconds, fp64

    start_k = max(a_k, min_i F_i)        W_k = start_k − a_k        that server's F becomes start_k + S_k

Whoever is first in line takes the server that is free first; this is all there is to it. With one server
it is Lindley's recursion. With more the state is the sorted list of F, and the steps no longer compose into a
few numbers, so no scan does it: whoever wants speed walks through many runs side by side (:func:`walk`).

Source: Kiefer and Wolfowitz 1955, *Transactions of the American Mathematical Society* 78(1), who keep the
work F_i − a_k left at each server instead of the moment at which it ends (known here from citations).
"""

from __future__ import annotations

import heapq
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seqdocs.queues.lindley import of_one_run

Method = Literal["loop", "heap"]
Times = NDArray[np.float64]


def servers_at_least_one(servers: int) -> int:
    """``servers`` if it is a whole number of at least one; one clear ValueError otherwise."""
    if servers != int(servers) or servers < 1:
        raise ValueError(f"`servers` is {servers} but must be a whole number of at least 1")
    return int(servers)


def waits(arrivals: Tensor, services: Tensor, servers: int, method: Method = "heap") -> Tensor:
    """How long each request waits until one of several servers begins with it.

    Args:
        arrivals: arrival times, (N,), seconds, never going down.
        services: service times, (N,), seconds, at least 0.
        servers: c, how many serve side by side; all alike.
        method: ``"loop"`` looks at all servers for each request, as the formula says; ``"heap"`` keeps them
            in a heap, in O(log c) for each. Both give the same waits, to the last bit.

    Returns:
        waits, (N,), fp64 seconds, at least 0; the first c are 0.

    Raises:
        ValueError: if a shape, an order, a sign, the number of servers or the method is wrong.

    Source: Kiefer and Wolfowitz 1955.

    >>> import torch
    >>> waits(torch.tensor([0.0, 0.0, 0.0, 9.0]), torch.tensor([3.0, 2.0, 1.0, 1.0]), servers=2).tolist()
    [0.0, 0.0, 2.0, 0.0]
    """
    when, work = of_one_run(arrivals, services)
    count = servers_at_least_one(servers)
    if method not in get_args(Method):
        raise ValueError(f"`method` is {method!r} but must be one of {', '.join(get_args(Method))}")
    step = _first_free if method == "loop" else heapq.heapreplace
    free, starts = [-np.inf] * count, []  # idle since ever
    for arrival, service in zip(when.tolist(), work.tolist(), strict=True):
        start = max(arrival, free[0] if method == "heap" else min(free))
        step(free, start + service)
        starts.append(start)
    return when.new_tensor(starts) - when


def _first_free(free: list[float], until: float) -> None:
    """Keep the server that is free first busy until then."""
    free[free.index(min(free))] = until


def walk(free: Times, arrivals: Times, services: Times) -> Times:
    """Waits in many runs at once, one step for all of them: the loop over requests costs one run's time.

    The servers of each run are sorted. The one that is free first leaves the list and comes back with its
    new end, which goes to its place by one comparison with each neighbour, for all runs in one operation.

    Args:
        free: when each server is free, (c, R) of R runs, seconds, sorted along c; **changed in place**, so
            that a long run may be walked piece by piece. ``np.zeros((c, R))`` begins with idle servers.
        arrivals: (N, R), seconds, never going down along N, not below 0.
        services: (N, R), seconds, at least 0.

    Returns:
        waits, (N, R), seconds.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if free.ndim != 2 or arrivals.shape != services.shape or arrivals.shape[1:] != free.shape[1:]:
        raise ValueError(
            f"`free` has shape {free.shape}, `arrivals` {arrivals.shape} and `services` {services.shape};"
            " they are (c, R), (N, R) and (N, R)"
        )
    waits = np.empty_like(arrivals)
    servers = np.concatenate([free, np.full((1, free.shape[1]), np.inf)])  # the last is never free
    now, later = servers[:-1], servers[1:]
    merged = np.empty_like(now)
    end = np.empty(free.shape[1])
    for arrival, service, wait in zip(arrivals, services, waits, strict=True):
        np.maximum(arrival, now[0], out=end)
        np.subtract(end, arrival, out=wait)
        np.add(end, service, out=end)
        np.maximum(now, end, out=merged)  # place i keeps what is there, takes the new end,
        np.minimum(merged, later, out=now)  # or takes what moves down: the middle of the three
    free[:] = now
    return waits
