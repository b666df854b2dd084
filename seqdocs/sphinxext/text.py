"""Short texts with ``$maths$`` in them (summaries, captions, statements), as nodes and as HTML."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.builders import Builder
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.util.docutils import new_document

MATHS = re.compile(r"(?<!\\)\$([^$]+?)(?<!\\)\$")


def inline(text: str) -> list[nodes.Node]:
    r"""Turn ``$…$`` into maths and leave the rest as it is written; ``\$`` is a dollar sign.

    >>> [type(node).__name__ for node in inline("a state $h_t$ costs 5\\$")]
    ['Text', 'math', 'Text']
    """
    made: list[nodes.Node] = []
    for number, part in enumerate(MATHS.split(text)):
        if number % 2:
            made.append(nodes.math(part, part))
        elif part:
            made.append(nodes.Text(part.replace(r"\$", "$")))
    return made


def plain(text: str) -> str:
    """Write a text for places that hold no markup: the maths stays as its source."""
    return MATHS.sub(r"\1", text).replace(r"\$", "$")


def html(builder: Builder, text: str) -> str:
    """Render a text, maths included, without a paragraph around it."""
    document = new_document("<text>")
    assert isinstance(builder, StandaloneHTMLBuilder), "only pages in HTML hold HTML"
    holder = nodes.inline("", "", *inline(text))
    document += nodes.paragraph("", "", holder)
    return str(builder.render_partial(holder)["fragment"]).strip()
