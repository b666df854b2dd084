"""Tells jupyter-cache and Sphinx which cells to run again; both look at a page's own text alone.

The cells of a page run again when their code, the project's modules they reach, the records they can show,
the device, or the versions and settings that decide about their outputs have changed. Otherwise they do not.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from seqdocs.bench.closure import closure, code_hash
from seqdocs.bench.keys import key_of
from seqdocs.bench.machine import fingerprint
from seqdocs.bench.record import RecordError
from seqdocs.bench.source import SourceError
from seqdocs.sphinxext.circumstances import packages, settled
from seqdocs.sphinxext.mirror import CELL
from seqdocs.sphinxext.pagedata import note, noted
from seqdocs.sphinxext.records import records
from seqdocs.sphinxext.settings import settings, warn

RUNNING = ("matplotlib", "myst-nb", "ipykernel")  # packages whose version decides how an output looks
SHOWING = {"seqdocs.bench.experiment", "seqdocs.bench.shown"}  # through these a cell can show records
ELSEWHERE = ("nb_execution_cache_path", "nb_output_folder")  # settings that say where, not what
CELLS = "cells"  # noted of a page: the code of its cells, and their key
CELL_BODY = re.compile(
    r"^(?P<fence>`{3,}|~{3,}|:{3,})\s*\{code-cell\}[^\n]*\n(?P<body>.*?)^(?P=fence)[`~:]*\s*$", re.M | re.S
)
CELL_OPTIONS = re.compile(r"\A(?:---\n.*?\n---\n|(?::[^\n]*\n)+)", re.S)
IS_NOTEBOOK = re.compile(r"\A---\n(?:(?!---).*\n)*?.*\bfile_format: mystnb\b")


def cell_code(text: str) -> str:
    """The code of a page's cells, one after the other."""
    bodies = (CELL_OPTIONS.sub("", found["body"]) for found in CELL_BODY.finditer(text))
    return "\n".join(
        "\n".join("pass" if re.match(r"\s*[%!]", line) else line for line in body.split("\n"))
        for body in bodies
    )


def cells_key(app: Sphinx, code: str, docname: str) -> str:
    """What the outputs of a page's cells depend on besides their own text, as a hash.

    Raises:
        SourceError: if a cell or a module that it reaches is no Python.
    """
    root = settings(app).root_path
    shown = None
    if SHOWING & closure(code, (root,), docname).keys():
        try:
            shown = records(app).stamp()
        except RecordError as error:
            shown = str(error)
    chosen = {
        value.name: settled(value.value, root)
        for value in app.config
        if value.name.startswith("nb_") and value.name not in ELSEWHERE
    }
    return key_of(
        code_hash(code, (root,), docname),
        versions=packages(RUNNING),
        device=fingerprint("cpu"),
        shown=shown,
        settings=chosen,
    )


def add_key(app: Sphinx, docname: str, content: list[str]) -> None:
    """While a page with cells is read: append a hidden cell that changes with what the cells reach."""
    if not (IS_NOTEBOOK.match(content[0]) and CELL.search(content[0])):
        return
    code = cell_code(content[0])
    try:
        key = cells_key(app, code, docname)
    except SourceError as error:
        warn(f"a cell is no Python: {error}", "cells", docname)
        return
    note(app.env, docname, CELLS, (code, key))
    content[0] += f"\n\n```{{code-cell}}\n:tags: [remove-cell]\n# the code these cells reach: {key}\n```\n"


def cells_due(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Name the pages whose own text is as it was, but whose cells have another key now."""
    due = []
    for docname in sorted(env.found_docs - added - changed):
        code, key = noted(env, docname, CELLS, (None, None))
        try:
            if code is not None and cells_key(app, code, docname) != key:
                due.append(docname)
        except SourceError:
            due.append(docname)  # reading will say it
    return due


def setup_cells(app: Sphinx) -> None:
    """After the mirror has changed the header (100)."""
    app.connect("source-read", add_key, priority=200)
    app.connect("env-get-outdated", cells_due)
