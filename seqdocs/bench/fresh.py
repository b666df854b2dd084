"""Peak memory of a fresh process: how much further its resident set rose while a call ran for the first time.

The allocator's figure (:mod:`seqdocs.bench.memory`) is exact, but sees torch's allocator alone. The system
sees everything: what libraries allocate behind torch's back, pages of code that are read for the first time,
heap that was not given back. In a process that has lived for a while its figure means little, since old heap
is used again; so each measurement gets a new process, spawned, since torch's threads and ``fork`` do not mix.

What is to be measured reaches that process as the text of a function, and stays in the text that a record's
key hashes. The function imports what it needs itself, prepares, and returns the call that is measured.

>>> def doubling(megabytes):
...     import torch
...     x = torch.ones(megabytes * 250_000)
...     return lambda: x + x
>>> fresh_peak(doubling, 40)["value"] > 39e6  # only the result counts, not x
True
"""

from __future__ import annotations

import gc
import inspect
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from typing import Any

from seqdocs.bench.quantity import Quantity, quantity
from seqdocs.resident import forget_highest, highest

SECONDS = 120.0


def fresh_peak(
    prepare: Callable[..., Callable[[], object]], *args: Any, threads: int | None = None
) -> Quantity:
    """Return the highest resident set of a new process during a call, beyond what it held before the call.

    Memory that is reserved and never touched does not count (``torch.empty``); nor does what ``prepare``
    built. The first call pays for one-off work, some megabytes of code and workspaces; to leave those out,
    ``prepare`` can run the call once itself. Exact to about a megabyte on Linux. Elsewhere the system only
    keeps the highest mark since the start, and what ``prepare`` held and gave back hides as much.

    Args:
        prepare: a function of a script or module, known by its text: it reads no name from around it, imports
            included. Given ``args`` it returns the call.
        args: plain data: numbers, strings, lists, dicts.
        threads: of torch in the new process; as many as torch is set to here if omitted.

    Returns:
        a quantity in "B".

    Raises:
        TypeError: if ``prepare`` is no plain function, or ``args`` are no plain data.
        RuntimeError: if the new process fails or takes longer than two minutes, with its reason.
    """
    name, source = _text(prepare)
    import torch

    job = {"name": name, "source": source, "args": args, "threads": threads or torch.get_num_threads()}
    try:
        line = json.dumps(job)
    except (TypeError, ValueError) as error:
        raise TypeError(f"the arguments of `{name}` are not plain data: {error}") from None
    try:
        done = subprocess.run(
            [sys.executable, "-m", "seqdocs.bench.fresh"],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            input=line, capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"`{name}` took longer than {SECONDS:g} s in its fresh process") from None
    answer: dict[str, Any] = {"error": f"it ended with status {done.returncode}"}
    with suppress(ValueError, IndexError):
        answer = json.loads(done.stdout.splitlines()[-1])
    if "error" in answer:
        raise RuntimeError(f"`{name}` failed in its fresh process: {answer['error']}")
    return quantity(int(answer["bytes"]), "B")


def _text(prepare: Callable[..., object]) -> tuple[str, str]:
    """Return a function's name and its text, moved to the margin."""
    if not inspect.isfunction(prepare) or prepare.__name__ == "<lambda>":
        raise TypeError(f"`prepare` is {prepare!r}; a fresh process knows it by its text, so it is a `def`")
    if prepare.__closure__:
        around = ", ".join(prepare.__code__.co_freevars)
        raise TypeError(f"`{prepare.__name__}` reads {around} from around it; pass that as an argument")
    try:
        return prepare.__name__, textwrap.dedent(inspect.getsource(prepare))
    except OSError:
        raise TypeError(
            f"the text of `{prepare.__name__}` is nowhere to be found; write it in a file"
        ) from None


# What follows runs in the new process.


def _measure(job: dict[str, Any]) -> int:
    """Prepare, and return how much further the mark rose during the call."""
    import torch

    torch.set_num_threads(job["threads"])
    torch.manual_seed(0)
    names: dict[str, Any] = {"__name__": "fresh"}
    exec(compile(job["source"], f"<{job['name']}>", "exec"), names)
    call = names[job["name"]](*job["args"])
    if not callable(call):
        raise TypeError(f"it returned a {type(call).__name__}; it returns the call to be measured")
    gc.collect()
    forget_highest()
    before = highest() or 0
    result = call()
    after = highest() or 0
    del result  # it counts: it was alive until here
    return after - before


def main() -> None:
    """Read the job, do it, and print the bytes or the reason as one line of JSON."""
    try:
        with redirect_stdout(sys.stderr):  # the last line is ours
            answer: dict[str, Any] = {"bytes": _measure(json.load(sys.stdin))}
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        hint = "; it must import or define all it reads" if isinstance(error, NameError) else ""
        answer = {"error": reason + hint}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
