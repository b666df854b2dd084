"""The fact box under an entry's title: an ``aside`` with a list of terms and values.

Classes, for those who style it: ``aside.facts``, in it ``dl.fact-list``, whose ``dt`` and ``dd`` carry
``fact`` and ``fact-<key>`` with the keys aliases, year, area, sources, implementation, tests, example,
prerequisites, broader, related, named-prerequisites, named-broader, named-related, linked. A value is
``span.fact-value``; links after the first in one value (the source of an implementation) are
``a.fact-more``.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from seqdocs.sphinxext.facts import Fact, Link, facts
from seqdocs.sphinxext.library import library
from seqdocs.sphinxext.refresh import shows
from seqdocs.sphinxext.settings import warn


class aside(nodes.General, nodes.Element):  # noqa: N801 (docutils names nodes in small letters)
    """Something beside the text; attribute ``label`` names it for those who do not see the page."""


def open_aside(writer: Any, node: aside) -> None:
    """Open the HTML element."""
    writer.body.append(writer.starttag(node, "aside", **{"aria-label": node["label"]}))


def close_aside(writer: Any, node: aside) -> None:
    """Close the HTML element."""
    writer.body.append("</aside>\n")


def pass_by(writer: Any, node: aside) -> None:
    """Other formats show what is inside."""


def code_node(name: str) -> nodes.TextElement:
    """A dotted name or a path in code letters that may break after its dots and strokes only."""
    made = nodes.literal(name, "")
    for number, part in enumerate(re.split(r"(?<=[./])", name)):
        if number:
            made += nodes.raw("", "<wbr>", format="html")
        made += nodes.Text(part)
    return made


def link_node(app: Sphinx, docname: str, link: Link) -> nodes.Node:
    """Make a link, or a text when it leads nowhere."""
    content = code_node(link.text) if link.code else nodes.inline(link.text, link.text)
    if link.docname:
        uri = app.builder.get_relative_uri(docname, link.docname) + (f"#{link.anchor}" if link.anchor else "")
        return nodes.reference("", "", content, internal=True, refuri=uri)
    if link.url:
        return nodes.reference("", "", content, internal=False, refuri=link.url)
    return content


def value_node(app: Sphinx, docname: str, value: tuple[Link, ...]) -> nodes.inline:
    """One value of a fact: its links beside each other."""
    holder = nodes.inline("", "", classes=["fact-value"])
    for number, link in enumerate(value):
        node = link_node(app, docname, link)
        if number:
            holder += nodes.Text(" · ")
            if isinstance(node, nodes.Element):
                node["classes"].append("fact-more")
        holder += node
    return holder


def fact_node(app: Sphinx, docname: str, fact: Fact) -> nodes.definition_list_item:
    """One fact: a label and its values, with commas between."""
    text = nodes.paragraph("", "")
    for number, value in enumerate(fact.values):
        if number:
            text += nodes.Text(", ")
        text += value_node(app, docname, value)
    classes = ["fact", f"fact-{fact.key}"]
    term = nodes.term(fact.label, fact.label, classes=classes)
    return nodes.definition_list_item("", term, nodes.definition("", text, classes=classes))


def undocumented(found: tuple[Fact, ...]) -> list[str]:
    """Implementations without a page in the API reference."""
    names = (value[0] for fact in found if fact.key == "implementation" for value in fact.values)
    return [link.text for link in names if not link.docname]


def add_box(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the box of an entry under the title of its page."""
    entry = library(app).of_page(docname)
    section = next(doctree.findall(nodes.section), None)
    if entry is None or section is None:
        return
    found = facts(app, entry)
    for name in undocumented(found):
        place = f"{entry.path}:{entry.line('implementation', name)}"
        warn(f"`{name}` has no page in the API reference", "facts", place)
    rows = nodes.definition_list("", classes=["fact-list"])
    rows += [fact_node(app, docname, fact) for fact in found]
    title = next((number for number, node in enumerate(section.children) if isinstance(node, nodes.title)), 0)
    section.insert(title + 1, aside("", rows, classes=["facts"], label=f"Facts about {entry.term}"))


def shown_in_box(app: Sphinx, docname: str) -> object:
    """All that the box says, and the cards of the entries it links to; neither is in the page's own file."""
    known = library(app)
    entry = known.of_page(docname)
    if entry is None:
        return None
    found = facts(app, entry)
    pages = sorted({link.docname for fact in found for value in fact.values for link in value})
    kin = [known.of_page(page) for page in pages]
    return found, [(other.stem, other.summary, other.area) for other in kin if other]


def setup_factbox(app: Sphinx) -> None:
    """Add the box when all pages are known."""
    others = (pass_by, pass_by)
    app.add_node(aside, html=(open_aside, close_aside), latex=others, text=others, man=others)
    app.connect("doctree-resolved", add_box)
    shows(app, shown_in_box)
