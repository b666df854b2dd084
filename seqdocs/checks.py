"""What a public function refuses, in one sentence each: the argument, what it got, what it wanted.

Letters: B batch · T time · D input · V vocabulary.

A check is one line where it is used. It looks at shapes, dtypes and devices and never at the numbers in a
tensor, because on a GPU that would wait for all the work before. So it costs a fraction of a microsecond, and
may stand in a loop over steps.

>>> whole(1, input_size=3, hidden_size=0)
Traceback (most recent call last):
ValueError: `hidden_size` is 0; it is at least 1
>>> whole(0, length=8.5)
Traceback (most recent call last):
ValueError: `length` is 8.5; it is a whole number, at least 0

Source: none needed.
"""

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor
from torch.nn import functional as F

Shape = tuple[int, ...]


def one_of(name: str, got: object, *known: str) -> None:
    """Raise ValueError unless ``got`` is one of the words."""
    if got not in known:
        *most, last = (f'"{word}"' for word in known)
        raise ValueError(f"`{name}` is {got!r}; it is {', '.join(most)} or {last}")


def whole(least: int, /, **numbers: object) -> None:
    """Raise ValueError unless each number is whole and at least so large; True is none."""
    for name, n in numbers.items():
        if not isinstance(n, int | Integral) or isinstance(n, bool):
            raise ValueError(f"`{name}` is {n!r}; it is a whole number, at least {least}")
        if n < least:
            raise ValueError(f"`{name}` is {n}; it is at least {least}")


def number(name: str, got: object, fits: bool, wanted: str) -> None:
    """Raise ValueError unless it fits: ``number("p", p, 0 < p <= 1, "more than 0 and at most 1")``.

    Not-a-number fails every comparison and so every range.
    """
    if not fits:
        raise ValueError(f"`{name}` is {got!r}; it is {wanted}")


def shape(name: str, x: Tensor, letters: str, wanted: Shape) -> None:
    """Raise ValueError unless ``x`` has a shape, which ``letters`` explain, such as "(B, H)"."""
    if x.shape != wanted:
        raise ValueError(f"`{name}` has shape {tuple(x.shape)}; it is {letters} = {tuple(wanted)}")


def dimensions(name: str, x: Tensor, letters: str) -> None:
    """Raise ValueError unless ``x`` has as many dimensions as there are ``letters``, such as "(B, T, D)"."""
    if x.ndim != _count(letters):
        raise ValueError(f"`{name}` has shape {tuple(x.shape)}; it is {letters}")


def broadcasts(name: str, x: Tensor, letters: str, wanted: Shape) -> None:
    """Raise ValueError unless ``x`` can be expanded to a shape, which ``letters`` explain."""
    sizes = zip(reversed(x.shape), reversed(wanted), strict=False)
    if x.ndim > len(wanted) or any(own not in (1, whole) for own, whole in sizes):
        raise ValueError(f"`{name}` has shape {tuple(x.shape)}; it broadcasts to {letters} = {tuple(wanted)}")


def floating(name: str, x: Tensor, *, real: bool = True) -> None:
    """Raise ValueError unless ``x`` holds floating-point numbers; complex ones too if not ``real``."""
    if not (x.is_floating_point() or (x.is_complex() and not real)):
        wanted = "floating point" if real else "real or complex floating point"
        raise ValueError(f"`{name}` has dtype {x.dtype}; it is {wanted}")


def boolean(name: str, x: Tensor) -> None:
    """Raise ValueError unless ``x`` holds truth values."""
    if x.dtype != torch.bool:
        raise ValueError(f"`{name}` is {x.dtype}; it is boolean")


def logits(x: Tensor) -> None:
    """Raise ValueError unless ``x`` is (…, V) in floating point, V ≥ 1."""
    floating("logits", x)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(f"`logits` has shape {tuple(x.shape)}; it is (…, V) with V ≥ 1")


def generator(name: str, x: object) -> None:
    """Raise ValueError unless ``x`` is a source of chance."""
    if not isinstance(x, torch.Generator):
        raise ValueError(f"`{name}` is {x!r}; it is a torch.Generator")


def together(name: str, x: Tensor, other: Tensor, whose: str = "the parameters are") -> None:
    """Raise ValueError unless ``x`` lies on the device of ``other``."""
    if x.device != other.device:
        raise ValueError(f"`{name}` is on {x.device} but {whose} on {other.device}; move one of them")


def alike(name: str, x: Tensor, other: Tensor, whose: str = "the parameters are") -> None:
    """Raise ValueError unless ``x`` has the dtype of ``other`` and lies on its device."""
    if x.dtype != other.dtype:
        raise ValueError(f"`{name}` is {x.dtype} but {whose} {other.dtype}; convert one of them")
    together(name, x, other, whose)


def sequence(name: str, x: Tensor, D: int, parameter: Tensor) -> None:
    """Raise ValueError unless ``x`` is (B, T, D) and like the parameters of who reads it."""
    if x.ndim != 3 or x.shape[2] != D:
        raise ValueError(f"`{name}` has shape {tuple(x.shape)}; it is (B, T, {D})")
    alike(name, x, parameter)


def begin(state: Tensor | None, letters: str, wanted: Shape, x: Tensor, whose: str = "`x` is") -> Tensor:
    """The state before the first step, like ``x``: zeros if None; ValueError if it does not fit."""
    if state is None:
        return x.new_zeros(wanted)
    shape("state", state, letters, wanted)
    alike("state", state, x, whose)
    return state


def begin_all(
    state: Sequence[Tensor] | None, letters: str, wanted: Sequence[Shape], x: Tensor, whose: str = "`x` is"
) -> tuple[Tensor, ...]:
    """The same for a state of several tensors."""
    if state is None:
        return tuple(x.new_zeros(one) for one in wanted)
    got = tuple(tuple(part.shape) for part in state)
    if got != tuple(wanted):
        raise ValueError(f"`state` has shapes {got}; they are {letters} = {tuple(wanted)}")
    for n, part in enumerate(state):
        alike(f"state[{n}]", part, x, whose)
    return tuple(state)


def tokens(name: str, x: Tensor, letters: str = "(B, T)") -> None:
    """Raise ValueError unless ``x`` is integers that a table can be asked for, with such dimensions."""
    if x.ndim != _count(letters) or x.dtype not in (torch.int64, torch.int32):
        raise ValueError(f"`{name}` is {x.dtype} of shape {tuple(x.shape)}; it is integers, {letters}")


def looked_up(name: str, x: Tensor, table: Tensor) -> Tensor:
    """The rows of ``table``, (V, D), that tokens ask for; ValueError if one is not in it.

    On a CPU torch looks at every token anyway, and its error is put into our words. On a GPU nobody sees a
    wrong token without waiting, so there torch's own assertion remains.
    """
    together(name, x, table)
    try:
        return F.embedding(x, table)
    except IndexError:
        raise unknown(name, x, len(table)) from None


def unknown(name: str, x: Tensor, V: int) -> ValueError:
    """What to raise if one of the tokens is not in 0 … V - 1."""
    wrong = next((token for token in x.flatten().tolist() if not 0 <= token < V), None)
    return ValueError(f"`{name}` holds {wrong}; tokens are 0 … {V - 1}")


def _count(letters: str) -> int:
    """How many dimensions "(B, T)" or "(B,)" has."""
    return len(letters.strip("(,)").split(","))
