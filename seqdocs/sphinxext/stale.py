"""Tells sphinx-gallery and jupyter-cache what is out of date; both look at their own text alone.

An example is drawn again when its script, the project's modules it reaches, the records it shows, or the
versions that decide how it looks have changed. The cells of a page run again when their code or the
project's modules they reach have changed. Otherwise nothing runs.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
from importlib.metadata import version
from pathlib import Path
from weakref import WeakKeyDictionary

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from seqdocs.bench.closure import closure, resolve
from seqdocs.bench.machine import versions
from seqdocs.bench.record import RecordError, digest
from seqdocs.bench.source import SourceError, essence
from seqdocs.entries.check import GALLERY
from seqdocs.sphinxext import gallery_figures
from seqdocs.sphinxext.mirror import CELL
from seqdocs.sphinxext.records import records
from seqdocs.sphinxext.settings import settings, warn

DRAWING = ("matplotlib", "sphinx-gallery")  # packages whose version decides how an example looks
CELL_BODY = re.compile(
    r"^(?P<fence>`{3,}|~{3,}|:{3,})\s*\{code-cell\}[^\n]*\n(?P<body>.*?)^(?P=fence)[`~:]*\s*$", re.M | re.S
)
CELL_OPTIONS = re.compile(r"\A(?:---\n.*?\n---\n|(?::[^\n]*\n)+)", re.S)
IS_NOTEBOOK = re.compile(r"\A---\n(?:(?!---).*\n)*?.*\bfile_format: mystnb\b")
PENDING: WeakKeyDictionary[Sphinx, dict[Path, str]] = WeakKeyDictionary()  # keys of the examples being drawn


def scripts(root: Path) -> list[Path]:
    """Every script of the gallery."""
    return sorted((root / GALLERY).glob("**/*.py"))


def drawing_key(app: Sphinx, script: Path) -> str:
    """What an example's page depends on, as a hash."""
    root = settings(app).root_path
    text = script.read_text("utf8")
    example = script.relative_to(root / GALLERY).with_suffix("").as_posix()
    try:
        shown = records(app).stamp(example)
    except RecordError as error:
        shown = str(error)  # drawing will say it, and a file that appears changes the key
    try:
        reached = closure(text, (script.parent, root), script.name)
    except SourceError:
        reached = {}  # drawing will fail and show where
    saver = Path(gallery_figures.__file__).read_text("utf8")
    facts = {
        "script": hashlib.sha256(text.encode()).hexdigest(),
        "modules": reached,
        "shown": shown,
        "versions": [version(name) for name in DRAWING],
        "saver": digest(essence(saver, "gallery_figures.py")),
    }
    return digest(facts)


def forget_example(target: Path) -> None:
    """Delete what was drawn of an example, so that it is drawn again whole; ``target`` has no suffix."""
    for path in [
        *target.parent.glob(f"{target.name}.*"),
        *(target.parent / "images").rglob(f"sphx_glr_{target.name}_*"),
    ]:
        path.unlink()


def complete(target: Path) -> bool:
    """Whether an example's page and its mark are there; sphinx-gallery writes the mark first."""
    return target.with_suffix(".rst").is_file() and target.with_name(f"{target.name}.py.md5").is_file()


def forget_stale(app: Sphinx) -> None:
    """Before sphinx-gallery looks: forget examples that are out of date, half drawn, or gone."""
    root, out = settings(app).root_path, Path(app.srcdir) / GALLERY
    if out.resolve() == (root / GALLERY).resolve():
        raise ExtensionError(f"the gallery would be drawn into its own scripts, {out}; nothing was touched")
    pending = PENDING.setdefault(app, {})
    wanted = {script.relative_to(root / GALLERY).with_suffix(""): script for script in scripts(root)}
    for name, script in wanted.items():
        key, note = drawing_key(app, script), out / name.with_suffix(".key")
        if not (note.is_file() and note.read_text("utf8") == key and complete(out / name)):
            forget_example(out / name)
            pending[note] = key
    for page in sorted(out.rglob("*.py")):
        if page.relative_to(out).with_suffix("") not in wanted:
            forget_example(page.with_suffix(""))
    sections = (
        {folder.name for folder in (root / GALLERY).iterdir() if folder.is_dir()} if out.is_dir() else set()
    )
    for folder in [path for path in out.glob("*") if path.is_dir()]:
        if folder.name not in sections | {"images", "backreferences"}:
            shutil.rmtree(folder)


def remember_drawn(app: Sphinx) -> None:
    """After sphinx-gallery drew: an example that was drawn whole is up to date."""
    for note, key in PENDING.pop(app, {}).items():
        if complete(note.with_suffix("")):
            make_stable(note.with_suffix(".zip"))
            note.write_text(key, "utf8")


def make_stable(archive: Path) -> None:
    """Write an archive again without the times of its files, so that the same files give the same bytes."""
    with zipfile.ZipFile(archive) as old:
        files = {name: old.read(name) for name in sorted(old.namelist())}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in files.items():
            new.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def cell_code(text: str) -> str:
    """The code of a page's cells, one after the other."""
    bodies = (CELL_OPTIONS.sub("", found["body"]) for found in CELL_BODY.finditer(text))
    return "\n".join(
        "\n".join("pass" if re.match(r"\s*[%!]", line) else line for line in body.split("\n"))
        for body in bodies
    )


def add_key(app: Sphinx, docname: str, content: list[str]) -> None:
    """While a page with cells is read: append a hidden cell that changes with what the cells reach."""
    if not (IS_NOTEBOOK.match(content[0]) and CELL.search(content[0])):
        return
    root = settings(app).root_path
    code = cell_code(content[0])
    try:
        reached = closure(code, (root,), docname)
    except SourceError as error:
        warn(f"a cell is no Python: {error}", "cells", docname)
        return
    for module in reached:
        if path := resolve(module, (root,)):
            app.env.note_dependency(path)  # so that a newer module makes Sphinx read the page
    key = digest({"modules": reached, "versions": versions()})
    content[0] += f"\n\n```{{code-cell}}\n:tags: [remove-cell]\n# the code these cells reach: {key}\n```\n"


def setup_stale(app: Sphinx) -> None:
    """Around sphinx-gallery (500), and after the mirror has changed the header (100)."""
    if "sphinx_gallery.gen_gallery" in app.extensions:
        app.connect("builder-inited", forget_stale, priority=100)
        app.connect("builder-inited", remember_drawn, priority=600)
    app.connect("source-read", add_key, priority=200)
