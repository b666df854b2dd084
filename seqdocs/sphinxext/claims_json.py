"""``claims.json``: every claim with its verdicts, declared and computed, the evidence and where it stands."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from seqdocs.bench.quantity import Verdict
from seqdocs.bench.run import Run
from seqdocs.sphinxext.claim_list import (
    Claim,
    area_of,
    claims,
    counts,
    example_of,
    results,
    source_texts,
)
from seqdocs.sphinxext.library import example_docname

VERSION = 1


def glossary_row(claim: Claim) -> dict[str, str]:
    """A claim as ``glossary.json`` has it under its entry."""
    row = {"id": claim.id, "source": claim.source, "verdict": claim.verdict, "statement": claim.statement}
    more = {"check": claim.check, "evidence": claim.evidence, "condition": claim.condition}
    return row | {name: value for name, value in more.items() if value}


def computed_row(run: Run, leaf: Verdict) -> dict[str, Any]:
    """What a check said on one device."""
    record = run.record
    return {
        "device": record["device"],
        "slug": record["slug"],
        "label": run.label,
        "stale": run.stale,
        "verdict": leaf["verdict"],
        "evidence": leaf["evidence"],
        "margin": leaf["margin"],
        "record": {"key": record["key"], "created": record["created"]},
    }


def claim_row(app: Sphinx, claim: Claim) -> dict[str, Any]:
    """One claim; addresses are relative to the file."""
    page, example = app.builder.get_target_uri(claim.docname), example_of(app, claim)
    return {
        "id": claim.id,
        "source": claim.source,
        "statement": claim.statement,
        "verdict": claim.verdict,
        "condition": claim.condition or None,
        "literature": claim.evidence or None,
        "check": claim.check or None,
        "example": app.builder.get_target_uri(example_docname(example)) if example else None,
        "computed": [computed_row(run, leaf) for run, leaf in results(app, claim)],
        "area": area_of(app, claim) or None,
        "page": app.env.titles[claim.docname].astext(),
        "url": f"{page}#{claim.anchor}",
    }


def claims_data(app: Sphinx) -> dict[str, Any]:
    """The whole of the file, claims by source and number."""
    found = claims(app)
    sources = [
        {
            "id": text.id,
            "title": text.title,
            "claims": text.claims,
            "answered": counts(claim for claim in found if claim.source == text.id),
        }
        for text in source_texts(app).values()
    ]
    return {
        "$schema": "schemas/claims.json",
        "version": VERSION,
        "counts": {
            "claims": sum(text["claims"] for text in sources),
            "answered": len(found),
            "verdicts": counts(found),
        },
        "sources": sources,
        "claims": [claim_row(app, claim) for claim in found],
    }
