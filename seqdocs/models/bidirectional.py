r"""Reading a sequence both ways: each output knows what came before it and what comes after.

Letters: B batch · T time · D input · H hidden · N steps of all sequences together.

::

    →h[t] = f(x[t], →h[t-1])          from the first step to the last
    ←h[t] = g(x[t], ←h[t+1])          from the last to the first, with weights of its own
    y[t] = [→h[t]; ←h[t]]

Two recurrences that never meet; only the layer above sees both. It is no model for predicting the next step,
since each output has seen it, and a sequence cannot be read in chunks: ←h begins at the end.

Conventions: each sequence is reversed within its own length, so that padding stays behind it. The last state
of the second recurrence is that after the *first* step. With several layers each reads the outputs of both
directions below, (…, 2 H). So it is in ``torch.nn``, and the second direction's parameters end in
``_reverse`` there and here. The models take it as an option: ``GRU(D, H, bidirectional=True)``.

>>> import torch
>>> from seqdocs.models.gru import GRU
>>> net = GRU(3, 4, bidirectional=True)
>>> y, state = net(torch.randn(2, 5, 3), lengths=[5, 2])
>>> y.shape, state.shape, torch.equal(y[:, 0, 4:], state[1])
(torch.Size([2, 5, 8]), torch.Size([2, 2, 4]), True)

Source: Schuster & Paliwal, "Bidirectional recurrent neural networks", IEEE Transactions on Signal Processing
45(11), 1997, https://doi.org/10.1109/78.650093
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from seqdocs import checks

State = TypeVar("State")
Walk = Callable[[Tensor], tuple[Tensor, State]]


def both_ways(
    rows: Tensor, walks: Sequence[Walk[State]], reversal: Tensor | None
) -> tuple[Tensor, list[State]]:
    """Read packed steps forwards and, if there is a second walk, from the end of each sequence.

    Args:
        rows: steps, (N, D), as :func:`seqdocs.models.packed.pack` gives them.
        walks: one or two; each reads (N, D) and returns (N, H) and its last state.
        reversal: where each step stands in a reversed sequence, for the second walk.

    Returns:
        Outputs side by side, (N, H) or (N, 2 H), and the last state of each walk.

    Raises:
        ValueError: if there is another number of walks, or ``rows`` is not (N, D).
    """
    if not 1 <= len(walks) <= 2:
        raise ValueError(f"`walks` holds {len(walks)}; it holds one or two")
    checks.dimensions("rows", rows, "(N, D)")
    ahead, state = walks[0](rows)
    if len(walks) == 1 or reversal is None:
        return ahead, [state]
    back, other = walks[1](rows[reversal])
    return torch.cat((ahead, back[reversal]), dim=1), [state, other]
