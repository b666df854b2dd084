"""A claim whose check disagrees with what is declared does not pass."""

from __future__ import annotations

import pytest

from seqdocs.bench.quantity import quantity
from seqdocs.bench.verdicts import above, verdict_by
from tests.sphinxext.conftest import Site, record

OPTIONS = ":verdict: refuted\n:check: one/plot_alpha:timing.claims.s0-01\n"
FAULTS = [
    # options instead of those in beta.md, what the warning says
    (":verdict: false\n", "claim s0-01: its verdict is `false`; a verdict is one of holds, qualified"),
    (":verdict: holds\n", "claim s0-01: `holds` needs a `:check:`, or `:evidence:`"),
    (":verdict: qualified\n:evidence: x\n", "claim s0-01: `qualified` needs a `:condition:`"),
    (":verdict: holds\n:check: one/plot_alpha:timing.time\n", "`one/plot_alpha:timing.time` is no verdict"),
    (":verdict: holds\n:check: one/plot_alpha:timing.claims.s9\n", "has no `s9`"),
]


def test_a_claim_shows_verdict_source_and_evidence(built: Site) -> None:
    claim = built.html("glossary/beta.html").find(class_="claim")
    assert claim["id"] == "claim-s0-01"
    assert claim.find(class_="verdict").text == "refuted"
    assert "verdict-refuted" in claim.find(class_="verdict")["class"]
    assert claim.find(class_="claim-id").a["href"] == "../sources.html#s0"
    assert "Alpha is slow." in claim.text
    assert claim.find(class_="claim-evidence").text.startswith("Measured: it takes 1.5 s (Toy cpu")


def test_another_verdict_than_declared_warns_with_both_and_the_evidence(quick: Site) -> None:
    quick.shown(record(said="holds"))
    said = quick.build()
    wanted = (
        "claim s0-01 is declared `refuted`, but its check on cpu says `holds`: it takes 1.5 s [seqdocs.claim]"
    )
    assert wanted in said
    assert "glossary/beta.md:16" in said


def test_a_stale_record_of_another_machine_contradicts_nothing(quick: Site) -> None:
    quick.shown(record(), record("cuda", said="holds"), stale="cuda", missing=())
    assert quick.build() == ""
    quick.shown(record(), record("cuda", said="holds"), missing=())
    assert "its check on cuda says `holds`" in quick.build()


@pytest.mark.parametrize(("options", "said"), FAULTS, ids=range(len(FAULTS)))
def test_a_claim_that_is_not_whole_warns(quick: Site, options: str, said: str) -> None:
    quick.edit("glossary/beta.md", OPTIONS, options)
    assert said in quick.build()


@pytest.mark.parametrize(
    "options", [":verdict: opinion\n", ":verdict: holds\n:evidence: Alpha 1900 says $x$.\n"]
)
def test_literature_and_opinion_need_no_check(quick: Site, options: str) -> None:
    quick.edit("glossary/beta.md", OPTIONS, options)
    assert quick.build() == ""


def test_an_interval_across_the_limit_fails_and_says_to_measure_longer(quick: Site) -> None:
    close = above(quantity(1.15, "×", 1.05, 1.25), 1.1, "speed-up")
    unclear = record()
    unclear["result"]["claims"]["s0-01"] = verdict_by({"refuted": close}, "holds", "1.15 times as fast")
    quick.shown(unclear)
    said = quick.build()
    assert "claim s0-01 is declared `refuted`, but its check on cpu is too close to call: 1.15 times" in said
    assert "speed-up: decided at 1.1×, measured 1.2× (1.0 to 1.3×); measure longer, or move the limit" in said
    quick.edit("glossary/beta.md", ":verdict: refuted", ":verdict: too close to call")
    assert "its verdict is `too close to call`; a verdict is one of holds" in quick.build()


SECOND = "\n```{claim} s0-01\n:verdict: opinion\n\nAlpha is slow, again.\n```\n"


def test_an_id_that_stands_twice_names_both_places_in_every_build(quick: Site) -> None:
    page = quick.root / "docs/guide/page.md"
    page.write_text(page.read_text("utf8") + SECOND, "utf8")
    wanted = "claim s0-01 is declared twice: at glossary/beta.md:16 and at guide/page.md:5"
    assert wanted in quick.build()
    assert wanted in quick.build()  # nothing has changed, and nothing is right
    quick.edit("glossary/gamma.md", "Gamma stands alone.", "Gamma stands apart.")
    assert wanted in quick.build()
    quick.edit("docs/guide/page.md", SECOND, "")
    assert quick.build() == ""


def test_an_id_that_stands_twice_on_one_page_warns(quick: Site) -> None:
    page = quick.root / "glossary/beta.md"
    page.write_text(page.read_text("utf8") + SECOND, "utf8")
    assert "claim s0-01 is declared twice: at glossary/beta.md:16 and at glossary/beta.md:23" in quick.build()


UNKNOWN = [
    # the id, another line of options, what the warning says
    ("s9-01", "", "claim s9-01: there is no source text `s9`; there are s0"),
    ("s0-01", ":source: s9\n", "claim s0-01: there is no source text `s9`; there are s0"),
    ("s9-01", ":source: s0\n", "claim s9-01: its id begins with `s9`, but its source is `s0`"),
    ("s0-04", "", "claim s0-04: `s0` makes 3 claims, so its number lies from 1 to 3"),
    ("s0-00", "", "claim s0-00: `s0` makes 3 claims, so its number lies from 1 to 3"),
    ("slow", "", "claim slow: its id is no source text and a number, such as s0-01"),
]


@pytest.mark.parametrize(("name", "option", "said"), UNKNOWN, ids=range(len(UNKNOWN)))
def test_an_id_of_no_source_text_warns(quick: Site, name: str, option: str, said: str) -> None:
    quick.edit("glossary/beta.md", "{claim} s0-01\n", f"{{claim}} {name}\n{option}")
    warnings = quick.build()
    assert said in warnings
    assert "glossary/beta.md:16" in warnings


def test_a_source_text_says_how_many_claims_it_makes(quick: Site) -> None:
    quick.edit("docs/sources.md", ":claims: 3\n", "")
    assert "source text s0 needs `:claims:`, the number of claims it makes" in quick.build()


def test_a_claim_of_any_page_names_its_example(quick: Site) -> None:
    claim = "\n```{claim} s0-02\n:verdict: refuted\n:check: PATH\n\nAlpha is slow, too.\n```\n"
    page = quick.root / "docs/guide/page.md"
    text = page.read_text("utf8")
    page.write_text(text + claim.replace("PATH", "one/plot_alpha:timing.claims.s0-01"), "utf8")
    assert quick.build() == ""
    assert "it takes 1.5 s" in quick.html("guide/page.html").find(id="claim-s0-02").text
    page.write_text(text + claim.replace("PATH", "timing.claims.s0-01"), "utf8")
    assert "outside of an entry a path reads section/plot_x:timing.claims.s0-01" in quick.build()
