"""The files for machines fit their schemas and are the same for the same site."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from seqdocs.bench.record import SCHEMA_FILE
from seqdocs.sphinxext.exports import SCHEMAS
from tests.sphinxext.conftest import Site, copied


@pytest.mark.parametrize("name", ["glossary", "claims", "records"])
def test_an_export_fits_the_schema_beside_it(built: Site, name: str) -> None:
    data = json.loads(built.text(f"{name}.json"))
    schema = json.loads(built.text(data["$schema"]))
    assert schema == json.loads((SCHEMAS / f"{name}.json").read_text("utf8"))
    Draft202012Validator.check_schema(schema)
    record = Resource.from_contents(json.loads(built.text(f"schemas/{SCHEMA_FILE.name}")))
    beside = Registry().with_resource(SCHEMA_FILE.name, record)
    Draft202012Validator(schema, registry=beside).validate(data)


def test_the_schema_of_the_records_holds_that_of_a_record(built: Site) -> None:
    data = json.loads(built.text("records.json"))
    del data["experiments"][0]["runs"][0]["record"]["threads"]
    record = Resource.from_contents(json.loads(built.text(f"schemas/{SCHEMA_FILE.name}")))
    beside = Registry().with_resource(SCHEMA_FILE.name, record)
    schema = json.loads(built.text("schemas/records.json"))
    (fault,) = Draft202012Validator(schema, registry=beside).iter_errors(data)
    assert "'threads' is a required property" in fault.message


def test_the_glossary_holds_every_entry_with_its_page_and_claims(built: Site) -> None:
    rows = {row["id"]: row for row in json.loads(built.text("glossary.json"))["entries"]}
    assert list(rows) == ["alpha", "beta", "gamma"]
    assert rows["beta"]["claims"] == [
        {
            "id": "s0-01",
            "source": "s0",
            "verdict": "refuted",
            "statement": "Alpha is slow.",
            "check": "one/plot_alpha:timing.claims.s0-01",
        }
    ]
    for row in rows.values():
        page, _, anchor = row["url"].partition("#")
        assert f'id="{anchor}"' in built.text(page)
        assert (built.root / "build/html" / row["example"]).is_file()


def test_the_records_are_those_that_the_site_shows(built: Site) -> None:
    (row,) = json.loads(built.text("records.json"))["experiments"]
    assert (row["example"], row["experiment"], row["missing"]) == ("one/plot_alpha", "timing", ["cuda"])
    assert row["runs"][0]["record"]["result"]["time"]["value"] == 1.5


def test_an_entrys_page_says_what_it_defines(make_site) -> None:
    site = make_site(html_baseurl="https://example.org/site/")
    site.edit("glossary/gamma.md", "Gamma stands alone.", "Gamma says </script> alone.")
    site.build()
    script = site.html("glossary/alpha.html").find("script", type="application/ld+json")
    data = json.loads(script.string)
    assert data["@type"] == "DefinedTerm"
    assert data["name"] == "Alpha"
    assert data["alternateName"] == ["first letter"]
    assert data["description"] == "Alpha doubles a number, y = 2x."
    assert data["url"] == "https://example.org/site/glossary/alpha.html"
    assert data["inDefinedTermSet"]["url"] == "https://example.org/site/glossary.html"
    other = site.html("glossary/gamma.html").find("script", type="application/ld+json")
    assert json.loads(other.string)["description"] == "Gamma says </script> alone."


def test_two_clean_builds_are_the_same(
    built: Site, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = copied("site", tmp_path_factory.mktemp("again"), {})
    monkeypatch.setenv("SEQDOCS_SHOWN", str(again.root / "shown.json"))
    again.build()
    again.close()
    first, second = (
        {path.relative_to(site.root): path for path in published(site.root)} for site in (built, again)
    )
    assert set(first) == set(second)
    assert [name for name in first if first[name].read_bytes() != second[name].read_bytes()] == []


def published(root: Path) -> list[Path]:
    """What of a built site is read by somebody."""
    kinds = {".html", ".json", ".js", ".css", ".svg", ".png", ".inv", ".zip", ".ipynb", ".py"}
    return [path for path in (root / "build/html").rglob("*") if path.suffix in kinds]
