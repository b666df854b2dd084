"""Examples are drawn, and cells run, when what they reach has changed; otherwise nothing runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from seqdocs.bench.closure import closure
from seqdocs.sphinxext import circumstances, gallery_figures, stale
from seqdocs.sphinxext.circumstances import settled
from seqdocs.sphinxext.stale import drawing_key
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
    "a setting of the gallery": (
        lambda site: site.edit(
            "docs/conf.py", '"min_reported_time"', '"thumbnail_size": (9, 9), "min_reported_time"'
        ),
        ["alpha", "beta"],
    ),
    "another setting": (lambda site: site.edit("docs/conf.py", 'project = "tiny"', 'project = "small"'), []),
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


def other_version(name: str) -> Callable[[Site, pytest.MonkeyPatch], None]:
    """Another version of one package, wherever it is asked for."""

    def change(_: Site, patch: pytest.MonkeyPatch) -> None:
        if name in circumstances.versions():
            newer = circumstances.versions() | {name: "99"}
            patch.setattr(circumstances, "versions", lambda: newer)
        else:
            real = circumstances.version
            patch.setattr(circumstances, "version", lambda asked: "99" if asked == name else real(asked))

    return change


def other_saver(old: str, new: str) -> Callable[[Site, pytest.MonkeyPatch], None]:
    """Another program that saves the figures."""

    def change(site: Site, patch: pytest.MonkeyPatch) -> None:
        text = Path(gallery_figures.__file__).read_text("utf8")
        assert old in text
        copy = site.root / "gallery_figures.py"
        copy.write_text(text.replace(old, new, 1), "utf8")
        patch.setattr(gallery_figures, "__file__", str(copy))

    return change


def edit(path: str, old: str, new: str) -> Callable[[Site, pytest.MonkeyPatch], None]:
    return lambda site, patch: site.edit(path, old, new)


def records_of_another_example(site: Site, patch: pytest.MonkeyPatch) -> None:
    file = site.root / "shown.json"
    about = '{"doc": "", "line": 1, "runs": [], "missing": ["cpu"]}'
    text = file.read_text("utf8").replace(
        '"experiments": {', f'"experiments": {{"two/plot_gamma:x": {about}, '
    )
    file.write_text(text, "utf8")


ALPHA = "gallery/one/plot_alpha.py"
CHANGES = {
    # what changes: how, and whether the example is drawn again
    "nothing": (lambda site, patch: None, False),
    "a comment, which the page shows": (edit(ALPHA, "# The figure.", "# The only figure."), True),
    "a plot": (edit(ALPHA, '"black"', '"grey"'), True),
    "a module it reaches": (edit("toyhelp.py", "parent", "parent.absolute()"), True),
    "a comment in that module": (edit("toyhelp.py", "LOG =", "# where\nLOG ="), False),
    "a data file that it declares": (edit("letters.txt", "abc", "xyz"), True),
    "a data file that is gone": (lambda site, patch: (site.root / "letters.txt").unlink(), True),
    "a file that it does not declare": (edit("others.txt", "abc", "xyz"), False),
    "a record": (lambda site, patch: site.shown(record(time=3.0)), True),
    "a record that is stale now": (lambda site, patch: site.shown(record(), stale="cpu"), True),
    "a device that is measured now": (lambda site, patch: site.shown(record(), record("cuda")), True),
    "no records any more": (lambda site, patch: (site.root / "shown.json").unlink(), True),
    "a record of another example": (records_of_another_example, False),
    **{f"another {name}": (other_version(name), True) for name in ("python", "torch", "numpy")},
    **{f"another {name}": (other_version(name), True) for name in ("matplotlib", "sphinx-gallery")},
    "another package": (other_version("furo"), False),
    "the device": (
        lambda site, patch: patch.setattr(stale, "fingerprint", lambda device: {"cpu": "new"}),
        True,
    ),
    "how figures are saved": (other_saver("dpi=160", "dpi=200"), True),
    "a comment there": (other_saver("import colorsys", "# beside\nimport colorsys"), False),
    "a setting of the gallery": (lambda site, patch: patch.setitem(stale.GIVEN, site.app, {"a": 1}), True),
    "another example": (edit("gallery/one/plot_beta.py", "double(2)", "double(3)"), False),
    "an entry": (edit("glossary/alpha.md", "Alpha comes", "Alpha always comes"), False),
    "another setting": (lambda site, patch: setattr(site.app.config, "project", "other"), False),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_key_of_a_drawing_follows_what_changes_it_and_nothing_else(
    quick: Site, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    quick.edit(ALPHA, "@experiment\n", '@experiment(data=("letters.txt",))\n')
    for name in ("letters.txt", "others.txt"):
        (quick.root / name).write_text("abc", "utf8")
    quick.app = quick.start()
    script = quick.root / ALPHA
    before = drawing_key(quick.app, script)
    change, due = CHANGES[what]
    change(quick, monkeypatch)
    assert (drawing_key(quick.app, script) != before) is due


def test_the_house_style_of_figures_is_part_of_what_an_example_reaches() -> None:
    root = Path(__file__).resolve().parents[2]
    script = next(root.glob("gallery/recurrence/plot_*.py"))
    assert "seqdocs.bench.figures" in closure(script.read_text("utf8"), (script.parent, root))


def test_settings_are_the_same_wherever_the_checkout_lies() -> None:
    def conf(root: str) -> dict[str, object]:
        values = {
            "examples_dirs": [f"{root}/gallery"],
            "order": settled,
            "kind": Path,
            "pattern": re.compile(r"\d"),
            "names": {"b", "a"},
        }
        return {**values, "path": Path(root), "pair": (1, None), "odd": object()}

    found = settled(conf("/here/checkout"), Path("/here/checkout"))
    assert found == settled(conf("/there"), Path("/there"))
    assert found["examples_dirs"] == ["./gallery"]
    assert found["order"] == "seqdocs.sphinxext.circumstances.settled "
    assert found["kind"] == "pathlib.Path "
    assert found["pattern"] == "re.Pattern \\d"
    assert found["names"] == ["a", "b"]
    assert found["odd"] == "builtins.object "
