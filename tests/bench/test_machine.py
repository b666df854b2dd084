"""Facts say what was measured on, and nothing about who measured."""

from __future__ import annotations

import getpass
import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from seqdocs.bench import machine

ROOT = Path(__file__).resolve().parents[2]
GPU = {"gpu": "NVIDIA H200", "gpu_memory": 1, "cuda": "13.0", "driver": "580.1"}


@pytest.fixture
def with_gpu(monkeypatch):
    monkeypatch.setattr(machine, "gpu", lambda: GPU)


def test_facts_are_plain_data_without_names_or_paths():
    text = json.dumps(machine.facts("cpu", ROOT))
    assert str(Path.home()) not in text
    for name in (socket.gethostname(), getpass.getuser()):
        assert not re.search(rf'"{re.escape(name)}"', text)


def test_facts_hold_what_a_reader_asks_for():
    facts = machine.facts("cpu", ROOT)
    assert {"label", "cpu", "arch", "cores", "threads", "memory", "os", "commit", "dirty"} == set(facts)


def test_outside_of_a_checkout_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert machine.commit(tmp_path) == {"commit": None, "dirty": None}


def test_a_device_names_itself_for_files_and_for_people(monkeypatch, with_gpu):
    monkeypatch.setattr(machine, "cpu_model", lambda: "AMD EPYC 7B13")
    monkeypatch.setattr(machine, "threads", lambda: 2)
    assert (machine.slug("cpu"), machine.slug("cuda")) == ("cpu-amd-epyc-7b13-2t", "cuda-nvidia-h200")
    assert (machine.label("cpu"), machine.label("cuda")) == ("AMD EPYC 7B13, 2 threads", "NVIDIA H200")
    assert machine.devices() == ("cpu", "cuda")
    assert machine.facts("cuda", ROOT)["driver"] == "580.1"


def test_a_new_driver_alone_keeps_the_fingerprint(monkeypatch, with_gpu):
    before = machine.fingerprint("cuda")
    monkeypatch.setattr(machine, "gpu", lambda: GPU | {"driver": "590.2"})
    assert machine.fingerprint("cuda") == before
    monkeypatch.setattr(machine, "gpu", lambda: GPU | {"cuda": "14.0"})
    assert machine.fingerprint("cuda") != before


def test_threads_follow_the_environment_but_never_exceed_the_machine(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    free = machine.threads()
    for wanted, expected in (("1", 1), ("9999", free), ("0", free), ("many", free)):
        monkeypatch.setenv("OMP_NUM_THREADS", wanted)
        assert machine.threads() == expected


def test_a_device_that_is_not_here_is_refused(monkeypatch):
    monkeypatch.setattr(machine, "gpu", lambda: None)
    with pytest.raises(ValueError, match="`device` is 'cuda'; this machine has cpu"):
        machine.fingerprint("cuda")


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Intel(R) Xeon(R) CPU @ 2.20GHz", "Intel Xeon"),
        ("AMD Ryzen 9 7950X 16-Core Processor", "AMD Ryzen 9 7950X"),
        ("Apple M3", "Apple M3"),
    ],
)
def test_the_name_of_a_processor_is_free_of_noise(monkeypatch, raw, clean):
    monkeypatch.setattr(machine, "_read", lambda path: f"model name\t: {raw}\n")
    machine.cpu_model.cache_clear()
    assert machine.cpu_model() == clean
    machine.cpu_model.cache_clear()


def test_listing_and_keys_import_neither_torch_nor_numpy_nor_matplotlib(toy):
    code = (
        "import sys; from seqdocs.bench.cli import main; main(['list', '--root', sys.argv[1]]);"
        "print(sorted({'torch', 'numpy', 'matplotlib', 'yaml', 'sphinx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(toy)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
