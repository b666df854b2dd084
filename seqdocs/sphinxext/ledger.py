"""``{claim-ledger}``: all claims of the site with verdict, evidence, and where they stand.

The ledger is made when its page is drawn, from what the pages declare and the checks found, and drawn again
exactly when that changes. The HTML is ``div.claim-ledger``: a table of counts by source and verdict,
``form.ledger-filter`` (hidden; ``static/ledger.js`` shows it and lets it choose), and for each source
``section.ledger-source`` with a table whose rows carry ``data-source``, ``data-verdict`` and ``data-area``.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from seqdocs.bench.quantity import VERDICTS
from seqdocs.entries.header import AREAS
from seqdocs.sphinxext import text
from seqdocs.sphinxext.cards import said_by_cards
from seqdocs.sphinxext.claim_list import SourceText, claims, counts, source_texts
from seqdocs.sphinxext.claim_views import View, evidence_in_short, link, view
from seqdocs.sphinxext.claims import badge, declared_words
from seqdocs.sphinxext.devices import give
from seqdocs.sphinxext.pagedata import note, noted
from seqdocs.sphinxext.refresh import shows
from seqdocs.sphinxext.source_texts import LEDGER

NO_AREA = ("none", "no area")  # what a claim of a page that is no entry has
SCRIPT = "ledger.js"


class claim_ledger(nodes.General, nodes.Element):  # noqa: N801 (docutils names nodes in small letters)
    """The place of the ledger."""


class ClaimLedger(SphinxDirective):
    """The directive; it takes nothing."""

    def run(self) -> list[nodes.Node]:
        """Leave a place, to be filled when all claims are known."""
        note(self.env, self.env.docname, LEDGER, True)
        return [claim_ledger()]


def paragraph(words: str, *classes: str) -> nodes.paragraph:
    """Plain words."""
    return nodes.paragraph("", words, classes=list(classes))


def table(heads: list[str], rows: list[nodes.row], name: str) -> nodes.table:
    """A table with a class of its own, whose columns are as wide as the style sheet says."""
    group = nodes.tgroup("", *[nodes.colspec(colwidth=1) for _ in heads], cols=len(heads))
    group += nodes.thead("", nodes.row("", *[nodes.entry("", paragraph(head)) for head in heads]))
    group += nodes.tbody("", *rows)
    return nodes.table("", group, classes=[name, "colwidths-auto"])


def claim_row(app: Sphinx, docname: str, seen: View) -> nodes.row:
    """One claim: what it says, its verdict, the evidence, where it stands."""
    claim = seen.claim
    area, area_title = (seen.area, AREAS[seen.area]) if seen.area else NO_AREA
    name = link(app, docname, claim.docname, claim.id, claim.anchor)
    said = nodes.paragraph("", "", *text.inline(claim.statement))
    evidence = [*declared_words(claim), *evidence_in_short(seen, margins=True)]
    if seen.example:
        by = link(app, docname, seen.example, seen.example_title)
        evidence.append(nodes.paragraph("", "Checked in ", by, classes=["claim-check"]))
    page = nodes.paragraph("", "", link(app, docname, claim.docname, seen.title, claim.anchor))
    made = nodes.row(
        "",
        nodes.entry("", nodes.paragraph("", "", name, classes=["claim-id"]), said),
        nodes.entry("", nodes.paragraph("", "", badge(claim.verdict))),
        nodes.entry("", *evidence),
        nodes.entry("", page, paragraph(area_title, "claim-area")),
    )
    give(made, data_source=claim.source, data_verdict=claim.verdict, data_area=area)
    return made


def count_row(title: str, total: int, seen: list[View]) -> nodes.row:
    """How many claims there are, how many are answered, and how."""
    numbers = [total, len(seen), *counts(one.claim for one in seen).values()]
    cells = [nodes.entry("", paragraph(str(number)), classes=["number"]) for number in numbers]
    return nodes.row("", nodes.entry("", paragraph(title)), *cells)


def choice(name: str, label: str, options: Mapping[str, str]) -> str:
    """A menu that chooses one value, or all."""
    rows = [
        f'<option value="{html.escape(key)}">{html.escape(said)}</option>' for key, said in options.items()
    ]
    return (
        f'<label>{label} <select name="{name}"><option value="">all</option>{"".join(rows)}</select></label>'
    )


def menus(texts: Mapping[str, SourceText], seen: list[View]) -> nodes.raw:
    """The form by which one chooses, with what there is to choose; hidden until its script is there."""
    areas = {**AREAS, NO_AREA[0]: NO_AREA[1]}
    has = {one.area or NO_AREA[0] for one in seen}
    inside = choice("source", "Source", {key: source.title for key, source in texts.items()})
    answered = counts(one.claim for one in seen)
    inside += choice("verdict", "Verdict", {verdict: verdict for verdict in VERDICTS if answered[verdict]})
    inside += choice("area", "Area", {area: title for area, title in areas.items() if area in has})
    inside += f'<button type="reset">Show all</button><output role="status">{len(seen)} claims</output>'
    form = f'<form class="ledger-filter" aria-label="Choose claims" hidden>{inside}</form>'
    return nodes.raw("", form, format="html")


def ledger(app: Sphinx, docname: str) -> nodes.container:
    """The whole ledger."""
    texts, seen = shown_in_ledger(app)
    by_text = {key: [one for one in seen if one.claim.source == key] for key in texts}
    numbers = [count_row(texts[key].title, texts[key].claims, own) for key, own in by_text.items()]
    numbers.append(count_row("All", sum(source.claims for source in texts.values()), seen))
    made = nodes.container("", classes=["claim-ledger"])
    counted = table(["source", "claims", "answered", *VERDICTS], numbers, "ledger-counts")
    made += nodes.container("", counted, classes=["table-wrapper"])
    made += menus(texts, seen)
    for key, own in by_text.items():
        title = nodes.title("", "", link(app, docname, texts[key].docname, texts[key].title, key))
        rows = [claim_row(app, docname, one) for one in own]
        body = table(["claim", "verdict", "evidence", "where"], rows, "ledger-claims")
        none = paragraph("None is answered yet.", "ledger-none")
        made += nodes.section(
            "", title, body if own else none, ids=[f"ledger-{key}"], classes=["ledger-source"]
        )
    return made


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the ledger in its place."""
    for node in list(doctree.findall(claim_ledger)):
        node.replace_self(ledger(app, docname))


def shown_in_ledger(app: Sphinx) -> tuple[dict[str, SourceText], list[View]]:
    """Everything the ledger shows, by source and number."""
    return source_texts(app), [view(app, claim) for claim in claims(app)]


def shown_of_ledger(app: Sphinx, docname: str) -> object:
    """What a page shows of all claims, if it is the ledger's."""
    if not noted(app.env, docname, LEDGER, False):
        return None
    return shown_in_ledger(app), said_by_cards(app, (claim.docname for claim in claims(app)))


def add_script(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Load the script on the ledger's page only."""
    if noted(app.env, page, LEDGER, False):
        app.add_js_file(SCRIPT, loading_method="defer")


def setup_ledger(app: Sphinx) -> None:
    """The directive, what fills it, when that changes, and the script."""
    app.add_node(claim_ledger)
    app.add_directive("claim-ledger", ClaimLedger)
    app.connect("doctree-resolved", fill)
    app.connect("html-page-context", add_script)
    shows(app, shown_of_ledger)
