"""``{source-text}``: says that a section is about a text whose claims are answered, and how many it makes.

The directive's argument is the text's id, with which the ids of its claims begin; ``claims`` is how many it
makes. The page shows how many of them are answered so far, with a link to the ledger::

    (s0)=
    ## s0 · RNNs and sequential processing

    ```{source-text} s0
    :claims: 17
    ```

The HTML is ``p.source-count``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from seqdocs.sphinxext.claim_list import SOURCE_TEXTS, SourceText, claims, counts
from seqdocs.sphinxext.pagedata import all_notes, note, noted
from seqdocs.sphinxext.refresh import shows
from seqdocs.sphinxext.settings import Host, env_of, warn

LEDGER = "ledger"  # what a page notes that holds the ledger


class source_count(nodes.General, nodes.Element):  # noqa: N801 (docutils names nodes in small letters)
    """The place of the line on what is answered; attributes ``text`` and ``claims``."""


class SourceTextDirective(SphinxDirective):
    """The directive."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {"claims": directives.nonnegative_int}

    def run(self) -> list[nodes.Node]:
        """Leave a place for the line."""
        if "claims" not in self.options:
            said = f"source text {self.arguments[0]} needs `:claims:`, the number of claims it makes"
            warn(said, "claim", self.get_location())
            return []
        node = source_count("", text=self.arguments[0], claims=self.options["claims"])
        self.set_source_info(node)
        return [node]


def note_texts(app: Sphinx, doctree: nodes.document) -> None:
    """Remember the texts of a page, each with the title of its section."""
    docname, found = app.env.docname, []
    for node in doctree.findall(source_count):
        section = node.parent
        title = section[0].astext() if isinstance(section, nodes.section) else node["text"]
        found.append(SourceText(node["text"], title, node["claims"], docname))
    if found:
        note(app.env, docname, SOURCE_TEXTS, found)


def answered(host: Host, text: str) -> dict[str, int]:
    """How many claims of a text have each verdict."""
    return counts(claim for claim in claims(host) if claim.source == text)


def ledger_page(host: Host) -> str:
    """The page that holds the ledger; empty when there is none."""
    return next((name for name, page in sorted(all_notes(env_of(host)).items()) if LEDGER in page), "")


def in_words(number: dict[str, int]) -> str:
    """How many claims have which verdict.

    >>> in_words({"holds": 3, "qualified": 0, "refuted": 1})
    '3 hold, 1 refuted'
    """
    plural = {"holds": "hold"}
    said = {
        verdict: plural.get(verdict, verdict) if count > 1 else verdict for verdict, count in number.items()
    }
    return ", ".join(f"{count} {said[verdict]}" for verdict, count in number.items() if count)


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write the lines of a page."""
    ledger = ledger_page(app)
    for node in list(doctree.findall(source_count)):
        number = answered(app, node["text"])
        detail = f" ({in_words(number)})" if any(number.values()) else ""
        said = f"Answered here so far: {sum(number.values())} of its {node['claims']} claims{detail}."
        line = nodes.paragraph("", said, classes=["source-count"])
        if ledger:
            uri = f"{app.builder.get_relative_uri(docname, ledger)}#ledger-{node['text']}"
            words = nodes.inline("", "See them in the ledger")
            line += [
                nodes.Text(" "),
                nodes.reference("", "", words, internal=True, refuri=uri),
                nodes.Text("."),
            ]
        node.replace_self(line)


def shown_of_sources(app: Sphinx, docname: str) -> object:
    """What a page says of the claims of its texts."""
    own = noted(app.env, docname, SOURCE_TEXTS, [])
    return [(text.id, answered(app, text.id), ledger_page(app)) for text in own]


def setup_source_texts(app: Sphinx) -> None:
    """The directive, its line, and when that changes."""
    app.add_node(source_count)
    app.add_directive("source-text", SourceTextDirective)
    app.connect("doctree-read", note_texts)
    app.connect("doctree-resolved", fill)
    shows(app, shown_of_sources)
