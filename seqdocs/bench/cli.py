"""``python -m seqdocs bench COMMAND``: what there is to measure, measure it, look at it, compare it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from seqdocs.bench.plan import PlanError, find_root
from seqdocs.bench.record import RecordError
from seqdocs.bench.run import ResultPathError

COMMANDS = {  # name: (module in seqdocs.bench.commands, summary)
    "list": ("listing", "one line for each experiment and device: is its record fresh?"),
    "run": ("measure", "measure what has no record, then write what the site shows"),
    "show": ("show", "circumstances and results"),
    "compare": ("compare", "how much slower is B than A, for every timing, from the raw samples?"),
    "history": ("history", "every record by date: device, code, versions, commit, what was measured"),
    "prune": ("prune", "delete records, logs and leftovers that no experiment of this checkout uses"),
    "export": ("export", "write the timings as a file of pyperf"),
}
BAD_USAGE = 2
INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Refuses in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise PlanError(f"{message}; `python -m seqdocs bench --help` says how")


def _module(name: str) -> ModuleType:
    """Import a command: listing experiments needs neither torch nor numpy."""
    return import_module(f"seqdocs.bench.commands.{COMMANDS[name][0]}")


def _parser(asked: Sequence[str]) -> _Parser:
    """Return the parser with the options of the command that is asked for, if it is one."""
    parser = _Parser(prog="python -m seqdocs bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    for name, (_, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary)
        command.add_argument("--root", type=Path, metavar="DIR", help="the checkout; found upward if omitted")
        if name in asked:
            module = _module(name)
            command.description = module.__doc__
            command.formatter_class = argparse.RawDescriptionHelpFormatter
            module.add_options(command)
    return parser


def main(argv: Sequence[str]) -> int:
    """Run one command; return 0, 1 if something could not be done, 2 if it was asked wrongly."""
    try:
        arguments = _parser(argv).parse_args(list(argv))
        root = find_root((arguments.root or Path.cwd()).resolve())
        status: int = _module(arguments.command).run(arguments, root)
    except (PlanError, ResultPathError, RecordError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return BAD_USAGE
    except KeyboardInterrupt:
        print("\nbench: interrupted; what was measured is kept", file=sys.stderr)
        return INTERRUPTED
    return status
