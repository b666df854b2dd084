"""Bracket matching: which bracket has to be closed next? The answer needs a stack.

Letters: B batch · T time · m greatest depth.

::

    input    (  [  ]  (  )  )
    answer   (  [  (  (  (  –        kind of the innermost open bracket, or k if none is open

Tokens: kind j opens as 2 j and closes as 2 j + 1. Answers are 0 … k - 1, and k where nothing is open. Strings
are beginnings of well-formed ones (of Dyck-k); where both are possible, the next bracket opens or closes with
equal chances.

Convention: the depth is bounded, as a state of fixed size can only do that much: k kinds up to depth m need
about m log2(k) bits.

>>> brackets(1, 8, seed=3, kinds=2).x.tolist()
[[2, 2, 0, 2, 3, 2, 3, 1]]
>>> brackets(1, 8, seed=3, kinds=2).y.tolist()
[[1, 1, 0, 1, 0, 1, 0, 1]]

Source: Hewitt, Hahn, Ganguli, Liang & Manning, "RNNs can generate bounded hierarchical languages with optimal
memory", EMNLP 2020, section 2, https://arxiv.org/abs/2010.07515
"""

import torch

from seqdocs.tasks.batch import Batch, Seed, check_sizes, generator


def brackets(batch: int, length: int, seed: Seed, *, kinds: int = 2, depth: int = 4) -> Batch:
    """Draw a batch.

    Args:
        batch: B.
        length: T.
        seed: a number or a generator.
        kinds: k; the vocabulary is 2 k.
        depth: m, brackets open at the same time.

    Returns:
        Tokens and answers, (B, T) each; every step counts.

    Raises:
        ValueError: if a size is too small.
    """
    check_sizes(batch=batch, length=length, kinds=kinds, depth=depth)
    draw = generator(seed)
    opens = torch.rand(batch, length, generator=draw) < 0.5
    new = torch.randint(kinds, (batch, length), generator=draw)
    stack = torch.full((batch, depth + 1), kinds)  # at the bottom: nothing is open
    height = torch.zeros(batch, 1, dtype=torch.long)
    x, y = torch.empty_like(new), torch.empty_like(new)
    for t in range(length):
        going_up = ((opens[:, t : t + 1]) | (height == 0)) & (height < depth)
        top = stack.gather(1, height)
        x[:, t : t + 1] = torch.where(going_up, 2 * new[:, t : t + 1], 2 * top + 1)
        height = torch.where(going_up, height + 1, height - 1)
        top = torch.where(going_up, new[:, t : t + 1], stack.gather(1, height))
        stack = stack.scatter(1, height, top)  # what is closed stays above, unread, until it is written over
        y[:, t : t + 1] = top
    return Batch(x, y, torch.ones_like(x, dtype=torch.bool))
