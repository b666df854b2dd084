"""Tiny sites: a copy of roots/site in a temporary folder, edited by a test and built in this process."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from sphinx.testing.util import SphinxTestApp

import seqdocs
from seqdocs.bench.quantity import quantity, table, verdict
from seqdocs.bench.record import SCHEMA

collect_ignore_glob = ["roots/*"]  # sites, not tests
ROOTS = Path(__file__).parent / "roots"
OWN_MODULES = {"toyhelp", "seqdocs.toy", "seqdocs.other"}
ALWAYS = {"genindex.html", "search.html", "py-modindex.html", "_modules/index.html"}


def record(device: str = "cpu", time: float = 1.5, said: str = "refuted") -> dict[str, Any]:
    """A record of the experiment `timing` of one/plot_alpha."""
    result = {
        "time": quantity(time, "s", time - 0.1, time + 0.1),
        "table": table(["model", ("time", "s")], [["toy", quantity(time, "s")], ["none", None]]),
        "claims": {"s0-01": verdict(said, f"it takes {time} s")},
    }
    return {
        "schema": SCHEMA, "example": "one/plot_alpha", "experiment": "timing", "params": {}, "small": False,
        "device": device, "slug": f"{device}-toy", "machine": {"label": f"Toy {device}"},
        "versions": {"python": "3.11", "torch": "2.0", "numpy": "2.0"},
        "code": "c", "key": f"{device}{time}{said}",
        "created": "2026-01-02T03:04:05Z", "seconds": 1.0, "peak_memory": None,
        "data": {}, "threads": [1], "notes": [], "timings": [], "result": result,
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
        data = {"schema": SCHEMA, "experiments": {"one/plot_alpha:timing": about}}
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
        """A fresh application, which imports this site's modules and not those of another or of before."""
        for name in OWN_MODULES & sys.modules.keys():
            del sys.modules[name]
        sys.path[:] = [path for path in sys.path if not path.endswith("/checkout")]
        seqdocs.__path__[:] = [path for path in seqdocs.__path__ if not path.endswith("/checkout/seqdocs")]
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
        """When each page was written, but for those that Sphinx always writes."""
        out = self.root / "build/html"
        pages = {path.relative_to(out).as_posix(): path.stat().st_mtime_ns for path in out.rglob("*.html")}
        return {page: when for page, when in pages.items() if page not in ALWAYS}

    def redrawn(self) -> tuple[set[str], str]:
        """Build again: the pages that were written, and the warnings."""
        before = self.drawn()
        said = self.build()
        return {page for page, when in self.drawn().items() if before.get(page) != when}, said

    def ran(self) -> list[str]:
        """Which examples ran, in turn."""
        log = self.root / "ran.txt"
        return log.read_text("utf8").split() if log.is_file() else []


def copied(name: str, folder: Path, overrides: dict[str, Any]) -> Site:
    """Copy a tiny site, with one record, into a folder."""
    root = folder / "checkout"
    shutil.copytree(ROOTS / name, root, ignore=shutil.ignore_patterns("__pycache__"))
    site = Site(root, overrides=overrides)
    site.shown(record())
    return site


@pytest.fixture
def make_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Site]]:
    """Copy a tiny site; keywords override its conf.py."""
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    made: list[Site] = []

    def make(name: str = "site", **overrides: Any) -> Site:
        site = copied(name, tmp_path / str(len(made)), overrides)
        monkeypatch.setenv("SEQDOCS_SHOWN", str(site.root / "shown.json"))
        made.append(site)
        return site

    yield make
    for site in made:
        site.close()


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """A copy to edit and build."""
    return make_site()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One built site for the tests that only look at it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GITHUB_REPOSITORY", raising=False)
        site = copied("site", tmp_path_factory.mktemp("built"), {})
        patch.setenv("SEQDOCS_SHOWN", str(site.root / "shown.json"))
        warnings_given = site.build()
        site.close()
        assert warnings_given == ""
        yield site


@pytest.fixture
def quick(site: Site) -> Site:
    """A copy whose gallery is made of plain pages and whose API is not documented: half a second to build."""
    for name in (
        "sphinx_gallery.gen_gallery",
        "sphinx.ext.autodoc",
        "sphinx.ext.napoleon",
        "sphinx.ext.viewcode",
    ):
        site.edit("docs/conf.py", f'    "{name}",\n', "")
    site.edit("docs/index.md", "reference/api/index\n", "")
    site.edit("docs/conf.py", 'project = "tiny"', 'project = "tiny"\nsuppress_warnings = ["seqdocs.facts"]')
    site.edit("docs/conf.py", "sphinx_gallery_conf", "unused")
    pages = {"index": "Gallery\n=======\n\n.. toctree::\n   :glob:\n\n   */*\n"}
    pages |= dict.fromkeys(("one/plot_alpha", "one/plot_beta", "two/plot_gamma"), "Example\n=======\n")
    for name, text in pages.items():
        path = site.root / f"docs/gallery/{name}.rst"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf8")
    site.edit("glossary/gamma.md", "```{example-figure} one/plot_alpha 1\n```\n", "")
    return site
