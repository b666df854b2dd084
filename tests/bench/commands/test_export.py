"""pyperf itself reads what is exported."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

import pytest

from seqdocs.bench.pyperf_file import suite
from tests.bench.commands.conftest import TIMES, timing


def pyperf(*arguments):
    command = [sys.executable, "-m", "pyperf", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def exported(bench):
    """Two files, of the same experiment before and after scan became three times slower."""
    paths = []
    for number, factor in enumerate((1, 3)):
        slow = {"seconds": [second * factor for second in TIMES["scan"]["seconds"]], "loops": 2}
        times = [timing(), timing(scan=slow) | {"clock": "cuda events"}]
        created = f"2026-01-0{number + 1}T00:00:00+02:00"
        bench.own.write(bench.record(timings=times, key=f"k{number}", created=created))
        paths.append(bench.root / f"{number}.json")
        status, out, err = bench("export", "--pyperf", paths[-1], "doubled")
        assert (status, err) == (0, "")
        assert out.startswith(f"{number}.json: 3 benchmarks of 1 experiments on cpu-")
    return paths


def test_pyperf_shows_every_competitor_with_its_samples_and_circumstances(exported, bench):
    status, out, _ = pyperf("show", "--metadata", exported[0])
    assert status == 0
    for name in ("loop", "scan"):
        assert f"one/plot_alpha:doubled/1/{name}" in out
    status, out, _ = pyperf("metadata", exported[0])
    facts = bench.record()
    for line in (
        f"cpu_model_name: {facts['machine']['cpu']}",
        f"python_version: {facts['versions']['python']}",
        f"torch_version: {facts['versions']['torch']}",
        "timer: wall",
        "loops: 2",
        "all rounds of a benchmark are of one process",
        "Start date: 2025-12-31 22:00",
    ):
        assert line.lower() in (out + pyperf("stats", exported[0])[1]).lower(), line
    assert "hostname" not in out


def test_pyperf_counts_a_run_for_each_round(exported):
    status, out, _ = pyperf("stats", exported[0])
    assert status == 0
    assert out.count("Number of run with values: 5") == 3
    mean = statistics.mean(TIMES["loop"]["seconds"])
    assert f"Mean +- std dev: {1000 * mean:.1f} ms" in out


def test_pyperf_compares_two_exports(exported):
    status, out, err = pyperf("compare_to", *exported)
    assert (status, err) == (0, "")
    assert "one/plot_alpha:doubled/2/scan: Mean +- std dev:" in out
    assert "3.00x slower" in out
    assert "Benchmark hidden because not significant (2)" in out


def test_pyperf_checks_an_export(exported):
    status, out, _ = pyperf("check", exported[0])
    assert status == 0
    assert "one/plot_alpha:doubled/1/loop" in out


def test_a_steady_benchmark_passes_pyperfs_check(bench):
    steady = {"seconds": [0.01 + 1e-6 * (n % 3) for n in range(30)], "loops": 1}
    bench.own.write(bench.record(timings=[timing(loop=steady)]))
    path = bench.root / "steady.json"
    bench("export", "--pyperf", path)
    assert pyperf("check", path)[1].endswith("The benchmark seems to be stable\n")
    assert "unstable" in pyperf("check", exported_noise(bench))[1]


def exported_noise(bench):
    """A file whose samples scatter."""
    noisy = {"seconds": [0.01 * (1 + n % 3) for n in range(30)], "loops": 1}
    bench.own.write(bench.record(timings=[timing(loop=noisy)]))
    bench("export", "--pyperf", bench.root / "noisy.json")
    return bench.root / "noisy.json"


def test_what_is_not_in_the_file_is_named(bench):
    zero = {"seconds": [0.0, 0.1], "loops": 1}
    bench.own.write(bench.record(timings=[timing(loop=TIMES["loop"], zero=zero)]))
    bench.own.write(bench.record("alone", timings=[]))
    status, out, err = bench("export", "--pyperf", "out.json")
    assert status == 1
    assert "two/plot_beta:quarter has no record on cpu-" in err
    assert "one/plot_alpha:alone timed nothing" in err
    assert "one/plot_alpha:doubled/1/zero has a sample of 0 s" in err
    assert "out.json: 1 benchmarks" in out


def test_a_committed_device_is_exported_by_its_name(bench):
    bench.committed.write(bench.record(device="cuda", slug="cuda-toy"))
    status, _, err = bench("export", "--pyperf", "out.json", "--device", "cuda-toy", "doubled")
    assert (status, err) == (0, "")
    assert json.loads((bench.root / "out.json").read_text("utf8"))["version"] == "1.0"
    status, _, err = bench("export", "--pyperf", "other.json", "--device", "cuda", "doubled")
    assert status == 2
    assert "there is no timing on cuda; other.json was not written" in err


def test_a_file_of_somebody_else_is_not_replaced(bench):
    bench.own.write(bench.record())
    for text in ("precious", "[]", '{"version": "1.0"}', "[" * 100_000):
        path = bench.root / "precious.json"
        path.write_text(text, "utf8")
        status, _, err = bench("export", "--pyperf", path, "doubled")
        assert (status, err) == (
            2,
            "bench: precious.json is there and is no file of pyperf; name another file\n",
        )
        assert path.read_text("utf8") == text


def test_odd_names_reach_pyperf_on_one_line(bench, tmp_path):
    odd = timing(**{"a\n b": TIMES["loop"], "a b": TIMES["loop"], "": TIMES["loop"]}) | {"clock": "\n"}
    record = bench.record(timings=[odd], created="2026-99-99T00:00:00Z")
    record["machine"] |= {"os": " ", "gpu": "two\nlines", "cores": None}
    content, missing = suite([record])
    assert missing == ["one/plot_alpha:doubled/1/a b is there twice; the second is left out"]
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(content), "utf8")
    assert pyperf("show", path)[0] == 0
