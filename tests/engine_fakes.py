"""A clock that ticks when it is read, and a language model that is arithmetic on what lies in its memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from random import Random

from seqdocs.queues.engines.request import Request
from seqdocs.queues.engines.scheduler import Reading

VOCABULARY = 97
POISON = VOCABULARY - 1  # the model cannot bear to read it; the rule is never allowed to say it


def ticking() -> Callable[[], float]:
    """A clock on which no two moments are the same and all add up exactly."""
    ticks = count(1)
    return lambda: next(ticks) / 1024


def rule(tokens: Sequence[int]) -> int:
    """The next token: it depends on every token before it and on its place."""
    return sum((place + 1) * token for place, token in enumerate(tokens)) * 31 % (VOCABULARY - 1)


def answer_of(request: Request) -> list[int]:
    """What a greedy decoder says, one by one."""
    tokens = list(request.prompt)
    while True:
        tokens.append(rule(tokens))
        if request.ends(len(tokens) - len(request.prompt), tokens[-1]):
            return tokens[len(request.prompt) :]


def count_up(n: int):
    yield from range(n)


def serve(request: Request):
    """The same, as a service that streams."""
    if POISON in request.prompt:
        raise ArithmeticError(f"cannot bear {POISON}")
    yield from answer_of(request)


class FakeModel:
    """Stores each token where its key would lie, and reads the whole sequence back from there."""

    vocabulary = VOCABULARY

    def __init__(self, blocks: int, block_size: int, context: int = 64, before=lambda readings: None) -> None:
        self.blocks, self.block_size, self.context = blocks, block_size, context
        self.memory: list[int | None] = [None] * (blocks * block_size)
        self.before = before
        self.steps: list[list[int]] = []  # how many tokens each sequence read

    def next_tokens(self, readings: Sequence[Reading]) -> list[int]:
        self.before(readings)
        self.steps.append([len(one.tokens) for one in readings])
        for one in readings:
            for place, token in enumerate(one.tokens, one.start):
                self.memory[self._slot(one, place)] = token
        return [self._next(one) for one in readings]

    def _next(self, one: Reading) -> int:
        end = one.start + len(one.tokens)
        held = [self.memory[self._slot(one, place)] for place in range(end)]
        if POISON in one.tokens:
            raise ArithmeticError(f"cannot bear {POISON}")
        return rule(held)

    def _slot(self, one: Reading, place: int) -> int:
        return one.blocks[place // self.block_size] * self.block_size + place % self.block_size


def random_request(draw: Random, context: int = 64, **options) -> Request:
    """A prompt without poison and a number of tokens, which fit the context together."""
    length = draw.randint(1, context // 2)
    prompt = tuple(draw.randrange(20) for _ in range(length))
    stop = draw.choice([None, draw.randrange(VOCABULARY)])
    return Request(prompt, draw.randint(1, context - length), stop, **options)
