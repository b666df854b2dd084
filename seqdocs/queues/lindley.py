"""Exact waits of a first-in-first-out queue, from its arrivals and service times.

W_k wait of request k · S_k its service time · A_k gap between arrivals k and k + 1 · all seconds, fp64
U_k = S_k − A_k: what request k leaves to the next one; negative when the server has time to catch up

    W_0 = 0        W_{k+1} = max(0, W_k + U_k)

It is a recurrence like that of a recurrent network, and looks as sequential. But each step is a map
w ↦ max(a, w + b), and such maps compose into maps of the same kind: in the semiring that writes max for
addition and + for multiplication the step is linear, so a scan evaluates all of it in O(log N) depth.
Unrolled, it is a running sum minus its own running minimum.

On a CPU both are taken in stretches that fit its cache, each beginning with the wait that the last one ended
with: several times as fast, and no sum grows so large that its last digits are lost. A GPU, which has room
for all steps at once, scans them at once.

Sources: Lindley 1952, *Proceedings of the Cambridge Philosophical Society* 48(2); Blelloch 1990 (scans).
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from seqdocs.queues.checks import rising, series
from seqdocs.scan import associative_scan

Method = Literal["loop", "scan", "cumulative"]
STRETCH = 1 << 15  # requests whose sums are in the cache at a time: 256 KiB each
Step = tuple[Tensor, ...]  # (a, b), as the scan passes elements on


def then(first: Step, second: Step) -> Step:
    """Compose two steps w ↦ max(a, w + b), ``first`` before ``second``: an associative operation.

    Args:
        first: (a, b), tensors of one shape, seconds.
        second: likewise.

    Returns:
        the one step that does both: max(a₂, max(a₁, w + b₁) + b₂) = max(max(a₂, a₁ + b₂), w + b₁ + b₂).
    """
    (a1, b1), (a2, b2) = first, second
    return torch.maximum(a2, a1 + b2), b1 + b2


def waits(arrivals: Tensor, services: Tensor, method: Method = "loop") -> Tensor:
    """How long each request waits until its service begins.

    Args:
        arrivals: arrival times, (N,), seconds, never going down.
        services: service times, (N,), seconds, at least 0.
        method: ``"loop"`` walks through the requests; ``"scan"`` composes the steps by an associative scan;
            ``"cumulative"`` takes running sums minus their running minima, stretch by stretch. All give the
            same waits.

    Returns:
        waits, (N,), fp64 seconds, at least 0; the first is 0.

    Raises:
        ValueError: if a shape, an order, a sign or the method is wrong.

    Source: Lindley 1952.

    >>> waits(torch.tensor([0.0, 1.0, 2.0, 9.0]), torch.tensor([3.0, 3.0, 1.0, 1.0])).tolist()
    [0.0, 2.0, 4.0, 0.0]
    """
    when, work = of_one_run(arrivals, services)
    if method not in get_args(Method):
        raise ValueError(f"`method` is {method!r} but must be one of {', '.join(get_args(Method))}")
    if len(when) == 0:
        return when.clone()
    if method == "cumulative":
        return _cumulative(when, work)
    carried = work[:-1] - when.diff()  # U_k, (N − 1,)
    later = _loop(carried) if method == "loop" else _scan(carried)
    return torch.cat([when.new_zeros(1), later])


def of_one_run(arrivals: Tensor, services: Tensor) -> tuple[Tensor, Tensor]:
    """Both as fp64 of shape (N,), if they can be the arrival and service times of one run.

    Raises:
        ValueError: if a shape, an order or a sign is wrong.
    """
    when, work = rising("arrivals", arrivals), series("services", services)
    if when.shape != work.shape:
        raise ValueError(
            f"`arrivals` has {len(when)} requests but `services` has {len(work)}; both are (N,) of one run"
        )
    if len(work) and float(work.min()) < 0:
        raise ValueError(f"`services` holds {float(work.min())} seconds but a service takes at least 0")
    return when, work


def _loop(carried: Tensor) -> Tensor:
    wait, out = 0.0, []
    for step in carried.tolist():  # Python floats are fp64, and far quicker than tensors of one number
        wait = max(0.0, wait + step)
        out.append(wait)
    return carried.new_tensor(out)


def _scan(carried: Tensor) -> Tensor:
    out, wait = torch.empty_like(carried), carried.new_zeros(())
    size = max(1, len(carried)) if carried.is_cuda else STRETCH
    for start in range(0, len(carried), size):
        part = carried[start : start + size]
        floor, shift = associative_scan(then, (torch.zeros_like(part), part), dim=0)
        reached = torch.maximum(floor, shift + wait, out=out[start : start + size])  # the composed steps
        wait = reached[-1]
    return out


def _cumulative(when: Tensor, work: Tensor) -> Tensor:
    out = torch.empty_like(when)
    out[0] = 0.0
    for start in range(0, len(when) - 1, STRETCH):
        stop = min(start + STRETCH, len(when) - 1)
        level = work[start:stop] - (when[start + 1 : stop + 1] - when[start:stop])  # U_k, as in the loop
        level[0] += out[start]  # the wait that this stretch begins with
        level = level.cumsum(0)
        torch.sub(level, level.cummin(0).values.clamp_(max=0.0), out=out[start + 1 : stop + 1])
    return out
