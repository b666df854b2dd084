"""Engines say what one-by-one decoding says, whatever the mix; and lose nobody, whatever goes wrong."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from statistics import median

import pytest
import torch
from engine_fakes import VOCABULARY, FakeModel, random_request, serve
from engine_services import make_deadly
from proofs.faulty_client import Client, fault_of

from seqdocs.models.language_model import CausalLM
from seqdocs.queues.engines.continuous_batch import ContinuousBatchEngine
from seqdocs.queues.engines.decoder import decoder
from seqdocs.queues.engines.dynamic_batch import DynamicBatchEngine
from seqdocs.queues.engines.engine import Engine
from seqdocs.queues.engines.event_loop import EventLoopEngine
from seqdocs.queues.engines.paged_model import PagedModel
from seqdocs.queues.engines.process_pool import ProcessPoolEngine
from seqdocs.queues.engines.request import Request, check_request
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.engines.static_batch import StaticBatchEngine
from seqdocs.queues.engines.thread_pool import ThreadPoolEngine
from seqdocs.queues.engines.traced import trace_of
from seqdocs.queues.engines.waiting import make_waiting
from seqdocs.queues.load import population
from seqdocs.queues.trace import littles_law_gap, span

CONTEXT = 64
pytestmark = pytest.mark.timeout(3600)


# -- the same tokens


def language_model(draw: Random) -> CausalLM:
    """In fp64, with weights so large that every token depends on those before."""
    torch.manual_seed(draw.randrange(10**6))
    options = draw.choice([{}, {"positions": "rotary", "key_value_heads": 2}, {"positions": "sinusoidal"}])
    model = CausalLM(vocabulary=50, context=CONTEXT, width=16, layers=2, heads=4, tied=False, **options)
    with torch.no_grad():
        for parameter in model.double().parameters():
            if parameter.ndim > 1:
                parameter.mul_(12)
    return model.eval()


def test_continuous_batching_says_what_one_by_one_decoding_says(full, draw, proven):
    mixes, tokens, preemptions = (200 if full else 10), 0, 0
    for _ in range(mixes):
        model = language_model(draw)
        requests = [random_request(draw, CONTEXT) for _ in range(draw.randint(4, 14))]
        if draw.random() < 0.5:  # some begin alike
            requests += [Request((*one.prompt[:20], 3), min(9, one.max_new_tokens)) for one in requests[:3]]
        alone = [list(decoder(model)(request)) for request in requests]
        size = draw.choice([1, 2, 4, 8])
        least = -(-max(request.positions for request in requests) // size)
        usage = []
        with ContinuousBatchEngine(
            PagedModel(model, draw.randint(least, 2 * least), size),
            draw.randint(2, 8),
            chunk=draw.randint(1, 20),
            share=draw.random() < 0.5,
            watch=usage.append,
        ) as engine:
            tickets = [engine.submit(request) for request in requests]
        assert [ticket.result() for ticket in tickets] == alone
        assert engine._cache.free == engine._cache.blocks
        tokens += sum(map(len, alone))
        preemptions += usage[-1].preemptions
    assert preemptions > mixes  # else the proof would say little
    proven(f"{mixes} random mixes, {tokens:,} tokens, {preemptions:,} preemptions: all as one by one in fp64")


# -- nobody lost


def stumbling(draw: Random) -> Callable[[object], None]:
    """A model that fails now and then when it reads several sequences, and not when it is asked again."""

    def before(readings) -> None:
        if len(readings) > 1 and draw.random() < 0.02:
            raise OSError("a passing fault")

    return before


def ray_replicas(folder: str, replicas: int, **options) -> Engine[Request]:
    """Ray actors on this machine that die of requests named "deadly…"."""
    pytest.importorskip("ray", reason="needs the package ray, which is in the group `test`")
    from seqdocs.queues.engines.ray_replicas import RayReplicasEngine

    return RayReplicasEngine(partial(make_deadly, folder), replicas, num_cpus=0.25, **one_by_one, **options)


check = partial(check_request, context=CONTEXT, vocabulary=VOCABULARY)
one_by_one = {"check": check, "limit": 40}
ENGINES = {
    "serial": lambda draw, folder: SerialEngine(serve, **one_by_one),
    "thread pool": lambda draw, folder: ThreadPoolEngine(serve, 3, **one_by_one),
    "event loop": lambda draw, folder: EventLoopEngine(serve, 3, **one_by_one),
    "process pool": lambda draw, folder: ProcessPoolEngine(partial(make_deadly, folder), 2, **one_by_one),
    "ray replicas": lambda draw, folder: ray_replicas(folder, 2),
    "static batch": lambda draw, folder: StaticBatchEngine(
        FakeModel(8, CONTEXT, before=stumbling(draw)), 8, limit=40
    ),
    "dynamic batch": lambda draw, folder: DynamicBatchEngine(
        FakeModel(8, CONTEXT, before=stumbling(draw)), 8, patience=0.001, limit=40
    ),
    "continuous batch": lambda draw, folder: ContinuousBatchEngine(
        FakeModel(14, 4, before=stumbling(draw)), 6, chunk=7, share=True, limit=40
    ),
}
BATCHES = {"static batch", "dynamic batch", "continuous batch"}
IN_ORDER = {"serial", "event loop"} | BATCHES  # requests begin in the order they came


@pytest.mark.parametrize("name", ENGINES)
def test_nobody_is_lost_doubled_or_out_of_order_whatever_goes_wrong(name, full, draw, proven, tmp_path):
    count, before = (10_000 if full else 300), threading.active_count()
    if name == "ray replicas":
        count //= 10  # a call to an actor takes a millisecond, a new actor seconds
    kills = {"process pool": 20, "ray replicas": 4}.get(name, 0)
    engine = ENGINES[name](draw, str(tmp_path))
    with ThreadPoolExecutor(4) as readers, engine:
        client = Client(engine, draw, readers)
        for number in range(count):
            client.send(number, fault_of(draw, deadly=kills / count))
    client.judge()
    assert client.said.total() == count
    assert threading.active_count() == before
    assert multiprocessing.active_children() == []
    if name in IN_ORDER:
        starts = [one.ticket.start for one in client.sent if one.ticket.start is not None]
        assert starts == sorted(starts)
    if name in BATCHES:
        assert engine._cache.free == engine._cache.blocks
    assert (client.said["no blocks"] > 0) == (name == "continuous batch")  # the only one with a small cache
    run = trace_of([one.ticket for one in client.sent], client.sent[0].ticket.arrival)
    assert abs(littles_law_gap(run)) < 1e-9
    told = ", ".join(f"{number} {what}" for what, number in client.said.most_common())
    proven(f"{name}: {count:,} requests, 0 lost, 0 doubled, 0 out of order, |L - λW| < 1e-9: {told}")


# -- more machines


def test_two_ray_replicas_answer_nearly_twice_as_many(full, proven):
    if not full:
        pytest.skip("a ratio of times says something on a quiet machine alone")
    pytest.importorskip("ray", reason="needs the package ray, which is in the group `test`")
    if (os.cpu_count() or 1) < 2:
        pytest.skip("two replicas and who asks them need two cores")
    from seqdocs.queues.engines.ray_replicas import RayReplicasEngine

    def seconds(engine) -> float:
        return span(population(engine, range(100), clients=8))

    serve, ratios = partial(make_waiting, 0.02), []
    with RayReplicasEngine(serve, 1, num_cpus=0.25) as one, RayReplicasEngine(serve, 2, num_cpus=0.25) as two:
        seconds(one), seconds(two)
        ratios = [seconds(one) / seconds(two) for _ in range(7)]
    assert median(ratios) >= 1.7
    proven(f"two Ray replicas answer {median(ratios):.2f} times as many requests of 20 ms as one")
