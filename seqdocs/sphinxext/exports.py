"""What machines read: three JSON files with their schemas; JSON-LD and a description per entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from seqdocs.bench.record import SCHEMA_FILE, RecordError
from seqdocs.entries.header import AREAS, Entry
from seqdocs.sphinxext import text
from seqdocs.sphinxext.claim_list import CLAIMS
from seqdocs.sphinxext.claims_json import claims_data, glossary_row
from seqdocs.sphinxext.facts import citation
from seqdocs.sphinxext.files import write_if_changed
from seqdocs.sphinxext.library import docname_of, example_docname, library
from seqdocs.sphinxext.navigation import INDEX
from seqdocs.sphinxext.pagedata import noted
from seqdocs.sphinxext.records import records
from seqdocs.sphinxext.terms import node_id

SCHEMAS = Path(__file__).parent / "schemas"
VERSION = 1


def dumps(data: object) -> str:
    """JSON that is the same for the same data and can be compared line by line."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def entry_row(app: Sphinx, entry: Entry) -> dict[str, Any]:
    """One entry of ``glossary.json``; addresses are relative to the file."""
    page = app.builder.get_target_uri(docname_of(entry))
    references = library(app).references
    sources = [{"key": key, "citation": citation(references.get(key), key)} for key in entry.sources]
    links = {
        key: list(getattr(entry, key)) for key in ("broader", "related", "prerequisites", "implementation")
    }
    return {
        "id": entry.stem,
        "term": entry.term,
        "aliases": list(entry.aliases),
        "summary": entry.summary,
        "area": entry.area,
        "year": entry.year,
        "url": f"{page}#{node_id(entry)}",
        "sources": sources,
        **links,
        "example": app.builder.get_target_uri(example_docname(entry.example)),
        "claims": [glossary_row(claim) for claim in noted(app.env, docname_of(entry), CLAIMS, [])],
    }


def glossary(app: Sphinx) -> dict[str, Any]:
    """The whole of ``glossary.json``, entries by stem."""
    entries = [entry_row(app, entry) for _, entry in sorted(library(app).entries.items())]
    return {"$schema": "schemas/glossary.json", "version": VERSION, "areas": AREAS, "entries": entries}


def shown_records(app: Sphinx) -> dict[str, Any]:
    """The whole of ``records.json``: what the site shows, by experiment, this machine's run first."""
    rows = []
    try:
        found = records(app)
    except RecordError:  # a site that shows no number has none; one that does has warned
        return {"$schema": "schemas/records.json", "version": VERSION, "experiments": []}
    for name in sorted(found.experiments()):
        example, _, experiment = name.partition(":")
        runs = [
            {"stale": run.stale, "label": run.label, "record": run.record}
            for run in found.runs(example, experiment)
        ]
        missing = list(found.missing(example, experiment))
        page = app.builder.get_target_uri(example_docname(example))
        rows.append(
            {"example": example, "experiment": experiment, "url": page, "runs": runs, "missing": missing}
        )
    return {"$schema": "schemas/records.json", "version": VERSION, "experiments": rows}


def write_exports(app: Sphinx, error: Exception | None) -> None:
    """Write the files beside the site's first page."""
    if error is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    write_if_changed(out / "glossary.json", dumps(glossary(app)))
    write_if_changed(out / "claims.json", dumps(claims_data(app)))
    write_if_changed(out / "records.json", dumps(shown_records(app)))
    for schema in (*sorted(SCHEMAS.glob("*.json")), SCHEMA_FILE):
        write_if_changed(out / "schemas" / schema.name, schema.read_text("utf8"))


def linked_data(app: Sphinx, entry: Entry) -> dict[str, Any]:
    """An entry as schema.org's DefinedTerm; addresses only where the site has one of its own."""
    base = app.config.html_baseurl.rstrip("/")
    page = app.builder.get_target_uri(docname_of(entry))
    data: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "DefinedTerm",
        "name": entry.term,
        "termCode": entry.stem,
        "description": text.plain(entry.summary),
        "inDefinedTermSet": {"@type": "DefinedTermSet", "name": str(app.config.project)},
    }
    if entry.aliases:
        data["alternateName"] = list(entry.aliases)
    if base:
        data["url"] = f"{base}/{page}"
        data["inDefinedTermSet"]["url"] = f"{base}/{app.builder.get_target_uri(INDEX)}"
    return data


def add_metadata(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Put the linked data and the description of an entry into the head of its page."""
    entry = library(app).of_page(pagename)
    if entry is None:
        return
    # "</" would end the element; in JSON a slash may be escaped
    data = json.dumps(linked_data(app, entry), ensure_ascii=False, sort_keys=True).replace("</", "<\\/")
    script = f'<script type="application/ld+json">{data}</script>'
    context["metatags"] = f"{context.get('metatags', '')}{script}\n"
    context["description"] = text.plain(entry.summary)  # templates make the meta elements of it


def setup_exports(app: Sphinx) -> None:
    """Files at the end, metadata before the look completes it (400)."""
    app.connect("build-finished", write_exports)
    app.connect("html-page-context", add_metadata, priority=300)
