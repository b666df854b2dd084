r"""What a lean walk is, and what the three of them share.

Letters: B batch · H hidden · N steps of all sequences together.

The loop over time cannot be avoided, but most of what it does can. A lean walk leaves in the loop only what
waits for the state before:

- the products of all inputs with W_ih are one matrix product before the loop;
- each step writes in place into a row of one buffer, so nothing is allocated and no graph is recorded;
- going back, the derivatives of all nonlinearities are taken at once, since they need the states only;
- the gradients of the weights are one matrix product after the loop, not one per step and their sum.

What the loop, the hoisted form and torch's autograd give, it gives to rounding. It has no second derivative,
torch.func does not see into it, and it writes in place, so that :func:`seqdocs.models.cost.path_length`
refuses it: the loop stays the default.

Source: Appleyard, Kočiský & Blunsom, "Optimizing performance of recurrent neural networks on GPUs", 2016,
https://arxiv.org/abs/1604.01946
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from seqdocs.models.packed import going_on, last_states

LARGE = 2**21  # multiplications from which on a product is worth handing to oneDNN
MANY = 2**9  # numbers from which on a tanh is worth three calls


def product(rows: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    """rows Wᵀ + b, (…, D) by (H, D) → (…, H); ``b`` is (H,).

    In single precision torch multiplies by MKL, which on the AMD processor that this was measured on takes
    twice as long as oneDNN. The way there is the operator that torch's own compiler takes; where that is
    missing, MKL does it.
    """
    large = rows.numel() * W.shape[0] >= LARGE
    if (
        large
        and rows.is_cpu
        and rows.dtype == torch.float32
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    ):
        rows = rows.contiguous()  # oneDNN would do it too, and take longer
        y: Tensor = torch.ops.mkldnn._linear_pointwise(rows, W, b, "none", [], "")
        return y
    return F.linear(rows, W, b)


def weight_gradient(delta: Tensor, rows: Tensor) -> Tensor:
    """deltaᵀ rows, (N, H) and (N, D) → (H, D): what all steps say of the weights, in one product."""
    return product(rows.t(), delta.contiguous().t()).t()  # of a part of wider rows oneDNN makes a long job


def tanh_for(step: Tensor) -> Callable[[Tensor], Tensor]:
    """How to take, in place, the tanh of steps as large as this one.

    On a CPU torch takes up to nine times as long for its tanh as for its σ, so of many numbers we take
    tanh x = 2 σ(2x) - 1, except where they have few digits, too many of which would go by the subtraction.
    """
    if step.numel() < MANY or not step.is_cpu or step.dtype not in {torch.float32, torch.float64}:
        return Tensor.tanh_
    minus = step.new_tensor(-1)
    return lambda x: torch.add(minus, x.add_(x).sigmoid_(), alpha=2, out=x)


def buffer(start: Tensor, N: int) -> Tensor:
    """Room for the states (B, H) before the first step, which are written, and after N steps, (B + N, H)."""
    room = start.new_empty(start.shape[0] + N, start.shape[1])
    room[: start.shape[0]] = start
    return room


def each_step(room: Tensor, sizes: Sequence[int], keep: bool) -> Sequence[Tensor]:
    """The rows of every step: of (N, H) each its own, or of (B, H), where nothing is kept, the same again."""
    return room.split_with_sizes(list(sizes)) if keep else [going_on(room, size) for size in sizes]


def before_each(states: Sequence[Tensor], sizes: Sequence[int]) -> list[Tensor]:
    """The state each step starts from, (size, H), out of those before the first and after every step."""
    return [going_on(state, size) for state, size in zip(states, sizes, strict=False)]


def all_before(room: Tensor, sizes: Sequence[int], B: int) -> Tensor:
    """The states that the steps start from, (N, H): no copy if all sequences are equally long."""
    if not sizes or sizes[-1] == B:
        return room[: room.shape[0] - B]
    return torch.cat(before_each(room.split_with_sizes([B, *sizes]), sizes))


def last_of(y: Tensor, start: Tensor, sizes: Sequence[int]) -> Tensor:
    """The last state of every sequence, (B, H), from those of all steps, (N, H), and before the first."""
    B = start.shape[0]
    if sizes and sizes[-1] == B:
        return y[y.shape[0] - B :]
    return last_states([start, *y.split_with_sizes(list(sizes))], sizes)


def to_start(gradient: Tensor, B: int) -> Tensor:
    """The gradient of the states before the first step, (B, H): zero where a sequence has no step."""
    return torch.cat((gradient, gradient.new_zeros(B - gradient.shape[0], gradient.shape[1])))


def refuse_twice() -> None:
    """Raise RuntimeError if a backward pass is itself to be differentiated."""
    if torch.is_grad_enabled():
        raise RuntimeError(
            '`method` is "lean", whose gradient has no derivative; for a second one take method="loop"'
        )
