"""Terms and aliases as targets: ``{term}`` in Markdown, ``:term:`` in examples and docstrings, in any case.

The names go into the standard domain by its public method, hence also into ``objects.inv`` for other
projects, and into the general index, which makes the search find an alias.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.util.nodes import make_refnode

from seqdocs.entries.header import Entry
from seqdocs.sphinxext.library import docname_of, library
from seqdocs.sphinxext.settings import warn

PREFIX = "term"


def node_id(entry: Entry) -> str:
    """The anchor of a term on its page."""
    return f"{PREFIX}-{entry.stem}"


class NoteTerms(SphinxTransform):
    """Make the title of an entry's page the target of its names."""

    default_priority = 840  # before the domains collect index entries (850)

    def apply(self, **kwargs: Any) -> None:
        """Note the names, once the page is parsed."""
        entry = library(self.env).of_page(self.env.docname)
        if entry is None:
            return
        section = next(self.document.findall(nodes.section), None)
        if section is None:
            warn(f"the entry has no title `# {entry.term}`", "terms", self.env.docname)
            return
        anchor = node_id(entry)
        section["ids"].insert(0, anchor)
        self.document.note_explicit_target(section, section)
        standard = self.env.domains.standard_domain
        for name in entry.names:
            standard.note_object("term", name, anchor, location=section)
        section.insert(
            1, addnodes.index(entries=[("single", name, anchor, "main", None) for name in entry.names])
        )


def find_term(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Resolve a term that is written in another case than in its header."""
    if node.get("refdomain") != "std" or node.get("reftype") != "term":
        return None
    entry = library(app).named(node["reftarget"])
    if entry is None:
        return None
    return make_refnode(app.builder, node["refdoc"], docname_of(entry), node_id(entry), content)


def setup_terms(app: Sphinx) -> None:
    """Note terms while reading, find them while writing."""
    app.add_transform(NoteTerms)
    app.connect("missing-reference", find_term)
