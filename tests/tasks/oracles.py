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
