"""One run of an experiment, as an example sees it: the result by key, and words that name the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqdocs.bench.record import Record


class ResultPathError(LookupError):
    """A path that leads nowhere in a result; the message says what is there instead."""


@dataclass(frozen=True)
class Run:
    """The result of one experiment on one device.

    ``run["key"]`` reads the result. ``stale`` says that the code has changed since (only records of devices
    that are not here may be stale), ``here`` that this build's machine measured it.
    """

    record: Record
    stale: bool = False
    here: bool = False

    def __getitem__(self, key: str) -> Any:
        """Read the result."""
        try:
            return self.record["result"][key]
        except KeyError:
            raise ResultPathError(_nothing(self.name, key, self.record["result"])) from None

    @property
    def name(self) -> str:
        """The experiment, as a path begins: ``section/plot_stem:experiment``."""
        return f"{self.record['example']}:{self.record['experiment']}"

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda``."""
        return self.record["device"]

    @property
    def label(self) -> str:
        """The device in a few words, as in a legend: ``AMD EPYC 7B13, 1 thread``.

        On a CPU the threads are those that the timings used, which may be fewer than the machine has.
        """
        facts, used = self.record["machine"], self.record["threads"]
        if self.device != "cpu" or not used or "cpu" not in facts:
            return str(facts.get("label", self.record["slug"]))
        return f"{facts['cpu']}, {' and '.join(map(str, used))} thread{'s' * (used != [1])}"

    @property
    def caption(self) -> str:
        """Device, torch and day, as under a figure."""
        words = [self.label, f"torch {self.record['versions'].get('torch', 'unknown').partition('+')[0]}"]
        words.append(f"measured {self.record['created'][:10]}")
        return " · ".join([*words, "the code has changed since"] if self.stale else words)

    def at(self, path: str) -> Any:
        """Return what the result holds at a dotted path; a list is entered by position.

        Raises:
            ResultPathError: naming what exists instead.
        """
        return leaf(self.record["result"], path, self.name)


def _nothing(where: str, step: str, branch: object) -> str:
    """Say in one sentence that ``step`` is not there and what is."""
    if isinstance(branch, Mapping):
        there = ", ".join(branch) or "nothing"
        return f"{where} has no `{step}`; it has {there}"
    if isinstance(branch, Sequence) and not isinstance(branch, str):
        return f"{where} has no `{step}`; it is a list of {len(branch)}"
    return f"{where} has no `{step}`; it is a {type(branch).__name__} and goes no deeper"


def leaf(branch: object, path: str, where: str) -> Any:
    """Walk a dotted path; where a key has a dot itself (``torch.nn.GRU``) the longest key that fits is taken.

    Raises:
        ResultPathError: naming what exists instead.

    >>> leaf({"times": {"torch.nn.GRU": [3, 4]}}, "times.torch.nn.GRU.1", "speed")
    4
    """
    steps = path.split(".") if path else []
    while steps:
        if isinstance(branch, Mapping):
            keys = [".".join(steps[:count]) for count in range(len(steps), 0, -1)]
            step = next((key for key in keys if key in branch), None)
            if step is None:
                raise ResultPathError(_nothing(where, steps[0], branch))
            branch = branch[step]
        elif isinstance(branch, list) and steps[0].isdecimal() and int(steps[0]) < len(branch):
            step = steps[0]
            branch = branch[int(step)]
        else:
            raise ResultPathError(_nothing(where, steps[0], branch))
        where = f"{where}.{step}"
        steps = steps[step.count(".") + 1 :]
    return branch
