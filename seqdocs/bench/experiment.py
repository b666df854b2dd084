"""``@experiment``: a function that measures, whose call returns one run per device.

The same call has three modes, chosen by the environment:

- nothing set: it measures on what this machine has, in this process; ``python plot_x.py`` works alone,
  anywhere;
- ``SEQDOCS_SHOWN=path``: it returns the stored runs that the site shows (see :mod:`seqdocs.bench.shown`);
- ``SEQDOCS_SMALL=1``: it measures with the ``small`` parameters, for tests; nothing is stored in any mode
  here.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from seqdocs.bench import machine
from seqdocs.bench.checkout import root_above
from seqdocs.bench.data import DataError, find, given, hashes, pick
from seqdocs.bench.options import Options
from seqdocs.bench.perform import defaults, perform
from seqdocs.bench.record import SCHEMA, Record
from seqdocs.bench.run import Run
from seqdocs.bench.shown import Shown


def example_name(file: str) -> str:
    """Return the example a script is: its folder's name and its own, without ``.py``.

    >>> example_name("gallery/recurrence/plot_gru.py")
    'recurrence/plot_gru'
    """
    path = Path(file)
    return f"{path.resolve().parent.name}/{path.stem}"


class Experiment:
    """A decorated function; calling it returns its runs."""

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.params = defaults(function)
        self.name = function.__name__
        self.file = inspect.unwrap(function).__code__.co_filename  # not of the decorators in between
        self.options = options
        self._known(options.small, "small")

    def __call__(self, **overrides: Any) -> tuple[Run, ...]:
        """Return one run per device: stored ones in the site build, else measured here and now.

        Args:
            overrides: other parameters than the published ones; not in the site build.

        Raises:
            TypeError: if a parameter is unknown, or overridden in the site build.
        """
        self._known(overrides, "call")
        shown = os.environ.get("SEQDOCS_SHOWN")
        small = os.environ.get("SEQDOCS_SMALL") == "1"
        if shown and not small:
            if overrides:
                raise TypeError(
                    f"`{self.name}` is replayed from records and takes no parameters here; they are fixed"
                )
            return self._replay(Path(shown))
        params = self.params | (dict(self.options.small) if small else {}) | overrides
        here = [device for device in self.options.devices if device in machine.devices()]
        return tuple(self._measure(device, params, small) for device in here)

    def _known(self, params: Mapping[str, Any], where: str) -> Mapping[str, Any]:
        """Check that the function has all of these parameters."""
        for key in params:
            if key not in self.params:
                there = ", ".join(self.params) or "none"
                raise TypeError(f"{where}: `{self.name}` has no parameter `{key}`; it has {there}")
        return params

    def _replay(self, path: Path) -> tuple[Run, ...]:
        shown = Shown.load(path)
        if self.file.startswith("<"):  # a cell of a notebook: no script to name the example by
            return shown.runs(shown.only_example_with(self.name), self.name)
        return shown.runs(example_name(self.file), self.name)

    def path(self, name: str) -> Path:
        """Return a data file that it declares, for code that draws.

        Raises:
            DataError: if it declares no such file, or the file is not there.
        """
        return pick(self._files(), name)

    def _files(self) -> dict[str, Path]:
        """Return its data files by name, from the checkout of the script, of this folder, or of seqdocs."""
        places = Path(self.file).resolve().parent, Path.cwd(), Path(machine.__file__).resolve().parent
        root = next(filter(None, map(root_above, places)), None)
        if root is None and self.options.data:
            first = self.options.data[0]
            raise DataError(f"`{self.name}` reads {first} of a checkout of seqdocs; run it in one")
        return find(root or Path.cwd(), self.options.data)

    def _measure(self, device: str, params: Mapping[str, Any], small: bool) -> Run:
        print(f"measuring {self.name} · {machine.label(device)}", file=sys.stderr, flush=True)
        files = self._files()
        with given(files):
            measured = perform(self.function, device, params, machine.threads())
        own = Path(self.file).resolve().parent
        record: dict[str, Any] = {
            "schema": SCHEMA,
            "example": example_name(self.file),
            "experiment": self.name,
            "small": small,
            "device": device,
            "slug": machine.slug(device),
            "machine": machine.facts(device, own if own.is_dir() else Path.cwd()),
            "versions": machine.versions(self.options.packages),
            "data": hashes(files),
            "code": "",  # only a stored record is compared with code
            "key": "",
        }
        return Run(cast(Record, record | measured))


def experiment(
    function: Callable[..., Any] | None = None,
    **options: Any,
) -> Any:
    """Declare a function to be an experiment.

    Its first parameter is the torch device; the others have defaults, the parameters of the published run. It
    returns a dict of plain data.

    Args:
        function: the function, when the decorator is used without parentheses.
        options: ``small``, ``seconds``, ``memory_gb``, ``devices``, ``data`` and ``packages``, see
            :class:`seqdocs.bench.options.Options`. The build reads them from the script's text, so each is
            a literal.

    Raises:
        ValueError: if an option has a bad value.
        TypeError: if an option is unknown, the function takes no device, a parameter lacks a default, or
            ``small`` names another one.
    """
    checked = Options(**options)

    def decorate(inner: Callable[..., Any]) -> Experiment:
        return Experiment(inner, checked)

    return decorate if function is None else decorate(function)
