"""Links to the source lead to the file that a page is written in."""

from __future__ import annotations

import pytest

from seqdocs.sphinxext.editlinks import add_links
from seqdocs.sphinxext.settings import Settings
from tests.sphinxext.conftest import Site

PAGES = [
    ("glossary/alpha", "glossary/alpha.md"),
    ("gallery/one/plot_alpha", "gallery/one/plot_alpha.py"),
    ("gallery/one/index", "gallery/one/GALLERY_HEADER.rst"),
    ("gallery/index", "gallery/GALLERY_HEADER.rst"),
    ("guide/page", "docs/guide/page.md"),
    ("index", "docs/index.md"),
    ("reference/api/seqdocs.toy", "seqdocs/toy.py"),
    ("reference/api/seqdocs", "seqdocs/__init__.py"),
    ("reference/api/index", ""),
]


def test_every_kind_of_page_leads_to_its_file(site: Site) -> None:
    site.build()
    found = {}
    for page, _ in PAGES:
        context: dict[str, object] = {}
        add_links(site.app, page, "page.html", context, object())  # type: ignore[arg-type]
        source = context["seqdocs"]["source"]  # type: ignore[index]
        found[page] = source["path"] if source else ""
        if source:
            assert context["theme_source_view_link"] == f"https://example.org/tiny/blob/main/{source['path']}"
            assert context["theme_source_edit_link"] == f"https://example.org/tiny/edit/main/{source['path']}"
            assert (site.root / source["path"]).is_file()
    assert found == dict(PAGES)


def test_the_repository_is_given_or_found(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = Settings(base=tmp_path / "docs")
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    assert where.repository_url == ""
    assert where.view_url("a.py") == ""
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nSource = "https://example.org/x/"\n')
    assert where.view_url("a.py", (1, 3)) == "https://example.org/x/blob/main/a.py#L1-L3"
    monkeypatch.setenv("GITHUB_REPOSITORY", "me/fork")
    assert where.edit_url("a.py") == "https://github.com/me/fork/edit/main/a.py"
    assert Settings(repository="https://example.org/y/").repository_url == "https://example.org/y"
