"""What the site no longer has is deleted; what it has stays, whether it is drawn again or not."""

from __future__ import annotations

from pathlib import Path

from tests.sphinxext.conftest import Site


def files(site: Site) -> set[str]:
    """Everything in the built site but Sphinx's own memory."""
    out = site.root / "build/html"
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith((".", "environment.pickle"))}


def test_a_removed_page_and_what_it_alone_showed_are_deleted(site: Site) -> None:
    site.edit("glossary/gamma.md", "```{example-figure} one/plot_alpha 1\n```\n", "")
    text = "---\norphan: true\n---\n# More\n\n![a dot](dot.png) {download}`the data <data.csv>`\n"
    for name, content in {"more.md": text, "dot.png": "no picture", "data.csv": "1"}.items():
        Path(site.root, "docs/guide", name).write_text(content, "utf8")
    site.build()
    before = files(site)
    for name in ("more.md", "dot.png", "data.csv"):
        Path(site.root, "docs/guide", name).unlink()
    assert site.build() == ""
    gone = before - files(site)
    assert {"guide/more.html", "_sources/guide/more.md.txt", "_images/dot.png"} <= gone
    assert [name.rpartition("/")[2] for name in gone if name.startswith("_downloads")] == ["data.csv"]
    assert len(gone) == 4


def test_the_page_of_a_module_that_is_gone_is_deleted(site: Site) -> None:
    extra = site.root / "seqdocs/extra.py"
    extra.write_text('"""Extra."""\n\n\ndef more() -> int:\n    """Return one."""\n    return 1\n', "utf8")
    site.build()
    pages = {"_modules/seqdocs/extra.html", "reference/api/seqdocs.extra.html"}
    assert pages <= files(site)
    extra.unlink()
    site.build()
    assert not pages & files(site)


def test_an_unchanged_site_loses_nothing(site: Site) -> None:
    site.build()
    before = files(site)
    site.build()
    assert files(site) == before
