"""Engines say what one-by-one decoding says, whatever the mix; and lose nobody, whatever goes wrong."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from statistics import median

import pytest
import torch
from engine_fakes import POISON, VOCABULARY, FakeModel, random_request, serve
from engine_services import make_deadly
from processes import assert_gone, descendants, trackers
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
HAPPENED = {"answer", "cancelled", "deadline", "full", "duplicate", "bad request", "ArithmeticError"}
BATCHES = {"static batch", "dynamic batch", "continuous batch"}
IN_ORDER = {"serial", "event loop"} | BATCHES  # requests begin in the order they came


def survive(
    make: Callable[[], Engine[Request]], count: int, draw: Random, kills: int = 0, **options
) -> Client:
    """Ask so often, with faults: everybody is answered or refused once, and nothing is left."""
    before, processes = threading.active_count(), descendants()
    with ThreadPoolExecutor(4) as readers, make() as engine:
        client = Client(engine, draw, readers, **options)
        for number in range(count):
            surely = kills and number in (count // 2, count * 2 // 3, count * 3 // 4)
            client.send(number, "deadly always" if surely else fault_of(draw, deadly=kills / count))
            if number == 100:
                client.go.set()
        began = descendants() - processes - trackers()
    client.judge()
    assert client.said.total() == count
    assert client.said.keys() >= HAPPENED | ({"worker lost"} if kills else set())
    assert threading.active_count() == before
    assert multiprocessing.active_children() == []
    assert_gone(began)  # actors, and what Ray runs beside them, are no children of multiprocessing
    if sys.platform == "linux":
        assert bool(began) == bool(kills)
    run = trace_of([one.ticket for one in client.sent], client.sent[0].ticket.arrival)
    assert abs(littles_law_gap(run)) < 1e-9
    return client


def told(name: str, client: Client) -> str:
    """The figures of a proof."""
    said = ", ".join(f"{number} {what}" for what, number in client.said.most_common())
    count = f"{client.said.total():,}"
    return f"{name}: {count} requests, 0 lost, 0 doubled, 0 out of order, |L - λW| < 1e-9: {said}"


@pytest.mark.parametrize("name", ENGINES)
def test_nobody_is_lost_doubled_or_out_of_order_whatever_goes_wrong(name, full, draw, proven, tmp_path):
    kills = {"process pool": 20, "ray replicas": 3}.get(name, 0)  # and three for sure
    client = survive(lambda: ENGINES[name](draw, str(tmp_path)), 10_000 if full else 300, draw, kills)
    if name in IN_ORDER:
        starts = [one.ticket.start for one in client.sent if one.ticket.start is not None]
        assert starts == sorted(starts)
    if name in BATCHES:
        assert client.engine._cache.free == client.engine._cache.blocks
    assert (client.said["no blocks"] > 0) == (name == "continuous batch")  # the only one with a small cache
    proven(told(name, client))


class Delicate(PagedModel):
    """A real model that cannot bear one token in a prompt, as the fake one; it never says it."""

    def next_tokens(self, readings):
        if any(POISON in one.tokens for one in readings):
            raise ArithmeticError(f"cannot bear {POISON}")
        return super().next_tokens(readings)


@pytest.mark.parametrize("cache", ["contiguous, static", "contiguous, dynamic", "paged, continuous"])
def test_nobody_is_lost_with_a_real_model_either(cache, draw, proven):
    """Cancelled or failed, a sequence leaves its keys to whoever gets its blocks: none may show."""
    torch.manual_seed(3)
    model = CausalLM(vocabulary=VOCABULARY, context=CONTEXT, width=16, layers=2, heads=4, tied=False)
    with torch.no_grad():
        for parameter in model.double().eval().parameters():
            if parameter.ndim > 1:
                parameter.mul_(12)
        model.head.weight[POISON] = (model.head.weight[0] + model.head.weight[1]) / 2  # never the largest
    answers: dict[tuple[object, ...], list[int]] = {}

    def answer(request: Request) -> list[int]:
        asked = (request.prompt, request.max_new_tokens, request.stop)
        if asked not in answers:
            answers[asked] = list(decoder(model)(request))
        return answers[asked]

    make = {
        "contiguous, static": lambda: StaticBatchEngine(Delicate(model, 8, CONTEXT), 8, limit=40),
        "contiguous, dynamic": lambda: DynamicBatchEngine(
            Delicate(model, 8, CONTEXT), 8, patience=0.001, limit=40
        ),
        "paged, continuous": lambda: ContinuousBatchEngine(
            Delicate(model, 14, 4), 6, chunk=7, share=True, limit=40
        ),
    }
    client = survive(make[cache], 300, draw, answer=answer)
    assert client.engine._cache.free == client.engine._cache.blocks
    proven(told(f"{cache} with a language model in fp64", client))


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
