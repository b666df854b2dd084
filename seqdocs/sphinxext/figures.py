"""``{themed-figure}`` and ``{example-figure}``: a figure in two colour schemes, of which the page shows one.

Classes, for those who style them: ``figure.themed-figure`` with ``img.only-light``, ``img.only-dark`` and
the caption. A figure of one device carries ``data-device``; those that differ in the device alone stand under
one number and are switched together.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from seqdocs.entries.check import GALLERY
from seqdocs.sphinxext import text
from seqdocs.sphinxext.devices import belong
from seqdocs.sphinxext.figure_groups import Drawn, files_of, group_figures, read_figures
from seqdocs.sphinxext.library import example_docname, library
from seqdocs.sphinxext.pagedata import note, noted
from seqdocs.sphinxext.records import devices
from seqdocs.sphinxext.refresh import shows
from seqdocs.sphinxext.settings import warn

NOTE = "figures"  # whether a page shows figures of an example
OF_EXAMPLE = re.compile(rf"{GALLERY}/(?P<folder>.*/)?images/sphx_glr_(?P<stem>.+)_\d{{3}}")


def figure_node(drawn: Drawn) -> nodes.figure:
    """One figure."""
    texts = drawn.texts
    made = nodes.figure("", classes=["themed-figure"])
    for scheme in ("light", "dark"):
        uri = f"/{drawn.place}_{scheme}.svg"
        made += nodes.image("", uri=uri, alt=texts["alt"], classes=[f"only-{scheme}"])
    if texts["caption"]:
        made += nodes.caption(texts["caption"], "", *text.inline(texts["caption"]))
    return made


def example_figures(env: BuildEnvironment, docname: str, example: str) -> list[list[nodes.figure]]:
    """An example's figures by number, for every number one per device; that the page shows them is noted.

    An example is drawn anew as a whole, so that the page depends on all of it through the first figure.
    """
    srcdir = Path(env.srcdir)
    note(env, docname, NOTE, True)
    env.note_dependency(f"{files_of(srcdir, example)}_001_figure.json")
    groups = []
    for number, group in enumerate(group_figures(read_figures(srcdir, example)), 1):
        made = [figure_node(drawn) for drawn in group]
        for node, drawn in zip(made, group, strict=True):
            node["place"] = drawn.place
            if drawn.device:
                belong(node, drawn.device, f"figure {example} {number}")
        groups.append(made)
    return groups


class ThemedFigure(SphinxDirective):
    """A figure by the path its files begin with."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the figure."""
        place = self.arguments[0].lstrip("/")
        made = self.of_example(place) or self.alone(place)
        if made is None:
            warn(f"there is no figure {self.arguments[0]}", "figure", self.get_location())
            return []
        self.set_source_info(made)
        return [made]

    def of_example(self, place: str) -> nodes.figure | None:
        """The figure, if an example drew it."""
        found = OF_EXAMPLE.fullmatch(place)
        if found is None:
            return None
        example = f"{found['folder'] or ''}{found['stem']}"
        groups = example_figures(self.env, self.env.docname, example)
        return next((made for group in groups for made in group if made["place"] == place), None)

    def alone(self, place: str) -> nodes.figure | None:
        """The figure, if its files are there."""
        path = Path(self.env.srcdir, f"{place}_figure.json")
        self.env.note_dependency(str(path))
        return figure_node(Drawn(place, json.loads(path.read_text("utf8")))) if path.is_file() else None


class ExampleFigure(SphinxDirective):
    """The Nth figure of an example: ``{example-figure} 2``, or ``{example-figure} section/plot_x 2``."""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the figure, once for every device, with a link to the example below it."""
        example, number = self.target()
        if not example or not number.isdigit():
            warn("an example's figure is named by its number, and by its example when the page is no entry's",
                 "figure", self.get_location())  # fmt: skip
            return []
        groups = example_figures(self.env, self.env.docname, example)
        if not 1 <= int(number) <= len(groups):
            warn(f"{GALLERY}/{example}.py has no figure {number}", "figure", self.get_location())
            return []
        for made in groups[int(number) - 1]:
            self.set_source_info(made)
            made["classes"].append("example-figure")
            made["seqdocs_example"] = example
        return [*groups[int(number) - 1]]

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


def shown_with_figures(app: Sphinx, docname: str) -> object:
    """How devices are named, on a page with figures of examples."""
    return devices(app) if noted(app.env, docname, NOTE, False) else ()


def sweep(app: Sphinx, error: Exception | None) -> None:
    """Delete pictures that no page shows any more, as those of a device whose record is gone."""
    folder = Path(app.outdir, "_images")
    if error is None and app.builder.format == "html" and folder.is_dir():
        shown = {name for _, name in app.env.images.values()}
        for path in folder.iterdir():
            if path.name not in shown:
                path.unlink()


def setup_figures(app: Sphinx) -> None:
    """Both directives, and a check of what cells draw."""
    app.connect("doctree-read", check_cells)
    app.add_directive("themed-figure", ThemedFigure)
    app.add_directive("example-figure", ExampleFigure)
    app.connect("doctree-resolved", link_figures)
    app.connect("build-finished", sweep)
    shows(app, shown_with_figures)
