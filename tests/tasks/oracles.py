"""Every task again, one sequence at a time and in plain Python: what the fast forms are compared with."""

from __future__ import annotations

BLANK, GO = 0, 1  # behind the last symbol


def copying(tokens: list[int], symbols: int) -> dict[int, int]:
    """Answers by step: after "go", the symbols in the order in which they came."""
    go = tokens.index(symbols + GO)
    kept = [token for token in tokens[:go] if token < symbols]
    return {go + place: token for place, token in enumerate(kept)}


def adding(steps: list[list[float]]) -> dict[int, float]:
    """The sum of the two marked numbers, at the last step."""
    return {len(steps) - 1: sum(value for value, mark in steps if mark)}


def parity(bits: list[int]) -> dict[int, int]:
    """Whether the number of ones so far is odd."""
    return {t: bits[: t + 1].count(1) % 2 for t in range(len(bits))}


def associative_recall(tokens: list[int]) -> dict[int, int]:
    """What stood behind the key when it last came."""
    *pairs, asked = tokens
    return {len(pairs): dict(zip(pairs[::2], pairs[1::2], strict=True))[asked]}


def delayed_xor(bits: list[int], delay: int) -> dict[int, int]:
    """Whether two neighbours some steps ago differ."""
    return {t: int(bits[t - delay] != bits[t - delay - 1]) for t in range(delay + 1, len(bits))}


def brackets(tokens: list[int], kinds: int) -> dict[int, int]:
    """The kind of the innermost open bracket, or ``kinds``; fails where a bracket closes another kind."""
    stack: list[int] = []
    answers = {}
    for t, token in enumerate(tokens):
        if token % 2:
            assert stack.pop() == token // 2
        else:
            stack.append(token // 2)
        answers[t] = stack[-1] if stack else kinds
    return answers


def occurs(tokens: list[int]) -> dict[int, int]:
    """Whether there is a 0; fails if there are two."""
    assert tokens.count(0) <= 1
    return {len(tokens) - 1: int(0 in tokens)}


def which_first(tokens: list[int]) -> dict[int, int]:
    """Whether 0 comes before 1; fails unless each comes once."""
    assert tokens.count(0) == tokens.count(1) == 1
    return {len(tokens) - 1: int(tokens.index(0) < tokens.index(1))}


def first_token(tokens: list[int]) -> dict[int, int]:
    """What it began with; fails if one of the rest could be that."""
    assert all(token > 1 for token in tokens[1:])
    return {len(tokens) - 1: tokens[0]}


def meaning(tokens: list[int]) -> dict[int, int]:
    """The last token, or the other one after a 3; fails unless there is one topic."""
    *before, word = tokens
    topic = [token for token in before if token < 4]
    assert topic in ([2], [3])
    return {len(before): word if topic == [2] else 1 - word}
