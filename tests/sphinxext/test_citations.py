"""A page that cites follows the bibliography."""

from __future__ import annotations

from tests.sphinxext.conftest import Site


def test_a_changed_reference_draws_the_pages_that_cite_it(site: Site) -> None:
    site.edit("docs/guide/page.md", "# Guide\n", "# Guide\n\nIt cites {cite:t}`beta1901`.\n")
    site.build()
    assert "Second letters" in site.text("guide/page.html")
    site.edit("docs/references.bib", "Second Letters", "Newer Letters")
    pages, said = site.redrawn()
    assert said == ""
    assert "Newer letters" in site.text("guide/page.html")
    assert {"guide/page.html", "references.html"} <= pages
    assert "gallery/one/plot_alpha.html" not in pages, "it cites nothing"
