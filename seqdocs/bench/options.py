"""What ``@experiment(...)`` may say; read from the script's text by the build, and by Python when it runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DEVICES = ("cpu", "cuda")


@dataclass(frozen=True)
class Options:
    """The options of an experiment, checked.

    ``small`` are other values of some parameters, with which it takes a second or two, for tests.
    ``seconds`` and ``memory_gb`` (10⁹ bytes of the host that its process has for itself, besides what a GPU's
    driver takes) limit its run in the build.
    ``devices`` says where it can run. ``data`` are the files it reads: names or globs relative to the
    checkout (see :mod:`seqdocs.bench.data`). ``packages`` are other distributions whose versions
    decide what it finds: when one is new, or absent no longer, it is measured again.

    Raises:
        ValueError: if a limit is not positive, or a device is unknown, or ``small`` is no dict with string
            keys, or ``data`` is no tuple of paths inside of the checkout, or ``packages`` none of names.
    """

    small: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 60.0
    memory_gb: float = 4.0
    devices: tuple[str, ...] = DEVICES
    data: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("seconds", "memory_gb"):
            limit = getattr(self, name)
            if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not limit > 0:
                raise ValueError(f"`{name}` is {limit!r}; it must be a number above zero")
        if not isinstance(self.small, Mapping) or not all(isinstance(key, str) for key in self.small):
            raise ValueError(f"`small` is {self.small!r}; it must be a dict of parameters")
        if (
            not isinstance(self.devices, (tuple, list))
            or not self.devices
            or not set(self.devices) <= set(DEVICES)
        ):
            raise ValueError(f"`devices` is {self.devices!r}; it must be a tuple of {' and '.join(DEVICES)}")
        if not isinstance(self.data, (tuple, list)) or not all(map(_is_inside, self.data)):
            raise ValueError(f"`data` is {self.data!r}; it must be a tuple of paths relative to the checkout")
        if not isinstance(self.packages, (tuple, list)) or not all(map(_is_name, self.packages)):
            raise ValueError(f"`packages` is {self.packages!r}; it must be a tuple of names of distributions")


def _is_name(name: object) -> bool:
    """Whether this can be the name of a distribution."""
    return isinstance(name, str) and bool(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name))


def _is_inside(pattern: object) -> bool:
    """Whether this is a path or glob that stays in the folder it starts from, on every system."""
    if not isinstance(pattern, str) or not pattern or set(pattern) & set("\\:\0"):
        return False
    return not pattern.startswith("/") and ".." not in pattern.split("/")
