"""Keep the search whole when only some pages are drawn again.

Sphinx (9.0) loads the search index of the last build without its index entries, so every alias of a page that
is not drawn again would drop out of the search. We keep them beside Sphinx's own memory and hand them back.
Words that the last page lost, on the other hand, would stay for ever.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.builders.html import StandaloneHTMLBuilder

from seqdocs.bench.files import write_whole

MEMORY = "search-entries.json"


def hand_back(app: Sphinx, builder: Builder) -> None:
    """Give Sphinx the entries of the last build; it drops those of pages that it draws now."""
    memory = Path(app.doctreedir, MEMORY)
    if memory.is_file():
        known = json.loads(memory.read_text("utf8"))
        entries = {page: [tuple(row) for row in rows] for page, rows in known.items()}
        found = {page: rows for page, rows in entries.items() if page in app.env.found_docs}
        app.env._search_index_index_entries.update(found)


def forget_words(words: dict[str, set[str]]) -> None:
    """Drop the words that no page has any more; an index made from nothing never knew them.

    >>> words = {"left": set(), "found": {"index"}}
    >>> forget_words(words)
    >>> words
    {'found': {'index'}}
    """
    for word in [word for word, pages in words.items() if not pages]:
        del words[word]


def keep(app: Sphinx) -> Iterator[tuple[str, dict[str, object], str]]:
    """Note the entries just before the index is written, in an order that tells nothing of this build."""
    builder = app.builder
    if isinstance(builder, StandaloneHTMLBuilder) and builder.indexer is not None:
        builder.indexer.prune(app.env.all_docs)
        forget_words(builder.indexer._mapping)
        forget_words(builder.indexer._title_mapping)
        entries = dict(sorted(builder.indexer._index_entries.items()))
        builder.indexer._index_entries = entries
        titles = builder.indexer._all_titles  # after loading, a page's titles stand in another order
        builder.indexer._all_titles = {page: sorted(rows, key=repr) for page, rows in titles.items()}
        write_whole(Path(app.doctreedir, MEMORY), json.dumps(entries, ensure_ascii=False))
    return iter(())


def setup_search(app: Sphinx) -> None:
    """Before pages are written, and when all are."""
    app.connect("write-started", hand_back)
    app.connect("html-collect-pages", keep)
