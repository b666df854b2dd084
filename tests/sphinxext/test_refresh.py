"""An incremental build draws what changed, what shows what changed, and nothing else."""

from __future__ import annotations

from tests.sphinxext.conftest import Site, record


def test_an_unchanged_site_is_not_drawn(site: Site) -> None:
    site.build()
    assert site.redrawn() == (set(), "")


def test_an_edited_summary_changes_cards_on_other_pages(site: Site) -> None:
    site.build()
    site.edit("glossary/beta.md", "Beta follows alpha.", "Beta is the second.")
    pages, said = site.redrawn()
    assert said == ""
    assert pages == {
        "glossary/beta.html",
        "guide/page.html",  # links to it
        "gallery/one/plot_alpha.html",
        "gallery/one/index.html",  # holds that example in its toctree
        "glossary/alpha.html",
        "glossary/gamma.html",  # its fact box does
        "glossary.html",  # lists it
        "index.html",  # may list it
    }
    for page, uri in (("guide/page.html", "../glossary/beta.html"), ("glossary/gamma.html", "beta.html")):
        assert "Beta is the second." in site.html(page).find("template", attrs={"data-card": uri}).text


def test_a_removed_alias_warns_where_it_is_used(site: Site) -> None:
    site.build()
    site.edit("glossary/alpha.md", "aliases: [first letter]\n", "")
    assert "docs/index.md:3: WARNING: term not in glossary: 'first letter'" in site.build()


def test_a_page_that_stops_linking_leaves_the_backlinks(site: Site) -> None:
    site.build()
    assert "Guide" in site.html("glossary/beta.html").find(class_="facts").text
    site.edit("docs/guide/page.md", "{term}`BETA`", "nothing")
    pages, said = site.redrawn()
    assert said == ""
    assert {"guide/page.html", "glossary/beta.html"} <= pages
    assert "Guide" not in site.html("glossary/beta.html").find(class_="facts").text


def test_a_changed_record_draws_the_pages_that_show_it(site: Site) -> None:
    site.build()
    site.shown(record(time=2.5))
    pages, said = site.redrawn()
    assert said == ""
    showing = {
        "glossary/alpha.html",  # a number
        "glossary/beta.html",  # a claim
        "glossary/gamma.html",  # a table, and a figure
        "gallery/one/plot_alpha.html",  # the example itself
    }
    thumbnails = {
        "gallery/index.html",
        "gallery/one/index.html",
        "reference/api/seqdocs.toy.html",
        "index.html",
    }
    assert showing <= pages <= showing | thumbnails
    assert site.html("glossary/alpha.html").find(class_="measured").text == "2.5\u00a0s"


def test_another_experiments_record_draws_nothing(site: Site) -> None:
    site.build()
    text = (site.root / "shown.json").read_text("utf8")
    other = '"two/plot_gamma:other": {"doc": "", "line": 1, "runs": [], "missing": []}'
    (site.root / "shown.json").write_text(
        text.replace('"experiments": {', f'"experiments": {{{other}, '), "utf8"
    )
    pages, said = site.redrawn()
    assert said == ""
    assert not pages & {"glossary/alpha.html", "glossary/beta.html", "gallery/one/plot_alpha.html"}
