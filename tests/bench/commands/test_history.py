"""The history of an experiment has a line for each record, by date, and marks what changed."""

from __future__ import annotations

from seqdocs.bench import machine
from tests.bench.commands.conftest import TIMES


def fill(bench):
    """Three records of this machine and one of another device."""
    versions = machine.versions() | {"torch": "2.0"}
    facts = machine.facts("cpu", bench.root) | {"commit": "abcdef0123456789", "dirty": True}
    days = [
        ("03", {"code": "b" * 16, "key": "k3"}),
        ("01", {"code": "a" * 16, "key": "k1", "versions": versions}),
        ("02", {"code": "a" * 16, "key": "k2", "machine": facts}),
    ]
    for day, changes in days:
        bench.own.write(bench.record(created=f"2026-01-{day}T10:00:00+00:00", **changes))
    gpu = {"slug": "cuda-toy", "device": "cuda", "code": "z" * 16, "timings": [], "threads": []}
    bench.committed.write(bench.record(created="2026-01-02T12:00:00+00:00", **gpu))
    bench.own.write(bench.record("alone"))


def rows(out):
    return [line.split("  ") for line in out.splitlines() if line.startswith("2026-")]


def test_records_of_both_stores_stand_by_date_with_what_changed_marked(bench):
    fill(bench)
    status, out, err = bench("history", "alpha:doubled")
    assert (status, err) == (0, "")
    assert out.startswith("one/plot_alpha:doubled\ndate ")
    table = [[cell.strip() for cell in row if cell.strip()] for row in rows(out)]
    slug, torch = machine.slug("cpu"), machine.versions()["torch"]
    assert [row[0][8:10] for row in table] == ["01", "02", "02", "03"]
    assert [row[1] for row in table] == [slug, slug, "cuda-toy", slug]
    assert [row[2] for row in table] == ["own", "own", "records/", "own"]
    assert [row[3] for row in table] == ["aaaaaaaa", "aaaaaaaa", "zzzzzzzz", "bbbbbbbb*"]
    assert [row[5] for row in table] == ["2.0", f"{torch}*", torch, torch]
    assert table[1][7] == "abcdef01+"
    assert table[0][8] == "loop 10 ms (10 to 12 ms) · scan 5.0 ms (5.0 to 6.0 ms)"
    assert table[2][8] == "speed 2.0× (1.9 to 2.1×)"


def test_a_record_without_timing_or_quantity_says_so(bench):
    bench.own.write(bench.record(timings=[], result={"samples": [1], "rows": {"columns": [], "rows": []}}))
    assert "timed nothing" in bench("history", "alpha:doubled")[1]


def test_a_path_shows_the_quantity_there(bench):
    fill(bench)
    status, out, _ = bench("history", "alpha:doubled.speed")
    assert status == 0
    assert out.count("2.0× (1.9 to 2.1×)") == 4
    _, out, _ = bench("history", "alpha:doubled.claim")
    assert out.count("holds: faster") == 4
    _, out, _ = bench("history", "alpha:doubled.table")
    assert out.count("a table") == 4
    _, out, _ = bench("history", "alpha:doubled.gone")
    assert out.count("doubled has no `gone`; it has speed, claim, table, samples") == 4


def test_without_a_name_it_is_all_experiments_even_those_that_are_gone(bench):
    fill(bench)
    bench.own.write(bench.record(experiment="forgotten"))
    status, out, _ = bench("history")
    assert status == 0
    titles = [line for line in out.splitlines() if ":" in line and not line.startswith(("2026", "date"))]
    assert titles == ["one/plot_alpha:alone", "one/plot_alpha:doubled", "one/plot_alpha:forgotten"]


def test_no_record_and_no_such_name_are_one_sentence(bench):
    for path, words in (
        ("alpha:alone", "there is no record of alpha:alone; `bench run` makes some"),
        ("nothing", "`nothing` is no example or experiment"),
    ):
        status, out, err = bench("history", path)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert words in err


def test_a_damaged_leaf_is_printed_as_it_stands(bench):
    odd = {"value": "x", "unit": 3, "low": [], "high": None}
    bench.own.write(bench.record(result={"odd": odd, "rows": {"columns": 3, "rows": None}}))
    for command in ("history", "show"):
        status, out, _ = bench(command, "alpha:doubled.odd")
        assert status == 0
        assert '{"value": "x", "unit": 3, "low": [], "high": null}' in out
    _, out, _ = bench("show", "alpha:doubled")
    assert 'rows: {"columns": 3, "rows": null}' in out
    assert TIMES  # what was timed stands beside it, undamaged
