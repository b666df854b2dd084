"""The directive ``{measured-table}``: a table of a record, for every device that has it.

It is ``div.measured-table``, in it one ``div.device-part`` per device with the table, whose caption says
where it was measured, and ``p.measurement-notes``, what to hold against its timings; then ``p.not-measured``
for each kind of device without a record. With the option ``:sortable:`` a reader can sort it by any column:
``table.sortable``, whose cells say their number as ``data-value``, and ``static/sort.js``, which is loaded on
these pages alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

from seqdocs.bench.origin import doubts, origin
from seqdocs.bench.quantity import Table, is_quantity, is_table
from seqdocs.bench.run import ResultPathError, Run
from seqdocs.bench.show import show
from seqdocs.bench.shown import Found
from seqdocs.sphinxext import text
from seqdocs.sphinxext.devices import NOT_MEASURED, belong, give
from seqdocs.sphinxext.records import MissingError, find_all, full_path, note_use, records, split_path
from seqdocs.sphinxext.settings import warn

SORTABLE, SCRIPT = "sortable", "sort.js"


class measured_table(nodes.General, nodes.Element):  # noqa: N801 (docutils names nodes in small letters)
    """The place of a table; attributes ``path`` and ``sortable``."""


class MeasuredTable(SphinxDirective):
    """The directive; its argument is the path of a table."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {SORTABLE: directives.flag}

    def run(self) -> list[nodes.Node]:
        """Leave a place and note what the page needs."""
        path = self.arguments[0].strip()
        note_use(self.env, self.env.docname, path)
        node = measured_table("", path=path, sortable=SORTABLE in self.options)
        self.set_source_info(node)
        return [node]


class FillTables(SphinxPostTransform):
    """Put the tables in their places, before the theme wraps them (500)."""

    default_priority = 400

    def run(self, **kwargs: Any) -> None:
        """Fill one page."""
        for place in list(self.document.findall(measured_table)):
            try:
                path = full_path(self.env, self.env.docname, place["path"])
                place.replace_self(self.tables(path, place["sortable"]))
            except MissingError as error:
                warn(f"{{measured-table}} {place['path']}: {error}", "measured", place)
                place.parent.remove(place)

    def tables(self, path: str, sortable: bool) -> nodes.container:
        """One table per device, then the kinds of device that have none."""
        example, experiment = split_path(path)
        holder = nodes.container("", classes=["measured-table"])
        for found in find_all(self.env, path):
            made = table_node(found.run, checked(found, path), sortable)
            name = nodes.make_id(f"{experiment}-{found.run.record['slug']}")
            made["ids"] = [free_id(name, self.document.ids)]
            part = nodes.container("", made, classes=["device-part"])
            if against := doubts(found.run):
                part += nodes.paragraph("", f"Doubts: {against}.", classes=["measurement-notes"])
            belong(part, found.run.record["slug"])
            holder += part
        for kind in records(self.env).missing(example, experiment):
            holder += nodes.paragraph("", f"{kind}: {NOT_MEASURED}", classes=["not-measured"])
        return holder


def free_id(wanted: str, taken: dict[str, Any]) -> str:
    """An id that the page does not have yet; it has it then."""
    number, free = 1, wanted
    while free in taken:
        number += 1
        free = f"{wanted}-{number}"
    taken[free] = None
    return free


def checked(found: Found, path: str) -> Table:
    """What was found, as a table.

    Raises:
        ResultPathError: if it is something else.
    """
    if not is_table(found.value):
        raise ResultPathError(f"`{path}` is no table; build it with seqdocs.bench.quantity.table")
    return found.value


def heading(column: dict[str, str]) -> str:
    """A column's name and, in brackets, its unit."""
    return f"{column['name']} ({column['unit']})" if column["unit"] else column["name"]


def row_node(cells: Sequence[Any], numeric: Sequence[bool]) -> nodes.row:
    """One row; numbers get a class, so that they stand right, and say their value, so that they sort."""
    made = nodes.row()
    for cell, number in zip(cells, numeric, strict=True):
        words = nodes.paragraph("", "", *text.inline(cell if isinstance(cell, str) else show(cell)))
        entry = nodes.entry("", words, classes=["number"] if number else [])
        value = cell["value"] if is_quantity(cell) else cell
        if isinstance(value, int | float):
            give(entry, data_value=repr(value))
        made += entry
    return made


def table_node(run: Run, data: Table, sortable: bool) -> nodes.table:
    """The table of one run; its caption says where it was measured."""
    columns, rows = data["columns"], data["rows"]
    numeric = [all(not isinstance(row[i], str) for row in rows) and bool(rows) for i in range(len(columns))]
    group = nodes.tgroup(cols=len(columns))
    group += [nodes.colspec(colwidth=1) for _ in columns]
    group += nodes.thead("", row_node([heading(column) for column in columns], numeric))
    group += nodes.tbody("", *[row_node(row, numeric) for row in rows])
    made = nodes.table("", nodes.title("", origin(run)), group, classes=["measured-values"])
    made["classes"] += [name for name, so in (("stale", run.stale), (SORTABLE, sortable)) if so]
    return made


def add_script(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Load the script where a table can be sorted."""
    if doctree is not None and any(SORTABLE in made["classes"] for made in doctree.findall(nodes.table)):
        app.add_js_file(SCRIPT, loading_method="defer")


def setup_measured_tables(app: Sphinx) -> None:
    """The directive and what fills its places."""
    app.add_node(measured_table)
    app.add_directive("measured-table", MeasuredTable)
    app.add_post_transform(FillTables)
    app.connect("html-page-context", add_script)
