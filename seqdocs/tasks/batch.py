"""What every task returns: inputs, the right answers, and where answers count.

Letters: B batch · T time.

A task is a pure function of its sizes and a seed. Data are drawn on the CPU, so the same seed gives the same
batch on every device; :meth:`Batch.to` moves it. A seed may also be a generator, which goes on drawing: that
is what training takes.

>>> import torch
>>> first, second = (uniform_bits(2, 5, seed=0) for _ in range(2))
>>> torch.equal(first, second)
True
"""

from typing import NamedTuple, Self

import torch
from torch import Tensor

from seqdocs import checks

Seed = int | torch.Generator


class Batch(NamedTuple):
    """Inputs, answers, and where answers count."""

    x: Tensor  # (B, T) of tokens, or (B, T, D) of numbers
    y: Tensor  # (B, T) of tokens, or of numbers
    scored: Tensor  # (B, T), True where the answer counts

    def to(self, device: torch.device | str) -> Self:
        """The same batch on another device."""
        return type(self)(*(tensor.to(device) for tensor in self))


def generator(seed: Seed) -> torch.Generator:
    """The generator itself, or a fresh one from a number.

    Raises:
        ValueError: if ``seed`` is neither.
    """
    if not isinstance(seed, torch.Generator):
        checks.number("seed", seed, isinstance(seed, int), "a whole number or a torch.Generator")
    return seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)


def check_sizes(least_length: int = 1, **sizes: int) -> None:
    """Raise ValueError unless every size is positive, and ``length`` at least ``least_length``.

    Raises:
        ValueError: in one sentence that names the argument.
    """
    for name, size in sizes.items():
        least = {"length": least_length, "batch": 0, "lag": 0, "rewrites": 0}.get(name, 1)
        checks.whole(least, **{name: size})


def only_last(B: int, T: int) -> Tensor:
    """True at the last step alone, (B, T)."""
    checks.whole(0, B=B, T=T)
    scored = torch.zeros(B, T, dtype=torch.bool)
    scored[:, -1:] = True
    return scored


def uniform_bits(batch: int, length: int, seed: Seed) -> Tensor:
    """Zeros and ones with equal chances, (B, T)."""
    checks.whole(0, batch=batch, length=length)
    return torch.randint(2, (batch, length), generator=generator(seed))


def distinct(batch: int, count: int, among: int, seed: Seed) -> Tensor:
    """``count`` different numbers below ``among`` in random order, for every sequence, (B, count).

    Raises:
        ValueError: if there are not so many.
    """
    checks.whole(0, batch=batch, count=count, among=among)
    checks.number("count", count, count <= among, f"at most `among` = {among}")
    return torch.rand(batch, among, generator=generator(seed)).argsort(1)[:, :count]
