"""Examples are drawn, and cells run, when what they reach has changed; otherwise nothing runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seqdocs.sphinxext.stale import add_key, cell_code
from tests.sphinxext.conftest import Site, record

EDITS = {
    # what is edited: which examples run again
    "nothing": (lambda site: None, []),
    "the script": (lambda site: site.edit("gallery/one/plot_beta.py", "double(2)", "double(3)"), ["beta"]),
    "its records": (lambda site: site.shown(record(time=3.0)), ["alpha"]),
    "a module that both reach": (
        lambda site: site.edit("toyhelp.py", "parent", "parent.absolute()"),
        ["alpha", "beta"],
    ),
    "a comment in that module": (lambda site: site.edit("toyhelp.py", "LOG =", "# where\nLOG ="), []),
    "a docstring in that module": (lambda site: site.edit("toyhelp.py", '"""Where', '"""The file where'), []),
    "an entry": (lambda site: site.edit("glossary/alpha.md", "Alpha comes", "Alpha always comes"), []),
    "a page half drawn": (lambda site: (site.root / "docs/gallery/one/plot_beta.rst").unlink(), ["beta"]),
    "a mark half written": (
        lambda site: (site.root / "docs/gallery/one/plot_beta.py.md5").unlink(),
        ["beta"],
    ),
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A site drawn once, for a test to copy."""
    from tests.sphinxext.conftest import copied

    with pytest.MonkeyPatch.context() as patch:
        site = copied("site", tmp_path_factory.mktemp("drawn"), {})
        patch.setenv("SEQDOCS_SHOWN", str(site.root / "shown.json"))
        site.build()
        site.close()
        yield site


@pytest.mark.parametrize("what", EDITS)
def test_an_example_is_drawn_again_when_it_is_due(drawn: Site, what: str) -> None:
    edit, expected = EDITS[what]
    kept = {
        path: path.read_bytes()
        for path in [*drawn.root.rglob("*.py"), *drawn.root.rglob("*.md"), drawn.root / "shown.json"]
    }
    before = len(drawn.ran())
    edit(drawn)
    drawn.build()
    drawn.close()
    assert drawn.ran()[before:] == expected
    for path, content in kept.items():
        if path.read_bytes() != content:
            path.write_bytes(content)
    drawn.build()
    drawn.close()


def test_drawing_never_measures(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEQDOCS_SHOWN")
    assert site.build() == ""
    assert site.html("glossary/alpha.html").find(class_="measured").text == "1.5\u00a0s"
    assert "measuring" not in site.app.status.getvalue()
    page = site.text("gallery/one/plot_alpha.html")
    assert "Time for" in page


def test_a_removed_example_leaves_nothing(site: Site) -> None:
    site.build()
    (site.root / "gallery/two/plot_gamma.py").unlink()
    (site.root / "gallery/two/GALLERY_HEADER.rst").unlink()
    (site.root / "gallery/two").rmdir()
    (site.root / "gallery/one/plot_beta.py").unlink()
    site.edit("glossary/gamma.md", "two/plot_gamma", "one/plot_alpha")
    site.edit("glossary/beta.md", "one/plot_beta", "one/plot_alpha")
    assert site.build() == ""
    left = [
        path.name
        for path in (site.root / "docs/gallery").rglob("*")
        if "gamma" in path.name or "beta" in path.name
    ]
    assert left == []


CODE = [
    ("```{code-cell}\na = 1\n```\n", "a = 1\n"),
    ("```{code-cell} ipython3\n:tags: [x]\n:other: y\na = 1\n```\n", "a = 1\n"),
    ("```{code-cell}\n---\ntags: [x]\n---\na = 1\n```\n", "a = 1\n"),
    ("````{code-cell}\n%timeit a\n!ls\n````\n\n```python\nno\n```\n", "pass\npass\n"),
    ("no cell\n", ""),
]


@pytest.mark.parametrize(("text", "code"), CODE)
def test_the_code_of_cells_is_found(text: str, code: str) -> None:
    assert cell_code(text) == code


@pytest.mark.parametrize(
    ("front", "has_key"),
    [
        ("---\nfile_format: mystnb\n---\n", True),
        ("---\n{orphan: true, file_format: mystnb}\n\n---\n", True),
        ("---\ntitle: x\n---\n", False),  # cells in an example of how to write cells
        ("", False),
    ],
)
def test_only_a_notebook_gets_a_key(quick: Site, front: str, has_key: bool) -> None:
    quick.build()
    content = [front + "# Title\n\n```{code-cell}\n1\n```\n"]
    quick.app.env.current_document.docname = "index"
    add_key(quick.app, "index", content)
    assert ("# the code these cells reach: " in content[0]) is has_key


def test_cells_run_when_what_they_reach_changes_and_never_otherwise(
    make_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site("cells")
    monkeypatch.setenv("PYTHONPATH", str(site.root))
    assert site.build() == ""
    assert "the answer is 42" in site.html("page.html").text
    assert "the code these cells reach" not in site.html("page.html").text
    site.edit("docs/page.md", "Some prose", "Other prose")
    site.edit("toyhelp.py", "ANSWER", "# a comment\nANSWER")
    assert site.build() == ""
    assert site.ran() == ["ran"]
    site.edit("toyhelp.py", "42", "43")
    assert site.build() == ""
    assert "the answer is 43" in site.html("page.html").text
    assert site.ran() == ["ran", "ran"]
