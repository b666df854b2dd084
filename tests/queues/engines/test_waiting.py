import subprocess
import sys

import pytest

from seqdocs.queues.engines.waiting import make_waiting


def test_it_takes_as_long_as_it_says():
    assert make_waiting(0.01)("anything") >= 0.01


def test_it_cannot_take_less_than_no_time():
    with pytest.raises(ValueError, match=r"^`seconds` is -1; it is at least 0$"):
        make_waiting(-1)


def test_a_process_that_waits_needs_no_torch():
    code = "import sys, seqdocs.queues.engines.waiting; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
