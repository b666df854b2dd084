"""The kernel is the loop, in value and gradient: on CUDA, or run by triton's interpreter on a CPU."""

import importlib.util
import os

import pytest
import torch
from torch import Tensor

from seqdocs import scan_triton
from seqdocs.scan import scan

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
PLACE = "cpu" if INTERPRETED else "cuda"
if importlib.util.find_spec("triton") is None:
    REASON = "needs triton"
elif not INTERPRETED and not torch.cuda.is_available():
    REASON = "needs a CUDA device, or TRITON_INTERPRET=1, with which triton runs kernels on a CPU"
else:
    REASON = ""
needs_triton = pytest.mark.skipif(bool(REASON), reason=REASON)

TOLERANCE = {torch.bfloat16: 2e-2, torch.float32: 1e-5, torch.float64: 1e-12}
L = scan_triton.STEPS
SHAPES = [(1, 1, 1), (2, 2, 3), (2, L, 3), (1, L + 1, scan_triton.BLOCK + 2), (2, 3 * L + 5, 2)]


@pytest.fixture(autouse=True)
def chunked_is_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU, ``scan`` would not ask for it."""
    monkeypatch.setattr("seqdocs.scan._kernel", lambda x: scan_triton.chunked)


def problem(B: int, T: int, D: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Decays of either sign, so near one that a state outlives chunks, and a few that are exactly zero."""
    torch.manual_seed(0)
    a = (1 - 0.05 * torch.rand(B, T, D, dtype=torch.float64)) * torch.randn(B, T, D).sign()
    a[torch.rand(B, T, D) < 0.01] = 0
    b, h0 = torch.randn(B, T, D, dtype=torch.float64), torch.randn(B, D, dtype=torch.float64)
    return a.to(PLACE, dtype), b.to(PLACE, dtype), h0.to(PLACE, dtype)


@needs_triton
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernel_is_the_loop(shape: tuple[int, int, int], dtype: torch.dtype, reverse: bool) -> None:
    a, b, h0 = problem(*shape, dtype)
    ours = scan(a, b, h0, method="chunked", reverse=reverse)
    loop = scan(a.double(), b.double(), h0.double(), reverse=reverse)
    assert ours.dtype == dtype
    torch.testing.assert_close(ours.double(), loop, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@needs_triton
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_its_gradients_are_the_loops(shape: tuple[int, int, int], reverse: bool) -> None:
    inputs = [x.requires_grad_() for x in problem(*shape)]
    weight = torch.randn(shape, dtype=torch.float64).to(PLACE)
    ours, loop = (
        torch.autograd.grad((scan(*inputs, method=method, reverse=reverse) * weight).sum(), inputs)
        for method in ("chunked", "loop")
    )
    for own, other in zip(ours, loop, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-12, atol=1e-12)


@needs_triton
def test_it_can_be_differentiated_twice() -> None:
    inputs = tuple(x.requires_grad_() for x in problem(1, 4, 1))
    assert torch.autograd.gradgradcheck(lambda *x: scan(*x, method="chunked"), inputs)


@needs_triton
def test_tensors_with_any_strides_are_read_where_they_lie() -> None:
    a, b, h0 = problem(2, L + 3, 3)
    a = a.mT.contiguous().mT
    torch.testing.assert_close(scan(a, b, h0, method="chunked"), scan(a, b, h0), rtol=0, atol=1e-12)
    a = torch.tensor([0.5, 0.0, -0.9], dtype=b.dtype, device=PLACE).expand_as(b)
    b = b.mT.contiguous().mT
    torch.testing.assert_close(scan(a, b, h0, method="chunked"), scan(a, b, h0), rtol=0, atol=1e-12)


@needs_triton
@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 2), (2, 3, 0)])
def test_nothing_to_solve_is_no_error(shape: tuple[int, int, int]) -> None:
    assert scan(*problem(*shape), method="chunked").shape == shape


def test_only_real_tensors_on_cuda_are_taken() -> None:
    assert not scan_triton.takes(torch.ones(1, 2, 1))
    assert not scan_triton.takes(torch.ones(1, 2, 1, dtype=torch.complex64))
