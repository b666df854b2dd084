"""The answer of an engine, brought from its thread into an event loop, and put into OpenAI's words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from seqdocs.queues.engines.engine import Engine
from seqdocs.queues.engines.request import RefusedError, Request
from seqdocs.queues.http.text import Decoder

STATUS = {  # of HTTP, for each reason to refuse
    "bad request": 400,
    "no blocks": 400,
    "duplicate": 409,
    "full": 429,
    "cancelled": 499,  # not in the standard; the client is gone and will not read it
    "closed": 503,
    "worker lost": 502,
    "deadline": 504,
}


class Answer:
    """One request in an engine, awaited in this event loop.

    Args:
        engine: what serves it.
        request: what is asked.
        model: the name it is asked of.

    Raises:
        RefusedError: as :meth:`~seqdocs.queues.engines.engine.Engine.submit`.
    """

    def __init__(self, engine: Engine[Request], request: Request, model: str) -> None:
        loop, self._news = asyncio.get_running_loop(), asyncio.Queue[int | None]()

        def tell(token: int | None = None) -> None:
            loop.call_soon_threadsafe(self._news.put_nowait, token)

        self.ticket = engine.submit(request, on_token=tell, on_end=tell)
        self._request, self._model, self._made = request, model, int(time.time())

    async def pieces(self) -> AsyncIterator[tuple[str, str | None]]:
        """Pieces of text as they come; the last with its reason: "stop" or "length".

        Raises:
            Exception: whatever ended the request before its answer was complete.
        """
        decoder, last = Decoder(), None
        while (token := await self._news.get()) is not None:
            last = token
            if token != self._request.stop and (text := decoder.add(token)):
                yield text, None
        if self.ticket.error is not None:
            raise self.ticket.error
        yield decoder.end(), "stop" if last == self._request.stop else "length"

    def body(self, text: str, reason: str | None) -> dict[str, Any]:
        """A completion, or a piece of one."""
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}
        return self._head() | {"choices": [choice]}

    def usage(self) -> dict[str, int]:
        """How many tokens were read and generated."""
        prompt, new = len(self._request.prompt), self.ticket.tokens
        return {"prompt_tokens": prompt, "completion_tokens": new, "total_tokens": prompt + new}

    def usage_body(self) -> dict[str, Any]:
        """The last piece of a stream that wants it: no text, but the numbers."""
        return self._head() | {"choices": [], "usage": self.usage()}

    def _head(self) -> dict[str, Any]:
        name = f"cmpl-{self.ticket.id.replace(' ', '-')}"
        return {"id": name, "object": "text_completion", "created": self._made, "model": self._model}


def error_body(sentence: str, status: int, param: str | None = None) -> dict[str, Any]:
    """An error as OpenAI's clients read it."""
    kind = "invalid_request_error" if 400 <= status < 500 else "server_error"
    return {"error": {"message": sentence, "type": kind, "param": param, "code": None}}


def told(error: Exception) -> tuple[str, int]:
    """What a client hears of an error: a sentence and a status. Of a fault inside, no more than its name."""
    if isinstance(error, RefusedError):
        return str(error), STATUS[error.reason]
    return f"the model failed on this request: {type(error).__name__}", 500
