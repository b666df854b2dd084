"""``{seq-fade}``: a small instrument over a record, on a page that also reads without it.

The directive names an experiment that returns ``lags`` (a list of integers) and ``curves`` (for each model
the influence that is left at each lag, as a fraction of that at lag 0). It embeds those numbers as a block of
JSON for every device; ``static/fade.js`` makes a slider and bars of them. Without script one sees what stands
inside.

.. code-block:: markdown

   ::::{seq-fade} recurrence/plot_vanishing_gradient:decay
   :curves: tanh_09 = tanh RNN; lstm = LSTM
   :start: 20
   A figure that shows the same.
   ::::
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from seqdocs.bench.record import RecordError
from seqdocs.bench.run import ResultPathError, Run
from seqdocs.bench.shown import Shown
from seqdocs.sphinxext.pagedata import note, noted
from seqdocs.sphinxext.records import devices
from seqdocs.sphinxext.refresh import shows
from seqdocs.sphinxext.settings import settings, warn

STATIC = Path(__file__).parent / "static"
NOTE = "instruments"
DIGITS = 6  # significant digits of a number in the page; the bars show two


class seq_fade(nodes.General, nodes.Element):  # noqa: N801 (docutils names nodes in small letters)
    """The instrument; its children are what is shown without script."""


def parse_curves(text: str) -> dict[str, str]:
    """Read the option ``curves``: which keys of the result are shown, under which names.

    >>> parse_curves("tanh_09 = tanh RNN; lstm = LSTM")
    {'tanh_09': 'tanh RNN', 'lstm': 'LSTM'}
    """
    pairs = [part.split("=", 1) for part in text.split(";") if part.strip()]
    if not pairs or any(len(pair) != 2 or not all(word.strip() for word in pair) for pair in pairs):
        raise ValueError(f"`curves` is {text!r}; it must read `key = name; key = name`")
    return {key.strip(): name.strip() for key, name in pairs}


def fade_data(run: Run, curves: dict[str, str]) -> dict[str, Any]:
    """Cut from a run what the instrument draws.

    Raises:
        ResultPathError: if the run lacks a curve.
        ValueError: if a curve does not have a number for every lag.
    """
    lags = run.at("lags")
    data: dict[str, Any] = {"lags": lags, "curves": {}, "caption": run.caption}
    for key, name in curves.items():
        values = run.at(f"curves.{key}")
        if len(values) != len(lags):
            raise ValueError(f"`curves.{key}` has {len(values)} numbers but there are {len(lags)} lags")
        data["curves"][name] = [float(f"{value:.{DIGITS}g}") for value in values]
    return data


def all_runs(app: Sphinx, name: str) -> tuple[Run, ...]:
    """The runs of an experiment that the site shows.

    Raises:
        RecordError: if nothing was measured.
        ResultPathError: if there is no such experiment.
    """
    example, _, experiment = name.partition(":")
    runs = Shown.load(settings(app).shown_path).runs(example, experiment)
    if not runs:
        raise RecordError(f"{name} was not measured on any device")
    return runs


def all_data(runs: tuple[Run, ...], curves: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What the instrument draws, by device; the first run must have it.

    Raises:
        ResultPathError, ValueError: as :func:`fade_data`.
    """
    data = {runs[0].record["slug"]: fade_data(runs[0], curves)}
    for run in runs[1:]:
        with suppress(ResultPathError):  # a record of older code
            data[run.record["slug"]] = fade_data(run, curves)
    return data


def data_block(data: object, device: str) -> str:
    """Write data as a block that a page carries and no browser runs.

    >>> data_block({"a": "</script>"}, "cpu-toy")
    '<script type="application/json" data-device="cpu-toy">{"a": "\\\\u003c/script>"}</script>'
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", r"\u003c")
    return f'<script type="application/json" data-device="{device}">{text}</script>'


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give every instrument its numbers when the page is drawn; without a record it stays what it holds."""
    for node in doctree.findall(seq_fade):
        try:
            node["data"] = all_data(all_runs(app, node["experiment"]), node["curves"])
            node["devices"] = list(node["data"])
        except (RecordError, ResultPathError, ValueError) as error:
            warn(str(error), "widgets", node)


def open_fade(writer: Any, node: seq_fade) -> None:
    """Write the element and its numbers."""
    found: dict[str, Any] = node.get("data", {})
    blocks = "".join(data_block(data, device) for device, data in found.items())
    writer.body.append(writer.starttag(node, "seq-fade", start=node["start"]) + blocks)


def close_fade(writer: Any, node: seq_fade) -> None:
    """Close the element."""
    writer.body.append("</seq-fade>\n")


def pass_by(writer: Any, node: seq_fade) -> None:
    """Other formats show what is inside."""


class SeqFade(SphinxDirective):
    """The directive."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"curves": directives.unchanged_required, "start": directives.nonnegative_int}

    def run(self) -> list[nodes.Node]:
        """Leave the instrument in the page; its numbers are read when the page is drawn."""
        try:
            curves = parse_curves(self.options.get("curves", ""))
        except ValueError as error:
            raise self.error(str(error)) from None
        start = self.options.get("start", 0)
        node = seq_fade(
            "", *self.parse_content_to_nodes(), experiment=self.arguments[0], curves=curves, start=start
        )
        self.set_source_info(node)
        docname = self.env.docname
        note(self.env, docname, NOTE, [*noted(self.env, docname, NOTE, []), self.arguments[0]])
        return [node]


def shown_by_widgets(app: Sphinx, docname: str) -> object:
    """The keys of the records a page's instruments show."""
    names = noted(app.env, docname, NOTE, [])
    found: list[object] = [devices(app) if names else ()]
    for name in names:
        try:
            runs = all_runs(app, name)
            found.append((name, [(run.record["key"], run.record["created"], run.stale) for run in runs]))
        except (RecordError, ResultPathError) as error:
            found.append((name, str(error)))
    return found


def add_script(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Load the script on pages with an instrument only."""
    if doctree is not None and next(doctree.findall(seq_fade), None) is not None:
        app.add_js_file("fade.js", loading_method="defer")


def add_static(app: Sphinx) -> None:
    """Let Sphinx copy the script."""
    if str(STATIC) not in app.config.html_static_path:
        app.config.html_static_path.append(str(STATIC))


def setup_widgets(app: Sphinx) -> None:
    """The directive, its numbers, its script."""
    app.add_node(
        seq_fade,
        html=(open_fade, close_fade),
        latex=(pass_by, pass_by),
        text=(pass_by, pass_by),
        man=(pass_by, pass_by),
    )
    app.add_directive("seq-fade", SeqFade)
    app.connect("doctree-resolved", fill)
    app.connect("builder-inited", add_static)
    app.connect("html-page-context", add_script)
    shows(app, shown_by_widgets)


def setup(app: Sphinx) -> dict[str, Any]:
    """Be an extension of its own; it needs ``seqdocs.sphinxext`` before it."""
    setup_widgets(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
