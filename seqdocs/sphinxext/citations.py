"""Citations: a page that cites a reference shows its authors, its year and, on hover, all of it.

The bibliography is no part of such a page, so a changed reference must say which pages to draw again.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from seqdocs.sphinxext.refresh import shows

BIBTEX = "sphinxcontrib.bibtex"


def cited(app: Sphinx, docname: str) -> object:
    """What a page shows of the bibliography: its references as they are written, with their labels."""
    domain: Any = app.env.domains["cite"]
    keys = {key.key for place in domain.citation_refs if place.docname == docname for key in place.targets}
    found = [one for one in domain.citations if one.key in keys]
    return [(one.key, one.citation_id, one.formatted_entry.label, repr(one.entry)) for one in found]


def setup_citations(app: Sphinx) -> None:
    """Where there is a bibliography, let pages follow it."""
    if BIBTEX in app.extensions:
        shows(app, cited)
