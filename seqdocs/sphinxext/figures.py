"""``{themed-figure}`` and ``{example-figure}``: a figure in two colour schemes, of which the page shows one.

Classes, for those who style them: ``figure.themed-figure`` with ``img.only-light``, ``img.only-dark`` and
the caption.
"""

from __future__ import annotations

import json
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from seqdocs.entries.check import GALLERY
from seqdocs.sphinxext import text
from seqdocs.sphinxext.library import example_docname, library
from seqdocs.sphinxext.settings import warn


def figure_node(srcdir: Path, place: str, caption: bool = True) -> nodes.figure | None:
    """The figure whose files begin with ``place``, a path from the source folder; None when there is none."""
    texts_path = srcdir / f"{place.lstrip('/')}_figure.json"
    if not texts_path.is_file():
        return None
    texts = json.loads(texts_path.read_text("utf8"))
    made = nodes.figure("", classes=["themed-figure"])
    for scheme in ("light", "dark"):
        uri = f"/{place.lstrip('/')}_{scheme}.svg"
        made += nodes.image("", uri=uri, alt=texts["alt"], classes=[f"only-{scheme}"])
    if caption and texts["caption"]:
        made += nodes.caption(texts["caption"], "", *text.inline(texts["caption"]))
    return made


class ThemedFigure(SphinxDirective):
    """A figure by the path its files begin with."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the figure."""
        place = self.arguments[0]
        self.env.note_dependency(f"{self.env.srcdir}/{place.lstrip('/')}_figure.json")
        made = figure_node(Path(self.env.srcdir), place)
        if made is None:
            warn(f"there is no figure {place}", "figure", self.get_location())
            return []
        self.set_source_info(made)
        return [made]


class ExampleFigure(SphinxDirective):
    """The Nth figure of an example: ``{example-figure} 2``, or ``{example-figure} section/plot_x 2``."""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the figure, with a link to the example below it."""
        example, number = self.target()
        if not example or not number.isdigit():
            warn("an example's figure is named by its number, and by its example when the page is no entry's",
                 "figure", self.get_location())  # fmt: skip
            return []
        section, _, stem = example.rpartition("/")
        place = f"{GALLERY}/{section}/images/sphx_glr_{stem}_{int(number):03}"
        self.env.note_dependency(f"{self.env.srcdir}/{place}_figure.json")
        made = figure_node(Path(self.env.srcdir), place)
        if made is None:
            warn(f"{GALLERY}/{example}.py has no figure {number}", "figure", self.get_location())
            return []
        self.set_source_info(made)
        made["classes"].append("example-figure")
        made["seqdocs_example"] = example
        return [made]

    def target(self) -> tuple[str, str]:
        """The example and the number that are meant."""
        if len(self.arguments) == 2:
            return self.arguments[0], self.arguments[1]
        entry = library(self.env).of_page(self.env.docname)
        return entry.example if entry else "", self.arguments[0]


def link_figures(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Say below a figure which example drew it."""
    for made in doctree.findall(nodes.figure):
        example = made.get("seqdocs_example")
        if not example:
            continue
        uri = app.builder.get_relative_uri(docname, example_docname(example))
        link = nodes.reference(
            "", "", nodes.inline("", "code"), internal=True, refuri=uri, classes=["figure-code"]
        )
        caption = next(made.findall(nodes.caption), None)
        if caption is None:
            caption = nodes.caption("", "")
            made.append(caption)
        else:
            caption.append(nodes.Text(" "))
        caption.append(link)


def check_cells(app: Sphinx, doctree: nodes.document) -> None:
    """A picture that a cell drew needs words; without them its alternative text would be a file name."""
    for output in doctree.findall(nodes.container):
        if "cell_output" in output["classes"]:
            for image in output.findall(nodes.image):
                if not image.get("alt"):
                    said = "a figure of a cell has no alternative text; set `mystnb: {image: {alt: …}}` there"
                    warn(said, "figure", output)


def setup_figures(app: Sphinx) -> None:
    """Both directives, and a check of what cells draw."""
    app.connect("doctree-read", check_cells)
    app.add_directive("themed-figure", ThemedFigure)
    app.add_directive("example-figure", ExampleFigure)
    app.connect("doctree-resolved", link_figures)
