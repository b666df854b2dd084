"""Deletes what an earlier build wrote and this site no longer has: Sphinx leaves it all lying about.

A page that is removed or renamed, the code of a module that is gone, a figure or a download that no page
shows any more would otherwise be published again and again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from docutils import nodes
from sphinx.application import Sphinx

LAST = "search"  # an extra page of every build; a build that did not come to it deletes nothing
EXTRA: WeakKeyDictionary[Sphinx, set[str]] = WeakKeyDictionary()  # pages that are no documents


def note_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Remember an extra page that this build writes; those of documents are known."""
    if doctree is None:
        EXTRA.setdefault(app, set()).add(pagename)


def module_pages(app: Sphinx) -> set[str]:
    """Pages with the code of modules, which are not written again when the code is the same."""
    modules: dict[str, object] = getattr(app.env, "_viewcode_modules", {})
    return {f"_modules/{name.replace('.', '/')}" for name, entry in modules.items() if entry}


def wanted(app: Sphinx) -> set[str]:
    """All files of the kinds that Sphinx leaves behind, relative to the site."""
    env, documents = app.env, app.env.found_docs
    pages = {f"{name}.html" for name in documents | EXTRA.get(app, set()) | module_pages(app)}
    sources = {f"_sources/{env.doc2path(name, base=False).as_posix()}.txt" for name in documents}
    images = {f"_images/{name}" for _, name in env.images.values()}
    downloads = {f"_downloads/{name}" for _, name in env.dlfiles.values()}
    return pages | sources | images | downloads


def candidates(out: Path) -> Iterator[Path]:
    """The files of those kinds that are there."""
    yield from (path for path in out.rglob("*.html") if "_static" not in path.relative_to(out).parts)
    for folder in ("_sources", "_images", "_downloads"):
        yield from (path for path in (out / folder).rglob("*") if path.is_file() and path.suffix != ".html")


def delete_leftovers(app: Sphinx, error: Exception | None) -> None:
    """Delete what no page of this build is or shows."""
    if error is not None or app.builder.name != "html" or LAST not in EXTRA.get(app, set()):
        return
    out, kept = Path(app.outdir), wanted(app)
    for path in list(candidates(out)):
        if path.relative_to(out).as_posix() not in kept:
            path.unlink()


def setup_leftovers(app: Sphinx) -> None:
    """When all is written."""
    app.connect("html-page-context", note_page)
    app.connect("build-finished", delete_leftovers)
