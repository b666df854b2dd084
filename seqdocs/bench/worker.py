"""``python -m seqdocs.bench.worker``: run one slice on one device and write its record.

Started by :mod:`seqdocs.bench.runner` with one line of JSON on standard input. Needs torch and numpy and
whatever the slice imports, nothing else.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
import types
from pathlib import Path
from typing import Any, TypedDict, cast

from seqdocs.bench.closure import code_hash
from seqdocs.bench.data import find, given, hashes
from seqdocs.bench.guard import guarded
from seqdocs.bench.perform import defaults, perform
from seqdocs.bench.record import SCHEMA, Record
from seqdocs.bench.slice import cut
from seqdocs.bench.source import read
from seqdocs.bench.store import Store


class Job(TypedDict):
    """What the runner asks for."""

    root: str  # of the checkout
    script: str
    experiment: str
    store: str  # folder the record goes to
    about: dict[str, Any]  # the parts of the record that are known before: example, device, slug, key, ...


class ChangedError(Exception):
    """The code is not the one that the record's key stands for."""


def _end_with_parent() -> None:
    """Move standard input aside, and end this process and its group when it closes: the runner is gone."""
    line = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)

    def wait() -> None:
        while os.read(line, 4096):
            pass
        if hasattr(os, "killpg"):
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def load(text: str, script: Path, experiment: str) -> Any:
    """Run a slice as a module of its own and return the experiment's function."""
    name = f"slice_of_{script.stem}"
    module = types.ModuleType(name)
    module.__file__ = str(script)
    sys.modules[name] = module  # dataclasses and pickle look their module up
    exec(compile(text, str(script), "exec"), module.__dict__)
    return getattr(module, experiment)


def work(job: Job, begun: Path) -> None:
    """Measure and write the record.

    Raises:
        ChangedError: if the code changes while it is measured.
        Exception: whatever the experiment raises.
    """
    import torch

    script, root = Path(job["script"]), Path(job["root"])
    about = job["about"]
    sys.path[:0] = [str(script.parent), str(root)]
    text = cut(read(script), job["experiment"], script.name)
    if about["device"] == "cuda":
        torch.zeros(1, device="cuda")  # the driver starts before the clock does
    begun.touch()
    function = load(text, script, job["experiment"])
    files = find(root, about["data"])
    with given(files), guarded(root, files.values()):
        measured = perform(function, about["device"], defaults(function), about["machine"]["threads"])
    now = cut(read(script), job["experiment"], script.name)
    if code_hash(now, (script.parent, root), script.name, hashes(files)) != about["code"]:
        raise ChangedError("the code changed while it was measured; run again")
    Store(Path(job["store"])).write(cast(Record, {"schema": SCHEMA, "small": False} | about | measured))


def main() -> int:
    """Read the job, do it, and leave without waiting for threads that an experiment may have forgotten."""
    job = cast(Job, json.loads(sys.stdin.buffer.readline()))
    _end_with_parent()
    status = 0
    try:
        work(job, Path("begun").resolve())
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
