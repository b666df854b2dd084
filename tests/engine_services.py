"""What workers run: nothing that imports torch, so that they start quickly."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

from engine_fakes import serve


class Job(NamedTuple):
    """Count to n; on the way, trouble at token ``at``, as often as the file ``lives`` is long."""

    n: int
    trouble: str = ""
    at: int = 0
    lives: str = ""


class TwoWordsError(Exception):
    """An error that cannot be made again from its words."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def _strike(job: Job) -> None:
    if job.trouble == "killed" and (left := Path(job.lives).read_text("ascii")):
        Path(job.lives).write_text(left[1:], "ascii")
        os.kill(os.getpid(), signal.SIGKILL)
    if job.trouble == "raises":
        raise TwoWordsError("two", "words")
    if job.trouble == "ends":
        raise EOFError("of its own")
    if job.trouble == "hangs":
        time.sleep(3600)


def make():
    """A service of jobs."""

    def count(job: Job):
        for n in range(job.n):
            if n == job.at:
                _strike(job)
            yield n

    return count


def make_plain():
    """A service that streams nothing."""
    return abs


def make_nothing():
    """A service that cannot be made."""
    raise ArithmeticError("no such model")


def make_fake():
    """The fake language model."""
    return serve


def make_deadly(folder: str):
    """The fake language model; a request named "deadly…" kills its worker, "deadly always…" every one."""

    def deadly(request):
        tokens = serve(request)
        yield next(tokens)
        if str(request.id).startswith("deadly"):
            struck = Path(folder) / request.id
            if request.id.startswith("deadly always") or not struck.exists():
                struck.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        yield from tokens

    return deadly


def wait_until_let_go(folder: str) -> None:
    """Say that service has begun, and hold it until the file ``go`` is there."""
    (Path(folder) / "begun").touch()
    end = time.monotonic() + 60
    while not (Path(folder) / "go").exists() and time.monotonic() < end:
        time.sleep(0.002)


def make_held(folder: str):
    """The fake language model; nobody gets a token until the file ``go`` is there."""

    def held(request):
        wait_until_let_go(folder)
        yield from serve(request)

    return held
