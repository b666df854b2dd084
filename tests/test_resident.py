"""The highest resident set is this process's own."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from seqdocs.resident import forget_highest, highest

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps this mark by process")


def test_the_mark_rises_with_what_is_touched_and_stays():
    before = highest()
    torch.ones(20_000_000).sum()
    assert highest() - before > 30e6 or before > 500e6  # a process that was larger before shows no rise


@linux
def test_the_mark_can_be_taken_back():
    torch.ones(30_000_000).sum()
    high = highest()
    forget_highest()
    assert highest() < high


@linux
def test_a_small_child_of_a_large_process_is_small():
    held = torch.ones(50_000_000)
    code = "from seqdocs.resident import highest; print(highest())"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(child.stdout) < 100e6 < held.nbytes
