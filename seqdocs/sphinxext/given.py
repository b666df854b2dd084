"""The role ``{given}``: a number with a unit that an example assumes or defines, and nobody measured.

``python -m seqdocs lint`` takes a typed measurement for a mistake. A number that is none says so::

    If {given}`40 requests a second` stay a quarter of a second each, ten are inside.

The HTML is ``span.given`` with a title.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

from seqdocs.sphinxext.devices import give

TITLE = "assumed or defined here, not measured"


class GivenRole(SphinxRole):
    """The role."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Leave the text as it is, with a title."""
        node = nodes.inline(self.rawtext, self.text, classes=["given"])
        give(node, title=TITLE)
        return [node], []


def setup_given(app: Sphinx) -> None:
    """The role."""
    app.add_role("given", GivenRole())
