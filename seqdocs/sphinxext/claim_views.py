"""A claim away from its page: what the ledger and copies show of it; ``{claim-copy}``, which is such a copy.

A view holds everything that is shown, as plain data: pages are drawn from it, and drawn again when it
changes.
"""

from __future__ import annotations

from dataclasses import dataclass

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from seqdocs.bench.quantity import Verdict
from seqdocs.sphinxext import text
from seqdocs.sphinxext.cards import said_by_cards
from seqdocs.sphinxext.claim_list import Claim, area_of, claims, example_of, results
from seqdocs.sphinxext.claims import box, evidence_of, margin_of
from seqdocs.sphinxext.library import example_docname
from seqdocs.sphinxext.pagedata import note, noted
from seqdocs.sphinxext.records import devices
from seqdocs.sphinxext.refresh import shows
from seqdocs.sphinxext.settings import warn

COPIES = "copied claims"


@dataclass(frozen=True)
class View:
    """A claim, the title of its page, its area, the page that checks it, and what the check found.

    Args:
        found: for each device its slug, its name, and the verdict.
    """

    claim: Claim
    title: str
    area: str
    example: str
    example_title: str
    found: tuple[tuple[str, str, Verdict], ...]


def view(app: Sphinx, claim: Claim) -> View:
    """Gather what other pages show of a claim."""
    titles, names = app.env.titles, {device.slug: device.name for device in devices(app)}
    example = example_docname(example_of(app, claim)) if claim.check else ""
    found = []
    for run, leaf in results(app, claim):
        slug, old = run.record["slug"], ", the code has changed since" if run.stale else ""
        found.append((slug, names.get(slug, slug) + old, leaf))
    has_page = example in titles
    return View(
        claim,
        titles[claim.docname].astext(),
        area_of(app, claim),
        example if has_page else "",
        titles[example].astext() if has_page else "",
        tuple(found),
    )


def link(app: Sphinx, docname: str, target: str, words: str, anchor: str = "") -> nodes.reference:
    """A link to a page of the site."""
    uri = app.builder.get_relative_uri(docname, target) + (f"#{anchor}" if anchor else "")
    return nodes.reference("", "", nodes.inline(words, words), internal=True, refuri=uri)


def evidence_in_short(seen: View, margins: bool) -> list[nodes.Node]:
    """What the check found on each device, with the device's name and no more."""
    made: list[nodes.Node] = []
    for slug, name, leaf in seen.found:
        made += [evidence_of(slug, leaf, name), *(margin_of(slug, leaf) if margins else [])]
    return made


class claim_copy(nodes.General, nodes.Element):  # noqa: N801 (docutils names nodes in small letters)
    """The place of a claim that another page makes; attribute ``claim``."""


class ClaimCopy(SphinxDirective):
    """The directive; its argument is the id of a claim that another page makes."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Leave a place, to be filled when all claims are known."""
        name, docname = self.arguments[0], self.env.docname
        note(self.env, docname, COPIES, [*noted(self.env, docname, COPIES, []), name])
        node = claim_copy("", claim=name)
        self.set_source_info(node)
        return [node]


def copied(app: Sphinx, docname: str) -> list[View]:
    """The claims of other pages that a page shows."""
    names = noted(app.env, docname, COPIES, [])
    return [view(app, claim) for claim in claims(app) if claim.id in names] if names else []


def cards_of_copied(app: Sphinx, docname: str) -> object:
    """What the cards for the links of the copies say."""
    return said_by_cards(app, (one.claim.docname for one in copied(app, docname)))


def fill_copies(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Draw the copies, each with a link to the page that makes the claim."""
    seen = {one.claim.id: one for one in copied(app, docname)}
    for node in list(doctree.findall(claim_copy)):
        if node["claim"] not in seen:
            warn(f"no page makes the claim {node['claim']}", "claim", node)
            node.replace_self([])
            continue
        claim = seen[node["claim"]].claim
        where = link(app, docname, claim.docname, claim.id, claim.anchor)
        made = box(claim, where, [nodes.paragraph("", "", *text.inline(claim.statement))])
        made += evidence_in_short(seen[claim.id], margins=False)
        node.replace_self(made)


def setup_claim_views(app: Sphinx) -> None:
    """The directive, what fills it, and when that changes."""
    app.add_node(claim_copy)
    app.add_directive("claim-copy", ClaimCopy)
    app.connect("doctree-resolved", fill_copies)
    shows(app, copied)
    shows(app, cards_of_copied)
