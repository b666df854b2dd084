"""The whole build on a small copy of the checkout: what runs again after an edit, and what survives a kill.

Scripts and cells write a line to a log when they run, so the tests count what really happened.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest

from seqdocs.sphinxext.publish import is_whole, site_files

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".nox", "_build", "__pycache__", "*.egg-info", ".*_cache", "tests", "records", "api", ".venv"
)  # fmt: skip

FEWER_PAGES = """
exclude_patterns += [f"reference/api/seqdocs.{room}*" for room in ("bench", "entries", "queues", "sphinxext")]
suppress_warnings = ["ref.doc"]
"""

EXAMPLE = '''"""
Example {name}
==============

Measures one thing with {model}.
"""

import os
from pathlib import Path

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity
from seqdocs.models.{module} import {model}


@experiment(small={{}}, seconds=60, devices=("cpu",))
def total(device, size=4):
    """Sum of the outputs."""
    with Path(os.environ["RUN_LOG"]).open("a") as log:
        log.write("measured {name}\\n")
    net = {model}(size, size)
    return {{"total": quantity(float(net(torch.ones(1, 3, size))[0].sum()), "")}}


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
term: {term}
aliases: [{alias}]
summary: The summary of {term}.
area: recurrence
year: 1990
sources: [elman1990]
related: [{related}]
implementation: [seqdocs.models.{module}.{model}]
example: tiny/plot_{name}
---

# {term}

Prose of {term}. It measured {{measured}}`total.total`. See {{term}}`{other}`.

```{{code-cell}}
import os
from pathlib import Path
from seqdocs.models.{module} import {model}

with Path(os.environ["RUN_LOG"]).open("a") as log:
    log.write("cell {name}\\n")
```

```{{example-figure}} 1
```

{{cite:t}}`elman1990`
"""


def add_term(checkout: Path, name: str, module: str, model: str, other: str) -> None:
    """The three files of one term."""
    term = f"Term {name}"
    example = EXAMPLE.format(name=name, module=module, model=model)
    (checkout / f"gallery/tiny/plot_{name}.py").write_text(example, "utf8")
    entry = ENTRY.format(
        term=term, alias=f"alias {name}", name=name, module=module, model=model, other=f"Term {other}",
        related=f"term-{other}",
    )  # fmt: skip
    (checkout / f"glossary/term-{name}.md").write_text(entry, "utf8")


class Checkout:
    """A small checkout that is built as a user would build it."""

    def __init__(self, root: Path) -> None:
        self.root, self.site, self.log = root, root / "docs/_build/html", root / "run.log"
        self.said = ""  # by the last build

    def start(self) -> subprocess.Popen[str]:
        """Begin a build in its own process group."""
        self.log.write_text("", "utf8")
        env = os.environ | {"RUN_LOG": str(self.log), "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
        env.pop("SEQDOCS_SHOWN", None)
        command = [sys.executable, "-m", "seqdocs", "build"]
        return subprocess.Popen(
            command, cwd=self.root, env=env, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def build(self) -> list[str]:
        """Build; return what ran, sorted."""
        process = self.start()
        self.said = process.communicate(timeout=240)[0]
        assert process.returncode == 0, self.said[-6000:]
        assert is_whole(self.site)
        return self.ran()

    def ran(self) -> list[str]:
        return sorted(self.log.read_text("utf8").splitlines())

    def killed_when(self, line: str) -> None:
        """Begin a build and kill all of it (SIGKILL) when the log holds *line*."""
        process = self.start()
        give_up = time.monotonic() + 120
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

    def page(self, name: str) -> str:
        return (self.site / name).read_text("utf8")

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.root / name
        text = path.read_text("utf8")
        assert old in text
        path.write_text(text.replace(old, new), "utf8")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    root = tmp_path_factory.mktemp("checkout") / "seqdocs"
    shutil.copytree(ROOT, root, ignore=LEFT_OUT)
    for made in ("glossary", "gallery", "docs/glossary", "docs/gallery"):
        shutil.rmtree(root / made, ignore_errors=True)
    (root / "glossary").mkdir()
    (root / "gallery/tiny").mkdir(parents=True)
    (root / "gallery/GALLERY_HEADER.rst").write_text(":orphan:\n\nExamples\n========\n", "utf8")
    (root / "gallery/tiny/GALLERY_HEADER.rst").write_text("Tiny\n----\n", "utf8")
    (root / "docs/index.md").write_text(
        "# Home\n\nA small site.\n\n```{toctree}\n:hidden:\n\nglossary\nnotation\nreferences\nsources\n"
        "reference/index\ncontributing/index\n```\n", "utf8",
    )  # fmt: skip
    with (root / "docs/conf.py").open("a") as conf:  # most pages of the reference only cost time here
        conf.write(FEWER_PAGES)
    add_term(root, "one", "gru", "GRU", "two")
    add_term(root, "two", "rnn", "RNN", "one")
    small = Checkout(root)
    assert small.build() == ["cell one", "cell two", "drew one", "drew two", "measured one", "measured two"]
    return small


def test_an_unchanged_rebuild_runs_nothing_and_changes_no_byte(checkout: Checkout) -> None:
    before = checkout.pages()
    assert checkout.build() == []
    assert ", 0 changed, 0 removed" in checkout.said, "no page is read again"
    assert checkout.pages() == before


def test_changed_code_measures_exactly_the_experiments_that_reach_it(checkout: Checkout) -> None:
    old = "def gru_step("
    checkout.edit("seqdocs/models/gru.py", old, f"STEPS_WERE_CHANGED = True\n\n\n{old}")
    assert checkout.build() == ["cell one", "drew one", "measured one"]
    checkout.edit("seqdocs/models/gru.py", f"STEPS_WERE_CHANGED = True\n\n\n{old}", old)
    assert checkout.build() == ["drew one"], "the old record and the old output are still there"


def test_changed_prose_measures_nothing_and_shows(checkout: Checkout) -> None:
    checkout.edit("glossary/term-one.md", "Prose of Term one.", "Better prose.")
    assert [line for line in checkout.build() if not line.startswith("cell")] == []
    assert "Better prose." in checkout.page("glossary/term-one.html")
    assert "alias two" in checkout.page("searchindex.js"), "a page that was not drawn again is still found"


def test_a_changed_summary_changes_the_cards_of_other_pages(checkout: Checkout) -> None:
    checkout.edit("glossary/term-one.md", "The summary of Term one.", "Another summary.")
    assert [line for line in checkout.build() if not line.startswith("cell")] == []
    assert "Another summary." in checkout.page("glossary/term-two.html")
    assert "Another summary." in checkout.page("glossary.html")


def test_a_new_term_of_three_files_appears_everywhere(checkout: Checkout) -> None:
    add_term(checkout.root, "three", "lstm", "LSTM", "two")
    assert checkout.build() == ["cell three", "drew three", "measured three"]
    shows = (
        "glossary.html",
        "glossary/term-one.html",
        "genindex.html",
        "gallery/index.html",
        "searchindex.js",
    )
    for page in shows:
        assert "three" in checkout.page(page).lower(), page
    names = [entry["term"] for entry in json.loads(checkout.page("glossary.json"))["entries"]]
    assert "Term three" in names
    assert "plot_three" in checkout.page("records.json")
    assert checkout.pages() == checkout.drawn_from_nothing()


def test_a_killed_build_is_made_good_by_the_next(checkout: Checkout) -> None:
    checkout.edit("gallery/tiny/plot_two.py", "size=4", "size=5")
    checkout.killed_when("measured two")
    checkout.build()
    whole = checkout.pages()
    checkout.edit("gallery/tiny/plot_two.py", '"o")', '"x")')
    checkout.killed_when("drew two")
    checkout.edit("gallery/tiny/plot_two.py", '"x")', '"o")')
    checkout.build()  # from nothing, since the last one did not end
    assert checkout.pages() == whole
    (checkout.root / "docs/_build/unfinished").write_text("", "utf8")  # makes the cells run again
    checkout.killed_when("cell two")
    checkout.build()
    assert checkout.pages() == whole
