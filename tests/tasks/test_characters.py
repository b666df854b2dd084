"""A page becomes its running text, and a text becomes pieces with their next characters."""

from __future__ import annotations

import re

import pytest
import torch

from seqdocs.tasks.characters import ALPHABET, decode, encode, next_character, prose

PAGES = {
    "header": ("---\nterm: X\nyear: 1990\n---\n\n# Title\n\nText.", "title text."),
    "code": ("One.\n\n```{code-cell}\nimport torch\n```\n\nTwo.", "one. two."),
    "nested fences": ("One.\n\n````md\n```python\nx\n```\n````\n\nTwo.", "one. two."),
    "directive with colons": ("One.\n\n:::{note}\nhidden\n:::\n\nTwo.", "one. two."),
    "maths": ("So $h_t = a$ grows.\n\n$$\nx = y\n$$\n\nTrue.", "so grows. true."),
    "role": ("A {term}`hidden state` is {given}`a number`.", "a hidden state is a number."),
    "role with a target": ("A {term}`state <hidden state>`.", "a state."),
    "measured": ("It takes {measured}`speed.times` on one core.", "it takes on one core."),
    "citation": ("As {cite:t}`elman1990` says {cite:p}`jordan1986`.", "as says."),
    "citations in a row": ("As {cite:t}`elman1990`, {cite:t}`jordan1986`. So.", "as. so."),
    "link": ("See [the notation](../notation.md), or https://example.org/x.", "see the notation, or"),
    "table": ("One.\n\n| a | b |\n|---|---|\n| c | d |\n\nTwo.", "one. two."),
    "capitals, emphasis, digits": ("An **LSTM** of 1997: it's *gated*.", "an lstm of: it's gated."),
    "other alphabets": ("Wörter, naïve — yes’s.", "w rter, na ve yes's."),
    "nothing": ("", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_prose_is_what_a_reader_reads(name: str) -> None:
    page, text = PAGES[name]
    assert prose(page) == text


@pytest.mark.parametrize("name", PAGES)
def test_prose_can_be_encoded_and_read_back(name: str) -> None:
    text = prose(PAGES[name][0])
    assert decode(encode(text)) == text
    assert "  " not in text


def test_a_character_outside_of_the_alphabet_is_named() -> None:
    with pytest.raises(
        ValueError, match="^" + re.escape(f"`text` holds 'B', which is not in the alphabet {ALPHABET!r}")
    ):
        encode("aB")  # fmt: skip


def test_the_answer_to_each_character_is_the_one_after_it() -> None:
    text = encode("abcdefgh")
    batch = next_character(text, 200, 3, seed=0)
    pieces = {decode(x) for x in batch.x}
    assert pieces == {"abc", "bcd", "cde", "def", "efg"}  # every place that leaves an answer
    assert torch.equal(batch.y, batch.x + 1)
    assert batch.scored.all()


def test_pieces_are_decided_by_the_seed() -> None:
    text = encode("the next character" * 9)
    first, again, other = (next_character(text, 4, 10, seed=seed).x for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_text_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^`tokens` has shape \(3,\); pieces of 3 need \(N,\) with N > 3$"):
        next_character(encode("abc"), 1, 3, seed=0)
    with pytest.raises(ValueError, match=r"^`length` is 0; it is at least 1$"):
        next_character(encode("abc"), 1, 0, seed=0)
