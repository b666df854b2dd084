"""``python -m seqdocs bench COMMAND``: what there is to measure, measure it, look at it, compare it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from seqdocs.bench.commands import listing, measure, show
from seqdocs.bench.plan import PlanError, find_root
from seqdocs.bench.record import RecordError
from seqdocs.bench.run import ResultPathError

COMMANDS: dict[str, ModuleType] = {"list": listing, "run": measure, "show": show}
BAD_USAGE = 2
INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Refuses in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise PlanError(f"{message}; `python -m seqdocs bench --help` says how")


def _parser() -> _Parser:
    parser = _Parser(prog="python -m seqdocs bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    for name, module in COMMANDS.items():
        summary = module.ABOUT.partition("\n")[0]
        command = commands.add_parser(name, help=summary, description=module.ABOUT)
        module.add_options(command)
        command.add_argument("--root", type=Path, metavar="DIR", help="the checkout; found upward if omitted")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run one command; return 0, 1 if something could not be measured, 2 if it was asked wrongly."""
    try:
        arguments = _parser().parse_args(list(argv))
        root = find_root((arguments.root or Path.cwd()).resolve())
        status: int = COMMANDS[arguments.command].run(arguments, root)
    except (PlanError, ResultPathError, RecordError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return BAD_USAGE
    except KeyboardInterrupt:
        print("\nbench: interrupted; what was measured is kept", file=sys.stderr)
        return INTERRUPTED
    return status
