"""The machines of a Ray cluster that runs already: hire them, hand out the code, let them measure, end them.

Ray is an extra: nothing here imports it before it is asked for.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from seqdocs.bench.bundle import bundle
from seqdocs.bench.dispatch import NodeLostError, Unit
from seqdocs.bench.node import Node, Outcome, Survey
from seqdocs.bench.plan import Case, PlanError
from seqdocs.bench.supervise import START_SECONDS

ANSWER_SECONDS = 30.0  # for a cluster to answer
SURVEY_SECONDS = 180.0  # for a machine to say what it is: it imports torch if it has a GPU
SPARE_SECONDS = 60.0  # for a result to come back, beyond the limits that the machine itself keeps
ENVIRONMENT = {
    "OMP_NUM_THREADS": "${OMP_NUM_THREADS}",  # what the machine says; Ray would set one thread
    "RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES": "1",  # older Rays hide every GPU from who reserves none
}
PROBE = """
import sys, ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
except Exception as error:
    print(" ".join(str(error).split()))
    sys.exit(1)
"""


def _ray() -> Any:
    """Return the package.

    Raises:
        PlanError: if it is not installed.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it would tell its makers
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise PlanError("`--ray` needs the package ray; install it with `pip install seqdocs[ray]`") from None
    return ray


def _ask(address: str) -> None:
    """Connect once in a process of its own: where no cluster answers, Ray goes on trying for minutes.

    Raises:
        PlanError: if no cluster answers.
    """
    if address in ("", "local"):
        raise PlanError(f"`--ray` is {address!r}; it takes the address of a cluster that runs already")
    command = [sys.executable, "-c", PROBE, address]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=ANSWER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        reason = f"nothing within {ANSWER_SECONDS:g} s"
    else:
        if done.returncode == 0:
            return
        reason = done.stdout.strip()[:300] or f"the connection ended with status {done.returncode}"
    raise PlanError(f"no Ray cluster answers at {address}: {reason}")


@dataclass(frozen=True)
class _Call:
    """Something that a machine was asked for."""

    node: int
    late: float  # when no answer is as good as a lost machine
    returns: bool = False  # not to measure, but to say that it is there again


class RayCrew:
    """The machines of a cluster, numbered from 1: an actor on each, which measures."""

    def __init__(self, ray: Any, stream: TextIO) -> None:
        self.ray = ray
        # It waits for no CPU, which may never be free, and comes back as long as its machine is there.
        self.actor = ray.remote(num_cpus=0, max_restarts=-1)(Node)
        self.stream = stream
        self.ids: dict[int, str] = {}
        self.actors: dict[int, Any] = {}
        self.calls: dict[Any, _Call] = {}  # by the answer to come
        self.seconds: dict[str, float] = {}  # experiment → its own limit
        self.surveys: dict[int, Survey] = {}

    def gather(self, wanted: list[Case]) -> None:
        """Hire every machine that can measure, and ask it what it is; say which are left out and why.

        Raises:
            PlanError: if none is left.
        """
        self.seconds = {case.name: case.declared.options.seconds for case in wanted}
        # A node without CPUs is a head that shall do no work.
        ids = sorted(node["NodeID"] for node in self._nodes() if node["Resources"].get("CPU"))
        self.ids = dict(enumerate(ids, 1))
        answers = {}
        for node in self.ids:
            try:
                self.actors[node] = self._hire(node)
            except ValueError:  # the name is taken
                self._leave_out(node, "another run measures there")
            else:
                answers[node] = self.actors[node].survey.remote()
        if answers:
            self.ray.wait(list(answers.values()), num_returns=len(answers), timeout=SURVEY_SECONDS)
        for node, answer in answers.items():
            self._meet(node, answer, wanted)
        if not self.surveys:
            raise PlanError("the cluster has no machine that can measure")

    def _meet(self, node: int, answer: Any, wanted: list[Case]) -> None:
        """Take a machine in or leave it out, by its answer."""
        try:
            survey: Survey = self.ray.get(answer, timeout=1)
        except self.ray.exceptions.RayError as error:
            self._leave_out(node, _words(error))
            return
        reason = unfit(survey, wanted)
        if reason is not None:
            self._leave_out(node, reason)
            return
        self.surveys[node] = survey
        print(f"node {node}: {' · '.join(survey['labels'].values())}", file=self.stream, flush=True)

    def _leave_out(self, node: int, reason: str) -> None:
        print(f"node {node} is left out: {reason}", file=self.stream, flush=True)
        self._dismiss(node)

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in self.ray.nodes() if node["Alive"]]

    def _hire(self, node: int) -> Any:
        """Start the actor of a machine. Its name is the machine's, so that two runs never share one."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(self.ids[node], soft=False)
        return self.actor.options(name=f"measures-{self.ids[node]}", scheduling_strategy=here).remote()

    def _dismiss(self, node: int) -> None:
        """End the actor of a machine, and with it what it measures."""
        if node in self.actors:
            with suppress(self.ray.exceptions.RayError):
                self.ray.kill(self.actors.pop(node))

    def dismiss_all(self) -> None:
        """End every actor."""
        for node in list(self.actors):
            self._dismiss(node)

    def alive(self) -> set[int]:
        """Return the machines that can measure, now or soon."""
        there = {node["NodeID"] for node in self._nodes()}
        return {node for node in self.actors if self.ids[node] in there}

    def free(self) -> set[int]:
        """Return the machines that can measure now."""
        return self.alive() - {call.node for call in self.calls.values()}

    def begin(self, node: int, unit: Unit) -> None:
        """Let a free machine measure."""
        late = time.monotonic() + START_SECONDS + self.seconds[unit.name] + SPARE_SECONDS
        self.calls[self.actors[node].measure.remote(unit.name, unit.device)] = _Call(node, late)

    def wait(self) -> tuple[int, Outcome | NodeLostError] | None:
        """Return the next machine that has ended with what came of it, or None to ask who is free again."""
        if not self.calls:  # who was about to begin has just gone
            return None
        done, _ = self.ray.wait(list(self.calls), num_returns=1, timeout=1.0)
        now = time.monotonic()
        for answer in done or [answer for answer, call in self.calls.items() if now > call.late][:1]:
            call = self.calls.pop(answer)
            try:
                outcome: Outcome = self.ray.get(answer, timeout=SPARE_SECONDS if done else 1)
            except self.ray.exceptions.RayError as error:
                if call.returns:
                    self._dismiss(call.node)
                    return None
                self._await_return(call.node, restart=not done)
                return call.node, NodeLostError(_words(error))
            return None if call.returns else (call.node, outcome)
        return None

    def _await_return(self, node: int, restart: bool) -> None:
        """Use a machine again when its actor answers; if the machine is lost, the cluster finds out."""
        if restart:
            self.ray.kill(self.actors[node], no_restart=False)
        answer = self.actors[node].survey.options(max_task_retries=-1).remote()
        self.calls[answer] = _Call(node, time.monotonic() + SURVEY_SECONDS, returns=True)


def unfit(survey: Survey, wanted: list[Case]) -> str | None:
    """Return why records of a machine would not be ours, or None if they would."""
    absent = [name for name, version in survey["versions"].items() if version == "absent"]
    other = [case.name for case in wanted if survey["code"].get(case.name) != case.code]
    if absent:
        return f"it has no {' and no '.join(absent)}"
    return f"it reads other code than this checkout for {other[0]}" if other else None


def _words(error: Exception) -> str:
    """Return how a machine was lost, without Ray's ids and addresses."""
    cause = getattr(error, "cause", None)
    if cause is None:
        return f"it does not answer ({type(error).__name__})"
    return f"{type(cause).__name__}: {cause}".partition("\n")[0]


@contextmanager
def hired(address: str, wanted: list[Case], stream: TextIO) -> Iterator[RayCrew]:
    """Connect to a cluster, hand out the code, and end everything there in the end, however it comes.

    Raises:
        PlanError: if there is no Ray, no cluster, or no machine that can measure.
    """
    ray = _ray()
    _ask(address)
    with tempfile.TemporaryDirectory(prefix="seqdocs-") as folder:
        bundle(wanted, Path(folder))
        try:
            ray.init(
                address=address, namespace="seqdocs", log_to_driver=False, logging_level="ERROR",
                runtime_env={"working_dir": folder, "env_vars": ENVIRONMENT},
            )  # fmt: skip
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise PlanError(f"no Ray cluster answers at {address}: {reason:.300}") from None
    crew = RayCrew(ray, stream)
    try:
        crew.gather(wanted)
        yield crew
    except ray.exceptions.RayError as error:
        raise PlanError(f"the cluster at {address} was lost: {_words(error)}") from None
    finally:
        crew.dismiss_all()
        ray.shutdown()
