"""What a run of any engine was like, in nine figures: five times, two rates, two sizes of memory.

Times are of the requests that were answered. Each is told by its mean, its median and its p99, the last two
only if there are requests enough to know them.

Memory is what was really held: positions of a KV cache that were handed out, and bytes that were resident.
An engine that serves in other processes holds next to nothing in this one. Each of its workers tells with
the last token of every answer what it ever held; their sum is a figure of its own, and the KV cache lies
within it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from seqdocs.queues import token_latency, trace
from seqdocs.queues.checks import positive
from seqdocs.queues.engines.batch import BatchEngine
from seqdocs.queues.engines.engine import Engine
from seqdocs.queues.engines.process_pool import ProcessPoolEngine
from seqdocs.queues.engines.ticket import Ticket
from seqdocs.queues.engines.traced import trace_of
from seqdocs.queues.percentiles import fewest_samples
from seqdocs.resident import highest


class Spread(NamedTuple):
    """How a time is spread over requests, seconds; a percentile is None if the samples do not hold it."""

    mean: float
    median: float | None
    p99: float | None


class Report(NamedTuple):
    """One run of an engine. What nobody can know is None: a time without a token, bytes without a cache.

    Attributes:
        answered: how many requests.
        refused: how many were let in and not answered.
        queue_wait_seconds: from scheduled arrival to the begin of service.
        first_token_seconds: from scheduled arrival to the first token.
        per_output_token_seconds: mean time between the tokens of an answer, over answers.
        inter_token_seconds: time between two tokens, over all pairs of neighbours in an answer.
        latency_seconds: from scheduled arrival to the complete answer, end to end.
        throughput_tokens_per_second: of the complete answers, from first arrival to last answer.
        goodput_tokens_per_second: of those that came within the target.
        latency_target_seconds: the target.
        kv_peak_bytes: most bytes of a KV cache handed out at a time.
        resident_peak_bytes: most that this process held since it began.
        workers_resident_peak_bytes: the same of other processes that serve, added up; 0 if there are none.
    """

    answered: int
    refused: int
    queue_wait_seconds: Spread | None
    first_token_seconds: Spread | None
    per_output_token_seconds: Spread | None
    inter_token_seconds: Spread | None
    latency_seconds: Spread | None
    throughput_tokens_per_second: float | None
    goodput_tokens_per_second: float | None
    latency_target_seconds: float
    kv_peak_bytes: int | None
    resident_peak_bytes: int | None
    workers_resident_peak_bytes: int | None

    def export(self) -> dict[str, Any]:
        """Plain dicts and numbers, for JSON."""
        return {
            name: value._asdict() if isinstance(value, Spread) else value
            for name, value in self._asdict().items()
        }


def report(
    engine: Engine[Any],
    tickets: Sequence[Ticket[Any]],
    *,
    latency_target_seconds: float,
    kv_bytes_per_position: int | None = None,
) -> Report:
    """Tell what a run was like.

    Args:
        engine: any; it may still be open.
        tickets: of the run, all answered or refused.
        latency_target_seconds: the longest latency, end to end, that counts as good.
        kv_bytes_per_position: bytes of the keys and values of one position, see
            :func:`~seqdocs.queues.engines.decoder.kv_bytes_per_position`; without it bytes are not told.

    Raises:
        ValueError: if a ticket is not done or a number is not above 0.
    """
    target = positive("latency_target_seconds", latency_target_seconds, "seconds")
    if (at := kv_bytes_per_position) is not None:
        positive("kv_bytes_per_position", at, "bytes")
    run = trace_of([ticket for ticket in tickets if ticket.error is None])
    took_time = len(run) > 0 and float(run.finish.max()) > float(run.scheduled[0])
    positions = engine.peak_positions if isinstance(engine, BatchEngine) else most_positions(tickets)
    return Report(
        answered=len(run),
        refused=len(tickets) - len(run),
        queue_wait_seconds=_spread(trace.waits(run)),
        first_token_seconds=_spread(token_latency.first_token_latencies(run)),
        per_output_token_seconds=_spread(token_latency.seconds_per_token(run)),
        inter_token_seconds=_spread(token_latency.inter_token_latencies(run)),
        latency_seconds=_spread(trace.latencies(run)),
        throughput_tokens_per_second=trace.throughput(run) if took_time else None,
        goodput_tokens_per_second=trace.goodput(run, target) if took_time else None,
        latency_target_seconds=target,
        kv_peak_bytes=None if positions is None or at is None else positions * at,
        resident_peak_bytes=highest(),
        workers_resident_peak_bytes=engine.workers_bytes if isinstance(engine, ProcessPoolEngine) else 0,
    )


def most_positions(tickets: Iterable[Ticket[Any]]) -> int | None:
    """Most positions of KV caches at a time, where each request in service has its own.

    It is as long as the request can become, and there from the begin of its service to the end.

    Returns:
        positions; None if a request was served that has none.
    """
    changes: list[tuple[float, int]] = []
    for ticket in tickets:
        if ticket.start is None or ticket.finish is None:
            continue
        positions = getattr(ticket.request, "positions", None)
        if positions is None:
            return None
        changes += [(ticket.start, positions), (ticket.finish, -positions)]
    inside = most = 0
    for _, change in sorted(changes):  # at one instant those who leave go first
        inside += change
        most = max(most, inside)
    return most


def _spread(seconds: Tensor) -> Spread | None:
    if not len(seconds):
        return None
    return Spread(float(seconds.mean()), _percentile(seconds, 0.5), _percentile(seconds, 0.99))


def _percentile(seconds: Tensor, q: float) -> float | None:
    """The smallest sample that a share ``q`` does not exceed."""
    if len(seconds) < fewest_samples(q):
        return None
    return float(seconds.sort().values[math.ceil(q * len(seconds)) - 1])
