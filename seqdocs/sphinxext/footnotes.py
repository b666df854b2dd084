"""Where the numbers of a page come from, as notes at its end: for paper, where nothing shows on hover.

Every number gets the number of its note in ``data-note``; numbers of the same origin share one. The notes are
``div.measured-notes``; the style sheets show them on paper only.
"""

from __future__ import annotations

import html
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from seqdocs.sphinxext.devices import attributes_of, give, slug_of
from seqdocs.sphinxext.records import devices

TITLE = "Where the numbers come from"


class measured_notes(nodes.General, nodes.Element):  # noqa: N801 (docutils names nodes in small letters)
    """The notes; attribute ``rows``, number, device and text of each. The search does not look into them."""


def origins(doctree: nodes.document) -> list[tuple[nodes.inline, str, str]]:
    """The measured numbers of a page, each with its device and where it comes from."""
    found = []
    for node in doctree.findall(nodes.inline):
        said = attributes_of(node).get("data-provenance")
        if said and slug_of(node):
            found.append((node, slug_of(node), said))
    return found


def add_notes(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Number the notes, those of the first device first, so that each device has a row without gaps."""
    found = origins(doctree)
    order = [device.slug for device in devices(app)]
    said = dict.fromkeys((slug, text) for _, slug, text in found)
    number = {key: count for count, key in enumerate(sorted(said, key=lambda key: order.index(key[0])), 1)}
    for node, slug, text in found:
        give(node, data_note=str(number[slug, text]))
    if number:
        doctree += measured_notes(rows=[(count, slug, text) for (slug, text), count in number.items()])


def write_notes(writer: Any, node: measured_notes) -> None:
    """Write the list."""
    rows = "\n".join(
        f'<li value="{count}" data-device="{slug}">{html.escape(text)}</li>'
        for count, slug, text in node["rows"]
    )
    writer.body.append(f'<div class="measured-notes">\n<p>{TITLE}</p>\n<ol>\n{rows}\n</ol>\n</div>\n')


def pass_by(writer: Any, node: nodes.Node) -> None:
    """Nothing is left to write."""


def setup_footnotes(app: Sphinx) -> None:
    """Before the absent numbers, which have no origin, are put in."""
    others = (pass_by, pass_by)
    app.add_node(
        measured_notes, html=(write_notes, pass_by), latex=others, text=others, man=others, texinfo=others
    )
    app.connect("doctree-resolved", add_notes, priority=700)
