"""``{claim}``: a sentence of one of the source texts, what we say of it, and what a check computed.

A declared verdict that differs from the computed one is a warning, which fails the build and names the
claim. The HTML is ``div.claim.claim-<verdict>`` with the id ``claim-<id>``; in it ``p.claim-head`` with
``span.verdict`` and ``span.claim-id``, then the statement, ``p.claim-condition`` and one
``p.claim-evidence`` per device.
"""

from __future__ import annotations

from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

from seqdocs.bench.quantity import VERDICTS, is_verdict
from seqdocs.bench.run import ResultPathError, Run
from seqdocs.bench.show import spell
from seqdocs.sphinxext import text
from seqdocs.sphinxext.pagedata import note, noted
from seqdocs.sphinxext.records import MissingError, full_path, note_use, provenance, records, split_path
from seqdocs.sphinxext.settings import settings, warn

CLAIMS = "claims"
UNCHECKED = ("opinion", "not measurable here")  # verdicts that no check can give


class evidence(nodes.General, nodes.Element):  # noqa: N801 (docutils names nodes in small letters)
    """The place of what the check found; attributes ``path``, ``claim`` and ``verdict``."""


def slug(verdict: str) -> str:
    """A verdict as part of a class name."""
    return verdict.replace(" ", "-")


class Claim(SphinxDirective):
    """The directive.

    Its argument is the claim's id. Options: ``source`` (s0 to s3; by default the id's beginning),
    ``verdict``, ``check`` (path of a verdict in the records), ``evidence`` (a sentence, where the literature
    is the check), ``condition``. The content is the statement.
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
        name = self.arguments[0]
        verdict = " ".join(self.options.get("verdict", "").split())
        if fault := self.fault(verdict):
            warn(f"claim {name}: {fault}", "claim", self.get_location())
            return []
        source = self.options.get("source") or name.partition("-")[0]
        made = nodes.container("", classes=["claim", f"claim-{slug(verdict)}"], ids=[f"claim-{name}"])
        made += self.head(name, source, verdict)
        made += self.parse_content_to_nodes()
        if condition := self.options.get("condition"):
            label = nodes.inline("", "Condition: ", classes=["claim-label"])
            made += nodes.paragraph("", "", label, *text.inline(condition), classes=["claim-condition"])
        if said := self.options.get("evidence"):
            made += nodes.paragraph("", "", *text.inline(said), classes=["claim-evidence"])
        if path := self.options.get("check"):
            note_use(self.env, self.env.docname, path)
            place = evidence("", path=path, claim=name, verdict=verdict)
            self.set_source_info(place)
            made += place
        self.note_claim(name, source, verdict)
        return [made]

    def fault(self, verdict: str) -> str:
        """What is wrong with the options; empty when nothing is."""
        if not self.content:
            return "it states nothing"
        if verdict not in VERDICTS:
            return f"its verdict is `{verdict}`; a verdict is one of {', '.join(VERDICTS)}"
        if verdict not in UNCHECKED and not self.options.keys() & {"check", "evidence"}:
            return f"`{verdict}` needs a `:check:`, or `:evidence:` where the literature is the check"
        if verdict == "qualified" and "condition" not in self.options:
            return "`qualified` needs a `:condition:` under which it holds"
        return ""

    def head(self, name: str, source: str, verdict: str) -> nodes.paragraph:
        """The line above the statement: verdict, id, link to the source."""
        badge = nodes.inline(verdict, verdict, classes=["verdict", f"verdict-{slug(verdict)}"])
        where = nodes.inline("", "", classes=["claim-id"])
        where += source_reference(source, name)
        return nodes.paragraph("", "", badge, nodes.Text(" "), where, classes=["claim-head"])

    def note_claim(self, name: str, source: str, verdict: str) -> None:
        """Remember the claim for the exports."""
        known = noted(self.env, self.env.docname, CLAIMS, [])
        said = " ".join(" ".join(self.content).split())
        row = {"id": name, "source": source, "verdict": verdict, "statement": said}
        row |= {key: self.options[key] for key in ("check", "evidence", "condition") if key in self.options}
        note(self.env, self.env.docname, CLAIMS, [*known, row])


def source_reference(source: str, name: str) -> nodes.reference:
    """A link to the page on the source texts, made whole when the page is drawn."""
    content = nodes.inline(name, name)
    return nodes.reference("", "", content, internal=True, refuri="", seqdocs_source=source)


class FillEvidence(SphinxPostTransform):
    """Put what the checks found in its place."""

    default_priority = 400

    def run(self, **kwargs: Any) -> None:
        """Fill one page."""
        for place in list(self.document.findall(evidence)):
            place.replace_self(self.paragraphs(self.env.docname, place))

    def paragraphs(self, docname: str, place: evidence) -> list[nodes.Node]:
        """One paragraph per device, having compared the verdicts."""
        try:
            path = full_path(self.env, docname, place["path"])
            runs = records(self.env).runs(*split_path(path))
            if not runs:
                raise ResultPathError(f"{path} was measured nowhere")
            found = [(run, leaf_verdict(run, path)) for run in runs]
        except MissingError as error:
            warn(f"claim {place['claim']}: {error}", "claim", place)
            return []
        return [self.paragraph(place, run, leaf) for run, leaf in found]

    def paragraph(self, place: evidence, run: Run, leaf: dict[str, str]) -> nodes.paragraph:
        """What one device says; a warning when it contradicts what is declared."""
        said, computed = place["verdict"], leaf["verdict"]
        if computed != said and not run.stale:  # a stale run says what was true of other code
            warn(
                f"claim {place['claim']} is declared `{said}`, "
                f"but its check on {run.device} says `{computed}`: {leaf['evidence']}",
                "claim",
                place,
            )
        label = nodes.inline("", "Measured: ", classes=["claim-label"])
        made = nodes.paragraph(
            "", "", label, *text.inline(spell(leaf["evidence"])), classes=["claim-evidence"]
        )
        made += [nodes.Text(" "), nodes.inline("", f"({provenance(run)})", classes=["claim-provenance"])]
        return made


def link_sources(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let the ids of the claims lead to the page on the source texts."""
    page = settings(app).sources_page
    for link in doctree.findall(nodes.reference):
        if source := link.get("seqdocs_source"):
            link["refuri"] = f"{app.builder.get_relative_uri(docname, page)}#{source}"


def leaf_verdict(run: Run, path: str) -> dict[str, str]:
    """The verdict at a path of one run.

    Raises:
        ResultPathError: if there is nothing, or something else.
    """
    found = run.at(path.partition(":")[2].partition(".")[2])
    if not is_verdict(found):
        raise ResultPathError(f"`{path}` is no verdict; build it with seqdocs.bench.quantity.verdict")
    return dict(found)


def setup_claims(app: Sphinx) -> None:
    """The directive and what fills it."""
    app.add_node(evidence)
    app.add_directive("claim", Claim)
    app.add_post_transform(FillEvidence)
    app.connect("doctree-resolved", link_sources)
