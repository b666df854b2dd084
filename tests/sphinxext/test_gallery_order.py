"""The gallery's order stands in its own files."""

from __future__ import annotations

from seqdocs.sphinxext.gallery_order import LAST, ExampleOrder, SectionOrder, example_places
from tests.sphinxext.conftest import ROOTS, Site


def test_sections_follow_the_number_in_their_header(built: Site) -> None:
    order = SectionOrder(ROOTS / "site/gallery")
    assert sorted(["../gallery/one", "../gallery/two"], key=order) == ["../gallery/two", "../gallery/one"]
    titles = [title.find(string=True) for title in built.html("gallery/index.html").find_all("h2")]
    assert titles == ["Section two", "Section one"]
    assert len(built.html("gallery/index.html").find_all("h1")) == 1


def test_a_section_without_a_number_comes_last(tmp_path) -> None:
    (tmp_path / "a").mkdir()
    assert SectionOrder(tmp_path)("x/a") == (LAST, "a")


def test_examples_follow_their_entries(tmp_path) -> None:
    places = example_places(ROOTS / "site")
    assert places == {"plot_alpha": 0, "plot_beta": 1, "plot_gamma": 2}
    order = ExampleOrder(places)
    names = ["plot_aaa.py", "plot_beta.py", "plot_alpha.py"]
    assert sorted(names, key=order) == ["plot_alpha.py", "plot_beta.py", "plot_aaa.py"]
    assert repr(order) == "ExampleOrder()"  # Sphinx compares it between builds
