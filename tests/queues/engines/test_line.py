import math
import threading

from seqdocs.queues.engines.line import Line


class Clock:
    time = 0.0

    def __call__(self) -> float:
        return self.time


def taking(line, *how):
    """A thread that takes from the line, and where it puts what it got."""
    got = []
    thread = threading.Thread(target=lambda: got.append(line.take(*how)), daemon=True)
    thread.start()
    return thread, got


def filled(*items, now=None):
    line = Line(now or Clock())
    for item in items:
        line.put(item)
    return line


def test_first_in_first_out():
    line = filled(1, 2, 3)
    assert [line.take(), line.poll(5), line.poll(5)] == [[1], [2, 3], []]


def test_a_batch_that_is_full_waits_for_nobody():
    assert filled(1, 2, 3).take(2, math.inf) == [1, 2]


def test_without_patience_whoever_is_there_goes():
    assert filled(1, 2).take(8) == [1, 2]


def test_a_batch_waits_until_it_is_full():
    line = filled(1)
    thread, got = taking(line, 2, math.inf)
    assert thread.is_alive()
    line.put(2)
    thread.join(30)
    assert got == [[1, 2]]


def test_patience_counts_from_when_the_first_came():
    clock = Clock()
    line = filled(1, now=clock)
    clock.time = 3599.0
    thread, got = taking(line, 8, 3600.0)
    clock.time = 3601.0
    line.put(2)  # wakes it long before the second it would have slept, on a clock that is past it
    thread.join(10)
    assert got == [[1, 2]]


def test_a_closed_line_gives_what_it_has_and_then_nothing():
    line = filled(1)
    waiting = taking(line, 8, math.inf)
    line.close()
    waiting[0].join(30)
    assert waiting[1] == [[1]]
    assert line.take(8, math.inf) == []


def test_an_empty_line_lets_nobody_go_until_it_is_closed():
    line = filled()
    thread, got = taking(line)
    assert thread.is_alive()
    line.close()
    thread.join(30)
    assert got == [[]]


def test_one_may_leave_the_line_from_anywhere_unless_taken():
    line = filled(1, 2, 3)
    assert [line.remove(2), line.remove(2)] == [True, False]
    assert line.poll(5) == [1, 3]
    assert not line.remove(1)


def test_when_the_first_leaves_patience_counts_from_the_next():
    clock = Clock()
    line = filled(1, now=clock)
    clock.time = 3599.0
    line.put(2)
    thread, got = taking(line, 8, 3600.0)
    line.remove(1)
    clock.time = 3601.0
    line.put(3)  # wakes it: the first is gone, and the second has not waited for long
    thread.join(0.2)
    assert thread.is_alive()
    clock.time = 3599.0 + 3601.0
    line.put(4)
    thread.join(10)
    assert got == [[2, 3, 4]]


def test_a_taker_waits_on_when_the_last_leaves():
    line = filled(1)
    thread, got = taking(line, 2, math.inf)
    line.remove(1)
    line.put(2)
    line.put(3)
    thread.join(10)
    assert got == [[2, 3]]
