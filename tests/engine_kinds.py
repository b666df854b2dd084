"""Every engine there is, each serving one request at a time of the fake language model, held until let go."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from engine_fakes import FakeModel
from engine_services import make_held, wait_until_let_go

from seqdocs.queues.engines.continuous_batch import ContinuousBatchEngine
from seqdocs.queues.engines.dynamic_batch import DynamicBatchEngine
from seqdocs.queues.engines.engine import Engine
from seqdocs.queues.engines.event_loop import EventLoopEngine
from seqdocs.queues.engines.process_pool import ProcessPoolEngine
from seqdocs.queues.engines.request import Request
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.engines.static_batch import StaticBatchEngine
from seqdocs.queues.engines.thread_pool import ThreadPoolEngine


def _model(folder: str) -> FakeModel:
    return FakeModel(16, 64, before=lambda readings: wait_until_let_go(folder))


def _ray_replicas(folder: str, **options: Any) -> Engine[Request]:
    pytest.importorskip("ray", reason="needs the package ray, which is in the group `test`")
    from seqdocs.queues.engines.ray_replicas import RayReplicasEngine

    return RayReplicasEngine(partial(make_held, folder), 1, num_cpus=0.25, **options)


HELD: dict[str, Callable[..., Engine[Request]]] = {
    "serial": lambda folder, **options: SerialEngine(make_held(folder), **options),
    "thread pool": lambda folder, **options: ThreadPoolEngine(make_held(folder), 1, **options),
    "event loop": lambda folder, **options: EventLoopEngine(make_held(folder), 1, **options),
    "process pool": lambda folder, **options: ProcessPoolEngine(partial(make_held, folder), 1, **options),
    "ray replicas": _ray_replicas,
    "static batch": lambda folder, **options: StaticBatchEngine(_model(folder), 1, **options),
    "dynamic batch": lambda folder, **options: DynamicBatchEngine(_model(folder), 1, patience=0, **options),
    "continuous batch": lambda folder, **options: ContinuousBatchEngine(_model(folder), 1, **options),
}


def let_go(folder: Path) -> None:
    """Let everybody be served."""
    (folder / "go").touch()


@pytest.fixture(scope="module")
def one_cluster():
    """Ray begun once for a module, and ended with it; nothing without Ray."""
    try:
        import ray
    except ImportError:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        path = os.pathsep.join(entry for entry in sys.path if entry)
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            runtime_env={"env_vars": {"PYTHONPATH": path}},
        )
        yield
        ray.shutdown()
