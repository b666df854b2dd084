"""Pages are read again when the content of their files changed; Sphinx looks for newer files alone.

A file that comes back from a backup, an archive or another checkout is often older than the page made of it.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

MODULE_PAGES = "_modules"  # where sphinx.ext.viewcode puts the code of modules


@lru_cache(maxsize=4096)
def _hash(path: Path, _time: int, _size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def file_hash(path: Path) -> str:
    """The hash of a file's content; empty when there is no such file."""
    try:
        stat = path.stat()
        return _hash(path, stat.st_mtime_ns, stat.st_size)
    except OSError:
        return ""


def contents(env: BuildEnvironment, docname: str) -> list[str]:
    """The hashes of all files that a page is made of."""
    depends = sorted(str(name) for name in env.dependencies.get(docname, ()))
    return [
        file_hash(path) for path in (Path(env.doc2path(docname)), *(env.srcdir / name for name in depends))
    ]


def kept(env: BuildEnvironment, what: str) -> dict[str, Any]:
    """What the last build found, kept with the environment."""
    if not hasattr(env, what):
        setattr(env, what, {})
    found: dict[str, Any] = getattr(env, what)
    return found


def pages_of_other_contents(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Name the pages that are made of other contents than when they were read."""
    before = kept(env, "seqdocs_contents")
    known = sorted(env.found_docs - added - changed)
    return [name for name in known if name in before and before[name] != contents(env, name)]


def remember_contents(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Keep the contents of all pages, now that they are read."""
    found = kept(env, "seqdocs_contents")
    found.clear()
    found.update({docname: contents(env, docname) for docname in sorted(env.found_docs)})
    return []


def forget_code_pages(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Delete the pages of modules whose code is not what they show, so that they are made anew."""
    modules: dict[str, Any] = getattr(env, "_viewcode_modules", {})
    now = {name: hashlib.sha256(entry[0].encode()).hexdigest() for name, entry in modules.items() if entry}
    before = kept(env, "seqdocs_code_pages")
    for name, code in now.items():
        if before.get(name) != code:
            Path(app.outdir, MODULE_PAGES, f"{name.replace('.', '/')}.html").unlink(missing_ok=True)
    before.clear()
    before.update(now)
    return []


def setup_contents(app: Sphinx) -> None:
    """Compare before reading; remember after it, while the environment is not stored yet."""
    app.connect("env-get-outdated", pages_of_other_contents)
    app.connect("env-updated", remember_contents)
    app.connect("env-updated", forget_code_pages)
