"""``{claim}``: a sentence of one of the source texts, what we say of it, and what a check computed.

A declared verdict that differs from the computed one is a warning, which fails the build and names the
claim, both verdicts and the evidence; so is a check whose interval lies across its limit. The HTML is
``div.claim.claim-<verdict>`` with the id ``claim-<id>``; in it ``p.claim-head`` with ``span.verdict`` and
``span.claim-id``, then the statement, ``p.claim-condition`` and, for each device, ``p.claim-evidence`` and,
where the evidence is a noisy number, ``p.claim-margin``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

from seqdocs.bench.quantity import UNCLEAR, VERDICTS, Verdict
from seqdocs.bench.run import Run
from seqdocs.bench.show import show_margin, spell
from seqdocs.sphinxext import text
from seqdocs.sphinxext.claim_list import CLAIMS, Claim, computed
from seqdocs.sphinxext.devices import belong
from seqdocs.sphinxext.pagedata import note, noted
from seqdocs.sphinxext.records import MissingError, note_use, provenance
from seqdocs.sphinxext.settings import settings, warn

UNCHECKED = ("opinion", "not measurable here")  # verdicts that no check can give


class evidence(nodes.General, nodes.Element):  # noqa: N801 (docutils names nodes in small letters)
    """The place of what the check found; attributes ``path``, ``claim`` and ``verdict``."""


def slug(verdict: str) -> str:
    """A verdict as part of a class name."""
    return verdict.replace(" ", "-")


class ClaimDirective(SphinxDirective):
    """The directive.

    Its argument is the claim's id. Options: ``source`` (by default the id's beginning), ``verdict``,
    ``check`` (path of a verdict in the records), ``evidence`` (a sentence, where the literature is the
    check), ``condition``. The content is the statement.
    """

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "source": directives.unchanged,
        "verdict": directives.unchanged_required,
        "check": directives.unchanged_required,
        "evidence": directives.unchanged_required,
        "condition": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """Make the claim; what the check found is put in when the page is drawn."""
        claim = self.claim()
        if fault := self.fault(claim):
            warn(f"claim {claim.id}: {fault}", "claim", self.get_location())
            return []
        note(self.env, self.env.docname, CLAIMS, [*noted(self.env, self.env.docname, CLAIMS, []), claim])
        made = box(claim, to_source(claim), self.parse_content_to_nodes())
        made["ids"].append(claim.anchor)
        if claim.check:
            note_use(self.env, self.env.docname, claim.check)
            place = evidence("", path=claim.check, claim=claim.id, verdict=claim.verdict)
            self.set_source_info(place)
            made += place
        return [made]

    def claim(self) -> Claim:
        """What the page declares."""
        words = {name: " ".join(str(value).split()) for name, value in self.options.items()}
        name = self.arguments[0]
        words["source"] = words.get("source") or name.partition("-")[0]
        statement, verdict = " ".join(" ".join(self.content).split()), words.pop("verdict", "")
        return Claim(name, words.pop("source"), statement, verdict, self.env.docname, self.lineno, **words)

    def fault(self, claim: Claim) -> str:
        """What is wrong with the options; empty when nothing is."""
        if not claim.statement:
            return "it states nothing"
        if claim.verdict not in VERDICTS:
            return f"its verdict is `{claim.verdict}`; a verdict is one of {', '.join(VERDICTS)}"
        if claim.verdict not in UNCHECKED and not (claim.check or claim.evidence):
            return f"`{claim.verdict}` needs a `:check:`, or `:evidence:` where the literature is the check"
        if claim.verdict == "qualified" and not claim.condition:
            return "`qualified` needs a `:condition:` under which it holds"
        return ""


def box(claim: Claim, name: nodes.reference, statement: list[nodes.Node]) -> nodes.container:
    """A claim as it is declared: verdict and name, statement, condition, what the literature says."""
    made = nodes.container("", classes=["claim", f"claim-{slug(claim.verdict)}"])
    where = nodes.inline("", "", name, classes=["claim-id"])
    made += nodes.paragraph("", "", badge(claim.verdict), nodes.Text(" "), where, classes=["claim-head"])
    made += statement
    made += declared_words(claim)
    return made


def declared_words(claim: Claim) -> list[nodes.paragraph]:
    """The condition and the evidence from the literature, where a claim has them."""
    made = []
    if claim.condition:
        label = nodes.inline("", "Condition: ", classes=["claim-label"])
        made += [nodes.paragraph("", "", label, *text.inline(claim.condition), classes=["claim-condition"])]
    if claim.evidence:
        made += [nodes.paragraph("", "", *text.inline(claim.evidence), classes=["claim-evidence"])]
    return made


def badge(verdict: str) -> nodes.inline:
    """A verdict in its shape."""
    return nodes.inline(verdict, verdict, classes=["verdict", f"verdict-{slug(verdict)}"])


def to_source(claim: Claim) -> nodes.reference:
    """A claim's id as a link to its source text, made whole when the page is drawn."""
    content = nodes.inline(claim.id, claim.id)
    return nodes.reference("", "", content, internal=True, refuri="", seqdocs_source=claim.source)


class FillEvidence(SphinxPostTransform):
    """Put what the checks found in its place, and compare it with what is declared."""

    default_priority = 400

    def run(self, **kwargs: Any) -> None:
        """Fill one page."""
        for place in list(self.document.findall(evidence)):
            try:
                found = computed(self.env, self.env.docname, place["path"])
            except MissingError as error:
                warn(f"claim {place['claim']}: {error}", "claim", place)
                found = []
            made: list[nodes.Node] = []
            for run, leaf in found:
                if fault := contradiction(place["verdict"], run, leaf):
                    warn(f"claim {place['claim']} {fault}", "claim", place)
                device = run.record["slug"]
                made += [evidence_of(device, leaf, provenance(run)), *margin_of(device, leaf)]
            place.replace_self(made)


def contradiction(said: str, run: Run, leaf: Verdict) -> str:
    """How a check contradicts the declared verdict; empty when it does not."""
    computed_verdict = leaf["verdict"]
    if run.stale or computed_verdict == said:  # a stale run says what was true of other code
        return ""
    found = f"{leaf['evidence']}" + "".join(f"; {show_margin(test)}" for test in leaf["margin"])
    if computed_verdict == UNCLEAR:
        advice = "measure longer, or move the limit and say why"
        return f"is declared `{said}`, but its check on {run.device} is {UNCLEAR}: {found}; {advice}"
    return f"is declared `{said}`, but its check on {run.device} says `{computed_verdict}`: {found}"


def evidence_of(device: str, leaf: Verdict, origin: str) -> nodes.paragraph:
    """What a check found on a device, named by its slug, and in brackets where that comes from."""
    label = nodes.inline("", "Measured: ", classes=["claim-label"])
    found = text.inline(spell(leaf["evidence"]))
    made = nodes.paragraph("", "", label, *found, classes=["claim-evidence"])
    made += [nodes.Text(" "), nodes.inline("", f"({origin})", classes=["claim-provenance"])]
    belong(made, device)
    return made


def margin_of(device: str, leaf: Verdict) -> list[nodes.paragraph]:
    """How far a noisy number lies from the limit that decided; nothing where nothing is noisy."""
    if not leaf["margin"]:
        return []
    label = nodes.inline("", "Margin: ", classes=["claim-label"])
    said = "; ".join(show_margin(test) for test in leaf["margin"])
    made = nodes.paragraph("", "", label, nodes.Text(said), classes=["claim-margin"])
    belong(made, device)
    return [made]


def link_sources(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let the ids of the claims lead to the page on the source texts."""
    page = settings(app).sources_page
    for link in doctree.findall(nodes.reference):
        if source := link.get("seqdocs_source"):
            link["refuri"] = f"{app.builder.get_relative_uri(docname, page)}#{source}"


def setup_claims(app: Sphinx) -> None:
    """The directive and what fills it."""
    app.add_node(evidence)
    app.add_directive("claim", ClaimDirective)
    app.add_post_transform(FillEvidence)
    app.connect("doctree-resolved", link_sources)
