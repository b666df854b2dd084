"""The chunked scan as a kernel for CUDA, with the arguments of :func:`seqdocs.scan.scan`'s own.

Letters: B batch · T time · D input · L steps of a chunk · C chunks.

The same three walks as on a CPU: what each chunk does as a whole, the chunks' ends one after the other, and
all chunks again from their right starts. One program walks one chunk for a block of channels with the state
in registers, in float32 where the tensors are narrower. a and b are read twice, h is written once.

Limits: no GPU has run it yet. It compiles for one, and triton's interpreter, which runs kernels on a CPU,
gives the loop's values and gradients; of its speed nothing is known, and ``STEPS`` and ``BLOCK`` are guesses.

Source: Blelloch, "Prefix sums and their applications", CMU-CS-90-190, 1990, section 1.4; language:
https://triton-lang.org
"""

from __future__ import annotations  # triton reads "tl.constexpr" from the text, and may not be there

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

try:
    import triton  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from triton import language as tl  # type: ignore[import-not-found,import-untyped,unused-ignore]
except ImportError:  # then nobody calls what is in here: `takes` says no
    triton = None

STEPS = 32  # L
BLOCK = 128  # channels of a program
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def takes(x: Tensor) -> bool:
    """Say whether the kernel can work on a tensor: real, on CUDA, with triton installed."""
    return triton is not None and x.is_cuda and x.dtype in DTYPES


def chunked(a: Tensor, b: Tensor, h0: Tensor, out: Tensor, reverse: bool) -> None:
    """Solve h[t] = a[t] h[t-1] + b[t] into ``out``, or h[t] = a[t] h[t+1] + b[t] if ``reverse``.

    Args:
        a: (B, T, D), with any strides.
        b: (B, T, D).
        h0: state before the first step in walking order, (B, D).
        out: (B, T, D).
        reverse: walk from the end.
    """
    B, T, D = b.shape
    if b.numel() == 0:
        return
    C = triton.cdiv(T, STEPS)
    wide = torch.promote_types(b.dtype, torch.float32)
    starts = torch.empty(B, C + 1, D, dtype=wide, device=b.device)
    starts[:, 0] = h0
    if C > 1:
        decay, end = torch.empty(2, B, C, D, dtype=wide, device=b.device)
        _summarise[B * C, triton.cdiv(D, BLOCK)](
            a, b, decay, end, T, D, C, STEPS, *a.stride(), *b.stride(), REVERSE=reverse, BLOCK=BLOCK
        )
        _launch(decay, end, starts[:, :1], starts[:, 1:], steps=C, reverse=False)
    _launch(a, b, starts[:, :C], out, steps=STEPS, reverse=reverse)


def _launch(a: Tensor, b: Tensor, starts: Tensor, out: Tensor, *, steps: int, reverse: bool) -> None:
    """Walk chunks of so many steps from their starts, (B, C, D), into ``out``."""
    B, T, D = b.shape
    C = starts.shape[1]
    strides = (*a.stride(), *b.stride(), *starts.stride(), *out.stride())
    _walk[B * C, triton.cdiv(D, BLOCK)](
        a, b, starts, out, T, D, C, steps, *strides, REVERSE=reverse, BLOCK=BLOCK
    )


def _jit(kernel: Callable[..., None]) -> Any:
    return kernel if triton is None else triton.jit(kernel)


@_jit
def _summarise(  # type: ignore[no-untyped-def]  # noqa: PLR0917 - a kernel takes pointers, sizes and strides
    a, b, decay, end, T, D, C, L, a_B, a_T, a_D, b_B, b_T, b_D, REVERSE: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """Product of a chunk's decays, and its end from a start of zero, each (B, C, D)."""
    n = (tl.program_id(0) // C).to(tl.int64)
    c = tl.program_id(0) % C
    d = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = d < D
    product = tl.full([BLOCK], 1.0, dtype=decay.dtype.element_ty)
    h = tl.zeros([BLOCK], dtype=end.dtype.element_ty)
    for step in range(c * L, tl.minimum(c * L + L, T)):
        t = T - 1 - step if REVERSE else step
        a_t = tl.load(a + n * a_B + t * a_T + d * a_D, mask=inside, other=0.0).to(h.dtype)
        b_t = tl.load(b + n * b_B + t * b_T + d * b_D, mask=inside, other=0.0).to(h.dtype)
        product = a_t * product
        h = a_t * h + b_t
    tl.store(decay + (n * C + c) * D + d, product, mask=inside)
    tl.store(end + (n * C + c) * D + d, h, mask=inside)


@_jit
def _walk(  # type: ignore[no-untyped-def]  # noqa: PLR0917 - likewise
    a, b, starts, out, T, D, C, L, a_B, a_T, a_D, b_B, b_T, b_D, s_B, s_C, s_D, o_B, o_T, o_D,
    REVERSE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One chunk from its start."""
    n = (tl.program_id(0) // C).to(tl.int64)
    c = tl.program_id(0) % C
    d = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = d < D
    h = tl.load(starts + n * s_B + c * s_C + d * s_D, mask=inside, other=0.0)
    for step in range(c * L, tl.minimum(c * L + L, T)):
        t = T - 1 - step if REVERSE else step
        a_t = tl.load(a + n * a_B + t * a_T + d * a_D, mask=inside, other=0.0).to(h.dtype)
        b_t = tl.load(b + n * b_B + t * b_T + d * b_D, mask=inside, other=0.0).to(h.dtype)
        h = a_t * h + b_t
        tl.store(out + n * o_B + t * o_T + d * o_D, h, mask=inside)
