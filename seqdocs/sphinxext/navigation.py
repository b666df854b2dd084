"""The ways through the site: what templates get as ``seqdocs``, previous and next, a short tree.

Entries hang in no toctree, because a theme draws the whole tree on every page and the time to build would
grow with the square of their number. Templates find in their context:

``seqdocs.areas``
    list of ``{"key", "title", "docname", "anchor", "count", "entries"}``, in reading order; ``entries``
    is a list of ``{"stem", "term", "summary", "docname"}``. Link by ``pathto(entry.docname)``.
``seqdocs.doors``
    list of ``{"title", "areas"}``: the doors of the home page and the areas behind each, those of ``areas``.
``seqdocs.pages``
    list of ``{"docname", "title"}``: what the home page's toctree names.
``seqdocs.entry``
    of an entry's page: ``{"stem", "term", "aliases", "summary", "summary_html", "area", "area_title", "year",
    "example", "anchor"}``; otherwise None.
``seqdocs.source``
    ``{"path", "view", "edit"}`` of the file a page is written in; None where there is none.
``prev``, ``next``
    of an entry's page: its neighbours in reading order, ``{"link", "title"}``.
"""

from __future__ import annotations

import html
import shutil
from typing import Any
from weakref import WeakKeyDictionary

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from seqdocs.entries.header import AREAS, DOORS, Entry
from seqdocs.sphinxext import text
from seqdocs.sphinxext.library import docname_of, library
from seqdocs.sphinxext.refresh import shows
from seqdocs.sphinxext.terms import node_id

INDEX = "glossary"
Data = dict[str, Any]
SITES: WeakKeyDictionary[Sphinx, Data] = WeakKeyDictionary()  # the same for every page of a build


def area_anchor(area: str) -> str:
    """The anchor of an area on the page that lists all entries."""
    return f"area-{area}"


def area_data(area: str, entries: tuple[Entry, ...]) -> Data:
    """What templates get of one area."""
    rows = [{"stem": e.stem, "term": e.term, "summary": e.summary, "docname": docname_of(e)} for e in entries]
    where = {"docname": INDEX, "anchor": area_anchor(area)}
    return {"key": area, "title": AREAS[area], **where, "count": len(rows), "entries": rows}


def site_data(app: Sphinx) -> Data:
    """What templates get on every page, made once a build."""
    if app not in SITES:
        areas = [area_data(area, entries) for area, entries in library(app).areas.items()]
        doors = [
            {"title": title, "areas": [area for area in areas if area["key"] in keys]}
            for title, keys in DOORS.items()
        ]
        listed = app.env.toctree_includes.get(app.config.root_doc, [])
        pages = [
            {"docname": name, "title": app.env.titles[name].astext()}
            for name in listed
            if name in app.env.titles
        ]
        SITES[app] = {"areas": areas, "doors": doors, "pages": pages}
    return SITES[app]


def entry_data(app: Sphinx, entry: Entry) -> Data:
    """What templates get of the entry whose page they draw."""
    return {
        "stem": entry.stem,
        "term": entry.term,
        "aliases": list(entry.aliases),
        "summary": text.plain(entry.summary),
        "summary_html": text.html(app.builder, entry.summary),
        "area": entry.area,
        "area_title": AREAS[entry.area],
        "year": entry.year,
        "example": entry.example,
        "anchor": node_id(entry),
    }


def neighbour(app: Sphinx, pagename: str, stem: str | None) -> Data | None:
    """A link to an entry, the way themes get ``prev`` and ``next``."""
    if stem is None:
        return None
    entry = library(app).entries[stem]
    link = app.builder.get_relative_uri(pagename, docname_of(entry))
    return {"link": link, "title": html.escape(entry.term)}


def short_tree(app: Sphinx, pagename: str) -> str:
    """The pages of the home page's toctree, without what is below them."""
    rows = []
    for page in site_data(app)["pages"]:
        name = page["docname"]
        here = name == pagename or pagename.startswith(f"{name.removesuffix('/index')}/")
        mark = " current" if here else ""
        link = html.escape(app.builder.get_relative_uri(pagename, name))
        title = html.escape(page["title"])
        rows.append(
            f'<li class="toctree-l1{mark}"><a class="reference internal{mark}" href="{link}">{title}</a></li>'
        )
    return f'<ul class="current">{"".join(rows)}</ul>' if rows else ""


def add_navigation(
    app: Sphinx, pagename: str, templatename: str, context: Data, doctree: nodes.document | None
) -> None:
    """Put the data into a page's context."""
    entry = library(app).of_page(pagename)
    context["seqdocs"] = {
        **site_data(app),
        "entry": entry_data(app, entry) if entry else None,
        "source": None,
    }
    context["toctree"] = lambda **_: short_tree(app, pagename)
    if entry:
        before, after = library(app).neighbours[entry.stem]
        context["prev"] = neighbour(app, pagename, before)
        context["next"] = neighbour(app, pagename, after)
        context["parents"] = []


def shown_by_navigation(app: Sphinx, docname: str) -> object:
    """Every page may list the entries by area, the home page and the index with their summaries."""
    full = docname in (app.config.root_doc, INDEX)
    areas = library(app).areas.items()
    return [(area, [(e.stem, e.names, e.summary if full else "") for e in inside]) for area, inside in areas]


def forget_source_pages(app: Sphinx, env: BuildEnvironment) -> None:
    """Delete the pages of source text when the list of entries beside it has changed.

    sphinx.ext.viewcode draws such a page again only when its module is newer, or the page is not there.
    """
    now = repr(shown_by_navigation(app, "_modules"))
    if getattr(env, "seqdocs_navigation", None) != now:
        shutil.rmtree(app.outdir / "_modules", ignore_errors=True)
        env.seqdocs_navigation = now  # type: ignore[attr-defined]  # kept with the environment


def setup_navigation(app: Sphinx) -> None:
    """Early, so that the theme (500) finds the short tree."""
    app.connect("html-page-context", add_navigation, priority=200)
    app.connect("env-updated", forget_source_pages)
    shows(app, shown_by_navigation)
