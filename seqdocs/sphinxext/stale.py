"""Tells sphinx-gallery what is out of date; by itself it looks at an example's own text alone.

An example is drawn again when its script, the project's modules it reaches, the data it declares, the records
it shows, the device, or the versions and settings that decide how it looks have changed. Otherwise it is not.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

from seqdocs.bench.closure import code_hash
from seqdocs.bench.data import DataError, find, hashes
from seqdocs.bench.declared import declared
from seqdocs.bench.keys import key_of
from seqdocs.bench.machine import fingerprint
from seqdocs.bench.record import RecordError
from seqdocs.bench.source import SourceError, read
from seqdocs.entries.check import GALLERY
from seqdocs.sphinxext import gallery_figures
from seqdocs.sphinxext.circumstances import packages, settled
from seqdocs.sphinxext.records import records
from seqdocs.sphinxext.settings import settings

DRAWING = ("matplotlib", "sphinx-gallery")  # packages whose version decides how an example looks
PENDING: WeakKeyDictionary[Sphinx, dict[Path, str]] = WeakKeyDictionary()  # keys of the examples being drawn
GIVEN: WeakKeyDictionary[Sphinx, Any] = WeakKeyDictionary()  # sphinx-gallery's settings as conf.py gives them


def scripts(root: Path) -> list[Path]:
    """Every script of the gallery."""
    return sorted((root / GALLERY).glob("**/*.py"))


def remember_settings(app: Sphinx, config: Config) -> None:
    """Keep the settings of sphinx-gallery before it fills them with what changes from build to build."""
    GIVEN[app] = settled(getattr(config, "sphinx_gallery_conf", {}), settings(app).root_path)


def code_of(text: str, folders: tuple[Path, ...], name: str) -> str:
    """The hash of a script or of cells, with all they reach and the data that experiments declare."""
    root = folders[-1]
    patterns = [one for experiment in declared(text, name) for one in experiment.options.data]
    return code_hash(text, folders, name, hashes(find(root, patterns)))


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
        code = code_of(text, (script.parent, root), script.name)
    except (SourceError, DataError) as error:
        code = str(error)  # drawing will fail and show where
    saver = Path(gallery_figures.__file__)
    drawn = {
        "prose": hashlib.sha256(text.encode()).hexdigest(),  # comments and docstrings are part of the page
        "saver": code_hash(read(saver), (), saver.name),
        "gallery": GIVEN.get(app, {}),
    }
    return key_of(code, versions=packages(DRAWING), device=fingerprint("cpu"), shown=shown, settings=drawn)


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


def setup_stale(app: Sphinx) -> None:
    """Around sphinx-gallery (500)."""
    if "sphinx_gallery.gen_gallery" in app.extensions:
        app.connect("config-inited", remember_settings, priority=5)  # sphinx-gallery: 10
        app.connect("builder-inited", forget_stale, priority=100)
        app.connect("builder-inited", remember_drawn, priority=600)
