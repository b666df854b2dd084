"""What an engine is asked for, and the one sentence in which it refuses.

Every request is answered once or refused once, with a reason a program can read and a sentence a person can.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Reason = Literal[
    "bad request",  # empty or over-long prompt, tokens that do not exist, …
    "duplicate",  # a request of this id is not answered yet
    "full",  # admission: as many requests as the engine lets in
    "no blocks",  # it could never fit into the KV cache, were it alone
    "closed",  # the engine takes no more, or was closed without draining
    "cancelled",  # by the client, or because the client is gone
    "deadline",  # the time it had is over
    "worker lost",  # the process that served it was killed, and so were those that tried again
]


class RefusedError(RuntimeError):
    """A request gets no answer, or no more of it.

    Args:
        reason: one word for programs.
        sentence: who refused what, and what was wanted.
    """

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason

    def __reduce__(self) -> tuple[type[RefusedError], tuple[Reason, str]]:
        return type(self), (self.reason, str(self))  # it may come out of a worker process


@dataclass(frozen=True)
class Request:
    """Continue a prompt, greedily.

    Args:
        prompt: token ids.
        max_new_tokens: most tokens to generate, at least 1.
        stop: a token after which to stop; it is part of the answer.
        deadline: seconds after arrival by which the answer must be complete; no limit if omitted.
        id: a name that no other unanswered request has; the engine finds one if omitted.
    """

    prompt: tuple[int, ...]
    max_new_tokens: int
    stop: int | None = None
    deadline: float | None = None
    id: str | None = None

    @property
    def positions(self) -> int:
        """Most positions it may need in a cache: the last token that is generated is never read."""
        return len(self.prompt) + self.max_new_tokens - 1

    def ends(self, generated: int, last: int) -> bool:
        """Whether the answer is complete after so many tokens, of which this was the last."""
        return generated >= self.max_new_tokens or last == self.stop


def check_request(request: Request, context: int, vocabulary: int) -> None:
    """Refuse what a model could not serve.

    Args:
        request: to be checked.
        context: most positions the model can read.
        vocabulary: number of tokens it knows.

    Raises:
        RefusedError: "bad request", with what it got and what it wanted.
    """
    tokens, wanted = len(request.prompt), request.max_new_tokens
    complaint = None
    if not tokens:
        complaint = "its prompt is empty; it needs at least 1 token"
    elif wanted < 1:
        complaint = f"`max_new_tokens` is {wanted}; it is at least 1"
    elif request.positions > context:
        complaint = (
            f"a prompt of {tokens} tokens and {wanted} new ones need {request.positions} positions;"
            f" the context has {context}"
        )
    elif not all(0 <= token < vocabulary for token in request.prompt):
        wrong = next(token for token in request.prompt if not 0 <= token < vocabulary)
        complaint = f"its prompt holds token {wrong}; tokens are 0 to {vocabulary - 1}"
    elif request.deadline is not None and not (math.isfinite(request.deadline) and request.deadline > 0):
        complaint = f"`deadline` is {request.deadline} seconds; it is finite and above 0"
    if complaint is not None:
        raise RefusedError("bad request", f"the request is refused: {complaint}")
