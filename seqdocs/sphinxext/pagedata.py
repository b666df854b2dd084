"""What components note about a page while it is read; forgotten and merged the way Sphinx asks for."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

Notes = dict[str, dict[str, Any]]


def all_notes(env: BuildEnvironment) -> Notes:
    """The notes of every page: by docname, then by component."""
    if not hasattr(env, "seqdocs_pages"):
        env.seqdocs_pages = {}  # type: ignore[attr-defined]
    notes: Notes = env.seqdocs_pages  # type: ignore[attr-defined]
    return notes


def note(env: BuildEnvironment, docname: str, what: str, value: Any) -> None:
    """Keep something about a page."""
    all_notes(env).setdefault(docname, {})[what] = value


def noted(env: BuildEnvironment, docname: str, what: str, default: Any) -> Any:
    """What was noted about a page."""
    return all_notes(env).get(docname, {}).get(what, default)


def purge(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Forget a page that is read again or gone."""
    all_notes(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: list[str], other: BuildEnvironment) -> None:
    """Take over what another process noted."""
    theirs = all_notes(other)
    all_notes(env).update({docname: theirs[docname] for docname in docnames if docname in theirs})


def setup_pagedata(app: Sphinx) -> None:
    """Connect forgetting and merging."""
    app.connect("env-purge-doc", purge)
    app.connect("env-merge-info", merge)
