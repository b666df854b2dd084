"""A page per module, without a list of modules."""

from __future__ import annotations

from tests.sphinxext.conftest import Site


def test_a_new_module_gets_a_page_and_a_gone_one_loses_it(site: Site) -> None:
    (site.root / "seqdocs/other.py").write_text('"""Something else."""\n\nX = 1\n')
    assert site.build() == ""
    assert "Something else." in site.html("reference/api/index.html").text
    assert (site.root / "build/html/reference/api/seqdocs.other.html").is_file()
    (site.root / "seqdocs/other.py").unlink()
    assert site.build() == ""
    assert not (site.root / "docs/reference/api/seqdocs.other.rst").exists()
    assert "Something else." not in site.html("reference/api/index.html").text


def test_a_module_shows_the_examples_that_use_it(built: Site) -> None:
    links = [link["href"] for link in built.html("reference/api/seqdocs.toy.html").find_all("a", href=True)]
    assert any(link.startswith("../../gallery/one/plot_alpha.html") for link in links)


def test_a_name_that_is_not_documented_leads_to_its_module(site: Site) -> None:
    site.edit("seqdocs/toy.py", "def double(", "hidden = len  # no docstring\n\n\ndef double(")
    site.edit(
        "seqdocs/toy.py",
        "        x: the number.",
        "        x: the number; see :py:func:`hidden` and :py:func:`nothing`.",
    )
    said = site.build()
    assert "py:func reference target not found: nothing" in said
    assert said.count("WARNING") == 1
    assert site.html("reference/api/seqdocs.toy.html").find("a", href="#module-seqdocs.toy") is not None
