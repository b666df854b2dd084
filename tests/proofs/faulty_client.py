"""A client that does to an engine what clients do: it cancels, hangs up, hurries, and asks for nonsense."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from threading import Event

from engine_fakes import POISON, VOCABULARY, answer_of, random_request

from seqdocs.queues.engines.engine import Engine
from seqdocs.queues.engines.request import RefusedError, Request
from seqdocs.queues.engines.ticket import Ticket

MAY_SAY = {  # what may come of a request with each fault
    "none": {"answer"},
    "cancelled at once": {"answer", "cancelled"},
    "cancelled later": {"answer", "cancelled"},
    "hangs up": {"answer", "cancelled"},
    "leaves": {"answer", "cancelled"},
    "hurried": {"answer", "deadline"},
    "too late": {"deadline"},
    "poison": {"ArithmeticError"},
    "misshapen": {"bad request"},
    "large": {"answer", "no blocks"},  # it fits the context but not every cache
    "twin": {"answer", "duplicate"},
    "deadly once": {"answer"},
    "deadly always": {"worker lost"},
}
AT_THE_DOOR = {"full"}  # may come of any
MISSHAPEN = [Request((), 3), Request((1,) * 40, 30), Request((VOCABULARY,), 1), Request((1,), 0)]


@dataclass
class Sent:
    """A request that came in, its fault, and what was heard of its answer."""

    fault: str
    ticket: Ticket[Request] | None = None
    heard: list[int] = field(default_factory=list)


class Client:
    """Sends requests, some of them with a fault, and judges what comes back.

    Until ``go`` is set no answer gets beyond its first token, so that the engine is full for once.
    """

    def __init__(
        self,
        engine: Engine[Request],
        draw: Random,
        readers: Executor,
        answer: Callable[[Request], list[int]] = answer_of,
    ) -> None:
        self.engine, self.draw, self.readers, self.answer = engine, draw, readers, answer
        self.go = Event()
        self.sent: list[Sent] = []
        self.said: Counter[str] = Counter()

    def send(self, number: int, fault: str) -> None:
        """One request: it is refused at the door, or comes in."""
        sent = Sent(fault)
        try:
            request = self._request(f"{fault} {number}", fault)
            sent.ticket = self.engine.submit(request, on_token=lambda token: self._hear(sent, token))
        except RefusedError as refusal:
            self._judge(fault, refusal.reason)
            if refusal.reason == "full" and self.go.is_set():  # come back when many have left
                for one in self.sent[-40:-20]:
                    with suppress(Exception):
                        one.ticket.result(60)
            return
        self.sent.append(sent)
        if fault == "cancelled at once":
            sent.ticket.cancel()
        if fault == "leaves":
            self.readers.submit(_read_one, sent.ticket)

    def judge(self) -> None:
        """Everybody has one answer or one refusal, and right tokens in the right order before it."""
        for sent in self.sent:
            ticket, error = sent.ticket, sent.ticket.error
            assert ticket.done(), f"{ticket} is lost"
            right = self.answer(ticket.request)
            assert sent.heard == right[: ticket.tokens]
            if error is None:
                assert ticket.result() == right
            said = "answer" if error is None else getattr(error, "reason", type(error).__name__)
            self._judge(sent.fault, said)

    def _request(self, name: str, fault: str) -> Request:
        plain = [one.ticket.request for one in self.sent[-30:] if one.fault == "none"]
        if fault == "twin" and plain:
            return self.draw.choice(plain)
        if fault == "misshapen":
            return self.draw.choice(MISSHAPEN)
        if fault == "large":
            return Request((1,) * 30, 34, id=name)
        made = random_request(self.draw, 32, id=name)
        prompt = (*made.prompt, POISON) if fault == "poison" else made.prompt
        new = made.max_new_tokens + 1 if fault.startswith("deadly") else made.max_new_tokens
        deadline = {"hurried": self.draw.choice([1e-3, 1e-2]), "too late": 1e-9}.get(fault)
        return Request(prompt, new, made.stop, deadline, name)

    def _hear(self, sent: Sent, token: int) -> None:
        self.go.wait(60)
        sent.heard.append(token)
        if len(sent.heard) < 2:
            return
        if sent.fault == "hangs up":
            raise ConnectionError("hung up")
        if sent.fault == "cancelled later" and sent.ticket is not None:
            sent.ticket.cancel()

    def _judge(self, fault: str, said: str) -> None:
        assert said in MAY_SAY[fault] | AT_THE_DOOR, f"a request with fault {fault!r} was told {said!r}"
        self.said[said] += 1


def _read_one(ticket: Ticket[Request]) -> None:
    for _ in ticket:
        break


def fault_of(draw: Random, deadly: float) -> str:
    """The fault of the next request: none for most, and a worker's death for this share of them."""
    if draw.random() < deadly:
        return draw.choice(["deadly once", "deadly once", "deadly always"])
    faults = [fault for fault in MAY_SAY if not fault.startswith(("none", "deadly"))]
    return draw.choice(faults) if draw.random() < 0.4 else "none"
