"""Two records are compared timing by timing, and only if that means something."""

from __future__ import annotations

import json

import pytest

from seqdocs.bench.record import dumps
from tests.bench.commands.conftest import TIMES, Bench, timing

NOT_COMPARABLE = [
    (
        {"experiment": "alone"},
        "they are different experiments: "
        "`experiment` is one/plot_alpha:doubled in A and one/plot_alpha:alone in B",
    ),
    ({"slug": "cpu-new"}, "they are of different machines: `device` is {slug} in A and cpu-new in B"),
    ({"params": {"n": 4}}, "their parameters differ: `n` is 3 in A and 4 in B"),
    ({"params": {}}, "their parameters differ: `n` is 3 in A and nothing in B"),
    ({"data": {"a.txt": "0" * 64}}, "their data differ: `a.txt` is nothing in A and 000"),
    ({"threads": [2]}, "their timings used different threads: `threads` is [1] in A and [2] in B"),
]


def scaled(factor, **others):
    """The usual timing with one competitor that takes longer."""
    slow = {"seconds": [second * factor for second in TIMES["scan"]["seconds"]], "loops": 2}
    return [timing(**{"loop": TIMES["loop"], "scan": slow, **others})]


def files(bench: Bench, *records):
    paths = []
    for number, record in enumerate(records):
        path = bench.root / f"{'AB'[number]}.json"
        path.write_text(dumps(record), "utf8")
        paths.append(path)
    return paths


def test_every_timing_says_its_ratio_and_whether_it_differs(bench):
    first = bench.record(versions={"python": "3.11", "torch": "2.0", "numpy": "2"}, code="c" * 16)
    second = bench.record(timings=scaled(2), created="2026-02-02T00:00:00+00:00")
    status, out, err = bench("compare", *files(bench, first, second))
    assert (status, err) == (0, "")
    assert "timing 1, scan: 2.0× (1.6 to 2.4×), slower" in out
    assert "timing 1, loop: 1.0× (0.8 to 1.2×), no difference shown" in out
    assert f"code cccccccc → {second['code'][:8]}" in out
    assert f"torch 2.0 → {second['versions']['torch']}" in out
    assert out.endswith("A and B were not interleaved: what drifted between them is inside of these ratios\n")
    _, out, _ = bench("compare", *files(bench, second, first))
    assert "timing 1, scan: 0.50× (0.41 to 0.60×), faster" in out


@pytest.mark.parametrize(("change", "words"), NOT_COMPARABLE)
def test_what_means_nothing_is_refused_with_both_values(bench, change, words):
    first, second = bench.record(), bench.record(**change)
    status, out, err = bench("compare", *files(bench, first, second))
    assert (status, out) == (2, "")
    assert err.startswith(f"bench: one/plot_alpha:doubled: {words.format(slug=first['slug'])}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("fact", "value"), [("cpu", "Other"), ("cores", 99), ("threads", 64), ("arch", "z80")]
)
def test_machines_of_one_name_and_other_facts_are_refused(bench, fact, value):
    first = bench.record()
    second = bench.record(machine=first["machine"] | {fact: value})
    status, _, err = bench("compare", *files(bench, first, second))
    assert status == 2
    assert (
        f"they are of different machines: `{fact}` is {first['machine'][fact]} in A and {value} in B" in err
    )


def test_a_name_compares_its_newest_two_records(bench):
    for number, factor in enumerate((9, 1, 3)):
        created = f"2026-01-0{number + 1}T00:00:00+00:00"
        bench.own.write(bench.record(timings=scaled(factor), created=created, key=f"k{number}"))
    status, out, _ = bench("compare", "alpha:doubled")
    assert status == 0
    assert "A 2026-01-02T00:00:00+00:00 · B 2026-01-03T00:00:00+00:00" in out
    assert "scan: 3.0×" in out


def test_one_record_alone_has_nothing_to_be_compared_with(bench):
    bench.own.write(bench.record())
    status, out, err = bench("compare", "alpha:doubled")
    assert (status, out) == (2, "")
    assert "there is one record on cpu-" in err
    status, _, err = bench("compare", "alpha:alone")
    assert status == 2
    assert "there is no record in alpha:alone" in err


def test_folders_are_joined_by_experiment_and_device(bench):
    for folder, names in (("old", ("doubled", "alone")), ("new", ("doubled", "quarter"))):
        for name in names:
            path = bench.root / folder / f"{name}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(dumps(bench.record(name)), "utf8")
    (bench.root / "new/broken.json").write_text("{", "utf8")
    status, out, err = bench("compare", "old", "new")
    assert status == 1
    assert out.count("timing 1, scan: ") == 1
    assert "one/plot_alpha:alone: only A has a record of it" in err
    assert "two/plot_beta:quarter: only B has a record of it" in err
    assert "record broken.json is passed over: it is no JSON" in err


def test_timings_that_have_no_partner_are_named(bench):
    other = timing(loop=TIMES["loop"], new=TIMES["scan"]) | {"clock": "cuda events"}
    second = bench.record(timings=[other, timing()])
    status, out, _ = bench("compare", *files(bench, bench.record(), second))
    assert status == 0
    assert "timing 1, scan: only in A" in out
    assert "timing 1, new: only in B" in out
    assert "timing 1, loop: not compared: `clock` is wall in A and cuda events in B" in out
    assert "A has 1 timings and B 2; those without a partner are not compared" in out


def test_an_experiment_that_timed_nothing_and_a_sample_of_zero_say_so(bench):
    nothing = bench.record(timings=[], threads=[])
    status, out, _ = bench("compare", *files(bench, nothing, nothing))
    assert (status, "no timing in both" in out) == (0, True)
    zero = bench.record(timings=[timing(loop={"seconds": [0.0, 0.1], "loops": 1})])
    status, out, _ = bench("compare", *files(bench, zero, zero))
    assert "loop: not compared: a sample is zero, shorter than its clock can see" in out
    assert status == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is no JSON"),
        (json.dumps({"version": "1.0", "benchmarks": []}), "it is a file of pyperf"),
        ('{"schema": 1}', "its schema is 1; this version reads 2"),
    ],
)
def test_a_file_that_is_no_record_is_refused_by_name(bench, text, words):
    (path,) = files(bench, bench.record())
    foreign = bench.root / "foreign.json"
    foreign.write_text(text, "utf8")
    status, out, err = bench("compare", path, foreign)
    assert (status, out) == (2, "")
    assert err.startswith(f"bench: record foreign.json is passed over: {words}")
    status, _, err = bench("compare", path, bench.root / "gone.json")
    assert (status, err) == (2, "bench: record gone.json is passed over: No such file or directory\n")
