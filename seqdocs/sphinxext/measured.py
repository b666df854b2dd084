"""The role ``{measured}`` and the directive ``{measured-table}``: numbers on a page, read from the records.

A path names an experiment and a place in its result::

    {measured}`decay.half_life`                          of the entry's own example
    {measured}`recurrence/plot_gru:decay.half_life`      of any example

A path that leads nowhere is a warning, which fails the build. A number is ``span.measured`` with where it
comes from in ``data-provenance`` and in ``title``; it takes the keyboard's focus. A table is
``div.measured-table``, in it one ``table`` per device whose caption names the device, and
``p.not-measured`` for each device without a record.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective, SphinxRole

from seqdocs.bench.quantity import Table, is_table
from seqdocs.bench.run import ResultPathError, Run
from seqdocs.bench.show import show
from seqdocs.sphinxext import text
from seqdocs.sphinxext.records import MissingError, find, full_path, note_use, provenance, records, split_path
from seqdocs.sphinxext.settings import warn

NOT_MEASURED = "not measured"


class measured(nodes.inline):  # noqa: N801 (docutils names nodes in small letters)
    """A number; attribute ``path`` until the page is drawn, then ``provenance``."""


class measured_table(nodes.General, nodes.Element):  # noqa: N801
    """The place of a table; attribute ``path``."""


class MeasuredRole(SphinxRole):
    """The role; the number itself is put in when the page is drawn, so that it is never an old one."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Leave a place and note what the page needs."""
        path = self.text.strip()
        note_use(self.env, self.env.docname, path)
        node = measured(self.rawtext, path, path=path)
        self.set_source_info(node)
        return [node], []


class MeasuredTable(SphinxDirective):
    """The directive; its argument is the path of a table."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Leave a place and note what the page needs."""
        path = self.arguments[0].strip()
        note_use(self.env, self.env.docname, path)
        node = measured_table("", path=path)
        self.set_source_info(node)
        return [node]


class FillNumbers(SphinxPostTransform):
    """Put numbers and tables in their places, before the theme wraps its tables (500)."""

    default_priority = 400

    def run(self, **kwargs: Any) -> None:
        """Fill one page."""
        docname = self.env.docname
        for node in list(self.document.findall(measured)):
            self.fill_number(docname, node)
        for place in list(self.document.findall(measured_table)):
            place.replace_self(self.tables(docname, place))

    def fill_number(self, docname: str, node: measured) -> None:
        """Write the number and where it comes from."""
        try:
            found = find(self.env, docname, node["path"])
            shown = show(found.value)
        except (*MissingError, TypeError) as error:
            warn(f"{{measured}}`{node['path']}`: {error}", "measured", node)
            return
        node.clear()
        node += nodes.Text(shown)
        node["provenance"] = provenance(found.run, found.value)
        node["stale"] = found.run.stale

    def tables(self, docname: str, node: measured_table) -> list[nodes.Node]:
        """One table per device, then the devices that have none."""
        holder = nodes.container("", classes=["measured-table"])
        try:
            path = full_path(self.env, docname, node["path"])
            example, experiment = split_path(path)
            found = records(self.env)
            runs, missing = found.runs(example, experiment), found.missing(example, experiment)
            if not runs:
                raise ResultPathError(f"{example}:{experiment} was measured nowhere")
            taken = self.document.ids
            for run in runs:
                made = table_node(run, leaf_table(run, path))
                made["ids"] = [free_id(nodes.make_id(f"{experiment}-{run.record['slug']}"), taken)]
                holder += made
        except MissingError as error:
            warn(f"{{measured-table}} {node['path']}: {error}", "measured", node)
            return []
        holder += [
            nodes.paragraph("", f"{device}: {NOT_MEASURED}", classes=["not-measured"]) for device in missing
        ]
        return [holder]


def free_id(wanted: str, taken: dict[str, Any]) -> str:
    """An id that the page does not have yet; it has it then."""
    number, free = 1, wanted
    while free in taken:
        number += 1
        free = f"{wanted}-{number}"
    taken[free] = None
    return free


def leaf_table(run: Run, path: str) -> Table:
    """The table at a path of one run.

    Raises:
        ResultPathError: if there is nothing, or something else.
    """
    found = run.at(path.partition(":")[2].partition(".")[2])
    if not is_table(found):
        raise ResultPathError(f"`{path}` is no table; build it with seqdocs.bench.quantity.table")
    return found


def heading(column: dict[str, str]) -> str:
    """A column's name and, in brackets, its unit."""
    return f"{column['name']} ({column['unit']})" if column["unit"] else column["name"]


def row_node(cells: Sequence[str], numeric: Sequence[bool]) -> nodes.row:
    """One row; numbers get a class, so that they can stand right."""
    made = nodes.row()
    for cell, number in zip(cells, numeric, strict=True):
        entry = nodes.entry(
            "", nodes.paragraph("", "", *text.inline(cell)), classes=["number"] if number else []
        )
        made += entry
    return made


def table_node(run: Run, data: Table) -> nodes.table:
    """The table of one run; its caption says where it was measured."""
    columns, rows = data["columns"], data["rows"]
    numeric = [all(not isinstance(row[i], str) for row in rows) and bool(rows) for i in range(len(columns))]
    group = nodes.tgroup(cols=len(columns))
    group += [nodes.colspec(colwidth=1) for _ in columns]
    group += nodes.thead("", row_node([heading(column) for column in columns], numeric))
    group += nodes.tbody("", *[row_node([show(cell) for cell in row], numeric) for row in rows])
    made = nodes.table("", nodes.title("", run.caption), group, classes=["measured-values"])
    if run.stale:
        made["classes"].append("stale")
    return made


def open_measured(writer: Any, node: measured) -> None:
    """Open the HTML element."""
    origin = node.get("provenance")
    if origin is None:
        writer.body.append('<span class="measured">')
        return
    marks = " stale" if node.get("stale") else ""
    said = html.escape(origin)
    writer.body.append(f'<span class="measured{marks}" tabindex="0" data-provenance="{said}" title="{said}">')


def close_measured(writer: Any, node: measured) -> None:
    """Close the HTML element."""
    writer.body.append("</span>")


def pass_by(writer: Any, node: nodes.Node) -> None:
    """Other formats show the number."""


def setup_measured(app: Sphinx) -> None:
    """Role, directive, and what fills them."""
    others = (pass_by, pass_by)
    app.add_node(measured, html=(open_measured, close_measured), latex=others, text=others, man=others)
    app.add_node(measured_table)
    app.add_role("measured", MeasuredRole())
    app.add_directive("measured-table", MeasuredTable)
    app.add_post_transform(FillNumbers)
