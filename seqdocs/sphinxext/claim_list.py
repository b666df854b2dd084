"""All claims of the site and the source texts they are from, as plain data.

Pages declare claims (`seqdocs.sphinxext.claims`) and source texts (`seqdocs.sphinxext.source_texts`); whoever
shows them elsewhere, the ledger, a copy, an export, asks here. No file lists them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from seqdocs.bench.quantity import VERDICTS, Verdict, is_verdict
from seqdocs.bench.run import ResultPathError, Run
from seqdocs.sphinxext.library import library
from seqdocs.sphinxext.pagedata import all_notes
from seqdocs.sphinxext.records import MissingError, full_path, records, split_path
from seqdocs.sphinxext.settings import Host, env_of, warn

CLAIMS = "claims"
SOURCE_TEXTS = "source texts"
ID = re.compile(r"(?P<source>[a-z][a-z0-9]*)-(?P<number>[0-9]+)")


@dataclass(frozen=True)
class Claim:
    """One claim as its page declares it; ``check``, ``evidence`` and ``condition`` may be empty.

    Two are equal, and are written alike, wherever on its page a claim stands.
    """

    id: str
    source: str
    statement: str
    verdict: str
    docname: str
    line: int = field(repr=False, compare=False)
    check: str = ""
    evidence: str = ""
    condition: str = ""

    @property
    def anchor(self) -> str:
        """Where it stands on its page."""
        return f"claim-{self.id}"

    @property
    def order(self) -> tuple[str, int, str, int]:
        """Sorts by source and number, then by place."""
        found = ID.fullmatch(self.id)
        return self.source, int(found["number"]) if found else 0, self.docname, self.line


@dataclass(frozen=True)
class SourceText:
    """One text whose claims are answered: its id, the title of its section, how many claims it makes."""

    id: str
    title: str
    claims: int
    docname: str


def declared(host: Host) -> list[Claim]:
    """Every claim of every page, by source and number; an id that stands twice is here twice."""
    notes = all_notes(env_of(host))
    return sorted(
        (claim for page in notes.values() for claim in page.get(CLAIMS, ())), key=lambda claim: claim.order
    )


def claims(host: Host) -> list[Claim]:
    """Every claim once, by source and number."""
    return list({claim.id: claim for claim in reversed(declared(host))}.values())[::-1]


def source_texts(host: Host) -> dict[str, SourceText]:
    """The source texts by id, in their order."""
    notes = all_notes(env_of(host))
    found = (text for page in notes.values() for text in page.get(SOURCE_TEXTS, ()))
    return {text.id: text for text in sorted(found, key=lambda text: text.id)}


def counts(found: Iterable[Claim]) -> dict[str, int]:
    """How many claims have each verdict, in the order of the verdicts, those of none included."""
    number = Counter(claim.verdict for claim in found)
    return {verdict: number[verdict] for verdict in VERDICTS}


def area_of(host: Host, claim: Claim) -> str:
    """The area of the entry a claim stands in; empty on other pages."""
    entry = library(host).of_page(claim.docname)
    return entry.area if entry else ""


def computed(host: Host, docname: str, check: str) -> list[tuple[Run, Verdict]]:
    """What a check said on each device that the site shows.

    Raises:
        RecordError, ResultPathError: if there is no such check, or it says no verdict.
    """
    path = full_path(host, docname, check)
    runs = records(host).runs(*split_path(path))
    if not runs:
        raise ResultPathError(f"{path} was measured nowhere")
    return [(run, verdict_at(run, path)) for run in runs]


def verdict_at(run: Run, path: str) -> Verdict:
    """The verdict at a complete path in one run."""
    found = run.at(path.partition(":")[2].partition(".")[2])
    if not is_verdict(found):
        raise ResultPathError(f"`{path}` is no verdict; build it with seqdocs.bench.quantity.verdict")
    return dict(found)


def results(host: Host, claim: Claim) -> list[tuple[Run, Verdict]]:
    """What a claim's check said; nothing where it has none, or where its own page says what is missing."""
    try:
        return computed(host, claim.docname, claim.check) if claim.check else []
    except MissingError:
        return []


def example_of(host: Host, claim: Claim) -> str:
    """The example that checks a claim, ``section/plot_x``; empty where the literature is the check."""
    try:
        return split_path(full_path(host, claim.docname, claim.check))[0] if claim.check else ""
    except ResultPathError:
        return ""


def place(env: BuildEnvironment, claim: Claim) -> str:
    """File and line of a claim."""
    return f"{env.doc2path(claim.docname, base=False)}:{claim.line}"


def check_ids(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of an id that stands twice on the site, and of one that no source text knows; in every build."""
    first: dict[str, Claim] = {}
    texts = source_texts(env)
    for claim in declared(env):
        where = f"{env.doc2path(claim.docname)}:{claim.line}"
        if claim.id in first:
            there = place(env, first[claim.id])
            said = (
                f"is declared twice: at {there} and at {place(env, claim)}; show it again with {{claim-copy}}"
            )
            warn(f"claim {claim.id} {said}", "claim", where)
        elif fault := id_fault(claim, texts):
            warn(f"claim {claim.id}: {fault}", "claim", where)
        first.setdefault(claim.id, claim)


def id_fault(claim: Claim, texts: dict[str, SourceText]) -> str:
    """What is wrong with a claim's id or source; empty when nothing is."""
    found = ID.fullmatch(claim.id)
    if found is None:
        return "its id is no source text and a number, such as s0-01"
    text = texts.get(claim.source)
    if text is None:
        return f"there is no source text `{claim.source}`; there are {', '.join(texts) or 'none'}"
    if found["source"] != claim.source:
        return f"its id begins with `{found['source']}`, but its source is `{claim.source}`"
    if not 1 <= int(found["number"]) <= text.claims:
        return f"`{text.id}` makes {text.claims} claims, so its number lies from 1 to {text.claims}"
    return ""


def setup_claim_list(app: Sphinx) -> None:
    """Check the ids of all pages, those read now and those read before."""
    app.connect("env-updated", check_ids)
