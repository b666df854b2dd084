"""Measuring on other machines: a Ray cluster whose nodes all run in this one."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from seqdocs.bench import crew, machine
from seqdocs.bench.cli import main
from seqdocs.bench.cluster import receive, run_on_cluster
from seqdocs.bench.crew import unfit
from seqdocs.bench.dispatch import Unit
from seqdocs.bench.plan import PlanError, cases, own_store
from seqdocs.bench.record import RecordError, dumps
from seqdocs.bench.runner import run_all
from seqdocs.bench.shown import Shown
from seqdocs.bench.store import Store

with pytest.MonkeyPatch.context() as _:
    _.delenv("OMP_NUM_THREADS", raising=False)
    CPUS = machine.threads()

SPREAD = """
import os
import time
from pathlib import Path

from seqdocs.bench.experiment import experiment


def span(seconds=0.3):
    begin = time.monotonic()
    time.sleep(seconds)
    return {"node": os.environ["TOY_NODE"], "begin": begin, "end": time.monotonic()}

"""
ONE = """
@experiment
def number_{0}(device):
    return span()

"""

BAD = """
import ctypes
import os
import time

from seqdocs.bench.experiment import experiment


@experiment
def good(device):
    return {"value": 1}


@experiment(seconds=0.5)
def hangs(device):
    while True:
        pass


@experiment(memory_gb=0.3)
def leaks(device):
    held = []
    while True:
        held.append(bytearray(b"x" * 20_000_000))


@experiment
def crashes(device):
    ctypes.string_at(0)


@experiment
def leaves(device):
    os._exit(0)


@experiment
def murders(device):
    os.kill(os.getppid(), 9)
    time.sleep(100)


@experiment
def floods(device):
    line = b"x" * 999 + b"\\n"
    for _ in range(3000):
        os.write(1, line)
    raise ValueError("the end of the flood")


@experiment
def last(device):
    return {"value": 2}
"""

FAILURES = {
    "hangs": "took longer than its limit of 0.5 s",
    "leaks": "more than its limit of 0.3 GB",
    "crashes": "died of SIGSEGV",
    "leaves": "ended without a record",
    "floods": "ValueError: the end of the flood",
}
MURDER = "its machine was lost 2 times, at last: it does not answer"

FROZEN = """
import os
import signal
import time

from seqdocs.bench.experiment import experiment


@experiment(seconds=0.5)
def freezes(device):
    os.kill(os.getppid(), signal.SIGSTOP)
    time.sleep(100)


@experiment
def good(device):
    return {}


@experiment
def last(device):
    return {}
"""

SLOW = """
import os
import time
from pathlib import Path

from seqdocs.bench.experiment import experiment


@experiment
def first(device):
    return {"node": os.environ["TOY_NODE"]}


@experiment
def second(device):
    mark = Path("MARK")
    if not mark.exists():
        mark.with_suffix(".part").write_text(f"{os.environ['TOY_NODE']} {os.getpid()}")
        mark.with_suffix(".part").rename(mark)
        time.sleep(100)
    return {"node": os.environ["TOY_NODE"]}


@experiment
def third(device):
    return {"node": os.environ["TOY_NODE"]}
"""


def only(toy, text):
    """Leave one example in the tiny checkout."""
    for script in toy.glob("gallery/*/plot_*.py"):
        script.unlink()
    (toy / "gallery/one/plot_toy.py").write_text(text, "utf8")


def wait_for(condition):
    end = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < end, "waited a minute"
        time.sleep(0.01)
    return found


def processes(word):
    """Return the processes whose environment has a word: all that a node started carry its variables."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if word.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found


class Nodes:
    """A cluster whose head does no work, and its nodes by name."""

    def __init__(self, light):
        from ray.cluster_utils import Cluster

        self.light = light
        self.cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
        )
        self.address = self.cluster.address
        self.nodes = {}

    def add(self, name, threads=1):
        """Start a node; experiments read its name from ``TOY_NODE``. No threads: it does not say how many."""
        variables = {"TOY_NODE": name, "PYTHONPATH": str(self.light)}
        variables |= {"OMP_NUM_THREADS": str(threads)} if threads else {}
        self.nodes[name] = self.cluster.add_node(num_cpus=1, env_vars=variables)

    def remove(self, name):
        """Kill a node."""
        self.cluster.remove_node(self.nodes.pop(name), allow_graceful=False)

    @contextlib.contextmanager
    def with_extra(self, name, threads=1):
        """Have another node for a while."""
        self.add(name, threads)
        try:
            yield
        finally:
            if name in self.nodes:
                self.remove(name)


@pytest.fixture(scope="module")
def nodes(light_folder):
    """Return a cluster of two nodes of the same kind; none of its processes outlives the tests."""
    pytest.importorskip("ray", reason="needs the package ray, which is in the group `test`")
    if sys.platform != "linux":
        pytest.skip("limits and kills are tested on Linux")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.delenv("OMP_NUM_THREADS", raising=False)
        there = Nodes(light_folder)
        there.add("a")
        there.add("b")
        yield there
        there.cluster.shutdown()
    wait_for(lambda: not processes("TOY_NODE="))


def run(nodes, toy, **options):
    stream = io.StringIO()
    return run_on_cluster(nodes.address, toy, stream=stream, **options), stream.getvalue()


def results(root):
    """Return what each experiment of the one example says, by name."""
    files = own_store(root).glob("*/*/*.json")
    found = [json.loads(path.read_text("utf8")) for path in files]
    return {record["experiment"]: record["result"] for record in found if "experiment" in record}


def counts(summary):
    return summary.measured, summary.replayed, summary.recorded, summary.failed


def test_experiments_spread_over_the_nodes_each_once_and_one_at_a_time(nodes, toy):
    only(toy, SPREAD + "".join(map(ONE.format, range(6))))
    summary, text = run(nodes, toy)
    assert counts(summary) == (6, 0, 0, 0)
    spans = results(toy).values()
    assert len(spans) == len(list(own_store(toy).glob("*/*/*.json"))) == 6
    assert {span["node"] for span in spans} == {"a", "b"}
    for node in "ab":
        own = sorted((span["begin"], span["end"]) for span in spans if span["node"] == node)
        assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(own))
    label = re.escape(f"{machine.cpu_model()}, 1 thread")
    assert re.findall(rf"^node ([12]): {label}$", text, re.M) == ["1", "2"]
    assert re.search(rf"^measuring 1/6 toy number_0 · cpu · {label} \(node 1\)$", text, re.M)
    assert (
        len(re.findall(rf"^measured \d/6 toy number_\d · cpu · {label} \(node [12]\) · \d+ s$", text, re.M))
        == 6
    )
    assert counts(run(nodes, toy)[0]) == (0, 6, 0, 0)


def test_a_record_of_a_node_is_the_one_this_machine_would_make_and_names_nobody(
    nodes, toy, light, monkeypatch
):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(toy)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *command], check=True)
    assert counts(run(nodes, toy)[0]) == (4, 0, 0, 0)
    monkeypatch.setattr(machine, "gpu", lambda: None)
    stream = io.StringIO()
    assert counts(run_all(toy, stream=stream)) == (0, 4, 0, 0), stream.getvalue()
    for case in cases(toy)[0]:
        (record,) = Store(own_store(toy)).all(case.example, case.declared.name)
        assert record["machine"] == machine.facts("cpu", toy)
        assert record["machine"]["commit"] and record["machine"]["dirty"] is False
        for word in (str(toy), "tmp", socket.gethostname(), Path.home().name):
            assert not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", dumps(record)), word


@pytest.mark.skipif(CPUS < 2, reason="needs two CPUs: threads make the kinds here")
def test_every_kind_of_machine_measures_each_experiment_and_other_records_stay(nodes, toy, tmp_path):
    out = tmp_path / "out"
    only(toy, SPREAD + "".join(map(ONE.format, range(2))))
    with nodes.with_extra("c", threads=None):  # it has all that there are, not the one that Ray would set
        summary, text = run(nodes, toy, out=out)
    assert counts(summary) == (4, 0, 0, 0)
    assert summary.shown is None
    assert f"{machine.cpu_model()}, {CPUS} threads" in text
    found = [record for name in ("number_0", "number_1") for record in Store(out).all("one/plot_toy", name)]
    assert sorted((r["experiment"], r["machine"]["threads"]) for r in found) == [
        ("number_0", 1), ("number_0", CPUS), ("number_1", 1), ("number_1", CPUS),
    ]  # fmt: skip
    assert {r["result"]["node"] for r in found if r["machine"]["threads"] == CPUS} == {"c"}


def test_each_failure_on_a_node_is_named_with_its_log_and_the_others_go_on(nodes, toy):
    only(toy, BAD)
    summary, text = run(nodes, toy)
    assert counts(summary) == (2, 0, 0, len(FAILURES) + 1)
    assert summary.status == 1
    assert sorted(results(toy)) == ["good", "last"]
    (slug,) = {record["slug"] for record in Store(own_store(toy)).all("one/plot_toy", "good")}
    assert f"failed: one/plot_toy:murders on {slug}: {MURDER}" in text
    for name, reason in FAILURES.items():
        (line,) = [
            row for row in text.splitlines() if row.startswith(f"failed: one/plot_toy:{name} on {slug}: ")
        ]
        log = f"docs/_build/logs/one/plot_toy/{name}.{slug}.log"
        assert reason in line
        assert line.endswith(f"log: {log}")
        assert (toy / log).is_file()
    log = toy / f"docs/_build/logs/one/plot_toy/floods.{slug}.log"
    assert 900_000 < log.stat().st_size < 1_010_000
    assert log.read_text("utf8").rstrip().endswith("ValueError: the end of the flood")
    assert "Fatal Python error: Segmentation fault" in log.with_name(f"crashes.{slug}.log").read_text("utf8")
    assert Shown.load(summary.shown).runs("one/plot_toy", "hangs") == ()


def test_a_node_that_never_answers_is_waited_for_no_longer_than_an_experiment_can_take(
    nodes, toy, monkeypatch
):
    monkeypatch.setattr(crew, "START_SECONDS", 1.0)
    monkeypatch.setattr(crew, "SPARE_SECONDS", 1.0)
    only(toy, FROZEN)
    summary, text = run(nodes, toy)
    assert counts(summary) == (2, 0, 0, 1)
    assert "its machine was lost 2 times, at last: it does not answer (GetTimeoutError)" in text


def command(nodes, toy, *arguments):
    """Start a run in a process of its own."""
    line = [sys.executable, "-m", "seqdocs", "bench", "run", "--ray", nodes.address, "--root", str(toy)]
    return subprocess.Popen([*line, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_an_interrupted_run_ends_what_it_began_and_two_runs_share_no_node(nodes, toy, tmp_path):
    mark = tmp_path / "mark"
    only(toy, SLOW.replace("MARK", str(mark)))
    other = tmp_path / "other"
    shutil.copytree(toy, other)
    process = command(nodes, toy)
    worker = int(wait_for(lambda: mark.is_file() and mark.read_text("utf8")).split()[1])
    wait_for(lambda: "third" in results(toy))
    with pytest.raises(PlanError, match="the cluster has no machine that can measure"):
        run(nodes, other)
    process.send_signal(signal.SIGINT)
    text = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 130
    assert "bench: interrupted; what was measured is kept" in text
    assert "Traceback" not in text
    wait_for(lambda: worker not in processes("TOY_NODE="))
    assert sorted(results(toy)) == ["first", "third"]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:1", "no Ray cluster answers at 127.0.0.1:1: nothing within 3 s"),
        ("nonsense", "no Ray cluster answers at nonsense: Invalid address format: nonsense"),
        ("local", "`--ray` is 'local'; it takes the address of a cluster that runs already"),
    ],
)
def test_an_address_where_no_cluster_answers_is_one_sentence(toy, monkeypatch, capsys, address, words):
    pytest.importorskip("ray", reason="needs the package ray, which is in the group `test`")
    monkeypatch.setattr(crew, "ANSWER_SECONDS", 3.0)
    assert main(["run", "--ray", address, "--root", str(toy)]) == 2
    assert capsys.readouterr().err == f"bench: {words}\n"


def test_without_ray_one_sentence_says_how_to_get_it(toy, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)  # importing it fails, as where it is not installed
    assert main(["run", "--ray", "auto", "--root", str(toy)]) == 2
    assert capsys.readouterr().err == (
        "bench: `--ray` needs the package ray; install it with `pip install seqdocs[ray]`\n"
    )


def test_a_name_that_means_nothing_is_refused_before_a_cluster_is_asked(toy, capsys):
    assert main(["run", "doubld", "--ray", "nonsense", "--root", str(toy)]) == 2
    assert "`doubld` is no example or experiment" in capsys.readouterr().err


def test_a_machine_with_other_code_or_without_torch_is_left_out(toy):
    found, _ = cases(toy)
    good = {"versions": machine.versions(), "code": {case.name: case.code for case in found}}
    assert unfit(good, found) is None
    assert unfit(good | {"versions": {"torch": "absent", "numpy": "2"}}, found) == "it has no torch"
    for code in ({}, good["code"] | {found[0].name: "0123456789abcdef"}):
        reason = f"it reads other code than this checkout for {found[0].name}"
        assert unfit(good | {"code": code}, found) == reason


def test_only_the_record_that_was_asked_for_is_received(toy, light):
    run_all(toy, names=["doubled"], stream=io.StringIO())
    case = next(case for case in cases(toy)[0] if case.declared.name == "doubled")
    (record,) = Store(own_store(toy)).all("one/plot_alpha", "doubled")
    unit = Unit(case.name, "cpu", record["slug"], record["key"])

    def got(text):
        return receive(
            {"reason": None, "record": text, "log": ""}, unit, case, {"commit": "abc", "dirty": True}
        )

    assert got(dumps(record))["machine"] == record["machine"] | {"commit": "abc", "dirty": True}
    for name, other in [
        ("key", "0123456789abcdef"),
        ("slug", "cpu-toy"),
        ("experiment", "alone"),
        ("code", "0123456789abcdef"),
    ]:
        with pytest.raises(RecordError, match=f"its `{name}` is '{other}', not '"):
            got(dumps(record | {name: other}))
    for text in (
        "",
        "[]",
        "{",
        dumps(record)[:200],
        dumps(record | {"small": True}),
        dumps({"benchmarks": []}),
    ):
        with pytest.raises(RecordError):
            got(text)


def test_what_a_lost_node_measured_is_measured_elsewhere(nodes, toy, tmp_path):
    """The last test here: a cluster believes for a while that a killed node is there."""
    mark = tmp_path / "mark"
    only(toy, SLOW.replace("MARK", str(mark)))
    taken = []

    def kill():
        name, pid = wait_for(lambda: mark.is_file() and mark.read_text("utf8")).split()
        taken.extend([name, int(pid)])
        nodes.remove(name)

    killer = threading.Thread(target=kill)
    killer.start()
    summary, text = run(nodes, toy)
    killer.join()
    assert counts(summary) == (3, 0, 0, 0)
    assert sorted(results(toy)) == ["first", "second", "third"]
    assert results(toy)["second"]["node"] != taken[0]
    assert (
        len(re.findall(r"^lost \d/3 toy second · cpu · .* \(node \d\): it does not answer", text, re.M)) == 1
    )
    assert text.count("toy second · cpu") == 4  # measuring, lost, measuring, measured
    wait_for(lambda: taken[1] not in processes("TOY_NODE="))
