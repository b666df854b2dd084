"""``{entry-index}``: all entries by area in reading order, then all terms and aliases from A to Z."""

from __future__ import annotations

import unicodedata
from itertools import groupby

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from seqdocs.entries.header import AREAS, Entry
from seqdocs.sphinxext import text
from seqdocs.sphinxext.library import docname_of, library
from seqdocs.sphinxext.navigation import area_anchor
from seqdocs.sphinxext.terms import node_id


class entry_index(nodes.General, nodes.Element):  # noqa: N801 (docutils names nodes in small letters)
    """The place of the list, which is made when the page is drawn, so that it is never out of date."""


class EntryIndex(SphinxDirective):
    """The directive; it takes nothing."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        """Leave a place, with the areas as sections so that the page's own contents list them."""
        areas = [self.section(title, area_anchor(area), area) for area, title in AREAS.items()]
        return [*areas, self.section("A to Z", "a-to-z", "")]

    def section(self, title: str, anchor: str, area: str) -> nodes.section:
        """One part of the list."""
        made = nodes.section("", nodes.title(title, title), entry_index("", area=area), ids=[anchor])
        made["names"].append(nodes.fully_normalize_name(title))
        return made


def link(app: Sphinx, docname: str, entry: Entry, name: str) -> nodes.reference:
    """A link to an entry under one of its names."""
    uri = f"{app.builder.get_relative_uri(docname, docname_of(entry))}#{node_id(entry)}"
    return nodes.reference("", "", nodes.inline(name, name), internal=True, refuri=uri)


def by_area(app: Sphinx, docname: str, area: str) -> nodes.Node:
    """The entries of an area with their summaries."""
    rows = nodes.definition_list("", classes=["entry-list"])
    for entry in library(app).areas.get(area, ()):
        term = nodes.term("", "", link(app, docname, entry, entry.term))
        what = nodes.definition("", nodes.paragraph("", "", *text.inline(entry.summary)))
        rows += nodes.definition_list_item("", term, what)
    return rows


def sort_key(name: str) -> str:
    """Sort by letters: without accents, whatever the case."""
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)).casefold()


def initial(name: str) -> str:
    """The heading a name stands under."""
    first = sort_key(name)[:1].upper()
    return first if first.isalpha() else "0–9"


def alphabetical(app: Sphinx, docname: str) -> list[nodes.Node]:
    """Every term and alias under its letter."""
    names = sorted(
        ((name, entry) for entry in library(app).reading for name in entry.names),
        key=lambda p: sort_key(p[0]),
    )
    made: list[nodes.Node] = []
    for letter, group in groupby(names, key=lambda pair: initial(pair[0])):
        made.append(nodes.rubric(letter, letter, classes=["entry-letter"]))
        rows = nodes.bullet_list("", classes=["entry-letters"])
        for name, entry in group:
            line = nodes.paragraph("", "", link(app, docname, entry, name))
            if name != entry.term:
                line += nodes.inline("", f" → {entry.term}", classes=["entry-alias"])
            rows += nodes.list_item("", line)
        made.append(rows)
    return made


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace every place by its list."""
    for node in list(doctree.findall(entry_index)):
        area = node["area"]
        if not area:
            node.replace_self(alphabetical(app, docname))
        elif area in library(app).areas:
            node.replace_self(by_area(app, docname, area))
        else:  # the contents of the page link to the section already, so it stays
            node.replace_self(nodes.paragraph("", "No entry yet."))


def setup_entry_index(app: Sphinx) -> None:
    """The directive and what fills it."""
    app.add_node(entry_index)
    app.add_directive("entry-index", EntryIndex)
    app.connect("doctree-resolved", fill)
