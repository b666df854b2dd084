r"""What a call costs before any clock runs: floating-point operations, and bytes that operations hand over.

Both counts are taken while the call runs, by modes that see every operation of torch below autograd, so the
backward pass counts too. They are the same on every machine that takes the same kernels. What they do not
see: code that is not torch's, kernels of the user's own, and what ``torch.compile`` has fused.

>>> import torch
>>> a, b = torch.ones(2, 3), torch.ones(3, 4)
>>> flops(lambda: a @ b)["value"]  # 2 · 2 · 3 · 4: a multiplication and an addition each
48
>>> bytes_moved(lambda: a @ b)["value"]  # 4 bytes for each of 6 + 12 numbers in and 8 out
104
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode  # underscored, but documented for exactly this
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from seqdocs.bench.quantity import Quantity, quantity

Shape = tuple[int, ...]
aten = torch.ops.aten


def flops(call: Callable[[], object]) -> Quantity:
    """Return how many floating-point operations of products ``call`` does, in one run.

    Counted by ``torch.utils.flop_counter`` are matrix products, convolutions and attention, a multiplication
    and an addition as two; added here are what its table leaves out: products with a vector, attention's
    kernel for the CPU, oneDNN's own product, and the fused recurrent layers of oneDNN and cuDNN. Nothing else
    counts: a sum, an exponential or a normalisation is zero, and so is a whole vector addition.

    Conventions: attention counts all pairs of positions, also those that a causal mask leaves out, so that a
    kernel which skips them seems faster than the machine is; complex numbers count as if they were real.

    Args:
        call: runs once; what it returns is dropped.

    Returns:
        a quantity in "FLOP", a count.
    """
    counter = FlopCounterMode(display=False, custom_mapping=_LEFT_OUT)
    counter.mod_tracker = _NoModules()  # type: ignore[assignment]  # its own forbids ``autograd.grad``
    with counter:
        call()
    return quantity(int(counter.get_total_flops()), "FLOP")


def bytes_moved(call: Callable[[], object]) -> Quantity:
    """Return the bytes of the tensors that operations read and write, summed over one run of ``call``.

    Every operation reads each of its inputs once and writes its outputs once. A view moves nothing, an
    operation in place reads and writes its tensor once each, one that only overwrites (``copy_``, ``zero_``)
    does not read it. What is expanded counts as often as it is stored. Rows that are picked by number
    (``embedding``, ``index``, ``gather``) count, not the table they are picked from; what is scattered into
    counts whole.

    How that compares with what goes through the memory bus: for one operation on tensors far larger than the
    cache it is a lower bound, since each number moves at least once. For a chain of operations it may lie on
    either side. Above: what one writes and the next finds in the cache never leaves the chip. Below: kernels
    read twice what does not fit, keep scratch space, and fetch a line of memory before they write it.

    Args:
        call: runs once; what it returns is dropped.

    Returns:
        a quantity in "B", a count.

    Raises:
        ValueError: if a tensor is not dense (sparse ones have no fixed size per number).
    """
    with _Traffic() as traffic:
        call()
    return quantity(traffic.total, "B")


def arithmetic_intensity(work: Quantity, moved: Quantity) -> Quantity:
    """Return the floating-point operations done for each byte moved, in "FLOP/B".

    Args:
        work: from :func:`flops`.
        moved: from :func:`bytes_moved`.

    Raises:
        ValueError: if nothing was moved.

    >>> arithmetic_intensity(quantity(48, "FLOP"), quantity(96, "B"))["value"]
    0.5
    """
    if not moved["value"] > 0:
        raise ValueError(f"`moved` is {moved['value']} B; an intensity is per byte, so there must be some")
    return quantity(work["value"] / moved["value"], "FLOP/B")


# What torch's table of formulas leaves out. They get shapes in place of tensors, as the table's own do.


def _vector_product(*shapes: Shape, **_: object) -> int:
    """(M, K) times (K), or (K) times (K); ``addmv`` names before them what it adds to."""
    return 2 * math.prod(shapes[-2])


def _attention(query: Shape, key: Shape, value: Shape, *_: object, **__: object) -> int:
    """Every query meets every key, for a score, and every value."""
    return 2 * math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def _attention_backward(out: Shape, query: Shape, key: Shape, value: Shape, *_: object, **__: object) -> int:
    """Five products: the scores once more, and the gradients of queries, keys, values and weights."""
    return 2 * math.prod(query[:-1]) * key[-2] * (3 * query[-1] + 2 * value[-1])


def _recurrent(inputs: Shape, weights: Iterable[Shape], *_: object, **__: object) -> int:
    """Every position meets every weight matrix once; biases are vectors."""
    positions = math.prod(inputs[:-1])
    return 2 * positions * sum(math.prod(weight) for weight in weights if len(weight) == 2)


def _onednn(inputs: Shape, *rest: Any, **_: object) -> int:
    """One layer, one direction: the weights are the second and third argument."""
    return _recurrent(inputs, rest[:2])


def _linear(inputs: Shape, weight: Shape, *_: object, **__: object) -> int:
    """oneDNN's product: every row meets every row of the weights."""
    return 2 * math.prod(inputs) * weight[0]


def _twice(formula: Callable[..., int]) -> Callable[..., int]:
    """Backward: the gradient of the inputs is one such product, that of the weights another."""
    return lambda *shapes, **options: 2 * formula(*shapes, **options)


_LEFT_OUT = {
    aten.mv: _vector_product,
    aten.dot: _vector_product,
    aten.vdot: _vector_product,
    aten.addmv: _vector_product,
    aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
    aten.mkldnn_rnn_layer: _onednn,
    aten.mkldnn_rnn_layer_backward: _twice(_onednn),
    aten._cudnn_rnn: _recurrent,
    aten._cudnn_rnn_backward: _twice(_recurrent),
} | ({torch.ops.mkldnn._linear_pointwise: _linear} if hasattr(torch.ops.mkldnn, "_linear_pointwise") else {})


class _NoModules:
    """Stands in for torch's tracker of modules: everything belongs to the whole."""

    parents = frozenset({"Global"})

    def __enter__(self) -> None:
        """Nothing to watch."""

    def __exit__(self, *_: object) -> None:
        """Nothing was watched."""


_RESERVES = {aten.empty, aten.empty_like, aten.empty_strided, aten.new_empty, aten.new_empty_strided}
_LOOKS_AT_SHAPE = {aten.zeros_like, aten.ones_like, aten.full_like, aten.rand_like, aten.randn_like}
_LOOKS_AT_SHAPE |= {aten.new_zeros, aten.new_ones, aten.new_full}
_OVERWRITES = {aten.copy_, aten.fill_, aten.zero_, aten.normal_, aten.uniform_, aten.bernoulli_, aten.random_}
_PICKS = {aten.embedding, aten.index, aten.index_select, aten.gather, aten.take}


class _Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's
    """Adds up what every operation reads and writes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        with self:  # in inference mode composite operations arrive whole; what they are made of counts
            parts = func.decompose(*args, **kwargs)
        if parts is not NotImplemented:
            return parts
        results = func(*args, **kwargs)
        self.total += _moved(func, args, kwargs, results)
        return results


def _moved(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], results: Any) -> int:
    """Return the bytes that one operation reads and writes."""
    operation, given = func.overloadpacket, _tensors((args, kwargs))
    if operation in _RESERVES or torch.Tag.inplace_view in func.tags:
        return 0
    written = _written(func, args, kwargs)
    known = {_place(tensor) for tensor in given}
    made = [tensor for tensor in _tensors(results) if _place(tensor) not in known]
    if _tensors(results) and not made and not written:
        return 0  # a view
    outs = {argument.name for argument in func._schema.arguments if argument.is_out}
    named = {name: value for name, value in kwargs.items() if name not in outs}
    first_is_read = operation not in _OVERWRITES | _PICKS | _LOOKS_AT_SHAPE
    read = _tensors((args if first_is_read else args[1:], named))
    return _held(read) + _held(written) + _held(made) * (2 if operation in _PICKS else 1)


def _written(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """Return the arguments that an operation changes, as its schema says."""
    changed = []
    for position, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[position] if position < len(args) else kwargs.get(argument.name)
            changed += _tensors(value)
    return changed


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _place(tensor: Tensor) -> int:
    """Which memory a tensor lies in, the same for all views of it."""
    if tensor.layout != torch.strided:
        raise ValueError(f"a tensor has the layout {tensor.layout}; bytes are counted of dense ones")
    return int(tensor.untyped_storage()._cdata)


def _held(tensors: Iterable[Tensor]) -> int:
    """Return the bytes that tensors occupy, those that lie in the same memory no more than it has."""
    by_place: dict[int, dict[Any, int]] = defaultdict(dict)
    room = {}
    for tensor in tensors:
        steps = zip(tensor.shape, tensor.stride(), strict=True)
        numbers = math.prod(size if step else min(size, 1) for size, step in steps)
        where = tensor.storage_offset(), tensor.shape, tensor.stride()
        by_place[_place(tensor)][where] = numbers * tensor.element_size()
        room[_place(tensor)] = tensor.untyped_storage().nbytes()
    return sum(min(room[place], sum(views.values())) for place, views in by_place.items())
