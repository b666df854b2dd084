"""What the templates of the site need beside the data of :mod:`seqdocs.sphinxext.navigation`."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from seqdocs.bench.record import RecordError
from seqdocs.bench.shown import Shown
from seqdocs.sphinxext.refresh import shows
from seqdocs.sphinxext.settings import settings

# `file:` is there because browsers disagree on what 'self' means for a page opened from a folder. KaTeX
# places its boxes by style attributes; sheets and scripts come from files only.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self' file:",
        "style-src-elem 'self' file:",
        "style-src-attr 'unsafe-inline'",
        "img-src 'self' file: data:",
        "font-src 'self' file:",
        "connect-src 'self'",
        "form-action 'self' file:",
        "base-uri 'none'",
    ]
)
LONGEST = 200  # characters of a description


def describe(doctree: nodes.document | None) -> str:
    """Take a page's first paragraph as its description, whole words only."""
    if doctree is None:
        return ""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if text and isinstance(paragraph.parent, nodes.section):
            return text if len(text) <= LONGEST else text[: LONGEST - 1].rsplit(" ", 1)[0] + "…"
    return ""


def machines(app: Sphinx) -> tuple[int, list[dict[str, str]]]:
    """Count the experiments that have a record, and name every machine that measured, with its last day."""
    try:
        shown = Shown.load(settings(app).shown_path)
    except RecordError:
        return 0, []
    days: dict[str, str] = {}
    count = 0
    for name in shown.experiments():
        example, _, experiment = name.partition(":")
        runs = shown.runs(example, experiment)
        count += bool(runs)
        for run in runs:
            label = str(run.record["machine"].get("label", run.record["slug"]))  # whatever threads it used
            days[label] = max(days.get(label, ""), run.record["created"][:10])
    return count, [{"label": label, "when": when} for label, when in days.items()]


def shown_by_home(app: Sphinx, docname: str) -> object:
    """What the home page says of the measurements."""
    return machines(app) if docname == app.config.root_doc else None


def add_context(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> str | None:
    """Give a page what its templates ask for; the home page has a template of its own."""
    context["content_security_policy"] = POLICY
    context["site_address"] = app.config.html_baseurl.rstrip("/") + "/" if app.config.html_baseurl else ""
    context.setdefault("description", describe(doctree))
    if page != app.config.root_doc or doctree is None:
        return None
    context["experiments"], context["measured_on"] = machines(app)
    return "home.html"


def setup_look(app: Sphinx) -> None:
    """Run after the data of the site's navigation is there."""
    app.connect("html-page-context", add_context, priority=400)
    shows(app, shown_by_home)


def setup(app: Sphinx) -> dict[str, Any]:
    """Be an extension of its own; it needs ``seqdocs.sphinxext`` before it."""
    setup_look(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
