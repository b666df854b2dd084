"""The ledger shows all claims of the site, from wherever they stand, and is drawn again when one changes."""

from __future__ import annotations

import json

import pytest

from seqdocs.bench.quantity import quantity
from seqdocs.bench.verdicts import above, verdict_by
from tests.sphinxext.conftest import Site, record

GUIDE = """# Guide

A page that links {term}`BETA`.

```{claim} s0-03
:verdict: qualified
:condition: while $x$
:evidence: Alpha 1900 says so.

Letters are quick.
```
"""
PAGE = "# Claims\n\n```{claim-ledger}\n```\n"
COPY = "```{claim-copy} s0-01\n```\n"


def margin_record(value: float, time: float = 1.5) -> dict[str, object]:
    """A record whose claim was decided by a noisy ratio."""
    made = record(time=time)
    test = above(quantity(value, "×", value - 0.1, value + 0.1), 1.1, "speed-up")
    made["result"]["claims"]["s0-01"] = verdict_by({"refuted": test}, "holds", f"{value} times as fast")
    return made


@pytest.fixture
def ledger(quick: Site) -> Site:
    """A site with a ledger, a claim outside of the glossary, and a copy of a claim."""
    (quick.root / "docs/claims.md").write_text(PAGE, "utf8")
    (quick.root / "docs/guide/page.md").write_text(GUIDE, "utf8")
    quick.edit("docs/index.md", "guide/page\n", "guide/page\nclaims\n")
    for page, before in (("docs/index.md", "```{toctree}"), ("docs/references.md", "```{bibliography}")):
        quick.edit(page, before, f"{COPY}\n{before}")
    return quick


def rows(site: Site) -> dict[str, dict[str, str]]:
    """The ledger's rows by id: their cells as text, their data, their links."""
    found = {}
    for row in site.html("claims.html").select(".ledger-claims tr[data-source]"):
        cells = [" ".join(cell.text.split()) for cell in row.find_all("td")]
        data = {key: row[f"data-{key}"] for key in ("source", "verdict", "area")}
        links = [link["href"] for link in row.find_all("a")]
        found[row.find(class_="claim-id").text] = {"cells": cells, "links": links, **data}
    return found


def redrawn(site: Site) -> set[str]:
    """Pages drawn again without a warning, but for the home page, which each of them draws by its toctree."""
    pages, said = site.redrawn()
    assert said == ""
    return pages - {"index.html"}


def test_every_claim_stands_in_it_with_verdict_evidence_and_place(ledger: Site) -> None:
    assert ledger.build() == ""
    assert rows(ledger) == {
        "s0-01": {
            "cells": [
                "s0-01 Alpha is slow.",
                "refuted",
                "Measured: it takes 1.5 s (Toy cpu) Checked in Example",
                "Beta Foundations",
            ],
            "links": [
                "glossary/beta.html#claim-s0-01",
                "gallery/one/plot_alpha.html",
                "glossary/beta.html#claim-s0-01",
            ],
            "source": "s0",
            "verdict": "refuted",
            "area": "foundations",
        },
        "s0-03": {
            "cells": [
                "s0-03 Letters are quick.",
                "qualified",
                "Condition: while xxx Alpha 1900 says so.",
                "Guide no area",
            ],
            "links": ["guide/page.html#claim-s0-03", "guide/page.html#claim-s0-03"],
            "source": "s0",
            "verdict": "qualified",
            "area": "none",
        },
    }
    for row in rows(ledger).values():
        page, _, anchor = row["links"][0].partition("#")
        assert ledger.html(page).find(id=anchor) is not None


def test_it_counts_what_is_answered_and_what_the_text_claims(ledger: Site) -> None:
    ledger.build()
    table = ledger.html("claims.html").find("table", class_="ledger-counts")
    cells = [[cell.text.strip() for cell in row.find_all(["th", "td"])] for row in table.find_all("tr")]
    assert cells == [
        [
            "source", "claims", "answered",
            "holds", "qualified", "refuted", "opinion", "not measurable here",
        ],
        ["s0", "3", "2", "0", "1", "1", "0", "0"],
        ["All", "3", "2", "0", "1", "1", "0", "0"],
    ]  # fmt: skip
    said = ledger.html("sources.html").find(class_="source-count")
    assert (
        said.text
        == "Answered here so far: 2 of its 3 claims (1 qualified, 1 refuted). See them in the ledger."
    )
    assert said.a["href"] == "claims.html#ledger-s0"
    assert ledger.html("claims.html").find(id="ledger-s0") is not None


def test_the_menus_offer_what_there_is_and_wait_for_their_script(ledger: Site) -> None:
    ledger.build()
    page = ledger.html("claims.html")
    form = page.find("form", class_="ledger-filter")
    assert form.has_attr("hidden")
    offered = {
        menu["name"]: [option["value"] for option in menu.find_all("option")]
        for menu in form.find_all("select")
    }
    assert offered == {
        "source": ["", "s0"],
        "verdict": ["", "qualified", "refuted"],
        "area": ["", "foundations", "none"],
    }
    assert all(menu.find_parent("label") is not None for menu in form.find_all("select"))
    assert form.find("output")["role"] == "status"
    scripts = [script.get("src", "").partition("?")[0] for script in page.find_all("script")]
    assert "_static/ledger.js" in scripts
    assert "ledger.js" not in ledger.text("index.html")


def test_each_devices_evidence_is_its_own(ledger: Site) -> None:
    ledger.shown(record(), record("cuda", 0.5), missing=())
    assert ledger.build() == ""
    for page in ("claims.html", "glossary/beta.html"):
        found = ledger.html(page).select(".claim-evidence[data-device]")
        assert [paragraph["data-device"] for paragraph in found] == ["cpu-toy", "cuda-toy"], page
        assert "it takes 0.5 s" in found[1].text


def test_a_noisy_number_shows_its_margin(ledger: Site) -> None:
    ledger.shown(margin_record(7.1))
    assert ledger.build() == ""
    said = "Margin: speed-up: decided at 1.1×, measured 7.1× (7.0 to 7.2×)"
    for page in ("claims.html", "glossary/beta.html"):
        (margin,) = ledger.html(page).select(".claim-margin")
        assert margin.text == said
        assert margin["data-device"] == "cpu-toy"
    assert not ledger.html("index.html").select(".claim-margin")


def test_a_copy_shows_the_claim_and_links_to_it(ledger: Site) -> None:
    ledger.build()
    copy = ledger.html("index.html").find(class_="claim")
    assert copy.get("id") is None
    assert copy.find(class_="claim-id").a["href"] == "glossary/beta.html#claim-s0-01"
    assert copy.find(class_="verdict").text == "refuted"
    assert "Alpha is slow." in copy.text
    assert copy.find(class_="claim-evidence").text == "Measured: it takes 1.5 s (Toy cpu)"


def test_a_copy_of_no_claim_warns(ledger: Site) -> None:
    ledger.edit("docs/index.md", "{claim-copy} s0-01", "{claim-copy} s0-02")
    said = ledger.build()
    assert "no page makes the claim s0-02 [seqdocs.claim]" in said
    assert "docs/index.md:5" in said


def test_a_changed_summary_draws_the_pages_whose_cards_say_it(ledger: Site) -> None:
    ledger.build()
    ledger.edit("glossary/beta.md", "Beta follows alpha.", "Beta is the second.")
    assert {"claims.html", "references.html"} <= redrawn(ledger), (
        "the ledger, and a page with a copy of a claim"
    )
    assert "Beta is the second." in ledger.text("claims.html")
    assert "Beta is the second." in ledger.text("references.html")


def test_a_changed_claim_draws_the_ledger_and_the_counts(ledger: Site) -> None:
    ledger.build()
    ledger.edit("docs/guide/page.md", "Letters are quick.", "Letters are fast.")
    assert redrawn(ledger) == {"guide/page.html", "claims.html"}
    assert "Letters are fast." in ledger.text("claims.html")
    ledger.edit("docs/guide/page.md", ":verdict: qualified", ":verdict: opinion")
    assert redrawn(ledger) == {"guide/page.html", "claims.html", "sources.html"}
    ledger.edit("docs/guide/page.md", "{claim} s0-03", "{note}")
    ledger.edit(
        "docs/guide/page.md",
        ":verdict: opinion\n:condition: while $x$\n:evidence: Alpha 1900 says so.\n",
        "",
    )
    assert redrawn(ledger) == {"guide/page.html", "claims.html", "sources.html"}
    assert list(rows(ledger)) == ["s0-01"]


def test_other_edits_of_a_page_with_claims_draw_no_ledger(ledger: Site) -> None:
    ledger.build()
    ledger.edit("docs/guide/page.md", "A page that links", "One more line.\n\nA page that links")
    assert redrawn(ledger) == {"guide/page.html"}


def test_changed_evidence_draws_ledger_and_copies(ledger: Site) -> None:
    ledger.build()
    ledger.shown(record(time=2.5))
    pages, said = ledger.redrawn()
    assert said == ""
    assert {"claims.html", "references.html", "glossary/beta.html"} <= pages
    assert "guide/page.html" not in pages
    assert "it takes 2.5 s" in ledger.text("claims.html")


def test_the_same_evidence_measured_again_draws_neither(ledger: Site) -> None:
    ledger.build()
    ledger.shown(record() | {"key": "another", "created": "2026-02-03T00:00:00Z"})
    pages, said = ledger.redrawn()
    assert said == ""
    assert "glossary/beta.html" in pages  # shows the day
    assert not pages & {"claims.html", "references.html"}


def test_a_title_that_changes_draws_the_ledger(ledger: Site) -> None:
    ledger.build()
    ledger.edit("docs/guide/page.md", "# Guide", "# Manual")
    pages, said = ledger.redrawn()
    assert said == ""
    assert "claims.html" in pages
    assert rows(ledger)["s0-03"]["cells"][3] == "Manual no area"


def test_two_processes_make_the_same_ledger(ledger: Site) -> None:
    assert ledger.build() == ""
    pages = ["claims.html", "sources.html", "index.html", "claims.json"]
    alone = [ledger.text(page) for page in pages]
    ledger.close()
    for folder in ("build", "docs/glossary"):
        __import__("shutil").rmtree(ledger.root / folder)
    assert ledger.build(parallel=2) == ""
    assert [ledger.text(page) for page in pages] == alone


def test_the_file_says_what_the_ledger_says(ledger: Site) -> None:
    ledger.shown(margin_record(7.1))
    ledger.build()
    data = json.loads(ledger.text("claims.json"))
    assert data["counts"]["claims"] == 3
    assert data["counts"]["answered"] == 2
    assert data["counts"]["verdicts"]["refuted"] == 1
    assert [row["url"] for row in data["claims"]] == [row["links"][0] for row in rows(ledger).values()]
    first, second = data["claims"]
    (computed,) = first["computed"]
    assert computed["evidence"] == "7.1 times as fast"
    assert computed["margin"][0]["above"] == 1.1
    assert computed["slug"] == "cpu-toy"
    assert computed["record"] == {"key": "cpu1.5refuted", "created": "2026-01-02T03:04:05Z"}
    assert (first["area"], second["area"]) == ("foundations", None)
    assert (second["condition"], second["computed"], second["check"]) == ("while $x$", [], None)
