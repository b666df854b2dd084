"""Which figures of an example show the same on different devices.

An example draws a figure for every run of an experiment, so that with a second device it draws twice as many.
Figures that differ in the device alone form a group: they were drawn by the same block of the script, of the
same experiments, at the same place among the figures of their device. Groups are numbered in the order in
which the first device's figures were drawn, so that a number means the same whatever was recorded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqdocs.entries.check import GALLERY


@dataclass(frozen=True)
class Drawn:
    """One figure of an example."""

    place: str  # what its files begin with, from the source folder
    texts: dict[str, Any]  # see seqdocs.sphinxext.gallery_figures

    @property
    def device(self) -> str:
        """The slug of the device that it shows; empty when it shows none, or several."""
        devices = self.texts.get("devices", [])
        return str(devices[0]) if len(devices) == 1 else ""


def files_of(srcdir: Path, example: str) -> Path:
    """What the files of all figures of an example begin with."""
    section, _, stem = example.rpartition("/")
    return srcdir / GALLERY / section / "images" / f"sphx_glr_{stem}"


def read_figures(srcdir: Path, example: str) -> list[Drawn]:
    """The figures of an example, in the order in which they were drawn; none if it was not."""
    begin = files_of(srcdir, example)
    found = sorted(begin.parent.glob(f"{begin.name}_[0-9][0-9][0-9]_figure.json"))
    return [
        Drawn(
            path.relative_to(srcdir).as_posix().removesuffix("_figure.json"),
            json.loads(path.read_text("utf8")),
        )
        for path in found
    ]


def group_figures(figures: list[Drawn]) -> list[list[Drawn]]:
    """Put together what differs in the device alone; the groups stand by their numbers."""
    groups: dict[object, list[Drawn]] = {}
    positions: dict[object, int] = {}
    for figure in figures:
        key: object = figure.place
        if figure.device:
            story = (figure.texts["block"], *figure.texts["experiments"])
            position = positions[story, figure.device] = positions.get((story, figure.device), 0) + 1
            key = (story, position)
        groups.setdefault(key, []).append(figure)
    first = next((figure.device for figure in figures if figure.device), "")
    return sorted(groups.values(), key=lambda group: all(one.device not in ("", first) for one in group))
