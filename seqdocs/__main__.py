"""``python -m seqdocs COMMAND``: each command lives in its room and is imported when asked for."""

from __future__ import annotations

import sys
from importlib import import_module

COMMANDS = {
    "lint": ("seqdocs.entries.lint", "check every entry; one line per fault"),
    "bench": ("seqdocs.bench.cli", "list, run, show, compare and export measurements"),
    "serve": ("seqdocs.queues.http.cli", "an engine with a language model behind OpenAI's completions"),
    "build": ("seqdocs.sphinxext.build", "measure what is stale, then draw and publish the site"),
}


def usage() -> str:
    """The commands, a line each."""
    lines = [f"  {name:8}{what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join(["usage: python -m seqdocs COMMAND [OPTIONS]", "", *lines])


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    args = sys.argv[1:] if argv is None else argv
    if not args or args[0] in {"-h", "--help"}:
        print(usage())
        return 0
    if args[0] not in COMMANDS:
        print(f"seqdocs: no command {args[0]!r}; there are {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    status: int = import_module(COMMANDS[args[0]][0]).main(args[1:])
    return status


if __name__ == "__main__":
    sys.exit(main())
