"""Measuring: what has no record and nothing else, whatever experiments do and whenever it is killed."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqdocs.bench import machine
from seqdocs.bench.options import Options
from seqdocs.bench.plan import PlanError, cases, find_root, own_store, select
from seqdocs.bench.runner import DRIVER, limits, run_all
from seqdocs.bench.shown import Shown
from seqdocs.bench.store import Store

pytestmark = pytest.mark.usefixtures("light")
POSIX = pytest.mark.skipif(sys.platform != "linux", reason="limits and kills are tested on Linux")

BAD = """
import ctypes
import os
import sys
import time

from seqdocs.bench.experiment import experiment


@experiment
def good(device):
    return {"value": 1}


@experiment(seconds=0.5)
def hangs(device):
    time.sleep(100)


@experiment(seconds=0.5)
def loops(device):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass


@experiment(memory_gb=0.3)
def leaks(device):
    held = []
    while True:
        held.append(bytearray(b"x" * 20_000_000))


@experiment(memory_gb=0.3)
def swallows(device):
    held = b"x" * 10_000_000_000  # one statement, which no Python code could interrupt
    return {"held": len(held)}


@experiment(memory_gb=0.3)
def leaks_through_a_child(device):
    import subprocess

    leak = "held = [b'x' * 400_000_000]; import time; time.sleep(100)"
    subprocess.run([sys.executable, "-c", leak], check=True)


@experiment
def crashes(device):
    ctypes.string_at(0)


@experiment
def leaves(device):
    os._exit(0)


@experiment
def quits(device):
    sys.exit("enough")


@experiment
def floods(device):
    line = b"x" * 999 + b"\\n"
    for _ in range(3000):
        os.write(1, line)
    raise ValueError("the end of the flood")


@experiment(seconds=0.5)
def floods_for_ever(device):
    while True:
        os.write(1, b"x" * 999 + b"\\n")


@experiment
def returns_nonsense(device):
    return {"a": float("nan")}


@experiment
def starts_children(device):
    import subprocess

    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    return {"child": child.pid}


@experiment
def last(device):
    return {"where": os.getcwd(), "env": [name for name in os.environ if name.startswith("SEQDOCS")]}
"""

FAILURES = {
    "hangs": "took longer than its limit of 0.5 s",
    "loops": "took longer than its limit of 0.5 s",
    "leaks": "more than its limit of 0.3 GB",
    "swallows": "more than its limit of 0.3 GB",
    "leaks_through_a_child": "more than its limit of 0.3 GB",
    "crashes": "died of SIGSEGV",
    "leaves": "ended without a record",
    "quits": "SystemExit: enough",
    "floods": "ValueError: the end of the flood",
    "floods_for_ever": "took longer than its limit of 0.5 s",
    "returns_nonsense": "`returns_nonsense.a` is nan",
}


def run(root, **options):
    stream = io.StringIO()
    return run_all(root, stream=stream, **options), stream.getvalue()


def records(root):
    return sorted(path.name.partition(".")[0] for path in own_store(root).glob("*/*/*.json"))


def counts(summary):
    return summary.measured, summary.replayed, summary.recorded, summary.failed


@POSIX
def test_each_failure_is_named_with_its_log_and_the_others_go_on(toy, monkeypatch):
    monkeypatch.setenv("SEQDOCS_SMALL", "1")
    for script in toy.glob("gallery/*/plot_*.py"):
        script.unlink()
    (toy / "gallery/one/plot_bad.py").write_text(BAD, "utf8")
    summary, text = run(toy)
    assert records(toy) == ["good", "last", "starts_children"]
    assert counts(summary) == (3, 0, 0, len(FAILURES))
    assert summary.status == 1
    for name, reason in FAILURES.items():
        (line,) = [
            line for line in text.splitlines() if line.startswith(f"failed: one/plot_bad:{name} on cpu: ")
        ]
        assert reason in line
        assert line.endswith(f"log: docs/_build/logs/one/plot_bad/{name}.cpu.log")
        assert (toy / "docs/_build/logs/one/plot_bad" / f"{name}.cpu.log").is_file()
    log = toy / "docs/_build/logs/one/plot_bad/floods.cpu.log"
    raised = BAD.splitlines().index('    raise ValueError("the end of the flood")') + 1
    assert log.stat().st_size < 1_010_000
    assert log.read_text("utf8").rstrip().endswith("ValueError: the end of the flood")
    assert f'"{toy}/gallery/one/plot_bad.py", line {raised}, in floods' in log.read_text("utf8")
    assert log.with_name("floods_for_ever.cpu.log").stat().st_size < 1_010_000
    assert "Fatal Python error: Segmentation fault" in log.with_name("crashes.cpu.log").read_text("utf8")
    shown = Shown.load(summary.shown)
    assert shown.runs("one/plot_bad", "hangs") == ()
    assert shown.missing("one/plot_bad", "hangs") == ("cpu", "cuda")
    assert shown.at("one/plot_bad:last.env") == []
    assert not Path(shown.at("one/plot_bad:last.where")).exists()
    assert not alive(shown.at("one/plot_bad:starts_children.child"))


def alive(pid):
    """Say whether a process runs; one that is dead but not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_an_edit_measures_exactly_who_reaches_it_and_a_second_run_nothing(toy, edit):
    summary, text = run(toy)
    assert counts(summary) == (4, 0, 0, 0)
    assert "measuring 1/4 alpha doubled · cpu · " in text
    before = summary.shown.read_bytes(), summary.shown.stat().st_mtime_ns
    summary, text = run(toy)
    assert (counts(summary), text) == ((0, 4, 0, 0), "")
    assert before == (summary.shown.read_bytes(), summary.shown.stat().st_mtime_ns)
    edit("toy/outer.py", "double(double(x))", "double(double(x)) + 1")
    summary, text = run(toy)
    assert counts(summary) == (1, 3, 0, 0)
    assert "measuring 1/1 beta quadrupled · cpu · " in text
    assert Shown.load(summary.shown).at("two/plot_beta:quadrupled.value") == 9
    edit("toy/outer.py", " + 1", "")
    assert counts(run(toy)[0]) == (0, 4, 0, 0)


def test_names_force_and_another_folder(toy, tmp_path):
    summary, _ = run(toy, names=["alpha:doubled"])
    assert records(toy) == ["doubled"]
    assert Shown.load(summary.shown).runs("two/plot_beta", "quarter") == ()
    (path,) = own_store(toy).glob("*/*/*.json")
    first = path.stat().st_mtime_ns
    assert counts(run(toy, names=["doubled"], force=True)[0]) == (1, 0, 0, 0)
    assert path.stat().st_mtime_ns > first
    out = tmp_path / "out"
    summary, _ = run(toy, names=["doubled"], out=out, device="cpu")
    assert summary.shown is None
    assert [file.name for file in out.rglob("*.json")] == [path.name]
    with pytest.raises(PlanError, match="`doubld` is no example or experiment; did you mean doubled"):
        run(toy, names=["doubld"])


def test_a_half_of_the_library_means_all_that_reach_it(toy, edit):
    found, _ = cases(toy)
    with pytest.raises(PlanError, match="`models` is no example or experiment"):
        select(found, ["models"])
    edit("gallery/one/plot_alpha.py", "import double", "import double\nfrom seqdocs.scan import scan")
    edit("gallery/one/plot_alpha.py", "double(n)}", "double(n), 'by': str(scan)}")
    edit("toy/outer.py", "def four", "from seqdocs.models import rnn\n\n\ndef four")
    found, _ = cases(toy)
    assert {case.declared.name for case in select(found, ["models"])} == {"doubled", "quadrupled"}
    edit("toy/outer.py", "models import rnn", "queues import lindley, rnn")
    found, _ = cases(toy)
    assert [case.declared.name for case in select(found, ["models"])] == ["doubled"]
    assert [case.declared.name for case in select(found, ["queues"])] == ["quadrupled"]


def test_a_damaged_record_is_named_and_measured_again(toy):
    run(toy, names=["doubled"])
    (path,) = own_store(toy).glob("*/*/*.json")
    whole = path.read_text("utf8")
    path.write_text(whole[:100], "utf8")
    summary, text = run(toy, names=["doubled"])
    assert counts(summary) == (1, 0, 0, 0)
    assert f"record one/plot_alpha/{path.name} is passed over: it is no JSON" in text
    assert json.loads(path.read_text("utf8"))["result"] == json.loads(whole)["result"]


def test_a_committed_record_of_another_device_is_shown_and_marked_when_the_code_changed(toy, edit):
    summary, _ = run(toy, names=["doubled"])
    own = Shown.load(summary.shown).runs("one/plot_alpha", "doubled")[0].record
    committed = Store(toy / "records")
    gpu = own | {"device": "cuda", "slug": "cuda-toy", "machine": {"label": "Toy GPU"}}
    committed.write(gpu | {"key": "old", "created": "2020-01-01T00:00:00+00:00", "result": {"value": 0}})
    committed.write(gpu | {"key": "new", "created": "2021-01-01T00:00:00+00:00", "result": {"value": 1}})
    committed.write(own | {"key": "same", "created": "2022-01-01T00:00:00+00:00"})
    summary, _ = run(toy, names=["doubled"])
    here, there = Shown.load(summary.shown).runs("one/plot_alpha", "doubled")
    assert (here.device, there.device, there["value"], there.stale) == ("cpu", "cuda", 1, False)
    assert Shown.load(summary.shown).missing("one/plot_alpha", "doubled") == ()
    assert counts(summary) == (0, 1, 1, 0)
    edit("toy/deep.py", "TWO = 2", "TWO = 3")
    summary, _ = run(toy, names=["doubled"])
    here, there = Shown.load(summary.shown).runs("one/plot_alpha", "doubled")
    assert (here["value"], here.stale, there.stale) == (9, False, True)


def test_code_that_changes_while_it_is_measured_gets_no_record(toy, edit):
    edit("toy/inner.py", "    return", "    import pathlib\n\n    path = pathlib.Path(__file__)\n"
         "    path.write_text(path.read_text().replace('TWO * x', 'TWO * x * 1'))\n    return")  # fmt: skip
    summary, text = run(toy, names=["doubled"])
    assert "the code changed while it was measured; run again" in text
    assert records(toy) == []
    assert summary.status == 1


def test_a_slice_that_refuses_fails_by_name(toy, edit):
    edit("gallery/one/plot_alpha.py", "math.pi", "doubled()[0]['value']")
    summary, text = run(toy)
    assert counts(summary) == (3, 0, 0, 1)
    assert "failed: one/plot_alpha:alone: " in text


def start(root, *arguments):
    """Start a run in a process of its own, to be killed."""
    command = [sys.executable, "-m", "seqdocs", "bench", "run", *arguments, "--root", str(root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


def wait_for(condition):
    end = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < end, "waited a minute"
        time.sleep(0.01)
    return found


SLOW = """
import os
import time
from pathlib import Path

from seqdocs.bench.experiment import experiment


@experiment
def first(device):
    return {"value": 1}


@experiment
def second(device):
    mark = Path(__file__).with_name("mark")
    if not mark.exists():
        mark.write_text(str(os.getpid()))
        time.sleep(100)
    return {"value": 2}
"""


@POSIX
@pytest.mark.parametrize("killed", ["runner", "worker", "interrupted"])
def test_a_run_killed_while_measuring_leaves_whole_records_and_no_orphan(toy, killed):
    for script in toy.glob("gallery/*/plot_*.py"):
        script.unlink()
    script = toy / "gallery/one/plot_slow.py"
    script.write_text(SLOW, "utf8")
    process = start(toy)
    mark = script.with_name("mark")
    worker = int(wait_for(lambda: mark.is_file() and mark.read_text("utf8")))
    if killed == "worker":
        os.kill(worker, signal.SIGKILL)
    else:
        os.kill(process.pid, signal.SIGKILL if killed == "runner" else signal.SIGINT)
    text = process.communicate(timeout=60)[0].decode()
    wait_for(lambda: not alive(worker))
    assert process.returncode == {"runner": -signal.SIGKILL, "worker": 1, "interrupted": 130}[killed]
    if killed == "worker":
        assert "failed: one/plot_slow:second on cpu: died of SIGKILL" in text
    if killed == "interrupted":
        assert "bench: interrupted; what was measured is kept" in text
    assert records(toy) == ["first"]
    (own_store(toy) / "one/plot_slow/.second.json.4194999.tmp").write_text(
        "half a rec", "utf8"
    )  # a writer's last trace
    summary, _ = run(toy)
    assert counts(summary) == (1, 1, 0, 0)
    assert summary.notes == []
    assert not list(own_store(toy).rglob("*.tmp"))


@POSIX
def test_two_runs_take_turns(toy):
    for script in toy.glob("gallery/*/plot_*.py"):
        script.unlink()
    script = toy / "gallery/one/plot_slow.py"
    script.write_text(SLOW.replace("time.sleep(100)", "time.sleep(2)"), "utf8")
    process = start(toy)
    wait_for(script.with_name("mark").is_file)
    summary, text = run(toy)
    assert "waiting for another run that measures in this checkout" in text
    assert process.wait(timeout=60) == 0
    process.communicate()
    assert counts(summary) == (0, 2, 0, 0)


REAL = """
import torch

from seqdocs.bench.experiment import experiment


@experiment(devices=("cpu",))
def go(device, n=4):
    torch.manual_seed(7)
    x = torch.rand(n, device=device)
    return {"sum": float(x.sum()), "threads": torch.get_num_threads(), "device": device.type}


runs = go()
"""


def test_a_worker_with_the_real_torch_measures_what_a_script_measures_alone(toy, monkeypatch):
    monkeypatch.delenv("PYTHONPATH")
    script = toy / "gallery/one/plot_real.py"
    script.write_text(REAL, "utf8")
    summary, _ = run(toy, names=["real"])
    (run_,) = Shown.load(summary.shown).runs("one/plot_real", "go")
    code = "import runpy, sys; print(runpy.run_path(sys.argv[1])['runs'][0].record['result'])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(script)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(run_.record["result"])
    assert run_["threads"] == machine.threads()
    assert run_.record["peak_memory"] is None or run_.record["peak_memory"] > 50e6


def test_a_key_follows_versions_and_device(toy, monkeypatch):
    case = cases(toy)[0][0]
    keys = [case.key("cpu")]
    monkeypatch.setattr(machine, "threads", lambda: 99)
    keys.append(case.key("cpu"))
    monkeypatch.setattr(machine, "versions", lambda packages: {"torch": "9"})
    keys.append(case.key("cpu"))
    assert len(set(keys)) == 3


def test_a_key_follows_the_packages_that_the_experiment_names(toy, monkeypatch):
    keys = [cases(toy)[0][0].key("cpu")]
    script = toy / "gallery/one/plot_alpha.py"
    named = '@experiment(packages=("no-such-package",), small='
    script.write_text(script.read_text("utf8").replace("@experiment(small=", named, 1), "utf8")
    case = cases(toy)[0][0]
    keys.append(case.key("cpu"))
    known = machine.version
    monkeypatch.setattr(machine, "version", lambda name: "1.0" if name == "no-such-package" else known(name))
    keys.append(case.key("cpu"))
    assert case.declared.options.packages == ("no-such-package",)
    assert len(set(keys)) == 3


def test_a_checkout_is_found_upward(toy, tmp_path):
    assert find_root(toy / "gallery" / "one") == toy
    with pytest.raises(PlanError, match="is in no checkout: no folder upward has both"):
        find_root(tmp_path)


def test_a_driver_of_a_gpu_is_not_held_against_an_experiment() -> None:
    options = Options(seconds=5, memory_gb=1)
    assert limits(options, "cpu").memory == 1e9
    assert limits(options, "cuda").memory == 1e9 + DRIVER
