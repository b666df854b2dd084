"""Lay myst-nb's style sheet before pages are written.

myst-nb copies it when the build has finished. A page names a style sheet with a checksum of the file, if it
is there: the first build would write other pages than every later one.
"""

from __future__ import annotations

from pathlib import Path

from myst_nb.sphinx_ext import add_global_html_resources
from sphinx.application import Sphinx
from sphinx.builders import Builder


def lay_early(app: Sphinx, builder: Builder) -> None:
    """Copy it now; myst-nb's own copy later changes nothing."""
    Path(builder.outdir, "_static").mkdir(parents=True, exist_ok=True)
    add_global_html_resources(app, None)


def setup_assets(app: Sphinx) -> None:
    """Where there are executed pages."""
    if "myst_nb" in app.extensions:
        app.connect("write-started", lay_early)
