"""A process that serves one request at a time, and the pipe to it.

The child answers a request with any number of ``("token", value)`` and one ``("answer", value)``,
``("end", None)`` or ``("error", exception)``. After each token it is told whether to go on; if not, that was
its last word.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

Serve = Callable[[Any], Any]


class LostError(Exception):
    """The process is gone."""


class Worker:
    """A process that can be replaced.

    Args:
        make: called in the process; returns the function that serves.
    """

    def __init__(self, make: Callable[[], Serve]) -> None:
        self._make = make
        self._begin()

    @property
    def pid(self) -> int | None:
        """The process's number in the system."""
        return self._process.pid

    def send(self, value: Any) -> None:
        """A request, or whether to go on.

        Raises:
            LostError: if the process is gone.
        """
        try:
            self._pipe.send(value)
        except OSError as error:
            raise LostError from error

    def receive(self, timeout: float) -> tuple[str, Any] | None:
        """What it says next; None if it says nothing for so many seconds.

        Raises:
            LostError: if the process is gone.
        """
        try:
            return self._pipe.recv() if self._pipe.poll(timeout) else None
        except (OSError, EOFError) as error:
            raise LostError from error

    def replace(self) -> None:
        """Kill it if it still lives and start another."""
        self._process.kill()
        self._finish()
        self._begin()

    def close(self) -> None:
        """Let it go when it has nothing to do."""
        with suppress(OSError):
            self._pipe.send(None)
        self._finish()

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork hangs once torch has used threads
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._make), daemon=True)
        self._process.start()
        theirs.close()  # else nobody would notice that the process is gone

    def _finish(self) -> None:
        self._process.join()
        self._process.close()
        self._pipe.close()


def _serve(pipe: Connection, make: Callable[[], Serve]) -> None:
    """The life of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    try:
        serve = make()
    except Exception as error:
        serve = _failing(error)
    with suppress(EOFError, OSError):  # the parent is gone, so nobody wants an answer
        while (request := pipe.recv()) is not None:
            try:
                last = _answer(pipe, serve(request))
            except (EOFError, BrokenPipeError):
                raise
            except BaseException as error:
                last = ("error", _portable(error))
            if last is not None:
                pipe.send(last)


def _answer(pipe: Connection, answer: Any) -> tuple[str, Any] | None:
    """Stream what there is to stream; return the last word, or None if nobody wants it."""
    if not isinstance(answer, Iterator):
        return "answer", answer
    for token in answer:
        pipe.send(("token", token))
        if not pipe.recv():
            return None
    return "end", None


def _failing(error: Exception) -> Serve:
    def serve(request: Any) -> Any:
        raise error

    return serve


def _portable(error: BaseException) -> BaseException:
    """The error if it survives the pipe, else its name and words."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
