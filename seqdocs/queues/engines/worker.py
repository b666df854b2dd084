"""A process that serves one request at a time, and the pipe to it.

The child answers a request with any number of ``("token", value)`` and one ``("answer", value)``,
``("end", most bytes it ever held)`` or ``("error", exception)``. After each token it is told whether to go
on; if not, that was its last word.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from threading import Lock
from types import ModuleType
from typing import Any

from seqdocs.resident import highest

Serve = Callable[[Any], Any]
_one_at_a_time = Lock()


class LostError(Exception):
    """The other end of the pipe is gone."""


class Worker:
    """A process that can be replaced.

    Args:
        make: called in the process; returns the function that serves.
    """

    def __init__(self, make: Callable[[], Serve]) -> None:
        self._make = make
        self._begin()

    def send(self, value: Any) -> None:
        """A request, or whether to go on.

        Raises:
            LostError: if the process is gone.
        """
        _send(self._pipe, value)

    def receive(self, timeout: float) -> tuple[str, Any] | None:
        """What it says next; None if it says nothing for so many seconds.

        Raises:
            LostError: if the process is gone.
        """
        try:
            waited = self._pipe.poll(timeout)
        except OSError as error:
            raise LostError from error
        return _receive(self._pipe) if waited else None

    def replace(self) -> None:
        """Kill it if it still lives and start another."""
        self._process.kill()
        self._finish()
        self._begin()

    def close(self) -> None:
        """Let it end, after the token it is at."""
        self._finish()

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork hangs once torch has used threads
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._make), daemon=True)
        with _main_stays_out(self._make):
            self._process.start()
        theirs.close()  # else nobody would notice that the process is gone

    def _finish(self) -> None:
        self._pipe.close()  # nobody to talk to: it ends
        self._process.join()  # no close(): it fails when another thread's start reaps the process meanwhile


@contextmanager
def _main_stays_out(make: Callable[[], Serve]) -> Iterator[None]:
    """Start a process that does not run the main script again, unless the service stands in it.

    A started process imports the script it came from, to find what stands there. A script that is not made
    for it, with a pool at its top level, would start processes in turn.
    """
    inner = make.func if isinstance(make, partial) else make
    if getattr(inner, "__module__", "__main__") == "__main__":
        yield
        return
    with _one_at_a_time:
        main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def _serve(pipe: Connection, make: Callable[[], Serve]) -> None:
    """The life of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    try:
        serve = make()
    except Exception as error:
        serve = failing(error)
    with suppress(LostError):  # the parent is gone, so nobody wants an answer
        while True:
            request = _receive(pipe)
            try:
                last = _answer(pipe, serve(request))
            except LostError:
                raise
            except BaseException as error:
                last = ("error", portable(error))
            if last is not None:
                _send(pipe, last)


def _answer(pipe: Connection, answer: Any) -> tuple[str, Any] | None:
    """Stream what there is to stream; return the last word, or None if nobody wants it."""
    if not isinstance(answer, Iterator):
        return "answer", answer
    for token in answer:
        _send(pipe, ("token", token))
        if not _receive(pipe):
            return None
    return "end", highest()


def _send(pipe: Connection, value: Any) -> None:
    try:
        pipe.send(value)
    except OSError as error:
        raise LostError from error


def _receive(pipe: Connection) -> Any:
    try:
        return pipe.recv()
    except (OSError, EOFError) as error:
        raise LostError from error


def failing(error: Exception) -> Serve:
    """A service that could not be made: it tells every request why."""

    def serve(request: Any) -> Any:
        raise error

    return serve


def portable(error: BaseException) -> BaseException:
    """The error if it survives the pipe, else its name and words."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
