"""Nine figures of a run: by hand, and of every engine."""

from __future__ import annotations

import sys

import pytest
import torch
from engine_fakes import answer_of
from engine_kinds import HELD, let_go, one_cluster  # noqa: F401 - a fixture

from seqdocs.queues.engines.decoder import kv_bytes_per_position
from seqdocs.queues.engines.request import RefusedError, Request
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.engines.ticket import Ticket
from seqdocs.queues.report import Spread, most_positions, report
from tests.queues.engines.test_paged_model import language_model

BATCHES = {"static batch", "dynamic batch", "continuous batch"}
ELSEWHERE = {"process pool", "ray replicas"}


def told(start, *tokens, arrival=0.0, prompt=3):
    """A ticket whose tokens came then."""
    ticket = Ticket(Request((1,) * prompt, len(tokens)), f"from {start}", arrival)
    ticket.begin(start)
    for time in tokens:
        ticket.push(1, time)
    ticket.end(tokens[-1])
    return ticket


@pytest.fixture(scope="module")
def idle():
    with SerialEngine(lambda request: 1) as engine:
        yield engine


def test_the_figures_of_a_run_by_hand(idle):
    refused = Ticket(Request((1,), 1), "refused", 0.5)
    refused.end(9.0, error=RefusedError("deadline", "too late"))
    run = [told(1.0, 2.0, 3.0, 7.0), refused, told(7.0, 8.0, arrival=1.0), told(4.0, 5.0, 6.0, arrival=2.0)]
    said = report(idle, run, latency_target_seconds=4.0, kv_bytes_per_position=10)
    assert (said.answered, said.refused) == (3, 1)
    assert said.queue_wait_seconds == Spread((1 + 6 + 2) / 3, None, None)
    assert said.first_token_seconds.mean == (2 + 7 + 3) / 3
    assert said.per_output_token_seconds.mean == (2.5 + 1) / 2
    assert said.inter_token_seconds.mean == (1 + 4 + 1) / 3
    assert said.latency_seconds.mean == (7 + 7 + 4) / 3
    assert said.throughput_tokens_per_second == 6 / 8
    assert said.goodput_tokens_per_second == 2 / 8  # the last alone was within 4 seconds
    assert said.latency_target_seconds == 4.0
    assert said.kv_peak_bytes == 10 * (5 + 4)  # the first and the last overlap; one came as the first left
    assert said.workers_resident_peak_bytes == 0


def test_percentiles_are_told_from_as_many_requests_as_hold_them(idle):
    few = [told(n + 0.5, n + 1.0, arrival=float(n)) for n in range(6)]
    many = [told(n, n + (n + 1) / 400, arrival=float(n)) for n in range(400)]
    assert report(idle, few[:5], latency_target_seconds=1.0).queue_wait_seconds.median is None
    assert report(idle, few, latency_target_seconds=1.0).queue_wait_seconds == Spread(0.5, 0.5, None)
    latency = report(idle, many, latency_target_seconds=1.0).latency_seconds
    assert (latency.median, latency.p99) == pytest.approx((200 / 400, 396 / 400))


def test_what_nobody_can_know_is_none(idle):
    said = report(idle, [], latency_target_seconds=1.0, kv_bytes_per_position=10)
    assert (said.answered, said.latency_seconds, said.throughput_tokens_per_second) == (0, None, None)
    alone = report(idle, [told(1.0, 2.0)], latency_target_seconds=1.0)
    assert (alone.inter_token_seconds, alone.per_output_token_seconds, alone.kv_peak_bytes) == (None,) * 3
    plain = Ticket("no request of a language model", "plain", 0.0)
    plain.begin(0.0)
    plain.end(1.0, "answer")
    assert most_positions([plain]) is None


def test_bad_arguments_get_one_sentence(idle):
    with pytest.raises(ValueError, match=r"^`latency_target_seconds` is 0 seconds but must be finite and"):
        report(idle, [], latency_target_seconds=0)
    with pytest.raises(ValueError, match=r"^`kv_bytes_per_position` is 0 bytes but must be"):
        report(idle, [], latency_target_seconds=1, kv_bytes_per_position=0)
    with pytest.raises(ValueError, match=r"is not done; a trace is made of a run that is over$"):
        report(idle, [Ticket(Request((1,), 1), "waits", 0.0)], latency_target_seconds=1)


@pytest.mark.parametrize("name", HELD)
def test_every_engine_is_told_by_all_figures(name, tmp_path, one_cluster):  # noqa: F811
    let_go(tmp_path)
    asked = [Request((number + 1, 2, 3), 2 + number) for number in range(6)]
    with HELD[name](str(tmp_path)) as engine:
        tickets = [engine.submit(request) for request in asked]
    assert [ticket.result() for ticket in tickets] == [answer_of(request) for request in asked]
    said = report(engine, tickets, latency_target_seconds=3600.0, kv_bytes_per_position=10)
    hopeless = report(engine, tickets, latency_target_seconds=1e-9, kv_bytes_per_position=10)
    times = [said.queue_wait_seconds, said.first_token_seconds, said.latency_seconds]
    assert [one.mean for one in times] == sorted(one.mean for one in times)
    assert all(one.median >= 0 and one.p99 is None for one in times)
    assert 0 <= said.inter_token_seconds.mean <= said.latency_seconds.mean
    assert 0 <= said.per_output_token_seconds.mean <= said.latency_seconds.mean
    assert said.throughput_tokens_per_second == said.goodput_tokens_per_second > 0
    assert hopeless.goodput_tokens_per_second == 0
    positions = 64 if name in BATCHES else max(request.positions for request in asked)  # one at a time
    assert said.kv_peak_bytes == 10 * positions
    if sys.platform == "linux":
        assert said.resident_peak_bytes > 1e6
        assert (said.workers_resident_peak_bytes > 1e6) == (name in ELSEWHERE)
    assert all(value is not None for value in said.export().values())


@pytest.mark.parametrize("options", [{}, {"positions": "rotary", "key_value_heads": 1}])
def test_the_bytes_of_a_position_are_those_of_the_cache(options):
    model = language_model(**options)
    _, caches = model.prefill(torch.tensor([[1, 2, 3]]), capacity=7)
    held = sum(part.nbytes for cache in caches for part in (cache.keys, cache.values))
    assert held == 7 * kv_bytes_per_position(model)
