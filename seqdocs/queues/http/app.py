"""The application: an engine behind ``/v1/completions`` and ``/v1/models``, for any ASGI server.

Needs Starlette (extra ``serving``), which is imported when an application is made.

- A client that is gone costs nothing more: its request is cancelled, streamed or not.
- A refusal before the first token has its own status; after it, the stream ends with an error event, and
  without ``[DONE]``.
- ``GET /metrics?latency_target_seconds=1`` gives the :mod:`~seqdocs.queues.report` of the last requests.
- The application does not own the engine. Whoever opened it closes it.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from seqdocs.queues.engines.engine import Engine
from seqdocs.queues.engines.request import RefusedError, Request
from seqdocs.queues.engines.ticket import Ticket
from seqdocs.queues.http.answer import Answer, error_body, told
from seqdocs.queues.http.asked import Asked, BadBodyError, read, read_target
from seqdocs.queues.report import report

if TYPE_CHECKING:
    from starlette import requests, responses

App = Callable[[Any, Any, Any], Awaitable[None]]
LARGEST = 1_000_000  # bytes of a body
RECENT = 1000  # requests that are remembered


class _TooLargeError(Exception):
    pass


def make_app(engine: Engine[Request], model: str, kv_bytes_per_position: int | None = None) -> App:
    """Make the application.

    Args:
        engine: what serves; tokens are bytes, see :mod:`seqdocs.queues.http.text`.
        model: the name it is served under.
        kv_bytes_per_position: as of :func:`~seqdocs.queues.report.report`.

    Raises:
        ImportError: if Starlette is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.exceptions import HTTPException
        from starlette.requests import ClientDisconnect
        from starlette.routing import Route
    except ImportError:
        raise ImportError(
            "the HTTP front needs starlette and uvicorn; install them with `pip install seqdocs[serving]`"
        ) from None

    recent: deque[Ticket[Request]] = deque(maxlen=RECENT)

    async def completions(request: requests.Request) -> responses.Response:
        try:
            asked = read(await _body(request), model)
            answer = Answer(engine, asked.request, model)
            recent.append(answer.ticket)
        except ClientDisconnect:
            return _refusal("the client left before its request was complete", 499)
        except _TooLargeError:
            return _refusal(f"the body is too long; it may have {LARGEST} bytes", 413)
        except BadBodyError as error:
            return _refusal(str(error), error.status, error.param)
        except RefusedError as error:
            return _refusal(*told(error))
        return await _respond(request, asked, answer)

    async def models(request: requests.Request) -> responses.Response:
        return _json({"object": "list", "data": [_model(model)]})

    async def one_model(request: requests.Request) -> responses.Response:
        name = request.path_params["name"]
        if name != model:
            return _refusal(f"there is no model {name[:60]!r}; {model!r} is served here", 404, "model")
        return _json(_model(model))

    async def metrics(request: requests.Request) -> responses.Response:
        try:
            target = read_target(dict(request.query_params))
        except BadBodyError as error:
            return _refusal(str(error), error.status, error.param)
        done = [ticket for ticket in recent if ticket.done()]
        told = await asyncio.to_thread(
            report,
            engine,
            done,
            latency_target_seconds=target,
            kv_bytes_per_position=kv_bytes_per_position,
        )
        return _json(told.export())

    async def elsewhere(request: requests.Request, error: Exception) -> responses.Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        words = f"{request.method} {request.url.path[:60]} is not served here"
        return _refusal(f"{words}; POST /v1/completions, GET /v1/models and GET /metrics are", status)

    return Starlette(
        routes=[
            Route("/v1/completions", completions, methods=["POST"]),
            Route("/metrics", metrics),
            Route("/v1/models", models),
            Route("/v1/models/{name:path}", one_model),
        ],
        exception_handlers={HTTPException: elsewhere},
    )


async def _body(request: requests.Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise _TooLargeError
    return bytes(body)


async def _respond(request: requests.Request, asked: Asked, answer: Answer) -> responses.Response:
    """Wait for the first piece, or for all; a client that leaves meanwhile cancels its request."""
    pieces = answer.pieces()
    watcher = asyncio.create_task(_cancel_when_gone(request, answer))
    try:
        first = await anext(pieces)
        if not asked.stream:
            text, reason = first
            async for piece, why in pieces:
                text, reason = text + piece, why
            return _json(answer.body(text, reason) | {"usage": answer.usage()})
    except Exception as error:
        return _refusal(*told(error))
    finally:
        watcher.cancel()
        if not asked.stream:
            answer.ticket.cancel()
    return _streamed(_events(first, pieces, asked, answer), answer)


async def _cancel_when_gone(request: requests.Request, answer: Answer) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    answer.ticket.cancel()


async def _events(
    first: tuple[str, str | None], rest: AsyncIterator[tuple[str, str | None]], asked: Asked, answer: Answer
) -> AsyncIterator[str]:
    yield _event(answer.body(*first))
    try:
        async for piece in rest:
            yield _event(answer.body(*piece))
    except Exception as error:
        yield _event(error_body(*told(error)))
        return
    if asked.usage:
        yield _event(answer.usage_body())
    yield "data: [DONE]\n\n"


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body)}\n\n"


def _streamed(events: AsyncIterator[str], answer: Answer) -> responses.Response:
    from starlette.background import BackgroundTask
    from starlette.responses import StreamingResponse

    # The task runs after the last event, or when the client is gone; what is done already stays done.
    return StreamingResponse(
        events, media_type="text/event-stream", background=BackgroundTask(answer.ticket.cancel)
    )


def _json(body: dict[str, Any], status: int = 200) -> responses.Response:
    from starlette.responses import JSONResponse

    return JSONResponse(body, status, headers={"Retry-After": "1"} if status == 429 else None)


def _refusal(sentence: str, status: int, param: str | None = None) -> responses.Response:
    return _json(error_body(sentence, status, param), status)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "seqdocs"}
