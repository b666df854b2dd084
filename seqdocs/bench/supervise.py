"""Run a child process under limits of time and memory, with its output in a log of bounded size.

Linux tells how much memory a process holds while it runs, and it is stopped at its limit; elsewhere the
memory limit is not watched. The child leads a group of its own: whatever it started ends with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LOG_BYTES = 1_000_000
TAIL_BYTES = 4_000
START_SECONDS = 180.0  # until the child says that it has begun: the first import of torch can take long
TICK = 0.1


@dataclass(frozen=True)
class Limits:
    """What a child may use once it has begun: seconds, and bytes of memory of its own."""

    seconds: float
    memory: float


def own_memory(pid: int) -> int:
    """Return the bytes that a process and its children hold for themselves, 0 where the system does not say.

    Libraries mapped from disk do not count: they are hundreds of megabytes with torch and nobody's fault.
    """
    held = 0
    with suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/status").read_text("utf8").splitlines():
            if line.startswith(("RssAnon:", "RssShmem:")):
                held += int(line.split()[1]) * 1024
        for task in Path(f"/proc/{pid}/task").iterdir():
            held += sum(own_memory(int(child)) for child in (task / "children").read_text("utf8").split())
    return held


class _Log(threading.Thread):
    """Copies a pipe into a file up to a size, and remembers the end."""

    def __init__(self, pipe: IO[bytes], path: Path) -> None:
        super().__init__(daemon=True)
        self.pipe, self.path = pipe, path
        self.tail = b""

    def run(self) -> None:
        """Read until the last writer is gone; a full disk or a long output never stops the child."""
        room = LOG_BYTES
        with self.path.open("wb") as file:
            while chunk := os.read(self.pipe.fileno(), 65536):
                self.tail = (self.tail + chunk)[-TAIL_BYTES:]
                with suppress(OSError):
                    file.write(chunk[:room])
                room = max(0, room - len(chunk))
            if not room:
                with suppress(OSError):
                    file.write(b"\n[the output goes on; it ends with]\n" + self.tail)

    def last_line(self) -> str:
        """Return the last line that says something."""
        lines = [line.strip() for line in self.tail.decode("utf8", errors="replace").splitlines()]
        return next((line[:300] for line in reversed(lines) if line), "")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a child and everything in its group."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def supervise(
    command: Sequence[str],
    job: str,
    *,
    env: dict[str, str],
    folder: Path,
    log: Path,
    limits: Limits,
    tick: Callable[[float], None],
) -> str | None:
    """Run a child to its end or to its limit.

    Args:
        command: what to run.
        job: one line for its standard input, which then stays open for as long as this process lives: a child
            that reads the end of it has lost its parent.
        env: its environment.
        folder: where it runs; it makes a file ``begun`` there when its time is to start.
        log: file for its output.
        limits: seconds and bytes.
        tick: called with the seconds so far, about ten times a second.

    Returns:
        None if it ended well, else the reason in a few words.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    process = subprocess.Popen(
        command, env=env, cwd=folder, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    output = _Log(process.stdout, log)
    output.start()
    try:
        with suppress(BrokenPipeError):  # it died at once; its log says why
            process.stdin.write(job.encode() + b"\n")
            process.stdin.flush()
        reason = _watch(process, folder / "begun", limits, lambda: tick(time.monotonic() - start))
    finally:
        _stop(process)
        output.join(timeout=2)  # something that left the group may hold the pipe; do not wait for it
        with suppress(BrokenPipeError):
            process.stdin.close()
        if not output.is_alive():
            process.stdout.close()
    if reason is not None or process.returncode == 0:
        return reason
    if process.returncode < 0:
        return f"died of {signal.Signals(-process.returncode).name}"
    return output.last_line() or f"ended with status {process.returncode}"


def _watch(
    process: subprocess.Popen[bytes], begun: Path, limits: Limits, tick: Callable[[], None]
) -> str | None:
    """Wait for the end; return the reason if a limit comes first."""
    launched = time.monotonic()
    began: float | None = None
    while True:
        try:
            process.wait(timeout=TICK)
            return None
        except subprocess.TimeoutExpired:
            tick()
        now = time.monotonic()
        if began is None and begun.exists():
            began = now
        if began is None and now - launched > START_SECONDS:
            return f"did not begin within {START_SECONDS:g} s"
        if began is not None and now - began > limits.seconds:
            return f"took longer than its limit of {limits.seconds:g} s"
        held = own_memory(process.pid)
        if held > limits.memory:
            return f"held {held / 1e9:.2g} GB, more than its limit of {limits.memory / 1e9:g} GB"
