r"""Exposure bias: how far a model that reads its own words drifts from where the true words would take it.

Letters: B batch · T time · H numbers of a state · s states under teacher forcing · u states running free.

::

    drift[t] = √( Σ_b |u[b, t] - s[b, t]|² / Σ_b |s[b, t]|² )

While learning, a model is exposed to true sequences only. Running free, its first mistake is followed by an
input that it never learnt from, and mistakes can feed on each other: the drift grows with t. It is zero as
long as the model writes what is true.

Conventions: relative to the size of the forced states, so that widths can be compared; zero where both are
zero. √2 is what unrelated states of equal size have. Drift is not error: a model may rightly write another
sequence than the one that happens to be true.

>>> import torch
>>> s = torch.ones(1, 3, 2)
>>> drift(s, s + torch.tensor([0.0, 0.5, 1.0])[:, None]).tolist()
[0.0, 0.5, 1.0]

Sources: Ranzato, Chopra, Auli & Zaremba, "Sequence level training with recurrent neural networks", ICLR 2016
(the name), https://arxiv.org/abs/1511.06732; Lamb et al., "Professor forcing", NeurIPS 2016 (to compare the
states), https://arxiv.org/abs/1610.09038. The measure is ours.
"""

from torch import Tensor

from seqdocs import checks


def drift(forced: Tensor, free: Tensor) -> Tensor:
    """How far apart the two kinds of states are at each time.

    Args:
        forced: s, (B, T, H), under teacher forcing.
        free: u, likewise, of the same model on the same first tokens.

    Returns:
        (T,), from 0.

    Raises:
        ValueError: if the shapes differ or are not (B, T, H), or the dtypes differ or are not floating point.
    """
    if forced.ndim != 3 or forced.shape != free.shape:
        raise ValueError(
            f"`forced` has shape {tuple(forced.shape)} and `free` {tuple(free.shape)}; both are (B, T, H)"
        )
    checks.floating("forced", forced)
    checks.alike("free", free, forced, "`forced` is")
    apart = (free - forced).square().sum((0, 2)).sqrt()
    size = forced.square().sum((0, 2)).sqrt()
    return (apart / size).masked_fill(apart == 0, 0.0)
