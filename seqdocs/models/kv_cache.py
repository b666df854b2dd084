r"""KV cache: the keys and values of the positions so far, so that a new one need not compute them again.

Letters: B batch · m heads of keys and values · T new positions · S positions seen · d width of a key ·
e width of a value, mostly d.

While a causal model writes, the keys and values of a position never change: no later position reaches it.
Keeping them makes a step cost one position instead of all. The price is memory, 2 B m d numbers for each
position and layer.

- :class:`KVCache` keeps all, in memory that is allocated once.
- :class:`WindowCache` keeps what a sliding window can still see, so it stays bounded.

Convention: sequences of different lengths stand in one cache with their *last* positions side by side. The
first ``filler[b]`` places of row b hold no token and are never read.

>>> import torch
>>> cache = WindowCache.empty(torch.zeros(0), (1, 2, 4), window=3)
>>> for _ in range(5):
...     keys, values = cache.extend(torch.ones(1, 2, 1, 4), torch.ones(1, 2, 1, 4))
>>> cache.length, keys.shape[2], cache.keys.shape[2]
(5, 3, 2)

Sources: Shazeer, "Fast transformer decoding: one write-head is all you need", 2019, section 2.4 (what
incremental decoding reads), https://arxiv.org/abs/1911.02150; Jiang et al., "Mistral 7B", 2023, section 2
(a bounded cache for a sliding window), https://arxiv.org/abs/2310.06825
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from seqdocs import checks


@dataclass
class KVCache:
    """Keys and values of all positions so far.

    Attributes:
        keys: (B, m, capacity, d); positions from ``length`` on are not filled yet.
        values: likewise.
        length: positions that are filled.
        filler: how many places each row begins with that hold no token, (B,); none if None.
    """

    keys: Tensor
    values: Tensor
    length: int = 0
    filler: Tensor | None = None

    def __post_init__(self) -> None:
        _check_rooms(self.keys, self.values)

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Store (B, m, T, d) more keys and values; return all of them so far, as views.

        Raises:
            ValueError: if they do not fit, in batch, heads, width, dtype, device or capacity.
        """
        _check(k, v, self.keys, self.values)
        end = self.length + k.shape[2]
        capacity = self.keys.shape[2]
        if end > capacity:
            raise ValueError(
                f"the cache holds {capacity} positions; {self.length} and {k.shape[2]} more do not fit"
            )
        self.keys[:, :, self.length : end] = k
        self.values[:, :, self.length : end] = v
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


@dataclass
class WindowCache:
    """Keys and values of the last positions that a window of ``window`` will still see: window - 1 at most.

    Attributes:
        keys: (B, m, kept, d).
        values: likewise.
        window: w, positions a query sees, its own included.
        length: positions read so far, kept or not.
        filler: as in :class:`KVCache`.
    """

    keys: Tensor
    values: Tensor
    window: int
    length: int = 0
    filler: Tensor | None = None

    def __post_init__(self) -> None:
        checks.whole(1, window=self.window)
        _check_rooms(self.keys, self.values)

    @classmethod
    def empty(cls, like: Tensor, shape: tuple[int, int, int], window: int) -> Self:
        """Nothing read yet; ``shape`` is (B, m, d), dtype and device those of ``like``."""
        B, m, d = shape
        return cls(like.new_zeros(B, m, 0, d), like.new_zeros(B, m, 0, d), window)

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Read (B, m, T, d) more keys and values; return what was kept and these, and keep the last.

        Raises:
            ValueError: if they do not fit, in batch, heads, width, dtype or device.
        """
        _check(k, v, self.keys, self.values)
        self.length += k.shape[2]
        k, v = torch.cat((self.keys, k), 2), torch.cat((self.values, v), 2)
        first = max(0, k.shape[2] - (self.window - 1))
        # A view would keep all that was read alive.
        self.keys, self.values = k[:, :, first:].clone(), v[:, :, first:].clone()
        return k, v


Cache = KVCache | WindowCache


def _check_rooms(keys: Tensor, values: Tensor) -> None:
    checks.dimensions("keys", keys, "(B, m, T, d)")
    checks.dimensions("values", values, "(B, m, T, e)")
    checks.shape("values", values, "(B, m, T, e)", (*keys.shape[:3], values.shape[-1]))
    checks.alike("values", values, keys, "`keys` are")


def _check(k: Tensor, v: Tensor, keys: Tensor, values: Tensor) -> None:
    (B, m, _, d), e = keys.shape, values.shape[3]
    if k.ndim != 4 or (k.shape[0], k.shape[1], k.shape[3]) != (B, m, d):
        raise ValueError(
            f"keys have shape {tuple(k.shape)}; this cache holds (B, m, T, d) = ({B}, {m}, T, {d})"
        )
    checks.shape("v", v, "(B, m, T, e)", (*k.shape[:3], e))
    checks.alike("k", k, keys, "the cache is")
    checks.alike("v", v, keys, "the cache is")
