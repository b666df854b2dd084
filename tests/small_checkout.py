"""A small copy of the checkout that builds in seconds: the real machinery, with three tiny terms of its own.

What costs time and adds no risk is left out: torch in the drawing (the terms compute in plain Python), most
pages of the reference, most of the bibliography. Scripts and cells write a line to a log when they run, so
that the tests count what really happened.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

from seqdocs.sphinxext.publish import is_whole, site_files

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("bench", "entries", "sphinxext")  # what a build needs of the package
PAGES = ("glossary.md", "references.md", "sources.md", "notation.md", "claims.md", "reference/exports.md")
NAMES = ("one", "two", "three")
MADE = ("docs/_build", "docs/gallery", "docs/glossary", "docs/reference/api")  # by a build
PATIENCE = 600  # seconds for one build, however busy the machine is

FEWER_PAGES = """
exclude_patterns += [f"reference/api/seqdocs.{room}*" for room in ("bench", "entries", "sphinxext")]
suppress_warnings += ["ref.doc", "myst.xref_missing"]
"""

HOME = """# Home

A small site.

```{toctree}
:hidden:

glossary
TOCTREE
```
"""

BIBLIOGRAPHY = """@article{elman1990,
  author = {Elman, Jeffrey L.},
  title = {Finding Structure in Time},
  journal = {Cognitive Science},
  year = {1990},
  url = {https://example.org/elman},
}

@article{hopfield1982,
  author = {Hopfield, John J.},
  title = {Neural Networks},
  journal = {Proceedings},
  year = {1982},
  url = {https://example.org/hopfield},
}
"""

SHARED = '''"""What several terms compute with."""

FACTOR = 1.0


def scaled(value: float) -> float:
    """A value times the factor."""
    return FACTOR * value  # of all of them
'''

MODULE = '''"""The computation of term {name}."""

from seqdocs.models.shared import scaled


def {name}(size: int) -> float:
    """Return the sum of the numbers below ``size``, scaled."""
    return scaled(float(sum(range(size))))
'''

EXAMPLE = '''"""
Example {name}
=====================

Measures one thing with {name}.
"""

import os
from pathlib import Path

from seqdocs.bench import data, figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, verdict
from seqdocs.models.{name} import {name}


@experiment(small={{}}, seconds=120, devices=("cpu",), data=("gallery/tiny/{name}.txt",))
def total(device, size=4):
    """Sum of the outputs."""
    with Path(os.environ["RUN_LOG"]).open("a") as log:
        log.write("measured {name}\\n")
    more = float(data.path("gallery/tiny/{name}.txt").read_text("utf8"))
    found = {name}(size) + more
    claims = {{"s0-{claim:02}": verdict("holds", f"the total is {{found}}")}}
    return {{"total": quantity(found, ""), "claims": claims}}


# %%
# Drawing
# -------

with Path(os.environ["RUN_LOG"]).open("a") as log:
    log.write("drew {name}\\n")
for run in total():
    fig, axes = figures.figure(alt="A single point: the total of all outputs.", caption="One.", run=run)
    axes.plot([1], [run["total"]["value"]], "o")
    axes.set(xlabel="x", ylabel="y")
'''

ENTRY = """---
term: Term {name}
aliases: [alias {name}]
summary: The summary of Term {name}, with $x^2$.
area: recurrence
year: 1990
sources: [elman1990]
related: [term-{other}]
implementation: [seqdocs.models.{name}.{name}]
example: tiny/plot_{name}
---

# Term {name}

Prose of Term {name}. It measured {{measured}}`total.total`. See {{term}}`Term {other}`.

```{{code-cell}}
import os
from pathlib import Path
from seqdocs.models.{name} import {name}

with Path(os.environ["RUN_LOG"]).open("a") as log:
    log.write("cell {name}\\n")
print({name}(3))
```

```{{example-figure}} 1
```

```{{claim}} s0-{claim:02}
:verdict: holds
:check: total.claims.s0-{claim:02}

The claim of {name}.
```

{{cite:t}}`elman1990`
"""


class Checkout:
    """A small checkout that is built as a user would build it."""

    def __init__(self, root: Path, environment: Mapping[str, str] | None = None) -> None:
        self.root, self.site = root, root / "docs/_build/html"
        self.log = root.with_name(f"{root.name}.log")  # outside: experiments open declared files
        self.environment = dict(environment or {})  # of every build, beside this process's own
        self.said = ""  # by the last build
        self.patience = PATIENCE

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Begin a build, or another module of Python, in its own process group."""
        self.log.write_text("", "utf8")
        env = {name: value for name, value in os.environ.items() if not name.startswith("SEQDOCS_")}
        env |= {"RUN_LOG": str(self.log), "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"} | self.environment
        return subprocess.Popen(
            [sys.executable, "-m", *(command or ("seqdocs", "build"))], cwd=self.root, env=env, text=True,
            encoding="utf8", start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def end(self, process: subprocess.Popen[str]) -> list[str]:
        """Wait for a build; return what ran, sorted."""
        self.said = process.communicate(timeout=self.patience)[0]
        assert process.returncode == 0, self.said[-6000:]
        assert is_whole(self.site)
        return self.ran()

    def build(self) -> list[str]:
        """Build; return what ran, sorted."""
        return self.end(self.start())

    def ran(self) -> list[str]:
        return sorted(self.log.read_text("utf8").splitlines())

    def killed_when(self, line: str) -> None:
        """Begin a build and kill all of it (SIGKILL) when the log holds *line*."""
        process = self.start()
        give_up = time.monotonic() + self.patience
        while line not in self.log.read_text("utf8"):
            assert process.poll() is None, f"it ended before {line!r}: {process.communicate()[0][-4000:]}"
            assert time.monotonic() < give_up
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def pages(self) -> dict[str, str]:
        """Every file of the site with the hash of its content."""
        return {name: sha256(path.read_bytes()).hexdigest() for name, path in site_files(self.site).items()}

    def drawn_from_nothing(self) -> dict[str, str]:
        """The pages that a first drawing gives, from the same records."""
        shutil.rmtree(self.root / "docs/_build/stage", ignore_errors=True)
        (self.root / "docs/_build/unfinished").write_text("", "utf8")
        shutil.rmtree(self.site, ignore_errors=True)
        self.build()
        return self.pages()

    def copy_to(self, root: Path, environment: Mapping[str, str] | None = None) -> Checkout:
        """The same sources and records at another place, where nothing was drawn yet."""
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.root, root, ignore=shutil.ignore_patterns("__pycache__", "_build"))
        for place in MADE:
            shutil.rmtree(root / place, ignore_errors=True)
        records = self.root / "docs/_build/records"
        shutil.copytree(records, root / "docs/_build/records", ignore=shutil.ignore_patterns("shown.json"))
        return Checkout(root, self.environment | dict(environment or {}))

    def page(self, name: str) -> str:
        return (self.site / name).read_text("utf8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text in a file that has it."""
        path = self.root / name
        text = path.read_text("utf8")
        assert old in text, f"{name} has no {old!r}"
        path.write_text(text.replace(old, new), "utf8")

    def add_term(self, name: str, other: str, claim: int) -> None:
        """The files of one term, which leads to another and makes the claim of this number."""
        write(self.root / f"seqdocs/models/{name}.py", MODULE.format(name=name))
        write(self.root / f"gallery/tiny/plot_{name}.py", EXAMPLE.format(name=name, claim=claim))
        write(self.root / f"gallery/tiny/{name}.txt", "1\n")
        write(self.root / f"glossary/term-{name}.md", ENTRY.format(name=name, other=other, claim=claim))


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The files that two sites do not have in common, byte for byte."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def write(path: Path, text: str) -> None:
    """Write a file, and the folder it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf8")


def small_checkout(
    root: Path, environment: Mapping[str, str] | None = None, names: Iterable[str] = NAMES[:2]
) -> Checkout:
    """Make a small checkout with a ring of terms, each related to the next; nothing is built yet."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("conf.py", *PAGES):
        text = (ROOT / "docs" / name).read_text("utf8")
        write(root / "docs" / name, re.sub(r"^:claims: .*$", ":claims: 999", text, flags=re.M))
    for name in ("docs/_static", "docs/_templates", *(f"seqdocs/{room}" for room in ROOMS)):
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    for name in ("pyproject.toml", "constraints.txt", "seqdocs/__init__.py", "seqdocs/__main__.py"):
        shutil.copy(ROOT / name, root / name)
    with (root / "docs/conf.py").open("a", encoding="utf8") as conf:
        conf.write(FEWER_PAGES)
    pages = [page.removesuffix(".md") for page in PAGES[1:]]
    write(root / "docs/index.md", HOME.replace("TOCTREE", "\n".join(pages)))
    write(root / "docs/references.bib", BIBLIOGRAPHY)
    write(root / "seqdocs/models/__init__.py", '"""Tiny terms."""\n')
    write(root / "seqdocs/models/shared.py", SHARED)
    write(root / "gallery/GALLERY_HEADER.rst", ":orphan:\n\nExamples\n========\n")
    write(root / "gallery/tiny/GALLERY_HEADER.rst", "Tiny\n----\n")
    made, ring = Checkout(root, environment), list(names)
    for number, (name, other) in enumerate(zip(ring, [*ring[1:], ring[0]], strict=True), 1):
        made.add_term(name, other, number)
    return made
