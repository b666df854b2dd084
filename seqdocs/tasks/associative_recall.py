"""Associative recall: pairs of a key and a value, then one of the keys; the answer is its value.

Letters: B batch · P pairs · T = 2 P + 1 time.

::

    input    k1 v1 k2 v2 … kP vP   kj
    answer   –  –  –  –  … –  –    vj      scored at the last step

Tokens: keys are 0 … n - 1, values n … n + m - 1. Keys differ from one another, values may repeat. What a
token means to the answer depends on the token before it, so a model must bind, not only keep.

With ``rewrites``, as many pairs follow whose keys have been there before, each with a new draw of its value.
The last value of the key that is asked for is the answer, so a model must also replace what it bound.

>>> associative_recall(1, 2, seed=1, keys=4, values=4).x.tolist()
[[1, 7, 2, 5, 2]]
>>> associative_recall(1, 2, seed=1, keys=4, values=4).y[0, -1].item()
5

Source: Ba, Hinton, Mnih, Leibo & Ionescu, "Using fast weights to attend to the recent past", NeurIPS 2016,
section 4.1, https://arxiv.org/abs/1610.06258; Schlag, Irie & Schmidhuber, "Linear transformers are secretly
fast weight programmers", ICML 2021 (keys that come again), https://arxiv.org/abs/2102.11174
"""

import torch

from seqdocs.tasks.batch import Batch, Seed, check_sizes, distinct, generator, only_last


def associative_recall(
    batch: int, length: int, seed: Seed, *, keys: int = 8, values: int = 8, rewrites: int = 0
) -> Batch:
    """Draw a batch.

    Args:
        batch: B.
        length: P, pairs; at most ``keys``.
        seed: a number or a generator.
        keys: n, how many there are.
        values: m, how many there are; the vocabulary is n + m.
        rewrites: R, pairs more whose keys are among the first P.

    Returns:
        Tokens and answers, (B, 2 (P + R) + 1) each; the last step counts.

    Raises:
        ValueError: if a size is too small, or there are more pairs than keys.
    """
    check_sizes(batch=batch, length=length, keys=keys, values=values, rewrites=rewrites)
    if length > keys:
        raise ValueError(f"`length` is {length} pairs but there are {keys} keys; keys of a sequence differ")
    draw = generator(seed)
    key = distinct(batch, length, keys, draw)
    value = torch.randint(keys, keys + values, (batch, length + rewrites), generator=draw)
    asked = torch.randint(length, (batch, 1), generator=draw)
    again = torch.randint(length, (batch, rewrites), generator=draw)
    asked, key = key.gather(1, asked), torch.cat((key, key.gather(1, again)), dim=1)
    last = torch.where(key == asked, torch.arange(length + rewrites), -1).amax(1, keepdim=True)
    x = torch.cat((torch.stack((key, value), dim=2).flatten(1), asked), dim=1)
    y = torch.zeros_like(x)
    y[:, -1:] = value.gather(1, last)
    return Batch(x, y, only_last(*x.shape))
