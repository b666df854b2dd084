"""``python -m seqdocs serve``: an engine behind HTTP, for any client of OpenAI's completions.

The model is randomly initialised and reads bytes. Ctrl-C or a TERM signal closes the door, serves everybody
who is inside, and ends; a second Ctrl-C does not wait for them. A static batch waits until it is full.

GET /metrics tells how the last requests went: their times, rates and memory.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from typing import Any

BAD_USAGE = 2
NAME = "seqdocs"  # of the model


def main(argv: Sequence[str]) -> int:
    """Serve until told to stop; return 0, or 2 if it cannot begin."""
    try:
        import uvicorn

        from seqdocs.queues.http.app import make_app
        from seqdocs.queues.http.engines import ENGINES, Setup
    except ImportError as error:
        if error.name not in ("uvicorn", "starlette"):
            raise
        return _refuse("it needs starlette and uvicorn; install them with `pip install seqdocs[serving]`")
    args = _parser(list(ENGINES), Setup).parse_args(list(argv))
    setup = Setup(**{field.name: getattr(args, field.name) for field in fields(Setup)})
    try:
        engine = ENGINES[args.engine](setup)
    except (ValueError, ImportError, ConnectionError) as error:  # ImportError: Ray is an extra of its own
        return _refuse(str(error))
    with engine:
        try:
            app = make_app(engine, NAME, setup.kv_bytes_per_position())
            door = socket.create_server((args.host, args.port))
        except (ImportError, OSError) as error:
            return _refuse(str(error))

        class Server(uvicorn.Server):
            async def shutdown(self, sockets: Any = None) -> None:
                """Before connections are waited for: some wait for an engine that waits for others."""
                closing = asyncio.create_task(asyncio.to_thread(engine.close))
                while not closing.done():
                    await asyncio.sleep(0.02)
                    if self.force_exit:
                        await asyncio.to_thread(engine.close, drain=False)
                await super().shutdown(sockets)

        host, port = door.getsockname()[:2]
        print(f"{args.engine} engine, model {NAME}: http://{host}:{port}/v1", flush=True)
        config = uvicorn.Config(app, ws="none", lifespan="off", log_level="warning", access_log=False)
        with suppress(KeyboardInterrupt):  # raised again once it has done its work
            Server(config).run(sockets=[door])
    return 0


def _parser(engines: list[str], setup: type[Any]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m seqdocs serve",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--engine", choices=engines, default="continuous")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any that is free and says which")
    for field in fields(setup):
        option = f"--{field.name.replace('_', '-')}"
        parser.add_argument(option, type=type(field.default), default=field.default, help="%(default)s")
    return parser


def _refuse(sentence: str) -> int:
    print(f"serve: {sentence}", file=sys.stderr)
    return BAD_USAGE
