"""A corpus of characters: the prose of pages in Markdown, and batches of "which character comes next?".

Letters: B batch · T time · V characters of the alphabet.

The pages of this site are the smallest real text that every checkout has. Nothing is read here: an experiment
declares its files and hands their text over.

>>> page = "---\\nterm: GRU\\n---\\n\\n# GRU\\n\\nA *gate* opens, $h = 1$, and it\\ncloses {cite:p}`cho2014`."
>>> prose(page)
'gru a gate opens, and it closes.'
>>> decode(encode("gru a gate"))
'gru a gate'

Source: Shannon, "Prediction and entropy of printed English", Bell System Technical Journal 30(1), 1951 (27
letters; ours are a few more)
"""

import re

import torch
from torch import Tensor

from seqdocs import checks
from seqdocs.tasks.batch import Batch, Seed, check_sizes, generator

ALPHABET = " abcdefghijklmnopqrstuvwxyz.,;:'-"
_HIDDEN = re.compile(
    r"\A---\n.*?\n---\n"  # header
    r"|^(?P<fence>[`~:]{3,}).*?^(?P=fence)[ \t]*$"  # code, directives
    r"|\$\$.*?\$\$|\$[^$\n]*\$"  # maths
    r"|\{(?:cite:\w+|measured)\}`[^`]*`"  # names and years; where a number is looked up
    r"|https?://\S+"
    r"|^\|[^\n]*$",  # tables
    re.MULTILINE | re.DOTALL,
)


def prose(markdown: str) -> str:
    """The running text of a page, in lower case and with the characters of ``ALPHABET`` alone.

    Header, code, directives, maths, citations, addresses and tables are left out; what cannot be written with
    the alphabet becomes a space, and spaces are joined.
    """
    text = _HIDDEN.sub(" ", markdown)
    text = re.sub(r"\{[\w:-]+\}`([^`<]*)(?:<[^`]*>)?`", r"\1", text)  # roles: what a reader sees
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).lower().replace("’", "'")
    text = re.sub(f"[^{re.escape(ALPHABET)}]+", " ", text)
    text = re.sub(r" +", " ", text).strip()
    return re.sub(
        r" ?(?:[.,;:] ?)*([.,;:])", r"\1", text
    )  # of marks that lost what stood between them, the last


def encode(text: str) -> Tensor:
    """The number of each character in ``ALPHABET``, (T,).

    Raises:
        ValueError: if a character is not in it.
    """
    number = {character: index for index, character in enumerate(ALPHABET)}
    if unknown := sorted(set(text) - set(number)):
        raise ValueError(f"`text` holds {unknown[0]!r}, which is not in the alphabet {ALPHABET!r}")
    return torch.tensor([number[character] for character in text], dtype=torch.long)


def decode(tokens: Tensor) -> str:
    """The text of tokens, (T,).

    Raises:
        ValueError: if they are not (T,) integers, each the number of a character.
    """
    checks.tokens("tokens", tokens, "(T,)")
    if ((tokens < 0) | (tokens >= len(ALPHABET))).any():
        raise checks.unknown("tokens", tokens, len(ALPHABET))
    return "".join(ALPHABET[index] for index in tokens.tolist())


def next_character(tokens: Tensor, batch: int, length: int, seed: Seed) -> Batch:
    """Cut random pieces from a text; the answer to each character is the one after it.

    Args:
        tokens: the text, (N,), longer than ``length``.
        batch: B.
        length: T, characters of a piece.
        seed: a number or a generator.

    Returns:
        Tokens and answers, (B, T) each; every step counts.

    Raises:
        ValueError: if a size is too small, or the text too short.
    """
    check_sizes(batch=batch, length=length)
    if tokens.ndim != 1 or len(tokens) <= length:
        raise ValueError(
            f"`tokens` has shape {tuple(tokens.shape)}; pieces of {length} need (N,) with N > {length}"
        )
    starts = torch.randint(len(tokens) - length, (batch, 1), generator=generator(seed))
    pieces = tokens[starts + torch.arange(length + 1)]
    return Batch(pieces[:, :-1], pieces[:, 1:], torch.ones(batch, length, dtype=torch.bool))
