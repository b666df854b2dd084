"""A tiny site in the look of the real one, whose records name devices that do not exist."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from seqdocs.bench.quantity import quantity, table, verdict
from seqdocs.bench.record import SCHEMA
from tests.sphinxext.conftest import ROOTS, Site, copied, record

DOCS = Path(__file__).parents[2] / "docs"
LOOK = f"""
extensions += ["seqdocs.sphinxext.look", "seqdocs.sphinxext.widgets"]
html_theme = "furo"
html_static_path = [{str(DOCS / "_static")!r}]
templates_path = [{str(DOCS / "_templates")!r}]
SHEETS = ("tokens", "layout", "prose", "entry", "gallery", "home", "print")
html_css_files = [f"styles/{{name}}.css" for name in SHEETS]
html_js_files = [("look.js", {{"defer": "defer"}})]
myst_enable_extensions = ["dollarmath", "colon_fence"]
"""
CPU, GPU, OTHER = "cpu-test", "cuda-test", "cuda-other"
NAMES = {CPU: "Test CPU", GPU: "Test GPU", OTHER: "Other GPU"}
TIMES = {CPU: 1.5, GPU: 0.5, OTHER: 0.25}


def of_device(slug: str, result: dict[str, Any], experiment: str = "timing") -> dict[str, Any]:
    """A record of a device."""
    kind, name = slug.partition("-")[0], NAMES[slug]
    facts = {
        "label": f"{name}, 2 threads",
        "cpu" if kind == "cpu" else "gpu": name,
        "commit": "0123456789abc",
    }
    own = {"experiment": experiment, "slug": slug, "machine": facts, "key": slug, "result": result}
    return record(kind) | own


def timing(slug: str, **more: Any) -> dict[str, Any]:
    """What the experiment measured on a device."""
    time = TIMES[slug]
    result = {
        "time": quantity(time, "s", time - 0.1, time + 0.1),
        "table": table(["model", ("time", "s")], [["toy", quantity(time, "s")]]),
        "claims": {"s0-02": verdict("holds", f"it takes {time} s")},
    }
    if slug == OTHER:  # its record is of older code
        del result["table"]
    else:
        result |= {"lags": [0, 1, 2, 3], "curves": {"rnn": [time**k for k in range(4)]}}
    return of_device(slug, result) | more


def make(folder: Path, slugs: Sequence[str] = (CPU, GPU)) -> Site:
    """Lay the site out in a folder, with records of some devices; the first is this build's."""
    site = copied("site", folder, {})
    shutil.copytree(ROOTS / "devices", site.root, dirs_exist_ok=True)
    conf = site.root / "docs/conf.py"
    conf.write_text(conf.read_text("utf8") + LOOK, "utf8")
    site.edit("docs/index.md", "guide/page\n", "guide/page\nguide/single\n")
    site.edit("docs/index.md", "{term}`first letter`", "{term}`alpha`")
    site.edit("glossary/beta.md", "one/plot_alpha:timing.claims.s0-01", "one/plot_alpha:timing.claims.s0-02")
    site.edit("glossary/beta.md", ":verdict: refuted", ":verdict: holds")
    put(site, [timing(slug) for slug in slugs])
    return site


def put(site: Site, runs: Sequence[dict[str, Any]], more: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Write the records of `timing`, in the order of the site; `memory` has one of this build's machine."""
    rows = [{"stale": run["slug"] == GPU, "here": run["slug"] == CPU, "record": run} for run in runs]
    most = of_device(CPU, {"most": quantity(4096, "B")}, "memory") | {"notes": ["a doubt about timings"]}
    experiments: dict[str, Any] = {
        "one/plot_alpha:timing": {"doc": "", "line": 1, "runs": rows, "missing": []},
        "one/plot_alpha:memory": {
            "doc": "", "line": 1, "runs": [{"stale": False, "here": True, "record": most}], "missing": []
        },
    }  # fmt: skip
    (site.root / "shown.json").write_text(
        json.dumps({"schema": SCHEMA, "experiments": experiments | more}), "utf8"
    )
