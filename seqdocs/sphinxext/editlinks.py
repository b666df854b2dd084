"""The file a page is written in, for "view source" and "edit": an entry, a script, a page of docs, a module.

Furo reads ``theme_source_view_link`` and ``theme_source_edit_link``; other templates find the same in
``seqdocs.source``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from seqdocs.entries.check import GALLERY, GLOSSARY
from seqdocs.sphinxext.api import page_module
from seqdocs.sphinxext.gallery_order import HEADERS
from seqdocs.sphinxext.settings import settings


def written_in(app: Sphinx, docname: str) -> str:
    """Path of the file a page is made from, relative to the checkout; empty when there is none to edit."""
    where = settings(app)
    if module := page_module(docname, where):
        return module
    if docname == where.api or docname.startswith(f"{where.api}/"):
        return ""
    root = where.root_path
    if docname.startswith(f"{GALLERY}/"):
        folder = docname.removesuffix("/index")
        made_from = [f"{docname}.py", *(f"{folder}/{header}" for header in HEADERS)]
        return next((path for path in made_from if (root / path).is_file()), "")
    if docname.startswith(f"{GLOSSARY}/"):
        return f"{docname}.md"
    path = Path(app.env.doc2path(docname))
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else ""


def add_links(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Put the addresses into a page's context."""
    if doctree is None:
        return
    where = settings(app)
    path = written_in(app, pagename)
    view, edit = (where.view_url(path), where.edit_url(path)) if path else ("", "")
    context["theme_source_view_link"], context["theme_source_edit_link"] = view, edit
    context.setdefault("seqdocs", {})["source"] = {"path": path, "view": view, "edit": edit} if path else None


def setup_editlinks(app: Sphinx) -> None:
    """After the navigation has made the context (200)."""
    app.connect("html-page-context", add_links, priority=300)
