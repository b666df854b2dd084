"""Entries are copied below conf.py and read with a header of Sphinx's own."""

from __future__ import annotations

import pytest

from seqdocs.sphinxext.files import copy_if_changed, keep_only, write_if_changed
from seqdocs.sphinxext.mirror import new_header
from tests.sphinxext.conftest import Site

CELL = "```{code-cell}\n1\n```\n"
HEADERS = [
    # text, is it a notebook
    ("---\nterm: A\nyear: 1\n---\n# A\n", False),
    ("---\nterm: A\nyear: 1\n---\n# A\n\n" + CELL, True),
    ("---\nterm: A\naliases:\n  - b\n  - c\nyear: 1\n---\n# A\n\n````{code-cell}\n1\n````\n", True),
    ("---\nterm: A\nyear: 1\n---\n# A\n\nA `{code-cell}` in a sentence.\n", False),
]


@pytest.mark.parametrize(("text", "notebook"), HEADERS)
def test_the_new_header_moves_no_line(text: str, notebook: bool) -> None:
    changed = new_header(text)
    assert changed.count("\n") == text.count("\n")
    assert changed[changed.index("# A") :] == text[text.index("# A") :]
    assert ("file_format: mystnb" in changed) is notebook
    assert "orphan: true" in changed


@pytest.mark.parametrize("text", ["# No header\n", "---\nnever closed\n", "---\n---\n", ""])
def test_text_without_a_header_stays(text: str) -> None:
    assert new_header(text) == text


def test_a_copy_is_written_when_it_differs_and_only_then(tmp_path) -> None:
    source, target = tmp_path / "a.md", tmp_path / "deep/b.md"
    source.write_text("one")
    assert copy_if_changed(source, target)
    assert not copy_if_changed(source, target)
    source.write_text("two")
    assert copy_if_changed(source, target)
    assert target.read_text() == "two"


def test_generated_files_that_are_not_wanted_go(tmp_path) -> None:
    assert write_if_changed(tmp_path / "keep.md", "x")
    assert not write_if_changed(tmp_path / "keep.md", "x")
    write_if_changed(tmp_path / "old.md", "x")
    assert keep_only(tmp_path, "*.md", {tmp_path / "keep.md"}) == [tmp_path / "old.md"]
    assert not (tmp_path / "old.md").exists()


def test_a_removed_entry_leaves_the_site(site: Site) -> None:
    site.build()
    (site.root / "glossary/gamma.md").unlink()
    site.edit("glossary/beta.md", "related: [gamma]\n", "")
    site.build()
    assert not (site.root / "docs/glossary/gamma.md").exists()
    assert "Gamma" not in site.html("glossary.html").find(class_="body").text
    assert "gamma" not in site.text("glossary.json").replace("gamma1902", "")


def test_a_warning_names_the_entry_and_its_line(site: Site) -> None:
    site.edit("glossary/alpha.md", "Alpha comes before", "{term}`nobody` comes before")
    said = site.build()
    assert "glossary/alpha.md:14: WARNING: term not in glossary: 'nobody'" in said
    assert "docs/glossary" not in said
