"""Tiny sites: a copy of roots/site in a temporary folder, edited by a test and built in this process."""

from __future__ import annotations

import io
import json
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from sphinx.testing.util import SphinxTestApp

from seqdocs.bench.quantity import quantity, table, verdict

ROOTS = Path(__file__).parent / "roots"


def record(device: str = "cpu", time: float = 1.5, said: str = "refuted") -> dict[str, Any]:
    """A record of the experiment `timing` of one/plot_alpha."""
    result = {
        "time": quantity(time, "s", time - 0.1, time + 0.1),
        "table": table(["model", ("time", "s")], [["toy", quantity(time, "s")], ["none", None]]),
        "claims": {"s0-01": verdict(said, f"it takes {time} s")},
    }
    return {
        "schema": 1, "example": "one/plot_alpha", "experiment": "timing", "params": {}, "small": False,
        "device": device, "slug": f"{device}-toy", "machine": {"label": f"Toy {device}"},
        "versions": {"python": "3.11", "torch": "2.0", "numpy": "2.0"}, "code": "c", "key": f"{device}{time}{said}",
        "created": "2026-01-02T03:04:05Z", "seconds": 1.0, "peak_memory": None, "result": result,
    }  # fmt: skip


@dataclass
class Site:
    """One copy of a tiny site."""

    root: Path
    app: SphinxTestApp | None = None
    overrides: dict[str, Any] = field(default_factory=dict)

    def shown(self, *runs: dict[str, Any], stale: str = "", missing: tuple[str, ...] = ("cuda",)) -> None:
        """Write the records that the site shows."""
        rows = [{"stale": run["device"] == stale, "record": run} for run in runs]
        about = {"doc": "", "line": 1, "runs": rows, "missing": list(missing)}
        data = {"schema": 1, "experiments": {"one/plot_alpha:timing": about}}
        (self.root / "shown.json").write_text(json.dumps(data), "utf8")

    def build(self, **kwargs: Any) -> str:
        """Build what is out of date in a fresh application; return its warnings."""
        self.close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what other packages deprecate is not ours
            self.app = self.start(**kwargs)
            warnings.filterwarnings("error", module=r"seqdocs\.")
            self.app.build()
        return re.sub(r"\x1b\[[0-9;]*m", "", str(self.app.warning.getvalue()))

    def start(self, **kwargs: Any) -> SphinxTestApp:
        """A fresh application."""
        return SphinxTestApp(
            srcdir=self.root / "docs", builddir=self.root / "build", confoverrides=dict(self.overrides),
            warning=io.StringIO(), status=io.StringIO(), **kwargs,
        )  # fmt: skip

    def close(self) -> None:
        """Undo what the application registered."""
        if self.app is not None:
            self.app.cleanup()
            self.app = None

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace text in a file that has it."""
        file = self.root / path
        text = file.read_text("utf8")
        assert old in text, f"{path} has no {old!r}"
        file.write_text(text.replace(old, new), "utf8")

    def text(self, page: str) -> str:
        """A file of the built site."""
        return (self.root / "build/html" / page).read_text("utf8")

    def html(self, page: str) -> BeautifulSoup:
        """A page of the built site."""
        return BeautifulSoup(self.text(page), "html.parser")

    def drawn(self) -> dict[str, int]:
        """When each page was written."""
        out = self.root / "build/html"
        return {path.relative_to(out).as_posix(): path.stat().st_mtime_ns for path in out.rglob("*.html")}

    def ran(self) -> list[str]:
        """Which examples ran, in turn."""
        log = self.root / "ran.txt"
        return log.read_text("utf8").split() if log.is_file() else []


@pytest.fixture
def make_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Site]]:
    """Copy a tiny site; ``make_site(gallery=False)`` leaves the gallery undrawn, which is quicker."""
    made: list[Site] = []

    def make(name: str = "site", **overrides: Any) -> Site:
        root = tmp_path / "checkout"
        shutil.copytree(ROOTS / name, root, ignore=shutil.ignore_patterns("__pycache__"))
        monkeypatch.setenv("SEQDOCS_SHOWN", str(root / "shown.json"))
        monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
        site = Site(root, overrides=overrides)
        site.shown(record())
        made.append(site)
        return site

    yield make
    for site in made:
        site.close()
