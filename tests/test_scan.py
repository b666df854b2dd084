"""The three methods of the scan agree with the formula, in value and gradient."""

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqdocs.scan import WIDE, associative_scan, scan

LENGTHS = (0, 1, 2, 7, 63, 64)
METHODS = ("loop", "parallel", "chunked")
FAST = METHODS[1:]
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12, torch.complex128: 1e-12}


def problem(B: int, T: int, D: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> tuple[Tensor, ...]:
    """Decays below one in size, some of them exactly zero."""
    torch.manual_seed(seed)
    a = torch.randn(B, T, D, dtype=dtype)
    a = a / (1 + a.abs())
    a[torch.rand(B, T, D) < 0.1] = 0
    return a, torch.randn(B, T, D, dtype=dtype), torch.randn(B, D, dtype=dtype)


def formula(a: Tensor, b: Tensor, h0: Tensor, reverse: bool) -> Tensor:
    """h[t] = Σ_s (Π_{s<r≤t} a[r]) b[s] + (Π_{r≤t} a[r]) h0, with nothing carried from step to step."""
    if reverse:
        return formula(a.flip(1), b.flip(1), h0, False).flip(1)
    h = torch.empty_like(b)
    for t in range(b.shape[1]):
        h[:, t] = a[:, : t + 1].prod(1) * h0
        for s in range(t + 1):
            h[:, t] += a[:, s + 1 : t + 1].prod(1) * b[:, s]
    return h


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("T", [0, 1, 2, 7, 23])
def test_every_method_is_the_formula(T: int, method: str, dtype: torch.dtype, reverse: bool) -> None:
    a, b, h0 = problem(3, T, 2, dtype)
    h = scan(a, b, h0, method=method, reverse=reverse)
    torch.testing.assert_close(h, formula(a, b, h0, reverse), rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("method", FAST)
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", [1, 5])
def test_values_and_gradients_agree_with_the_loop(
    B: int, T: int, method: str, dtype: torch.dtype, reverse: bool
) -> None:
    inputs = problem(B, T, 3, dtype)
    weight = torch.randn(B, T, 3, dtype=dtype)
    results = []
    for name in ("loop", method):
        a, b, h0 = (x.clone().requires_grad_() for x in inputs)
        h = scan(a, b, h0, method=name, reverse=reverse)
        grads = torch.autograd.grad((h * weight).sum().abs(), (a, b, h0), allow_unused=True)
        results.append((h, *(torch.zeros(()) if g is None else g for g in grads)))
    for ours, loop in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(ours, loop, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


NARROW = {  # relative, absolute: torch's own of 32 bits; of 16, about twice what was measured
    torch.bfloat16: (2e-2, 2e-2),
    torch.float16: (2e-3, 2e-3),
    torch.float32: (1.3e-6, 1e-5),
    torch.complex64: (1.3e-6, 1e-5),
}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("T", LENGTHS)
def test_narrow_numbers_give_what_wide_ones_give_as_closely_as_they_can(
    T: int, method: str, dtype: torch.dtype, reverse: bool
) -> None:
    wide = torch.complex128 if dtype.is_complex else torch.float64
    inputs = [x.to(dtype) for x in problem(5, T, 3, wide)]
    weight = torch.randn(5, T, 3, dtype=wide).to(dtype)
    results = []
    for own, way in ((dtype, method), (wide, "loop")):
        a, b, h0 = (x.to(own).requires_grad_() for x in inputs)
        h = scan(a, b, h0, method=way, reverse=reverse)
        total = (h * weight.to(own)).sum().abs()
        grads = torch.autograd.grad(total, (a, b, h0), allow_unused=True, materialize_grads=True)
        results.append((h, *grads))
    rtol, atol = NARROW[dtype]
    for ours, right in zip(*results, strict=True):
        assert ours.dtype == dtype
        torch.testing.assert_close(ours.to(wide), right, rtol=rtol, atol=atol)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("T", [1, 5])
def test_gradients_of_both_orders_match_finite_differences(
    T: int, method: str, reverse: bool, dtype: torch.dtype
) -> None:
    inputs = tuple(x.requires_grad_() for x in problem(2, T, 1, dtype))

    def run(a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
        return scan(a, b, h0, method=method, reverse=reverse)

    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("columns", [WIDE - 1, WIDE])
def test_wide_steps_are_walked_without_chunks_and_agree(columns: int, reverse: bool) -> None:
    a, b, h0 = problem(1, 9, columns * torch.get_num_threads())
    loop = scan(a, b, h0, reverse=reverse)
    chunked = scan(a, b, h0, method="chunked", reverse=reverse)
    torch.testing.assert_close(chunked, loop, rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_no_state_is_a_state_of_zeros(method: str) -> None:
    a, b, h0 = problem(2, 7, 3)
    assert torch.equal(scan(a, b, method=method), scan(a, b, torch.zeros_like(h0), method=method))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("only", [0, 1, 2])
def test_each_argument_alone_can_have_a_gradient(method: str, only: int) -> None:
    leaves = [torch.rand(2, 7, 3), torch.rand(2, 7, 3), torch.rand(2, 3)]
    leaf = leaves[only].requires_grad_()
    own, right = (torch.autograd.grad(scan(*leaves, method=name).sum(), leaf)[0] for name in (method, "loop"))
    torch.testing.assert_close(own, right)


@pytest.mark.parametrize("method", METHODS)
def test_state_carries_across_chunks(method: str) -> None:
    a, b, h0 = problem(2, 63, 3)
    first = scan(a[:, :20], b[:, :20], h0, method=method)
    second = scan(a[:, 20:], b[:, 20:], first[:, -1], method=method)
    whole = scan(a, b, h0, method=method)
    torch.testing.assert_close(torch.cat((first, second), 1), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_the_future_does_not_reach_the_past(method: str) -> None:
    a, b, h0 = problem(1, 9, 1)
    b.requires_grad_()
    h = scan(a, b, h0, method=method)
    jacobian = torch.stack(
        [torch.autograd.grad(h[0, t, 0], b, retain_graph=True)[0][0, :, 0] for t in range(9)]
    )
    assert torch.equal(jacobian.triu(1), torch.zeros(9, 9, dtype=torch.float64))
    assert torch.equal(jacobian.diagonal(), torch.ones(9, dtype=torch.float64))


@pytest.mark.parametrize("method", METHODS)
def test_inputs_that_are_views_give_the_same_and_stay_as_they_were(method: str) -> None:
    _, b, h0 = problem(2, 11, 3)
    a = torch.tensor([0.5, 0.0, -0.9], dtype=b.dtype).expand(2, 11, 3)
    b = b.transpose(0, 1).contiguous().transpose(0, 1)
    before = b.clone()
    torch.testing.assert_close(scan(a, b, h0, method=method), formula(a, b, h0, False), rtol=0, atol=1e-12)
    assert torch.equal(b, before)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    B=st.integers(0, 3),
    T=st.integers(0, 40),
    D=st.integers(0, 3),
    seed=st.integers(0, 9),
    reverse=st.booleans(),
)
def test_any_shape_agrees(B: int, T: int, D: int, seed: int, reverse: bool) -> None:
    a, b, h0 = problem(B, T, D, seed=seed)
    loop = scan(a, b, h0, reverse=reverse)
    for method in FAST:
        torch.testing.assert_close(scan(a, b, h0, method=method, reverse=reverse), loop, rtol=0, atol=1e-12)


@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_associative_scan_of_max_is_the_running_maximum(T: int, dim: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(T, T, 2, T)
    (ours,) = associative_scan(lambda e, f: (torch.maximum(e[0], f[0]),), (x,), dim)
    torch.testing.assert_close(ours, torch.cummax(x, dim).values if x.numel() else x, rtol=0, atol=0)


@pytest.mark.parametrize("T", LENGTHS)
def test_associative_scan_keeps_the_order_of_operations_that_do_not_commute(T: int) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(T, 2, 2, dtype=torch.float64) / 2
    (ours,) = associative_scan(lambda e, f: (f[0] @ e[0],), (matrices,), dim=0)
    product = torch.eye(2, dtype=torch.float64)
    for t in range(T):
        product = matrices[t] @ product
        torch.testing.assert_close(ours[t], product, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("T", [2, 64, 1000, 1024])
def test_associative_scan_combines_at_most_twice_the_logarithm_in_a_row(T: int) -> None:
    calls = []

    def add(e: tuple[Tensor, ...], f: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        calls.append(e[0].numel())
        return (e[0] + f[0],)

    associative_scan(add, (torch.ones(T),), dim=0)
    assert len(calls) <= 2 * (T - 1).bit_length()
    assert sum(calls) < 2 * T


X = torch.zeros(2, 5, 8)
REFUSED = [
    ({"a": X, "b": X[:, :4]}, "`a` has shape (2, 5, 8) but `b` has (2, 4, 8); both are (B, T, D)"),
    ({"a": X, "b": X[0]}, "`b` has shape (5, 8); it is (B, T, D)"),
    ({"a": X, "b": X.long()}, "`b` has dtype torch.int64; it is real or complex floating point"),
    ({"a": X, "b": X, "h0": X[0]}, "`h0` has shape (5, 8); for `b` of (2, 5, 8) it is (B, D)"),
    (
        {"a": X.double(), "b": X},
        "`a` is torch.float64 but `b` is torch.float32; convert one of them",
    ),
    ({"a": X, "b": X, "method": "tree"}, '`method` is \'tree\'; it is "loop", "parallel" or "chunked"'),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED)
def test_a_wrong_argument_is_named(arguments: dict, words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        scan(**arguments)


@pytest.mark.parametrize(("elements", "lengths"), [((), "[]"), ((X, X[:, :4]), "[5, 4]")])
def test_elements_of_different_lengths_are_refused(elements: tuple[Tensor, ...], lengths: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"`elements` have lengths {lengths} along dim 1")):
        associative_scan(lambda e, f: e, elements, dim=1)
