"""Replicas as Ray actors, on this machine or on a cluster that runs already: one line, many machines.

Ray is an extra. An actor answers call by call what a worker process says through its pipe: a request, and
after each token whether to go on, gets the next token. So a replica that dies, or whose machine is lost, is
replaced where there is room, and its request goes on there from the token its client had last.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, TypeVar

from seqdocs.queues.engines.process_pool import ProcessPoolEngine
from seqdocs.queues.engines.worker import LostError, Serve, failing, portable
from seqdocs.resident import highest

Request = TypeVar("Request")


class _Session:
    """The connection of this process: the engines on it, and whether one of them began it."""

    lock = Lock()
    engines = 0
    ours = False


_session = _Session()


class RayReplicasEngine(ProcessPoolEngine[Request]):
    """Serve in Ray actors, one request at a time in each.

    Args:
        make: as of :class:`~seqdocs.queues.engines.process_pool.ProcessPoolEngine`; every machine of the
            cluster can import it.
        replicas: how many actors.
        address: of a cluster, ``host:port`` or ``auto``; if omitted, the one this process is connected to,
            else a cluster of this machine alone, which ends with the last engine on it.
        num_cpus: what each actor reserves of a machine. With one or more, two cores may be too few for two
            actors beside their driver, and Ray would wait for ever.
        start_seconds: how long to wait for a new actor, and for a cluster to answer.
        options: as of :class:`~seqdocs.queues.engines.process_pool.ProcessPoolEngine`.

    Raises:
        ImportError: if Ray is not installed.
        ValueError: if the cluster has not the CPUs for so many.
        ConnectionError: if no cluster answers.
    """

    def __init__(
        self,
        make: Callable[[], Callable[[Request], Any]],
        replicas: int,
        *,
        address: str | None = None,
        num_cpus: float = 0.5,
        start_seconds: float = 60.0,
        **options: Any,
    ) -> None:
        self._ray = _ray()
        with _session.lock:
            if not self._ray.is_initialized():
                if address is not None:
                    _knock(address, start_seconds)
                with _asked_once(address):
                    self._ray.init(log_to_driver=False, logging_level="ERROR", **_place(address))
                _session.ours = True
            _session.engines += 1
            self._in_session = True
        self._num_cpus, self._start_seconds = num_cpus, start_seconds
        try:
            there = self._ray.cluster_resources().get("CPU", 0.0)
            if replicas * num_cpus > there:
                raise ValueError(
                    f"{replicas} replicas of {num_cpus:g} CPUs do not fit the cluster, which has {there:g}"
                )
            super().__init__(make, replicas, **options)
        except ValueError:
            self._leave()
            raise

    def close(self, drain: bool = True) -> None:
        """As of :class:`~seqdocs.queues.engines.engine.Engine`; the last engine ends its cluster."""
        super().close(drain)
        self._leave()

    def _hire(self) -> RayWorker:
        return RayWorker(self._ray, self._make, self._num_cpus, self._start_seconds)

    def _leave(self) -> None:
        with _session.lock:
            _session.engines -= self._in_session
            self._in_session = False
            if _session.ours and not _session.engines:
                self._ray.shutdown()
                _session.ours = False


class RayWorker:
    """An actor that can be replaced.

    Args:
        ray: the package, connected to a cluster.
        make: as of :class:`RayReplicasEngine`.
        num_cpus: what it reserves.
        start_seconds: how long to wait for it.
    """

    def __init__(self, ray: Any, make: Callable[[], Serve], num_cpus: float, start_seconds: float) -> None:
        self._ray, self._make, self._start_seconds = ray, make, start_seconds
        self._kind = ray.remote(num_cpus=num_cpus, max_restarts=0)(Replica)
        self._actor: Any = None
        self._why: Exception | None = None  # there is none
        self._said: Any = None
        self._begin()

    def send(self, value: Any) -> None:
        """A request, or whether to go on.

        Raises:
            LostError: if there is no actor.
        """
        if self._actor is None:
            raise LostError from self._why
        self._said = self._actor.hear.remote(value)

    def receive(self, timeout: float) -> tuple[str, Any] | None:
        """What it says next; None if it says nothing for so many seconds.

        Raises:
            LostError: if the actor is gone.
        """
        try:
            done, _ = self._ray.wait([self._said], timeout=timeout)
            said: tuple[str, Any] | None = self._ray.get(self._said) if done else None
        except self._ray.exceptions.RayError as error:
            raise LostError from error
        return said

    def replace(self) -> None:
        """Kill it if it still lives and start another, wherever there is room."""
        self.close()
        self._begin()

    def close(self) -> None:
        """Kill it."""
        if self._actor is not None:
            self._ray.kill(self._actor)
            self._actor = None

    def _begin(self) -> None:
        self._actor = self._kind.remote(self._make)
        try:
            self._ray.get(self._actor.ready.remote(), timeout=self._start_seconds)
        except self._ray.exceptions.RayError as error:  # no room anywhere, or it died: who asks it is told
            self._why = error
            self.close()


class Replica:
    """What lives in an actor."""

    def __init__(self, make: Callable[[], Serve]) -> None:
        try:
            self._serve = make()
        except Exception as error:
            self._serve = failing(error)
        self._tokens: Iterator[Any] | None = None  # of the request that is being answered

    def ready(self) -> bool:
        """Say that it is there."""
        return True

    def hear(self, value: Any) -> tuple[str, Any] | None:
        """Take a request, or after a token whether to go on; return what it says next."""
        try:
            if self._tokens is None:
                answer = self._serve(value)
                if not isinstance(answer, Iterator):
                    return "answer", answer
                self._tokens = answer
            elif not value:
                self._tokens = None
                return None
            return "token", next(self._tokens)
        except StopIteration:
            said: tuple[str, Any] = ("end", highest())
        except BaseException as error:
            said = ("error", portable(error))
        self._tokens = None
        return said


def _knock(address: str, seconds: float) -> None:
    """Find out whether anybody is there: Ray itself would ask for ten minutes."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return  # "auto" is found in this machine's own files, or not
    try:
        socket.create_connection((host.strip("[]"), int(port)), seconds).close()
    except (OSError, OverflowError) as error:
        raise ConnectionError(f"no Ray cluster answers at {address}: {error}") from None


@contextmanager
def _asked_once(address: str | None) -> Iterator[None]:
    """Have Ray try a cluster once, half a minute, and not twenty times: what listens there may not be Ray."""
    name = "RAY_gcs_server_port_wait_time_s"
    if address is None or name in os.environ:
        yield
        return
    os.environ[name] = "1"
    try:
        yield
    finally:
        del os.environ[name]


def _place(address: str | None) -> dict[str, Any]:
    """Where to connect to; or how to begin here, where actors can import what this process can."""
    if address is not None:
        return {"address": address}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {
        "address": "local",
        "include_dashboard": False,
        "runtime_env": {"env_vars": {"PYTHONPATH": path}},
    }


def _ray() -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it would tell its makers
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise ImportError(
            "replicas as Ray actors need the package ray; install it with `pip install seqdocs[ray]`"
        ) from None
    return ray
