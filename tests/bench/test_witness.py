"""What an experiment timed reaches its record, whatever the experiment returns."""

from __future__ import annotations

import pytest
import torch

from seqdocs.bench.perform import perform
from seqdocs.bench.run import Run
from seqdocs.bench.timing import compare, measure
from seqdocs.bench.witness import listening, report, summary


def quick(threads: int) -> dict:
    return measure(lambda: None, max_seconds=0.001, threads=threads)


def test_a_record_holds_every_timing_in_order_with_its_raw_samples():
    def experiment(device):
        compare({"a": lambda: 1, "b": lambda: 1}, max_seconds=0.001, threads=1)
        quick(threads=1)
        return {}

    record = perform(experiment, "cpu", {}, threads=1)
    first, second = record["timings"]
    assert list(first["times"]) == ["a", "b"]
    assert len(first["times"]["a"]["seconds"]) == len(first["times"]["b"]["seconds"]) >= 3
    assert first["times"]["a"]["loops"] >= 1
    assert list(second["times"]) == ["call"]


def test_a_record_names_the_threads_that_were_used_not_those_there_are():
    record = perform(lambda device: quick(threads=1), "cpu", {}, threads=2)
    torch.set_num_threads(1)
    assert record["threads"] == [1]


def test_doubts_of_every_timing_reach_the_record_once():
    made = {"baseline": "a", "threads": 1, "notes": ["noisy"], "times": {}}
    assert summary([made, made | {"notes": ["noisy", "slow"]}])["notes"] == ["noisy", "slow"]


def test_nobody_listening_is_no_fault_and_ends_with_the_block():
    with listening() as timings:
        pass
    report({"baseline": "a", "threads": 1, "notes": [], "times": {}})
    assert timings == []


def test_samples_are_kept_to_six_digits():
    with listening() as timings:
        report({"baseline": "a", "threads": 1, "notes": [], "times": {"a": {"seconds": [1 / 3], "loops": 1}}})
    assert timings[0]["times"]["a"]["seconds"] == [0.333333]


@pytest.mark.parametrize(
    ("device", "threads", "words"),
    [
        ("cpu", [1], "Toy, 1 thread"),
        ("cpu", [1, 2], "Toy, 1 and 2 threads"),
        ("cpu", [], "Toy, 8 threads"),
        ("cuda", [1], "Toy, 8 threads"),
    ],
)
def test_a_caption_names_the_threads_of_the_timings(device, threads, words):
    machine = {"cpu": "Toy", "label": "Toy, 8 threads"}
    record = {"device": device, "machine": machine, "threads": threads, "slug": "toy"}
    assert Run(record).label == words
