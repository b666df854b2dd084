"""A file put back from a backup is a change although it is older than the page."""

from __future__ import annotations

import os

import pytest

from tests.sphinxext.conftest import Site

LONG_AGO = 1_000_000_000

# a file, what is replaced in it, and the page that shows it
FILES = [
    ("docs/guide/page.md", "A page that", "An older page that", "guide/page.html"),
    ("glossary/alpha.md", "Alpha comes before", "Alpha stands before", "glossary/alpha.html"),
    ("docs/references.bib", "Second Letters", "Older letters", "references.html"),
    ("seqdocs/toy.py", "DOCSTRING", "Older words", "reference/api/seqdocs.toy.html"),
    ("seqdocs/toy.py", "DOCSTRING", "Older words", "_modules/seqdocs/toy.html"),
]


@pytest.mark.parametrize(("name", "old", "new", "page"), FILES)
def test_an_older_file_of_another_content_is_read(
    site: Site, name: str, old: str, new: str, page: str
) -> None:
    path = site.root / name
    if old == "DOCSTRING":
        old = path.read_text("utf8").split('"""')[1]
    site.build()
    site.edit(name, old, new)
    os.utime(path, (LONG_AGO, LONG_AGO))
    assert site.build() == ""
    assert new in site.text(page)
