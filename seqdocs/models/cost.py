r"""How sequential a computation is, counted in what really runs: its longest chain, and the way across time.

Letters: B batch · T time · D input.

A tensor operation counts one, however many numbers it handles; a view (a slice, a transpose) counts nothing.

- :func:`sequential_steps`: the longest chain of operations each of which needs the result of the one before.
  No machine, however wide, can finish in fewer rounds.
- :func:`path_length`: the operations on the shortest way from the first input to the last output. A gradient
  that is to connect the two passes through at least so many.

Limits: a fused kernel (``scaled_dot_product_attention``, a matrix product, a whole layer of
``torch.nn.LSTM`` on a CPU) counts one, whatever it does inside. Where a buffer is filled piece by piece,
the pieces count as one chain even if they did not wait for one another. A way that multiplies by zero is a
way; one through integers or comparisons is not seen.

>>> import torch
>>> def total(x):  # T - 1 additions, one after the other
...     h = x[:, 0]
...     for t in range(1, x.shape[1]):
...         h = h + x[:, t]
...     return h.unsqueeze(1)
>>> x = torch.ones(1, 8, 1)
>>> sequential_steps(total, x), path_length(total, x)
(7, 7)
>>> sequential_steps(lambda x: x.cumsum(1), x), path_length(lambda x: x.cumsum(1), x)
(1, 1)

Sources: Blelloch, "Prefix sums and their applications", CMU-CS-90-190, 1990 (depth); Vaswani et al.,
"Attention is all you need", NeurIPS 2017, section 4 and table 1 (sequential operations and maximum path
length of layers).
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode  # underscored, but documented for exactly this
from torch.utils._pytree import tree_leaves, tree_map


def sequential_steps(function: Callable[..., Any], *inputs: Tensor) -> int:
    """Length of the longest chain of dependent tensor operations that leads to the result.

    Args:
        function: any computation on tensors; run once, without gradients.
        inputs: its arguments.

    Returns:
        Number of operations; 0 if the result is an input, or a view of one.
    """
    calls, results = _record(function, inputs)
    depth: dict[int, int] = defaultdict(int)  # by place in memory, so that views and writes are seen by all
    for call in calls:
        if call.is_view:
            continue
        waited = max((depth[place] for place in _places(call.read)), default=-1)  # from nothing, at no cost
        for place in _places(call.results):
            depth[place] = max(depth[place], waited + 1)
    return max((depth[place] for place in _places(results)), default=0)


@torch.no_grad()
def path_length(function: Callable[[Tensor], Any], x: Tensor) -> int | None:
    """Operations on the shortest way from the first input to the last output.

    The first input is replaced by not-a-number, which stays in all that is computed from it, and the recorded
    computation is repeated in rounds. In each round every operation hands what changed one operation on.

    Args:
        function: (B, T, …) to (B, T, …), or to a tuple that begins with that, as recurrent modules return;
            without operations that write in place, such as those of the "chunked" scan.
        x: input, (B, T, …), floating point, T ≥ 1.

    Returns:
        Number of operations, or None if no way leads there.

    Raises:
        ValueError: if ``x`` is not as said, or ``function`` writes in place.
    """
    if x.ndim < 2 or x.shape[1] == 0 or not x.is_floating_point():
        raise ValueError(
            f"`x` is {x.dtype} of shape {tuple(x.shape)}; it is floating point, (B, T, …) with T ≥ 1"
        )
    calls, results = _record(function, (x,))
    if in_place := [call for call in calls if call.writes]:
        raise ValueError(
            f"`function` writes in place ({in_place[0].operation}), which a path cannot be traced through"
        )

    readers: dict[int, list[_Call]] = defaultdict(list)
    for call in calls:
        for tensor in call.read:
            readers[id(tensor)].append(call)

    last_output = results[0]
    changed = {id(x): x.clone()}
    changed[id(x)][:, 0] = math.nan
    known: dict[int, Tensor] = {}  # what the change has made of the recorded tensors
    length = 0
    while changed:
        known |= changed
        newest = list(changed)
        for key in newest:  # grows while we walk: views follow in the same round
            for call in readers[key]:
                if call.is_view:
                    seen = call.repeat(known)
                    known |= seen
                    newest += seen
        if id(last_output) in known and known[id(last_output)][:, -1].isnan().any():
            return length
        waiting = {id(call): call for key in newest for call in readers[key] if not call.is_view}
        changed = {}
        for call in waiting.values():
            changed |= call.repeat(known)
        length += 1
    return None


class _Call(NamedTuple):
    """One operation that ran. It holds its tensors, so their ids and places are not given to others."""

    operation: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    read: list[Tensor]
    results: list[Tensor]
    writes: bool

    @property
    def is_view(self) -> bool:
        places = set(_places(self.results))
        return not self.writes and bool(places) and places <= set(_places(self.read))

    def repeat(self, known: dict[int, Tensor]) -> dict[int, Tensor]:
        """Run again on what is known now; the results in which not-a-number has spread, by id."""
        args, kwargs = tree_map(
            lambda x: known.get(id(x), x) if isinstance(x, Tensor) else x, (self.args, self.kwargs)
        )
        again = [y for y in tree_leaves(self.operation(*args, **kwargs)) if isinstance(y, Tensor)]
        spread = {}
        for result, now in zip(self.results, again, strict=True):
            # Only what is new is handed on: else every longer way would repeat all that follows it.
            if (now.isnan() & ~known.get(id(result), result).isnan()).any():
                spread[id(result)] = now
        return spread


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's
    """Sees every operation below autograd, after composite ones have come apart."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.calls: list[_Call] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        results = func(*args, **kwargs)
        written_over = {a.name for a in func._schema.arguments if a.kwarg_only and a.alias_info is not None}
        read = [args, {name: value for name, value in kwargs.items() if name not in written_over}]
        self.calls.append(
            _Call(func, args, kwargs, _tensors(read), _tensors(results), func._schema.is_mutable)
        )
        return results


@torch.no_grad()
def _record(function: Callable[..., Any], inputs: tuple[Tensor, ...]) -> tuple[list[_Call], list[Tensor]]:
    with _Recorder() as recorder:
        results = function(*inputs)
    return recorder.calls, _tensors(results)


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _places(tensors: Iterable[Tensor]) -> list[int]:
    """Where the tensors' memory is; empty ones have none and wait for nothing."""
    return [x.untyped_storage().data_ptr() for x in tensors if x.numel()]
