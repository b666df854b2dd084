"""Hover cards: a ``template`` with term, area and summary for each entry that a page links to.

The cards are in the page, so that nothing is fetched and they work on ``file://``; ``static/cards.js``
shows them. Classes, for those who style them: ``div#term-card.term-card`` (the box on the page) holds
``p.card-head`` with ``strong.card-term`` and ``span.card-area``, then ``p.card-summary``.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from seqdocs.entries.header import AREAS, Entry
from seqdocs.sphinxext import text
from seqdocs.sphinxext.library import docname_of, library

STATIC = Path(__file__).parent / "static"


def card(app: Sphinx, entry: Entry, uri: str) -> str:
    """The card of an entry for the links to ``uri``."""
    term = f'<strong class="card-term">{html.escape(entry.term)}</strong>'
    area = f'<span class="card-area">{AREAS[entry.area]}</span>'
    summary = text.html(app.builder, entry.summary)
    inside = f'<p class="card-head">{term} {area}</p><p class="card-summary">{summary}</p>'
    return f'<template data-card="{html.escape(uri)}">{inside}</template>'


def said_by_cards(app: Sphinx, pages: Iterable[str]) -> list[tuple[str, ...]]:
    """What the cards for links to these pages say, for who makes such links while a page is drawn."""
    found = [library(app).of_page(page) for page in sorted(set(pages))]
    return [(entry.stem, entry.term, entry.area, entry.summary) for entry in found if entry]


def linked_entries(app: Sphinx, pagename: str, doctree: nodes.document) -> dict[str, Entry]:
    """The entries a drawn page links to, by the address of the link; not the page's own."""
    builder, known = app.builder, library(app)
    addresses = {builder.get_relative_uri(pagename, docname_of(entry)): entry for entry in known.reading}
    targets = {str(node.get("refuri", "")).partition("#")[0] for node in doctree.findall(nodes.reference)}
    own = known.of_page(pagename)
    return {uri: addresses[uri] for uri in sorted(targets) if uri in addresses and addresses[uri] is not own}


def add_cards(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Append the cards to the text of a page."""
    if doctree is None:
        return
    cards = [card(app, entry, uri) for uri, entry in linked_entries(app, pagename, doctree).items()]
    context["body"] = "\n".join([context.get("body", ""), *cards])


def add_static(app: Sphinx) -> None:
    """Let Sphinx copy the script."""
    app.config.html_static_path.append(str(STATIC))


def setup_cards(app: Sphinx) -> None:
    """Cards for every page, one script for all."""
    app.connect("builder-inited", add_static)
    app.add_js_file("cards.js", loading_method="defer")
    app.connect("html-page-context", add_cards)
