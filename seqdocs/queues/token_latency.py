"""What a reader of a streamed answer feels: when it begins, and how steadily it goes on.

Seconds, of a trace that knows the times of its tokens. They tell different faults apart: a long line delays
the first token, a crowded batch slows all others, and a long prompt that cuts in shows as one long gap.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from seqdocs.queues.checks import not_negative
from seqdocs.queues.trace import Trace, span


def first_token_latencies(trace: Trace) -> Tensor:
    """Time from scheduled arrival to first token, (requests with a token,), seconds: wait plus prefill."""
    times, begins, counts = _times(trace)
    return times[begins[counts > 0]] - trace.scheduled[counts > 0]


def seconds_per_token(trace: Trace) -> Tensor:
    """Mean time between the tokens of an answer, (requests with two tokens or more,), seconds."""
    times, begins, counts = _times(trace)
    many = counts > 1
    first, last = times[begins[many]], times[(begins + counts)[many] - 1]
    return (last - first) / (counts[many] - 1)


def inter_token_latencies(trace: Trace) -> Tensor:
    """Every gap between two tokens of one answer, seconds, those of the first request first."""
    times, begins, counts = _times(trace)
    gaps = times.diff()
    within = torch.ones_like(gaps, dtype=torch.bool)
    starts = begins[counts > 0][1:]
    within[starts - 1] = False  # from the last token of one answer to the first of the next
    return gaps[within]


def goodput_within(trace: Trace, first_token: float = math.inf, per_token: float = math.inf) -> float:
    """Tokens per second of the answers that kept both targets; the others count nothing.

    Args:
        trace: the run.
        first_token: longest time to the first token that still counts, seconds.
        per_token: longest mean time between two tokens that still counts, seconds; an answer of one token
            keeps it.

    Raises:
        ValueError: if a target is negative, the trace does not know its tokens, or as
            :func:`~seqdocs.queues.trace.span`.

    Source: Zhong et al., "DistServe", OSDI 2024, section 1, https://arxiv.org/abs/2401.09670; it counts
    requests per second where this counts their tokens.
    """
    for name, target in (("first_token", first_token), ("per_token", per_token)):
        if target != math.inf:
            not_negative(name, target, "seconds")
    *_, counts = _times(trace)
    kept = counts > 0
    kept[counts > 0] &= first_token_latencies(trace) <= first_token
    kept[counts > 1] &= seconds_per_token(trace) <= per_token
    return float(trace.tokens[kept].sum()) / span(trace)


def _times(trace: Trace) -> tuple[Tensor, Tensor, Tensor]:
    """All token times; where each request's begin; how many it has."""
    if trace.token_times is None:
        raise ValueError("`trace` does not know when its tokens came; it needs `token_times`")
    counts = trace.tokens.long()
    return trace.token_times, counts.cumsum(0) - counts, counts
