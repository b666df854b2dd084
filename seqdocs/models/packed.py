r"""A padded batch as what it holds: the steps of all sequences, longest first, without the padding.

Letters: B batch · T time · D width · N steps of all sequences together.

Sequences of lengths 2, 3, 0 in a batch of T = 4, with the step of sequence b at time t written b.t::

    padded    0.0  0.1   ·    ·          packed    1.0 0.0 | 1.1 0.1 | 1.2
              1.0  1.1  1.2   ·          sizes     2         2         1
               ·    ·    ·    ·          ends      sequence 1 after step 2, 0 after 1, 2 before all

Sequences are sorted by length, so those that go on are always the first rows: step t is computed for
``sizes[t]`` sequences and for no padding. What stands in the padding, even if it is not a number, reaches
neither a state nor a gradient.

Conventions: outputs in the padding are zero, and the last state of a sequence is that after its own last
step, as in ``torch.nn.utils.rnn.pack_padded_sequence``. A sequence of length 0, which torch refuses, has no
output and leaves its state as it was. Lengths need not be sorted.

>>> import torch
>>> x = torch.arange(12.0).view(3, 4, 1)
>>> packed = pack(x, [2, 3, 0])
>>> packed.rows.flatten().tolist(), packed.sizes
([4.0, 0.0, 5.0, 1.0, 6.0], [2, 2, 1])
>>> unpack(packed.rows, packed)[..., 0].tolist()
[[0.0, 1.0, 0.0, 0.0], [4.0, 5.0, 6.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from seqdocs import checks

Lengths = Tensor | Sequence[int]


class Packed(NamedTuple):
    """Steps of a batch, time by time.

    ``rows`` are the steps, (N, D); ``sizes`` how many sequences take each step. ``order`` says which
    sequence each column is, and ``taken`` (T, B) which of its steps exist; both are None without lengths.
    """

    rows: Tensor
    sizes: list[int]
    B: int
    T: int
    order: Tensor | None
    taken: Tensor | None


def pack(x: Tensor, lengths: Lengths | None = None) -> Packed:
    """Take the padding out of a batch.

    Args:
        x: (B, T, D).
        lengths: of every sequence, (B,) whole numbers from 0 to T; all T if omitted.

    Raises:
        ValueError: if ``x`` is not (B, T, D), or ``lengths`` are not that.
    """
    checks.dimensions("x", x, "(B, T, D)")
    B, T, D = x.shape
    by_time = x.transpose(0, 1)
    if lengths is None:
        return Packed(by_time.reshape(T * B, D), [B] * T, B, T, None, None)
    checked = check_lengths(lengths, B, T).to(x.device)
    longest_first, order = checked.sort(descending=True, stable=True)
    taken = torch.arange(T, device=x.device)[:, None] < longest_first
    sizes = [size for size in taken.sum(1).tolist() if size]
    return Packed(by_time[:, order][taken], sizes, B, T, order, taken)


def unpack(rows: Tensor, packed: Packed) -> Tensor:
    """Put the steps (N, H) back where they stood, (B, T, H), and zeros into the padding."""
    if packed.order is None or packed.taken is None:
        return rows.view(packed.T, packed.B, rows.shape[1]).transpose(0, 1)
    padded = rows.new_zeros(packed.T, packed.B, rows.shape[1]).index_put((packed.taken,), rows)
    return padded[:, packed.order.argsort()].transpose(0, 1)


def reversal(packed: Packed) -> Tensor:
    """Where each step stands when every sequence is read from its end: rows[reversal] is that, (N,).

    Doing it twice gives the rows back.
    """
    device = packed.rows.device
    sizes = torch.tensor(packed.sizes, dtype=torch.long, device=device)
    begins = sizes.cumsum(0) - sizes
    time = torch.repeat_interleave(torch.arange(len(sizes), device=device), sizes)
    column = torch.arange(len(time), device=device) - begins[time]
    lengths = torch.bincount(column, minlength=1)
    return begins[lengths[column] - 1 - time] + column


def ends(sizes: Sequence[int], B: int) -> list[tuple[int, int, int]]:
    """Where sequences end: (steps, first, last) for columns first … last - 1, which have ``steps`` steps."""
    found, first = [], 0
    for steps, size in reversed(list(enumerate((B, *sizes)))):
        if size > first:
            found.append((steps, first, size))
            first = size
    return found


def last_states(states: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    """The last state of every sequence, (B, H), from the one before the first step and all after a step."""
    B = states[0].shape[0]
    pieces = [states[steps][first:last] for steps, first, last in ends(sizes, B)]
    return pieces[0] if len(pieces) == 1 else torch.cat([states[0][:0], *pieces])


def going_on(state: Tensor, size: int) -> Tensor:
    """The state of those sequences that take another step: the first ``size``."""
    return state if state.shape[0] == size else state[:size]


def check_lengths(lengths: Lengths, B: int, T: int) -> Tensor:
    """``lengths`` as a tensor of B whole numbers, each from 0 to T; ValueError if they are not."""
    checked = torch.as_tensor(lengths)
    wanted = f"they are whole numbers from 0 to T = {T}"
    if checked.shape != (B,):
        raise ValueError(f"`lengths` has shape {tuple(checked.shape)}; it is (B,) = ({B},)")
    if B and (checked.is_floating_point() or checked.is_complex() or checked.dtype == torch.bool):
        raise ValueError(f"`lengths` are {checked.dtype} and hold {checked[0].item()}; {wanted}")
    if B and (outside := checked[(checked < 0) | (checked > T)].tolist()):
        raise ValueError(f"`lengths` hold {outside[0]}; {wanted}")
    return checked.long()
