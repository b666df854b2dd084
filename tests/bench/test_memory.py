"""Peak memory is what the allocator held at the highest moment, to the byte."""

from __future__ import annotations

import pytest
import torch

from seqdocs.bench.memory import peak_memory

N = 1000

# name, call, expected bytes: floats alive at the highest moment
CALLS = [
    ("one result", lambda: torch.zeros(N), 4 * N),
    ("a temporary dies after the next is made", lambda: torch.zeros(N).neg().neg(), 2 * 4 * N),
    ("all kept", lambda: [torch.zeros(N) for _ in range(5)], 5 * 4 * N),
    ("released before the next", lambda: [torch.zeros(N) is None for _ in range(5)], 4 * N),
    ("in place", lambda: torch.zeros(N).neg_().neg_(), 4 * N),
    ("doubles", lambda: torch.zeros(N, dtype=torch.float64), 8 * N),
]


@pytest.mark.parametrize(("call", "held"), [c[1:] for c in CALLS], ids=[c[0] for c in CALLS])
def test_the_peak_is_known_to_the_byte(call, held):
    leaf = peak_memory(call)
    assert leaf["unit"] == "B"
    assert held <= leaf["value"] <= held + 64


def test_what_was_held_before_does_not_count():
    held = torch.zeros(100 * N)
    assert peak_memory(lambda: held[:N] + 1)["value"] <= 4 * N + 64


def test_what_autograd_saves_counts_until_the_backward_pass():
    x = torch.ones(N, requires_grad=True)

    def kept(steps):
        def call():
            y = x
            for _ in range(steps):
                y = y.sin()
            return y.sum()

        return call

    few, many = (peak_memory(kept(steps))["value"] for steps in (10, 20))
    assert many - few == pytest.approx(10 * 4 * N, rel=0.01)
    with torch.no_grad():
        assert peak_memory(kept(20))["value"] < 3 * 4 * N


def test_another_device_is_refused():
    with pytest.raises(ValueError, match="`device` is 'meta'; memory is measured on cpu and cuda"):
        peak_memory(lambda: None, "meta")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_the_gpu_counts_alike():
    held = peak_memory(lambda: torch.zeros(1_000_000, device="cuda"), "cuda")["value"]
    assert 4e6 <= held <= 4e6 + 2**21
