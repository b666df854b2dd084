"""The role ``{measured}``: a number in prose, read from the records.

A path names an experiment and a place in its result::

    {measured}`decay.half_life`                          of the entry's own example
    {measured}`recurrence/plot_gru:decay.half_life`      of any example

A path that leads nowhere is a warning, which fails the build. A number is ``span.measured`` with where it
comes from in ``data-provenance`` and in ``title``; it takes the keyboard's focus. Where several devices have
it, ``span.by-device`` holds one per device, each followed by ``span.on-device``, which names it.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxRole

from seqdocs.bench.show import show
from seqdocs.bench.shown import Found
from seqdocs.sphinxext.devices import belong, give
from seqdocs.sphinxext.records import MissingError, devices, find_all, full_path, note_use, provenance
from seqdocs.sphinxext.settings import warn


class measured(nodes.inline):  # noqa: N801 (docutils names nodes in small letters)
    """The place of a number; attribute ``path``."""


class MeasuredRole(SphinxRole):
    """The role; the number itself is put in when the page is drawn, so that it is never an old one."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Leave a place and note what the page needs."""
        path = self.text.strip()
        note_use(self.env, self.env.docname, path)
        node = measured(self.rawtext, path, path=path)
        self.set_source_info(node)
        return [node], []


class FillNumbers(SphinxPostTransform):
    """Put the numbers in their places."""

    default_priority = 400

    def run(self, **kwargs: Any) -> None:
        """Fill one page."""
        for count, place in enumerate(list(self.document.findall(measured))):
            try:
                path = full_path(self.env, self.env.docname, place["path"])
                numbers = [number(found, path, f"number-{count}") for found in find_all(self.env, path)]
            except (*MissingError, TypeError) as error:
                warn(f"{{measured}}`{place['path']}`: {error}", "measured", place)
                place.replace_self(nodes.inline("", place["path"], classes=["measured"]))
            else:
                place.replace_self(numbers if len(numbers) == 1 else self.by_device(numbers))

    def by_device(self, numbers: list[nodes.inline]) -> nodes.inline:
        """The number on each device, as it reads without the switch: 1.9× on A, 0.3× on B."""
        names = {device.slug: device.name for device in devices(self.env)}
        holder = nodes.inline("", "", classes=["by-device"])
        for node in numbers:
            end = "" if node is numbers[-1] else ", "
            holder += node
            holder += nodes.inline("", f" on {names[node['device']]}{end}", classes=["on-device"])
        return holder


def number(found: Found, path: str, group: str) -> nodes.inline:
    """A number of one run, and where it comes from.

    Raises:
        TypeError: if it is nothing that a sentence can hold.
    """
    said = provenance(found.run, found.value)
    made = nodes.inline(
        "", show(found.value), classes=["measured"], what=path, device=found.run.record["slug"]
    )
    if found.run.stale:
        made["classes"].append("stale")
    give(made, tabindex="0", data_provenance=said, title=said)
    belong(made, made["device"], group)
    return made


def setup_measured(app: Sphinx) -> None:
    """The role and what fills its places."""
    app.add_node(measured)
    app.add_role("measured", MeasuredRole())
    app.add_post_transform(FillNumbers)
