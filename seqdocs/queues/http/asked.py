"""What a client asks for: a body of ``POST /v1/completions``, read strictly.

The interface is OpenAI's, of which this serves one prompt, decoded greedily, streamed or not. What it cannot
do is refused in one sentence rather than ignored: whoever asks for a temperature wants to know that there is
none.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seqdocs.queues.checks import positive
from seqdocs.queues.engines.request import Request
from seqdocs.queues.http.text import encode

TARGET = "latency_target_seconds"
MAX_TOKENS = 16  # where nothing is said, as OpenAI has it


class BadBodyError(ValueError):
    """A body that cannot be served.

    Args:
        sentence: what it got and what it wanted.
        param: the field at fault; None if it is the body itself.
        status: of HTTP.
    """

    def __init__(self, sentence: str, param: str | None = None, status: int = 400) -> None:
        super().__init__(sentence)
        self.param, self.status = param, status


@dataclass(frozen=True)
class Asked:
    """A request and how its answer is to be sent.

    Attributes:
        request: for the engine.
        stream: as server-sent events, a token each, rather than in one piece.
        usage: whether the stream ends with the numbers of tokens.
    """

    request: Request
    stream: bool = False
    usage: bool = False


def read(body: bytes, model: str) -> Asked:
    """Read a body.

    Args:
        body: JSON, an object.
        model: the name of the only model that is served.

    Raises:
        BadBodyError: with one sentence, if anything in it cannot be served as it is asked.

    >>> read(b'{"model": "m", "prompt": "Hi", "max_tokens": 3}', "m").request
    Request(prompt=(72, 105), max_new_tokens=3, stop=None, deadline=None, id=None)
    """
    fields = _fields(body)
    for name, value in fields.items():
        if name not in FIELDS:
            raise BadBodyError(f"there is no field {_short(name)}; there are {', '.join(FIELDS)}", name)
        if (wanted := FIELDS[name](value)) is not None:
            raise BadBodyError(f"`{name}` is {_short(value)}; it must be {wanted}", name)
    if fields.get("model") != model:
        wrong = f"`model` is {_short(fields.get('model'))}; {model!r} is served here"
        raise BadBodyError(wrong, "model", 404 if "model" in fields else 400)
    if "prompt" not in fields:
        raise BadBodyError("`prompt` is missing; it is a string or a list of token numbers", "prompt")
    stop = fields.get("stop")
    return Asked(
        Request(
            _prompt(fields["prompt"]),
            MAX_TOKENS if fields.get("max_tokens") is None else fields["max_tokens"],
            None if stop is None else stop.encode()[0],
        ),
        stream=bool(fields.get("stream")),
        usage=bool((fields.get("stream_options") or {}).get("include_usage")),
    )


def read_target(query: dict[str, str]) -> float:
    """The latency target of a report, seconds; 1 if nothing is asked.

    Raises:
        BadBodyError: if anything else is asked, or it is no number above 0.

    >>> read_target({"latency_target_seconds": "0.5"})
    0.5
    """
    for name in query:
        if name != TARGET:
            raise BadBodyError(f"there is no parameter {_short(name)}; there is {TARGET}", name)
    said = query.get(TARGET, "1")
    try:
        return positive(TARGET, float(said), "seconds")
    except ValueError:
        raise BadBodyError(
            f"`{TARGET}` is {_short(said)}; it is a finite number of seconds above 0", TARGET
        ) from None


def _fields(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, a number or a nest without end
        raise BadBodyError(f"the body is no JSON that can be read: {str(error)[:80]}") from None
    if not isinstance(fields, dict):
        raise BadBodyError(f"the body is {_short(fields)}; it must be a JSON object")
    return fields


def _prompt(prompt: str | list[int]) -> tuple[int, ...]:
    if isinstance(prompt, list):
        return tuple(prompt)
    try:
        return encode(prompt)
    except UnicodeEncodeError as error:
        raise BadBodyError(
            f"`prompt` has half of a surrogate pair at character {error.start}; it must be text", "prompt"
        ) from None


def _short(value: Any) -> str:
    """A value as JSON has it, cut where it gets long."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


# What a value must be, in words, or None if it is that.
Check = Callable[[Any], str | None]


def _a(kind: type, words: str) -> Check:
    return lambda value: None if value is None or type(value) is kind else words


def _only(*neutral: Any) -> Check:
    """A field of OpenAI's that changes nothing as long as it has one of these values."""
    words = " or ".join([*(json.dumps(value) for value in neutral), "left out"])

    def check(value: Any) -> str | None:
        same = any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in neutral)
        return None if value is None or same else f"{words}; nothing else is served here"

    return check


def _check_prompt(prompt: Any) -> str | None:
    tokens = isinstance(prompt, list) and all(type(one) is int for one in prompt)
    return None if isinstance(prompt, str) or tokens else "one string or one list of token numbers"


def _check_stop(stop: Any) -> str | None:
    byte = isinstance(stop, str) and len(stop) == 1 and stop.isascii()
    return None if stop is None or byte else "one ASCII character, which is one token here"


def _check_stream_options(options: Any) -> str | None:
    known = isinstance(options, dict) and set(options) <= {"include_usage"}
    fine = options is None or (known and all(type(value) is bool for value in options.values()))
    return None if fine else '{"include_usage": true or false}'


FIELDS: dict[str, Check] = {
    "model": _a(str, "a string"),
    "prompt": _check_prompt,
    "max_tokens": _a(int, "a whole number"),
    "stream": _a(bool, "true or false"),
    "stream_options": _check_stream_options,
    "stop": _check_stop,
    "temperature": _only(0),  # decoding is greedy
    "n": _only(1),
    "best_of": _only(1),
    "echo": _only(False),
    "frequency_penalty": _only(0),
    "presence_penalty": _only(0),
    "logit_bias": _only({}),
    "logprobs": _only(),
    "suffix": _only(),
    "top_p": _only(1),
    "seed": _a(int, "a whole number"),  # greedy decoding has nothing to seed
    "user": _a(str, "a string"),
}
