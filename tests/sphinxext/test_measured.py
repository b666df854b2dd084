"""Numbers and tables on a page come from the records, and say so."""

from __future__ import annotations

import pytest

from tests.sphinxext.conftest import Site, record

FAULTS = [
    # what is written in alpha.md, what the warning says
    ("{measured}`timing.speed`", "{measured}`timing.speed`: one/plot_alpha:timing has no `speed`"),
    ("{measured}`pace.time`", "one/plot_alpha has no experiment `pace`; it has timing"),
    ("{measured}`timing.table`", "a table cannot be written in a sentence"),
    ("{measured}`one/plot_none:timing.time`", "no example `one/plot_none` has experiments"),
    ("\n\n```{measured-table} timing.time\n```\n", "`one/plot_alpha:timing.time` is no table"),
    ("\n\n```{measured-table} timing.rows\n```\n", "has no `rows`"),
]


def test_a_number_says_where_it_comes_from(built: Site) -> None:
    number = built.html("glossary/alpha.html").find(class_="measured")
    assert number.text == "1.5\u00a0s"
    assert number["tabindex"] == "0"
    said = number["data-provenance"]
    assert said == "interval 1.4 to 1.6\u00a0s · Toy cpu · torch 2.0 · measured 2026-01-02"
    assert number["title"] == said


def test_a_table_stands_once_per_device_this_machine_first(site: Site) -> None:
    site.shown(record(), record("cuda", 0.5), stale="cuda", missing=())
    assert site.build() == ""
    tables = site.html("glossary/gamma.html").select(".measured-table table")
    captions = [table.find(class_="caption-text").text for table in tables]
    assert captions == [
        "Toy cpu · torch 2.0 · measured 2026-01-02",
        "Toy cuda · torch 2.0 · measured 2026-01-02 · the code has changed since",
    ]
    assert ["stale" in table["class"] for table in tables] == [False, True]
    cells = [cell.text for cell in tables[1].find_all(["th", "td"])]
    assert cells == ["model", "time (s)", "toy", "500\u00a0ms", "none", "not measured"]


def test_a_table_that_can_be_sorted_says_its_numbers_and_brings_its_script(quick: Site) -> None:
    quick.edit(
        "glossary/gamma.md",
        "{measured-table} one/plot_alpha:timing.table",
        "{measured-table} one/plot_alpha:timing.table\n:sortable:",
    )
    assert quick.build() == ""
    page = quick.html("glossary/gamma.html")
    assert "sortable" in page.select_one(".measured-table table")["class"]
    values = [[cell.get("data-value") for cell in row.find_all("td")] for row in page.select("tbody tr")]
    assert values == [[None, "1.5"], [None, None]]
    scripts = [script["src"] for script in page.select("script[src]") if "sort.js" in script["src"]]
    assert len(scripts) == 1


def test_a_table_that_cannot_be_sorted_brings_no_script(built: Site) -> None:
    page = built.html("glossary/gamma.html")
    assert "sortable" not in page.select_one(".measured-table table")["class"]
    assert not [script for script in page.select("script[src]") if "sort.js" in script["src"]]


def test_a_device_without_a_record_is_said_not_to_be_measured(built: Site) -> None:
    holder = built.html("glossary/gamma.html").find(class_="measured-table")
    assert holder.find(class_="not-measured").text == "cuda: not measured"


@pytest.mark.parametrize(("written", "said"), FAULTS, ids=range(len(FAULTS)))
def test_a_path_that_leads_nowhere_warns(quick: Site, written: str, said: str) -> None:
    quick.edit("glossary/alpha.md", "{measured}`timing.time`", written)
    warnings = quick.build()
    assert said in warnings
    assert "glossary/alpha.md:1" in warnings


def test_outside_of_an_entry_a_path_names_its_example(quick: Site) -> None:
    quick.edit(
        "docs/guide/page.md", "A page", "{measured}`timing.time` {measured}`one/plot_alpha:timing.time`"
    )
    said = quick.build()
    assert said.count("WARNING") == 1
    assert "outside of an entry a path reads section/plot_x:timing.time" in said
    assert "1.5\u00a0s" in quick.html("guide/page.html").text


def test_without_records_every_number_is_named(quick: Site) -> None:
    (quick.root / "shown.json").unlink()
    assert "shown.json is not there; `python -m seqdocs bench run` writes it" in quick.build()
