"""What the site shows: for each experiment its runs and the devices without any.

One file, ``shown.json``, that everything drawn reads and nothing else::

    {"schema": 2, "experiments": {"section/plot_x:decay": {
        "doc": its docstring, "line": where it stands in the script,
        "runs": [{"stale": has the code changed since, "here": did this machine measure it (or left out),
                  "record": a record}, ...],
        "missing": ["cuda"]}}}
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqdocs.bench.record import DEEPEST, SCHEMA, RecordError, digest, loads, validate
from seqdocs.bench.run import ResultPathError, Run


@dataclass(frozen=True)
class Found:
    """A leaf, with the run it comes from."""

    run: Run
    value: Any


class Shown:
    """The file, read. Every question about an experiment or a path that is not there names what is."""

    def __init__(self, experiments: Mapping[str, Mapping[str, Any]]) -> None:
        self._experiments = experiments

    @classmethod
    def load(cls, path: Path) -> Shown:
        """Read the file, once per version of it.

        Raises:
            RecordError: if it is missing or damaged, with what to do.
        """
        try:
            return _load(path, path.stat().st_mtime_ns)
        except FileNotFoundError:
            raise RecordError(f"{path.name} is not there; `python -m seqdocs bench run` writes it") from None

    def experiments(self, example: str | None = None) -> tuple[str, ...]:
        """Return the names ``section/plot_x:experiment`` of all, or of one example, in the script's order."""
        return tuple(name for name in self._experiments if example in (None, name.partition(":")[0]))

    def examples(self) -> tuple[str, ...]:
        """Return the names of all examples that have an experiment."""
        return tuple(dict.fromkeys(name.partition(":")[0] for name in self._experiments))

    def only_example_with(self, experiment: str) -> str:
        """Return the one example that has this experiment.

        Raises:
            ResultPathError: if none has it, or more than one.
        """
        found = [name for name in self._experiments if name.partition(":")[2] == experiment]
        if len(found) != 1:
            raise ResultPathError(
                f"`{experiment}` names {len(found)} experiments; run the script from its file"
            )
        return found[0].partition(":")[0]

    def _about(self, example: str, experiment: str) -> Mapping[str, Any]:
        name = f"{example}:{experiment}"
        if name not in self._experiments:
            own = [other.partition(":")[2] for other in self.experiments(example)]
            if own:
                raise ResultPathError(f"{example} has no experiment `{experiment}`; it has {', '.join(own)}")
            there = ", ".join(self.examples()) or "none"
            raise ResultPathError(f"no example `{example}` has experiments; there are {there}")
        return self._experiments[name]

    def runs(self, example: str, experiment: str) -> tuple[Run, ...]:
        """Return the runs that the site shows, this machine's first; empty if nothing was measured."""
        rows = self._about(example, experiment)["runs"]
        return tuple(Run(row["record"], row["stale"], row.get("here", False)) for row in rows)

    def missing(self, example: str, experiment: str) -> tuple[str, ...]:
        """Return the devices, ``cpu`` or ``cuda``, on which the experiment could run but has no record."""
        return tuple(self._about(example, experiment)["missing"])

    def about(self, example: str, experiment: str) -> Mapping[str, Any]:
        """Return what the script says of an experiment: ``doc`` (its docstring) and ``line``."""
        about = self._about(example, experiment)
        return {"doc": about["doc"], "line": about["line"]}

    def find(self, path: str, device: str | None = None) -> Found:
        """Return the leaf at ``section/plot_x:experiment.path`` with its run.

        Args:
            path: names the example, the experiment and the place in its result.
            device: ``cpu`` or ``cuda``; the first run that the site shows if omitted.

        Raises:
            ResultPathError: if it leads nowhere, naming what exists instead.
        """
        example, colon, rest = path.partition(":")
        experiment, _, inner = rest.partition(".")
        if not colon or not experiment:
            raise ResultPathError(f"`{path}` is no path; one reads section/plot_x:experiment.key")
        runs = self.runs(example, experiment)
        run = next((run for run in runs if device in (None, run.device)), None)
        if run is None:
            there = ", ".join(run.device for run in runs) or "no device"
            raise ResultPathError(
                f"{example}:{experiment} has no run on {device or 'any'}; it has runs on {there}"
            )
        return Found(run, run.at(inner))

    def at(self, path: str, device: str | None = None) -> Any:
        """Return the leaf at ``section/plot_x:experiment.path``; see :meth:`find`."""
        return self.find(path, device).value

    def stamp(self, example: str | None = None) -> str:
        """Return a hash of what an example shows, or of everything; it changes when the runs do."""
        return digest({name: self._experiments[name] for name in self.experiments(example)})


@functools.lru_cache(maxsize=4)
def _load(path: Path, _version: int) -> Shown:
    """Read and check the file."""
    try:
        data = loads(path.read_text("utf8"), DEEPEST + 8)  # records inside of records' lists
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise RecordError("it is of another version")
        for about in data["experiments"].values():
            for run in about["runs"]:
                validate(run["record"])
    except (RecordError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(
            f"{path.name} is damaged ({error}); `python -m seqdocs bench run` writes it anew"
        ) from None
    return Shown(data["experiments"])


def dump(experiments: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the text of the file; the same for the same records."""
    text = json.dumps({"schema": SCHEMA, "experiments": experiments}, ensure_ascii=False, allow_nan=False)
    return text + "\n"
