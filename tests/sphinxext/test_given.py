"""A typed number with a unit is a warning, unless it says that nobody measured it."""

from __future__ import annotations

from tests.sphinxext.conftest import Site


def test_a_given_number_reads_as_text_and_says_what_it_is(quick: Site) -> None:
    quick.edit("docs/guide/page.md", "A page", "Let {given}`40 requests/s` come. A page")
    example = quick.root / "docs/gallery/one/plot_beta.rst"
    example.write_text("Example\n=======\n\nLet :given:`4 bytes` be read.\n", "utf8")
    assert quick.build() == ""
    for page, said in (("guide/page.html", "40 requests/s"), ("gallery/one/plot_beta.html", "4 bytes")):
        number = quick.html(page).find("span", class_="given")
        assert number.text == said
        assert number["title"] == "assumed or defined here, not measured"


def test_a_typed_measurement_warns_where_it_stands(quick: Site) -> None:
    quick.edit("docs/guide/page.md", "A page", "It takes 5 ms. A page")
    quick.edit("gallery/one/plot_beta.py", "Nothing is measured here.", "It is 3× as fast.")
    said = quick.build()
    assert (
        "docs/guide/page.md:3: WARNING: `5 ms` is a typed measurement; show a record's by {measured}" in said
    )
    assert "gallery/one/plot_beta.py:5: WARNING: `3×` is a typed measurement" in said
    assert said.count("WARNING") == 2
