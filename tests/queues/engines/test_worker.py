"""A worker is replaced, whoever else looks after processes at that moment."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from multiprocessing import process

from engine_services import make_deadly

from seqdocs.queues.engines.worker import Worker


def test_a_worker_that_another_thread_reaps_is_replaced(monkeypatch, tmp_path):
    """Starting a process reaps all that have ended; between that and its note of it lies a moment."""
    real, ended = os.waitpid, threading.Event()

    def slowly(pid, flag):
        reaping = threading.current_thread().name == "reaper"
        if not reaping:
            time.sleep(0.1)  # the other one comes first
        found = real(pid, flag)
        if reaping and found[0]:
            time.sleep(0.5)
        return found

    def reap():
        while not ended.is_set():
            process._cleanup()

    monkeypatch.setattr(os, "waitpid", slowly)
    reaper = threading.Thread(target=reap, name="reaper")
    reaper.start()
    worker = Worker(partial(make_deadly, str(tmp_path)))
    try:
        for _ in range(4):
            worker.replace()
    finally:
        ended.set()
        reaper.join()
        worker.close()
