"""The cells of a page run again when what their outputs depend on has changed, and never otherwise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seqdocs.sphinxext import cells, circumstances
from seqdocs.sphinxext.cells import add_key, cell_code, cells_key
from tests.sphinxext.conftest import Site, record

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


CODE_OF_CELLS = "import toyhelp\nfrom seqdocs.toy import double\n"
CODE_THAT_SHOWS = CODE_OF_CELLS + "from seqdocs.bench.shown import Shown\n"


def set_to(name: str, value: object) -> Callable[[Site, pytest.MonkeyPatch], None]:
    return lambda site, patch: setattr(site.app.config, name, value)


def other_version(name: str) -> Callable[[Site, pytest.MonkeyPatch], None]:
    real = circumstances.packages

    def change(_: Site, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(
            cells, "packages", lambda names: {n: v + "9" * (n == name) for n, v in real(names).items()}
        )

    return change


CHANGES = {
    # what changes: how, whether cells run again, whether cells that show records do
    "nothing": (lambda site, patch: None, False, False),
    "a module they reach": (
        lambda site, patch: site.edit("toyhelp.py", "parent", "parent.absolute()"),
        True,
        True,
    ),
    "a comment there": (lambda site, patch: site.edit("toyhelp.py", "LOG =", "# x\nLOG ="), False, False),
    "a record": (lambda site, patch: site.shown(record(time=3.0)), False, True),
    "no records any more": (lambda site, patch: (site.root / "shown.json").unlink(), False, True),
    **{
        f"another {name}": (other_version(name), True, True)
        for name in ("python", "torch", "numpy", "matplotlib", "myst-nb", "ipykernel")
    },
    "another package": (other_version("furo"), False, False),
    "the device": (
        lambda site, patch: patch.setattr(cells, "fingerprint", lambda device: {"cpu": "new"}),
        True,
        True,
    ),
    "a time limit": (set_to("nb_execution_timeout", 99), True, True),
    "how outputs are shown": (set_to("nb_merge_streams", True), True, True),
    "where the cache lies": (set_to("nb_execution_cache_path", "/elsewhere"), False, False),
    "another setting": (set_to("project", "other"), False, False),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_key_of_cells_follows_what_changes_them_and_nothing_else(
    quick: Site, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    quick.app = quick.start()
    change, *due = CHANGES[what]
    codes = (CODE_OF_CELLS, CODE_THAT_SHOWS)
    before = [cells_key(quick.app, code, "page") for code in codes]
    change(quick, monkeypatch)
    after = [cells_key(quick.app, code, "page") for code in codes]
    assert [old != new for old, new in zip(before, after, strict=True)] == due


def test_cells_run_again_after_a_change_of_circumstances_though_no_file_changed(
    make_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site("cells")
    monkeypatch.setenv("PYTHONPATH", str(site.root))
    assert site.build() == ""
    assert site.build() == ""
    assert site.ran() == ["ran"]
    with monkeypatch.context() as patch:
        patch.setattr(cells, "packages", lambda names: {"numpy": "99"})
        assert site.build() == ""
        assert site.build() == ""
        assert site.ran() == ["ran", "ran"]
    assert site.build() == ""
    assert site.ran() == ["ran", "ran"], "outputs of before are in the cache"
