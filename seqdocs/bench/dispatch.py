"""Hand out measurements to machines: one at a time to each, each done once, what a lost machine had again.

A *unit* is an experiment on a device of one kind of machine, since it is one record: machines of the same
kind make records of the same key, and whichever of them is free takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from seqdocs.bench.node import Outcome, Survey
from seqdocs.bench.plan import Case

TRIES = 3  # on so many machines, then it is the experiment that ends them


@dataclass(frozen=True)
class Unit:
    """One record to be made."""

    name: str  # of the experiment: "section/plot_stem:experiment"
    device: str
    slug: str
    key: str


class NodeLostError(Exception):
    """A machine did not do what it was asked; the message says how it ended."""


class Crew(Protocol):
    """Machines by number, as :mod:`seqdocs.bench.cluster` has them."""

    def alive(self) -> set[int]:
        """Return the machines that can measure, now or soon."""

    def free(self) -> set[int]:
        """Return the machines that can measure now."""

    def begin(self, node: int, unit: Unit) -> None:
        """Let a free machine measure."""

    def wait(self) -> tuple[int, Outcome | NodeLostError] | None:
        """Return the next machine that has ended with what came of it, or None to ask who is free again."""


def units(surveys: Mapping[int, Survey], cases: Iterable[Case], device: str | None) -> list[Unit]:
    """Return what there is to measure, every experiment once on each kind of machine, in the order of cases.

    Args:
        surveys: what each machine said.
        cases: the experiments that are wanted.
        device: only ``cpu`` or ``cuda``; all if None.
    """
    wanted = [
        Unit(case.name, one, survey["slugs"][one], key)
        for case in cases
        for survey in surveys.values()
        for one, key in survey["keys"].get(case.name, {}).items()
        if device in (None, one)
    ]
    return list(dict.fromkeys(wanted))


@dataclass
class Dispatch:
    """A run over machines; the calls are told what happens.

    A unit goes to another machine when its own is lost, never to one that was lost with it before. When no
    machine of its kind is left, the same experiment on another kind, which is a unit of its own, must do.
    """

    surveys: Mapping[int, Survey]
    began: Callable[[Unit, int], None]
    ended: Callable[[Unit, int, Outcome], None]
    lost: Callable[[Unit, int, str], None]  # it goes back into the queue
    dropped: Callable[[Unit, str | None], None]  # it fails for a reason, or another kind of machine must do
    tried: dict[Unit, dict[int, str]] = field(default_factory=dict)  # machine lost with it → how

    def run(self, wanted: Iterable[Unit], crew: Crew) -> None:
        """Measure until every unit has ended or is dropped."""
        waiting, running = list(wanted), dict[int, Unit]()
        while waiting or running:
            there = crew.alive()
            for unit in [unit for unit in waiting if not any(self._can(node, unit) for node in there)]:
                waiting.remove(unit)
                self.dropped(unit, self._reason(unit, there))
            for node in sorted(crew.free()):
                mine = next((unit for unit in waiting if self._can(node, unit)), None)
                if mine is not None:
                    waiting.remove(mine)
                    running[node] = mine
                    self.began(mine, node)
                    crew.begin(node, mine)
            end = crew.wait() if waiting or running else None
            if end is not None:
                node, outcome = end
                self._take(running.pop(node), node, outcome, waiting)

    def _is_of(self, node: int, unit: Unit) -> bool:
        """Whether a machine is of the unit's kind."""
        return self.surveys[node]["keys"].get(unit.name, {}).get(unit.device) == unit.key

    def _can(self, node: int, unit: Unit) -> bool:
        """Whether a machine may take a unit."""
        tried = self.tried.get(unit, {})
        return self._is_of(node, unit) and node not in tried and len(tried) < TRIES

    def _take(self, unit: Unit, node: int, outcome: Outcome | NodeLostError, waiting: list[Unit]) -> None:
        """Pass on what came of a unit, or put it back."""
        if not isinstance(outcome, NodeLostError):
            self.ended(unit, node, outcome)
            return
        self.tried.setdefault(unit, {})[node] = str(outcome)
        waiting.insert(0, unit)
        self.lost(unit, node, str(outcome))

    def _reason(self, unit: Unit, there: set[int]) -> str | None:
        """Return why a unit that nobody may take fails; None if another kind of machine measures it."""
        others = [node for node in there if unit.device in self.surveys[node]["keys"].get(unit.name, {})]
        kin = [node for node in there if self._is_of(node, unit)]
        if others and not kin:
            return None
        how = list(self.tried.get(unit, {}).values())
        if kin:
            return f"its machine was lost {len(how)} times, at last: {how[-1]}"
        return f"no machine with `{unit.device}` is left" + (f"; the last was lost: {how[-1]}" if how else "")
