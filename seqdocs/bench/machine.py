"""What a measurement ran on. Nothing here tells who: no name of a host or a user, no path.

The facts about the CPU, the system and the versions need no torch. Those about a GPU do, and torch is
imported in a spawned process for them, so that whoever asks (the site build) never holds torch's threads.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

GPU_SIGNS = ("/dev/nvidia0", "/dev/dxg", "/dev/kfd", "/proc/driver/nvidia/version")
PROBE_SECONDS = 120  # the first import of torch from a cold disk can take a minute


def _read(path: str) -> str:
    """Return a system file's text, empty where there is none."""
    try:
        return Path(path).read_text("utf8", errors="replace")
    except OSError:
        return ""


def _output(*command: str, folder: Path | None = None) -> str | None:
    """Return what a small program prints, or None when it is missing or fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


@functools.cache
def cpu_model() -> str:
    """Return the processor's name, without trademark signs and clock."""
    found = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.M)
    name = found[1] if found else None
    if name is None and sys.platform == "darwin":
        name = _output("sysctl", "-n", "machdep.cpu.brand_string")
    name = name or platform.processor() or platform.machine() or "unknown CPU"
    name = re.sub(r"\((R|TM|tm|C)\)|\bCPU\b|@.*|\d+-Core|\bProcessor\b", " ", name)
    return " ".join(name.split())


def threads() -> int:
    """Return how many threads a measurement uses: the CPUs this process may use, or ``OMP_NUM_THREADS``."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _read("/sys/fs/cgroup/cpu.max").split()  # a container's share: "200000 100000" is two CPUs
    if len(quota) == 2 and quota[0].isdecimal():
        free = min(free, max(1, round(int(quota[0]) / int(quota[1]))))
    return min(free, int(wanted)) if wanted.isdecimal() and int(wanted) > 0 else free


def _system() -> str:
    """Return the system's name and release, without the build of its kernel."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"


def _memory() -> int | None:
    """Return the machine's memory in bytes, or None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def versions(packages: Iterable[str] = ()) -> dict[str, str]:
    """Return the versions that are part of a record's key: of Python, torch, numpy and the packages it names.

    They are read from the metadata, nothing is imported; what is not installed is ``absent``.
    """
    found = {"python": platform.python_version()}
    for name in ("torch", "numpy", *packages):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def probe_gpu() -> dict[str, Any] | None:
    """Ask torch, which is imported for that, about the first GPU."""
    import torch

    if not torch.cuda.is_available():
        return None
    properties = torch.cuda.get_device_properties(0)
    driver = _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0")
    return {
        "gpu": properties.name,
        "gpu_memory": properties.total_memory,
        "cuda": torch.version.cuda or getattr(torch.version, "hip", None) or "unknown",
        "driver": driver or "unknown",
    }


@functools.cache
def gpu() -> dict[str, Any] | None:
    """Return the facts of the first GPU, or None.

    Torch is imported in a spawned process, and only if there is any sign of a GPU; a process that holds torch
    already asks itself.
    """
    if "torch" in sys.modules:
        return probe_gpu()
    if not (shutil.which("nvidia-smi") or any(Path(sign).exists() for sign in GPU_SIGNS)):
        return None
    code = "import json; from seqdocs.bench.machine import probe_gpu; print(json.dumps(probe_gpu()))"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONPATH": python_path()},
            capture_output=True, text=True, timeout=PROBE_SECONDS, check=True,
        )  # fmt: skip
        facts: dict[str, Any] | None = json.loads(done.stdout.strip().splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
    return facts


def python_path() -> str:
    """Return a PYTHONPATH with which a child finds this package, from whatever folder it starts."""
    here = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])


def devices() -> tuple[str, ...]:
    """Return the devices of this machine: ``cpu``, and ``cuda`` where torch can use one."""
    return ("cpu", "cuda") if gpu() else ("cpu",)


def fingerprint(device: str) -> dict[str, Any]:
    """Return what of the machine decides a measurement on this device; part of a record's key."""
    if device == "cpu":
        return {
            "cpu": cpu_model(),
            "arch": platform.machine(),
            "system": platform.system(),
            "threads": threads(),
        }
    found = gpu()
    if device != "cuda" or found is None:
        raise ValueError(f"`device` is {device!r}; this machine has {', '.join(devices())}")
    return {"gpu": found["gpu"], "cuda": found["cuda"]}


def label(device: str) -> str:
    """Return the device in a few words: ``AMD EPYC 7B13, 2 threads``."""
    facts = fingerprint(device)
    if device == "cuda":
        return str(facts["gpu"])
    return f"{facts['cpu']}, {facts['threads']} thread{'s' * (facts['threads'] != 1)}"


def slug(device: str) -> str:
    """Return the device as part of a file name: ``cpu-amd-epyc-7b13-2t``, ``cuda-nvidia-h200``."""
    facts = fingerprint(device)
    words = facts["gpu"] if device == "cuda" else f"{facts['cpu']} {facts['threads']}t"
    return f"{device}-" + re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def commit(folder: Path) -> dict[str, Any]:
    """Return the checked-out commit and whether tracked files differ from it; None outside of a checkout."""
    name = _output("git", "rev-parse", "HEAD", folder=folder)
    status = _output("git", "status", "--porcelain", "--untracked-files=no", folder=folder)
    return {"commit": name, "dirty": None if name is None or status is None else bool(status)}


def facts(device: str, folder: Path) -> dict[str, Any]:
    """Return everything a record says about the machine and the checkout in ``folder``."""
    own = {
        "label": label(device),
        "cpu": cpu_model(),
        "arch": platform.machine(),
        "cores": os.cpu_count(),
        "threads": threads(),
        "memory": _memory(),
        "os": _system(),
    }
    return own | ((gpu() or {}) if device == "cuda" else {}) | commit(folder)
