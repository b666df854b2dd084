"""Which pages must be drawn again although their own file did not change.

Pages show things that are written elsewhere: a hover card holds another entry's summary, a fact box names
those who link to it, a sentence holds a measured number. Each component says what a page shows from
elsewhere, as plain data; after reading, the pages for which that differs from what was drawn last are drawn
again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from weakref import WeakKeyDictionary

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

Part = Callable[[Sphinx, str], object]
PARTS: WeakKeyDictionary[Sphinx, list[Part]] = WeakKeyDictionary()


def shows(app: Sphinx, part: Part) -> None:
    """Register a function that says what a page shows from elsewhere, with a stable ``repr``."""
    PARTS.setdefault(app, []).append(part)


def state(app: Sphinx, docname: str) -> str:
    """A hash of all that a page shows from elsewhere."""
    found = repr([part(app, docname) for part in PARTS.get(app, [])])
    return hashlib.sha256(found.encode()).hexdigest()


def drawn_states(env: BuildEnvironment) -> dict[str, str]:
    """The hashes of the last build, kept with the environment."""
    if not hasattr(env, "seqdocs_states"):
        env.seqdocs_states = {}  # type: ignore[attr-defined]
    states: dict[str, str] = env.seqdocs_states  # type: ignore[attr-defined]
    return states


def refresh(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Name the pages to draw again, and remember what they will show."""
    old = dict(drawn_states(env))
    new = {docname: state(app, docname) for docname in sorted(env.found_docs)}
    drawn_states(env).clear()
    drawn_states(env).update(new)
    return [docname for docname, now in new.items() if old.get(docname) != now]


def setup_refresh(app: Sphinx) -> None:
    """Compare after every component has collected what it wants to know."""
    app.connect("env-updated", refresh, priority=900)
