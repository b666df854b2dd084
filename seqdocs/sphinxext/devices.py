"""What belongs to one device, and the switch between devices.

Whatever a page shows of one device carries ``data-device``: the device's slug, as its record has it. A page
that shows more than one gets a ``script.device-switch-maker`` below its title, whose ``data-devices`` names
them; ``static/devices.js`` makes the switch there and hides what belongs to the others. Where a number, a
table, a figure or a claim has nothing of one of the page's devices, a hidden element with ``data-absent``
says so when that device is chosen. A page of one device has none of this; without script everything is shown.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri
from sphinx.writers.html5 import HTML5Translator

from seqdocs.sphinxext.records import Device, devices

SCRIPT = "devices.js"
STATIC = Path(__file__).parent / "static"
NOT_MEASURED = "not measured"


class Translator(HTML5Translator):
    """Writes what a node has in ``html_attributes``, a dict, into its element."""

    def starttag(
        self, node: Any, tagname: str, suffix: str = "\n", empty: bool = False, **attributes: Any
    ) -> str:
        """Open an element."""
        own = attributes_of(node)
        return str(super().starttag(node, tagname, suffix, empty, **own, **attributes))


def attributes_of(node: Any) -> dict[str, str]:
    """What a node has to write into its element."""
    found: dict[str, str] = node.get("html_attributes", {})
    return found


def give(node: nodes.Element, **attributes: str) -> None:
    """Let a node's element have attributes; an underscore in a name becomes a hyphen."""
    own = {name.replace("_", "-"): value for name, value in attributes.items()}
    node["html_attributes"] = attributes_of(node) | own


def belong(node: nodes.Element, slug: str, group: str = "") -> None:
    """Mark what is shown of one device.

    Args:
        node: a number, a table, a figure, a paragraph.
        slug: the device, as records name it.
        group: what it has in common with the same of other devices; by default, that they stand in the same
            element.
    """
    give(node, data_device=slug)
    if group:
        node["device_group"] = group


def slug_of(node: nodes.Element) -> str:
    """The device that a node belongs to; empty if it belongs to none."""
    return attributes_of(node).get("data-device", "")


def parts(doctree: nodes.document) -> list[nodes.Element]:
    """What the page shows of single devices, in its order."""
    return [node for node in doctree.findall(nodes.Element) if slug_of(node)]


def page_devices(app: Sphinx, doctree: nodes.document) -> list[Device]:
    """The devices of a page: of its parts, and of what holds data of several."""
    slugs = {slug_of(node) for node in parts(doctree)}
    for node in doctree.findall(nodes.Element):
        slugs.update(node.get("devices", ()))
    return [device for device in devices(app) if device.slug in slugs]


def add_absent(doctree: nodes.document, shown: list[Device]) -> None:
    """Say, after the last part of each group, on which of the page's devices there is none."""
    groups: dict[object, list[nodes.Element]] = {}
    for node in parts(doctree):
        groups.setdefault(node.get("device_group", id(node.parent)), []).append(node)
    for group in groups.values():
        last, has = group[-1], {slug_of(node) for node in group}
        for device in reversed([device for device in shown if device.slug not in has]):
            last.parent.insert(last.parent.index(last) + 1, nothing(last, device))


def nothing(like: nodes.Element, device: Device) -> nodes.Element:
    """What stands in the place of a part that a device does not have."""
    reason = f"{NOT_MEASURED} on {device.name}"
    if isinstance(like, nodes.Inline):
        said: nodes.Element = nodes.inline("", NOT_MEASURED, classes=["measured"])
        reason = f"{like['what']} was {reason}" if "what" in like else reason
        give(said, tabindex="0", title=reason, data_provenance=reason)
    else:
        said = nodes.paragraph("", reason)
    said["classes"] += ["not-measured"]
    give(said, data_absent=device.slug, hidden="hidden")
    return said


def make_switchable(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give a page that shows more than one device what the switch needs."""
    shown = page_devices(app, doctree)
    if len(shown) < 2 or app.builder.format != "html":
        return
    add_absent(doctree, shown)
    address = relative_uri(app.builder.get_target_uri(docname), f"_static/{SCRIPT}")
    rows = html.escape(json.dumps([device.row() for device in shown], ensure_ascii=False))
    script = f'<script class="device-switch-maker" src="{address}" data-devices="{rows}"></script>\n'
    maker = nodes.raw("", script, format="html")
    title = next(iter(doctree.findall(nodes.title)), None)
    if title is None or title.parent is None:
        doctree.insert(0, maker)
    else:
        title.parent.insert(title.parent.index(title) + 1, maker)


def add_static(app: Sphinx) -> None:
    """Let Sphinx copy the script."""
    if str(STATIC) not in app.config.html_static_path:
        app.config.html_static_path.append(str(STATIC))


def setup_devices(app: Sphinx) -> None:
    """After every component has put its parts into the page."""
    app.set_translator("html", Translator)
    app.connect("builder-inited", add_static)
    app.connect("doctree-resolved", make_switchable, priority=800)
