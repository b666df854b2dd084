"""Clocks wait for the device, keep the garbage collector out, and say who they are."""

from __future__ import annotations

import gc

import pytest
import torch

from seqdocs.bench.clock import cuda_events, wall


def test_the_wall_clock_times_all_calls_together():
    seen: list[int] = []
    assert wall().seconds(lambda: seen.append(1), 5) > 0
    assert len(seen) == 5


def test_a_device_is_waited_for_before_and_after():
    log: list[str] = []
    wall(lambda: log.append("wait")).seconds(lambda: log.append("call"), 2)
    assert log == ["wait", "call", "call", "wait"]


def test_a_clock_that_waits_for_a_device_wants_longer_samples():
    assert wall().sample < wall(lambda: None).sample


def test_no_garbage_is_collected_meanwhile():
    seen: list[bool] = []
    wall().seconds(lambda: seen.append(gc.isenabled()), 1)
    assert seen == [False]
    assert gc.isenabled()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_events_need_a_gpu():
    with pytest.raises(ValueError, match="CUDA events need a GPU, and torch sees none"):
        cuda_events()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_events_time_what_the_gpu_does():
    x = torch.randn(4096, 4096, device="cuda")
    clock = cuda_events()
    one, four = clock.seconds(lambda: x @ x, 10), clock.seconds(lambda: x @ x, 40)
    assert 3 < four / one < 5
    assert gc.isenabled()
