"""A claim whose check disagrees with what is declared does not pass."""

from __future__ import annotations

import pytest

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
