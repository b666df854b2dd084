"""Who links to which entry: noted while reading, for backlinks, cards, and to know what to draw again."""

from __future__ import annotations

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from seqdocs.entries.check import GLOSSARY
from seqdocs.entries.header import Entry
from seqdocs.sphinxext.library import Library, docname_of, library
from seqdocs.sphinxext.pagedata import note, noted
from seqdocs.sphinxext.refresh import shows

LINKS = "links"


def collect(app: Sphinx, doctree: nodes.document) -> None:
    """Note the names (lower case) and the pages that a page refers to."""
    found = set()
    for node in doctree.findall(addnodes.pending_xref):
        target = str(node.get("reftarget", ""))
        if node.get("reftype") == "term":
            found.add(f"term:{' '.join(target.split()).casefold()}")
        elif node.get("refdomain") == "doc" or node.get("reftype") == "doc":
            path = target.split("#", maxsplit=1)[0].removesuffix(".md")
            if path.rpartition("/")[0].endswith(GLOSSARY) or "/" not in path:
                found.add(f"stem:{path.rpartition('/')[2]}")
    note(app.env, app.env.current_document.docname, LINKS, sorted(found))


def entry_of(link: str, known: Library) -> Entry | None:
    """The entry a noted link leads to."""
    kind, _, target = link.partition(":")
    return known.named(target) if kind == "term" else known.entries.get(target)


def linked(app: Sphinx, docname: str) -> dict[str, Entry | None]:
    """What each link of a page leads to now; None when its name is no longer known."""
    links = noted(app.env, docname, LINKS, [])
    return {link: entry_of(link, library(app)) for link in links}


def pages_linking(app: Sphinx, env: BuildEnvironment) -> dict[str, list[str]]:
    """For every entry, the pages whose text links to it, other than its own and than lists of all entries."""
    found: dict[str, list[str]] = {stem: [] for stem in library(app).entries}
    for docname in sorted(env.found_docs):
        for stem in sorted({entry.stem for entry in linked(app, docname).values() if entry}):
            if docname != docname_of(library(app).entries[stem]):
                found[stem].append(docname)
    return found


def shown_by_links(app: Sphinx, docname: str) -> object:
    """What a page shows of the entries it links to: their cards, or that a name is gone."""
    return [
        (link, (entry.stem, entry.term, entry.summary, entry.area) if entry else None)
        for link, entry in linked(app, docname).items()
    ]


def setup_links(app: Sphinx) -> None:
    """Note links while reading."""
    app.connect("doctree-read", collect)
    shows(app, shown_by_links)
