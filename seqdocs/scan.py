r"""Scan: solve the linear recurrence h[t] = a[t] h[t-1] + b[t] for every t, in order or all at once.

Letters: B batch · T time · D input (here the number of independent recurrences).

Walking through time takes T steps that wait for one another. But two neighbouring steps are together one
step of the same form, h[t] = (a[t] a[t-1]) h[t-2] + (a[t] b[t-1] + b[t]), and composing steps is associative.
So the steps may be paired in any grouping, and a tree of pairs is only about 2 log2 T deep.
:func:`associative_scan` is that tree for any associative operation, such as the (max, +) of a queue's waiting
times.

Three methods, one answer up to rounding:

- ``loop`` walks, as the formula reads. The reference.
- ``parallel`` is the tree: fewest dependent operations.
- ``chunked`` walks up to √T chunks side by side, twice: much work per operation, as a CPU likes it, but no
  more than its cache holds. On a GPU with triton it is the kernel of :mod:`seqdocs.scan_triton`.

>>> import torch
>>> half = torch.full((1, 4, 1), 0.5)
>>> one = torch.ones(1, 4, 1)
>>> scan(half, one).flatten().tolist()
[1.0, 1.5, 1.75, 1.875]
>>> scan(half, one, method="parallel").flatten().tolist()
[1.0, 1.5, 1.75, 1.875]

Sources: Hillis & Steele, "Data parallel algorithms", CACM 29(12), 1986; Blelloch, "Prefix sums and their
applications", CMU-CS-90-190, 1990, section 1.4 (recurrences as scans); Martin & Cundy, "Parallelizing linear
recurrent neural nets over sequence length", ICLR 2018 (the backward pass is a scan too).
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor

from seqdocs import checks

Method = Literal["loop", "parallel", "chunked"]
Elements = tuple[Tensor, ...]
CACHED = 2**16  # numbers of a tensor that an operation handles per thread; with more, they leave the cache
WIDE = 2**13  # numbers per step and thread from which on one step is work enough without chunks


def scan(
    a: Tensor, b: Tensor, h0: Tensor | None = None, *, method: Method = "loop", reverse: bool = False
) -> Tensor:
    """Solve h[t] = a[t] h[t-1] + b[t].

    Args:
        a: decay, (B, T, D), real or complex; zero is allowed, and forgets everything before it.
        b: input, (B, T, D), same dtype and device.
        h0: state before the first step, (B, D); zeros if omitted.
        method: "loop", "parallel" or "chunked"; they differ in speed and rounding only.
        reverse: walk from the end, h[t] = a[t] h[t+1] + b[t]; ``h0`` is then the state after the last step.

    Returns:
        h, (B, T, D).

    Raises:
        ValueError: if shapes, dtypes or devices do not fit, or ``method`` is unknown.

    All methods can be differentiated any number of times. "parallel" and "chunked" keep only a, h and h0 for
    the backward pass; ``torch.func.vmap`` can go through "loop" only.
    """
    _check(a, b, h0, method)
    if b.shape[1] == 0:
        return a * b  # nothing to walk; the product keeps the empty result on the gradient's graph
    if h0 is None:
        h0 = torch.zeros_like(b[:, 0])
    if method == "loop":
        return _loop(a, b, h0, reverse)
    if not (torch.is_grad_enabled() and any(x.requires_grad for x in (a, b, h0))):
        return _Scan.forward(a, b, h0, method, reverse)  # spares the bookkeeping of a graph
    solved: Tensor = _Scan.apply(a, b, h0, method, reverse)  # type: ignore[no-untyped-call]  # torch's
    return solved


def _loop(a: Tensor, b: Tensor, h: Tensor, reverse: bool) -> Tensor:
    steps = list(
        zip(a.unbind(1), b.unbind(1), strict=True)
    )  # unbind: its backward is one stack, not T of them
    states = []
    for a_t, b_t in reversed(steps) if reverse else steps:
        h = a_t * h + b_t
        states.append(h)
    return torch.stack(states[::-1] if reverse else states, dim=1)


def associative_scan(
    combine: Callable[[Elements, Elements], Elements], elements: Elements, dim: int
) -> Elements:
    """All prefixes e[0], e[0]∘e[1], e[0]∘e[1]∘e[2], … of an associative operation, by a tree.

    Neighbours are combined into pairs, the pairs are scanned by the same rule, and the prefixes that end
    between pairs are filled in: about 2 log2 T dependent calls of ``combine``, on about 2 T elements in all.

    Args:
        combine: ``combine(earlier, later)`` of two tuples like ``elements``, acting on each position along
            ``dim`` alone; associative, not necessarily commutative.
        elements: tensors that have the same length T along ``dim``.
        dim: the time axis.

    Returns:
        Tensors of the same shapes: position t holds the combination of the elements 0 to t.

    Raises:
        ValueError: if ``elements`` is empty, lacks ``dim``, or the lengths along it differ.

    Source: Blelloch 1990, section 1.2 (up-sweep and down-sweep), here inclusive and recursive.

    >>> arrivals = torch.tensor([3.0, 1.0, 4.0, 1.0, 5.0])
    >>> associative_scan(lambda x, y: (torch.maximum(x[0], y[0]),), (arrivals,), dim=0)[0].tolist()
    [3.0, 3.0, 4.0, 4.0, 5.0]
    """
    for n, e in enumerate(elements):
        if not -e.ndim <= dim < e.ndim:
            raise ValueError(f"`dim` is {dim}; it is one of the {e.ndim} dimensions of `elements[{n}]`")
    lengths = [e.shape[dim] for e in elements]
    if len(set(lengths)) != 1:
        raise ValueError(
            f"`elements` have lengths {lengths} along dim {dim}; they need one length, and one tensor"
        )
    return _tree(combine, elements, dim % elements[0].ndim)


def _tree(combine: Callable[[Elements, Elements], Elements], elements: Elements, dim: int) -> Elements:
    T = elements[0].shape[dim]
    if T < 2:
        return elements
    pairs = combine(_every_second(elements, 0, T - 1, dim), _every_second(elements, 1, T, dim))
    odd = _tree(combine, pairs, dim)  # the prefixes that end at 1, 3, 5, …
    before = tuple(o.narrow(dim, 0, (T - 1) // 2) for o in odd)
    filled = combine(before, _every_second(elements, 2, T, dim))  # … at 2, 4, 6, …
    first = (e.narrow(dim, 0, 1) for e in elements)
    even = (torch.cat(ends, dim) for ends in zip(first, filled, strict=True))
    return tuple(_interleave(e, o, dim) for e, o in zip(even, odd, strict=True))


def _every_second(elements: Elements, start: int, stop: int, dim: int) -> Elements:
    return tuple(e[(slice(None),) * dim + (slice(start, stop, 2),)] for e in elements)


def _interleave(even: Tensor, odd: Tensor, dim: int) -> Tensor:
    n = odd.shape[dim]
    paired = torch.stack((even.narrow(dim, 0, n), odd), dim + 1).flatten(dim, dim + 1)
    return paired if even.shape[dim] == n else torch.cat((paired, even.narrow(dim, n, 1)), dim)


def _parallel(a: Tensor, b: Tensor, h0: Tensor, reverse: bool) -> Tensor:
    if reverse:
        return _parallel(a.flip(1), b.flip(1), h0, False).flip(1)

    def compose(earlier: Elements, later: Elements) -> Elements:
        (a1, b1), (a2, b2) = earlier, later
        return a2 * a1, torch.addcmul(b2, a2, b1)

    decay, h = associative_scan(compose, (a, b), dim=1)
    return torch.addcmul(h, decay, h0.unsqueeze(1))


def _steps(*sequences: Tensor, reverse: bool) -> list[Elements]:
    """The steps of (…, T, D) tensors in walking order; all at once, since a slice costs as a product does."""
    steps = list(zip(*(x.unbind(-2) for x in sequences), strict=True))
    return steps[::-1] if reverse else steps


def _walk(steps: list[Elements], h: Tensor) -> Tensor:
    """The loop again, each step into the place it is given; returns the last state."""
    for a_t, b_t, out_t in steps:
        h = torch.addcmul(b_t, a_t, h, out=out_t)
    return h


def _kernel(x: Tensor) -> Callable[[Tensor, Tensor, Tensor, Tensor, bool], None] | None:
    """The kernel that does what follows here, where there is one for this tensor."""
    if not x.is_cuda:
        return None
    from seqdocs import scan_triton

    return scan_triton.chunked if scan_triton.takes(x) else None


def _chunked(a: Tensor, b: Tensor, h0: Tensor, out: Tensor, reverse: bool) -> None:
    """Solve into ``out``."""
    if kernel := _kernel(b):
        kernel(a, b, h0, out, reverse)
        return
    B, T, D = b.shape
    threads, step = torch.get_num_threads(), max(B * D, 1)
    chunks = min(math.isqrt(T), CACHED * threads // step)
    if chunks < 2 or step >= WIDE * threads:
        _walk(_steps(a, b, out, reverse=reverse), h0)
        return
    L = T // chunks  # steps of a chunk
    rest = T - chunks * L

    # The steps that fill no chunk come first in walking order.
    ragged, whole = (slice(T - rest, T), slice(0, T - rest)) if reverse else (slice(0, rest), slice(rest, T))
    state = _walk(_steps(a[:, ragged], b[:, ragged], out[:, ragged], reverse=reverse), h0)

    # From here on (B, chunks, L, D): each operation advances all chunks by one step.
    a, b, out = (x[:, whole].view(B, chunks, L, D) for x in (a, b, out))
    steps = _steps(a, b, out, reverse=reverse)

    # First walk: what each chunk does as a whole, end = decay * start + end_from_zero.
    decay, end = (x_t.clone(memory_format=torch.contiguous_format) for x_t in steps[0][:2])
    for a_t, b_t, _ in steps[1:]:
        torch.addcmul(b_t, a_t, end, out=end)
        decay *= a_t  # while it is in the cache

    # The chunks' ends, one after the other; each is where the next chunk starts.
    starts = torch.empty_like(end)
    borders = _steps(decay, end, starts, reverse=reverse)
    borders[0][2].copy_(state)
    _walk([(*chunk, start) for (*chunk, _), (*_, start) in pairwise(borders)], state)

    # Second walk, from the right starts.
    _walk(steps, starts)


class _Scan(torch.autograd.Function):
    """The fast methods; their gradient is one scan against time instead of a graph of all operations."""

    @staticmethod
    def forward(a: Tensor, b: Tensor, h0: Tensor, method: Method, reverse: bool) -> Tensor:
        if method == "parallel":
            return _parallel(a, b, h0, reverse)
        h = torch.empty_like(b, memory_format=torch.contiguous_format)
        _chunked(a, b, h0, h, reverse)
        return h

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        a, _, h0, ctx.method, ctx.reverse = inputs
        ctx.save_for_backward(a, h0, output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """G[t] = grad[t] + conj(a[t+1]) G[t+1]; then dL/db = G and dL/da[t] = G[t] conj(h[t-1])."""
        a, h0, h = ctx.saved_tensors
        if ctx.reverse:  # the walk began at the end: swap the two ends of every slice
            first, but_first, last, but_last = slice(-1, None), slice(0, -1), slice(0, 1), slice(1, None)
        else:
            first, but_first, last, but_last = slice(0, 1), slice(1, None), slice(-1, None), slice(0, -1)

        a, G_last = a.conj(), grad[:, last]
        if ctx.method == "chunked" and not torch.is_grad_enabled():  # into place: memory takes the time
            G, grad_a = torch.empty_like(h), torch.empty_like(h)
            G[:, last] = G_last
            _chunked(a[:, but_first], grad[:, but_last], G_last[:, 0], G[:, but_last], not ctx.reverse)
            torch.mul(G[:, first], h0[:, None].conj(), out=grad_a[:, first])
            torch.mul(G[:, but_first], h[:, but_last].conj(), out=grad_a[:, but_first])
        else:  # with operations that can be differentiated again
            G_early = scan(
                a[:, but_first], grad[:, but_last], G_last[:, 0], method=ctx.method, reverse=not ctx.reverse
            )
            G = _join(G_early, G_last, ctx.reverse)
            grad_a = G * _join(h0[:, None], h[:, but_last], ctx.reverse).conj()
        return grad_a, G, (a[:, first] * G[:, first]).squeeze(1), None, None


def _join(early: Tensor, late: Tensor, reverse: bool) -> Tensor:
    return torch.cat((late, early) if reverse else (early, late), dim=1)


def _check(a: Tensor, b: Tensor, h0: Tensor | None, method: str) -> None:
    checks.one_of("method", method, "loop", "parallel", "chunked")
    checks.dimensions("b", b, "(B, T, D)")
    if a.shape != b.shape:
        raise ValueError(f"`a` has shape {tuple(a.shape)} but `b` has {tuple(b.shape)}; both are (B, T, D)")
    checks.floating("b", b, real=False)
    if h0 is not None and h0.shape != (b.shape[0], b.shape[2]):
        raise ValueError(f"`h0` has shape {tuple(h0.shape)}; for `b` of {tuple(b.shape)} it is (B, D)")
    checks.alike("a", a, b, "`b` is")
    if h0 is not None:
        checks.alike("h0", h0, b, "`b` is")
