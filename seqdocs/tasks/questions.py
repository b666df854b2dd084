"""Four questions about a sequence of tokens, asked once it has ended: one for each thing that language needs.

Letters: B batch · T time · V kinds of tokens.

::

    what for       question       asked                                        input       answer
    any length     occurs         is there a 0?                                7 3 0 5     1
    order          which_first    does 0 come before 1?                        4 1 6 0 2   0
    long range     first_token    did it begin with 0 or 1?                    1 6 3 3     1
    context        meaning        what does the last mean, after a 2 or a 3?   5 3 7 4 0   1

Answers are 0 and 1 with equal chances, so who guesses is right in half. The last answer alone counts. What
the question does not name is noise, which never looks like what it names.

Convention: ``meaning`` swaps 0 and 1 after a 3, as a word means something else in another text. It is the
exclusive or of word and topic: neither of them says anything alone.

>>> batch = which_first(1, 5, seed=0)
>>> batch.x.tolist(), batch.y[:, -1].tolist()
([[4, 1, 7, 0, 3]], [0])

Sources: our own, in the manner of Hochreiter & Schmidhuber, "Long short-term memory", Neural Computation
9(8), 1997, experiments 2 (what it began with) and 6 (temporal order).
"""

import torch
from torch import Tensor

from seqdocs import checks
from seqdocs.tasks.batch import Batch, Seed, check_sizes, distinct, generator, only_last


def _asked(x: Tensor, answer: Tensor) -> Batch:
    """The batch whose answers, (B,), count at the last step alone."""
    scored = only_last(*x.shape)
    return Batch(x, torch.where(scored, answer[:, None], 0), scored)


def _noise(named: int, batch: int, length: int, draw: torch.Generator, kinds: int) -> Tensor:
    """Tokens, (B, T), of the kinds that a question does not name; it names the first few."""
    checks.whole(named + 1, kinds=kinds)
    return torch.randint(named, kinds, (batch, length), generator=draw)


def occurs(batch: int, length: int, seed: Seed, *, kinds: int = 8) -> Batch:
    """Draw a batch: is there a 0? In half of the sequences one stands at a random place.

    Args:
        batch: B.
        length: T.
        seed: a number or a generator.
        kinds: V, at least 2.

    Returns:
        Tokens and answers, (B, T) each; the last step counts.

    Raises:
        ValueError: if a size is too small.
    """
    check_sizes(batch=batch, length=length)
    draw = generator(seed)
    x = _noise(1, batch, length, draw, kinds)
    there = torch.rand(batch, generator=draw) < 0.5
    place = torch.randint(length, (batch, 1), generator=draw)
    return _asked(torch.where(there[:, None], x.scatter(1, place, 0), x), there.long())


def which_first(batch: int, length: int, seed: Seed, *, kinds: int = 8) -> Batch:
    """Draw a batch: 0 and 1 stand at two random places before the last; is 0 the first of them?

    Args:
        batch: B.
        length: T, at least 3.
        seed: a number or a generator.
        kinds: V, at least 3.

    Returns:
        Tokens and answers, (B, T) each; the last step counts.

    Raises:
        ValueError: if a size is too small.
    """
    check_sizes(least_length=3, batch=batch, length=length)
    draw = generator(seed)
    x = _noise(2, batch, length, draw, kinds)
    zero, one = distinct(batch, 2, length - 1, draw).unsqueeze(2).unbind(1)
    return _asked(x.scatter(1, zero, 0).scatter(1, one, 1), (zero < one)[:, 0].long())


def first_token(batch: int, length: int, seed: Seed, *, kinds: int = 8) -> Batch:
    """Draw a batch: it begins with 0 or 1; which was it?

    Args:
        batch: B.
        length: T.
        seed: a number or a generator.
        kinds: V, at least 3.

    Returns:
        Tokens and answers, (B, T) each; the last step counts.

    Raises:
        ValueError: if a size is too small.
    """
    check_sizes(batch=batch, length=length)
    draw = generator(seed)
    x = _noise(2, batch, length, draw, kinds)
    x[:, 0] = torch.randint(2, (batch,), generator=draw)
    return _asked(x, x[:, 0])


def meaning(batch: int, length: int, seed: Seed, *, kinds: int = 8) -> Batch:
    """Draw a batch: it ends with 0 or 1, which means itself if a 2 came before, and the other one if a 3 did.

    Args:
        batch: B.
        length: T, at least 2.
        seed: a number or a generator.
        kinds: V, at least 5.

    Returns:
        Tokens and answers, (B, T) each; the last step counts.

    Raises:
        ValueError: if a size is too small.
    """
    check_sizes(least_length=2, batch=batch, length=length)
    draw = generator(seed)
    x = _noise(4, batch, length, draw, kinds)
    place = torch.randint(length - 1, (batch, 1), generator=draw)
    topic, word = torch.randint(2, (2, batch, 1), generator=draw)
    x = x.scatter(1, place, 2 + topic)
    x[:, -1:] = word
    return _asked(x, (topic ^ word)[:, 0])
