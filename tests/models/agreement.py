"""What every model is held to, written once: a fast form is its loop, a state carries, no future leaks.

A *form* is a call that takes leaves (tensors that may require a gradient) and returns one tensor or several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

LENGTHS = (0, 1, 2, 7, 63)
BATCHES = (1, 5)
TOLERANCE = {
    torch.float64: (1e-10, 1e-10),
    torch.float32: (1.3e-6, 1e-5),
}  # relative, absolute; fp32: torch's
Form = Callable[..., object]


def flat(answer: object) -> list[Tensor]:
    """The tensors of an answer, in order."""
    if isinstance(answer, Tensor):
        return [answer]
    assert isinstance(answer, Iterable)
    return [tensor for part in answer if part is not None for tensor in flat(part)]


def with_gradients(form: Form, leaves: Sequence[Tensor], parameters: Iterable[Tensor] = ()) -> list[Tensor]:
    """Outputs, then the gradient of a random weighted sum of them for every leaf and parameter.

    The weights depend on the shapes alone, so two forms with the same outputs must have the same gradients.
    """
    own = [
        leaf.detach().clone().requires_grad_(leaf.is_floating_point() or leaf.is_complex()) for leaf in leaves
    ]
    outputs = flat(form(*own))
    draw = torch.Generator().manual_seed(1)
    total = torch.zeros((), dtype=torch.float64)
    for output in outputs:
        real = torch.view_as_real(output) if output.is_complex() else output
        if real.is_floating_point():
            weights = torch.randn(real.shape, generator=draw, dtype=torch.float64)
            total = total + (weights.to(real) * real).sum().double()
    wanted = [tensor for tensor in (*own, *parameters) if tensor.requires_grad]
    if not total.requires_grad:
        return outputs + [torch.zeros_like(tensor) for tensor in wanted]  # no output to differentiate
    return outputs + list(torch.autograd.grad(total, wanted, allow_unused=True, materialize_grads=True))


def assert_same(
    form: Form,
    other: Form,
    leaves: Sequence[Tensor],
    parameters: Iterable[Tensor] = (),
    tolerance: float | None = None,
) -> None:
    """Two forms agree in value and in every gradient, as closely as the dtype of the first leaf allows."""
    known = list(parameters)
    rtol, atol = TOLERANCE[leaves[0].dtype] if tolerance is None else (tolerance, tolerance)
    mine, reference = (with_gradients(one, leaves, known) for one in (form, other))
    assert len(mine) == len(reference)
    for number, (own, right) in enumerate(zip(mine, reference, strict=True)):
        torch.testing.assert_close(
            own, right, rtol=rtol, atol=atol, msg=lambda text, n=number: f"tensor {n}: {text}"
        )


def assert_causal(form: Callable[[Tensor], Tensor], T: int, D: int, *, reach: int | None = None) -> None:
    """The output at t depends on the inputs at most up to t, exactly: all else in the Jacobian is zero.

    Args:
        form: (1, T, D) → (1, T, anything), float64.
        T: length.
        D: width.
        reach: how many steps back an input is seen; all of them if omitted.
    """
    x = torch.rand(1, T, D, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    jacobian = torch.autograd.functional.jacobian(form, x)
    reached = jacobian[0, :, :, 0].abs().amax((1, 3)) > 0  # (output time, input time)
    allowed = torch.ones(T, T, dtype=torch.bool).tril()
    if reach is not None:
        allowed &= torch.ones(T, T, dtype=torch.bool).triu(1 - reach)
    assert torch.equal(reached, allowed)


def assert_causal_in_parts(
    net: Callable[..., tuple[Tensor, object]],
    x: Tensor,
    sizes: Sequence[int],
    *,
    reach: int | None = None,
    rounding: float = 0.0,
    in_place: bool = False,
) -> None:
    """As :func:`assert_causal`, through a state that is handed on: parts see the past, and no future.

    Args:
        net: ``net(x, state)`` → (y, state), time in dimension 1.
        x: (1, T, D), float64.
        sizes: lengths of the parts.
        reach: how many steps back an input is seen; all of them if omitted.
        rounding: what counts as zero; for a Fourier transform, which mixes all steps.
        in_place: whether the state is written in place, as a cache is: autograd then keeps what stood there.
    """
    x = x.detach().clone().requires_grad_()
    outputs, state = [], None
    with torch.autograd.graph.allow_mutation_on_saved_tensors() if in_place else nullcontext():
        for part in x.split(list(sizes), dim=1):
            output, state = net(part, state)
            outputs.append(output)
        y = torch.cat(outputs, 1)
        # One random mixture of the outputs of a step: where no output depends on an input, it is zero too.
        mixed = (y * torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(2))).sum(
            (0, 2)
        )
        rows = [torch.autograd.grad(m, x, retain_graph=True)[0].abs().amax((0, 2)) for m in mixed]
    T = len(rows)
    allowed = torch.ones(T, T, dtype=torch.bool).tril()
    if reach is not None:
        allowed &= torch.ones(T, T, dtype=torch.bool).triu(1 - reach)
    assert torch.equal(torch.stack(rows) > rounding, allowed)


def assert_chunks_join(
    net: Callable[..., tuple[Tensor, object]], x: Tensor, sizes: Sequence[int], tolerance: float = 1e-12
) -> None:
    """``net(x, state)`` → (y, state), time in dimension 1: parts of a sequence give what the whole gives."""
    whole = flat(net(x, None))
    outputs, state = [], None
    for part in x.split(list(sizes), dim=1):
        output, state = net(part, state)
        outputs.append(output)
    for mine, right in zip(flat((torch.cat(outputs, 1), state)), whole, strict=True):
        torch.testing.assert_close(mine, right, rtol=tolerance, atol=tolerance)


def assert_batch_permutes(form: Callable[[Tensor], object], x: Tensor) -> None:
    """Sequences of a batch do not see one another: another order gives the same in that order.

    Every tensor of the answer has the batch first.
    """
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(3))
    for mine, right in zip(flat(form(x[order])), flat(form(x)), strict=True):
        torch.testing.assert_close(mine, right[order], rtol=1e-12, atol=1e-12)


def assert_repeats(form: Callable[[], object], runs: int = 20) -> None:
    """The same call gives the same bits, on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        first = flat(form())
        for _ in range(runs - 1):
            assert all(torch.equal(a, b) for a, b in zip(flat(form()), first, strict=True))
    finally:
        torch.set_num_threads(before)
