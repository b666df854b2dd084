"""Points stand where their operations, bytes and seconds put them, under the roofs of their own machine."""

from __future__ import annotations

import math
from unittest.mock import Mock

import pytest
import torch

from seqdocs.bench import roofline
from seqdocs.bench.quantity import quantity
from seqdocs.bench.roofline import of_same_machine, peaks, place, ridge, roof
from seqdocs.bench.run import Run

# 100 GFLOP/s and 25 GB/s: the roofs meet at 4 FLOP/B
PEAKS = {"flops": quantity(100e9, "FLOP/s"), "bandwidth": quantity(25e9, "B/s")}
UNSURE = {
    "flops": quantity(100e9, "FLOP/s", 80e9, 125e9),
    "bandwidth": quantity(25e9, "B/s", 20e9, 50e9),
}
TINY = {"sizes": (16, 32), "copy_bytes": 1000, "max_seconds": 0.01}

# FLOP, bytes, seconds, intensity, GFLOP/s, % of the roof, which roof
PLACES = [
    (1_000_000, 1_000_000, 100e-6, 1.0, 10.0, 40.0, "memory"),
    (8_000_000, 1_000_000, 100e-6, 8.0, 80.0, 80.0, "compute"),
    (4_000_000, 1_000_000, 80e-6, 4.0, 50.0, 50.0, "compute"),  # on the ridge
    (1_000_000, 1_000_000, 20e-6, 1.0, 50.0, 200.0, "memory"),  # from a cache
    (0, 1_000_000, 80e-6, 0.0, 0.0, 50.0, "memory"),  # a copy
]


def run(slug, experiment="peaks"):
    return Run({"slug": slug, "example": "measuring/plot_roofline", "experiment": experiment, "result": {}})


@pytest.mark.parametrize(("work", "moved", "seconds", "intensity", "rate", "part", "bound"), PLACES)
def test_a_point_is_placed_under_the_lower_roof(work, moved, seconds, intensity, rate, part, bound):
    point = place(quantity(work, "FLOP"), quantity(moved, "B"), quantity(seconds, "s"), PEAKS)
    assert point["intensity"] == quantity(intensity, "FLOP/B")
    assert point["rate"]["value"] == pytest.approx(rate * 1e9)
    assert point["rate"]["unit"] == "FLOP/s"
    assert point["fraction"]["value"] == pytest.approx(part)
    assert point["fraction"]["unit"] == "%"
    assert point["bound"] == bound


@pytest.mark.parametrize(("work", "roof_low", "roof_high"), [(1, 20e9, 50e9), (8, 80e9, 125e9)])
def test_the_interval_of_a_fraction_takes_time_and_roof_at_their_worst(work, roof_low, roof_high):
    seconds = quantity(100e-6, "s", 50e-6, 200e-6)
    point = place(quantity(work * 1_000_000, "FLOP"), quantity(1_000_000, "B"), seconds, UNSURE)
    slow, fast = work * 1e6 / 200e-6, work * 1e6 / 50e-6
    assert point["fraction"]["low"] == pytest.approx(100 * slow / roof_high)
    assert point["fraction"]["high"] == pytest.approx(100 * fast / roof_low)
    assert point["rate"] == quantity(work * 1e10, "FLOP/s", slow, fast)


@pytest.mark.parametrize(("intensity", "most"), [(0, 0), (1, 25e9), (4, 100e9), (1000, 100e9)])
def test_the_roof_is_the_lower_of_the_two(intensity, most):
    assert roof(intensity, PEAKS)["value"] == most
    assert roof(intensity, PEAKS)["unit"] == "FLOP/s"


def test_the_roof_is_as_unsure_as_its_peak():
    assert roof(2, UNSURE) == quantity(50e9, "FLOP/s", 40e9, 100e9)
    assert roof(5, UNSURE) == UNSURE["flops"]


def test_the_roofs_meet_at_the_ridge():
    assert ridge(PEAKS) == quantity(4.0, "FLOP/B")
    assert ridge(UNSURE) == quantity(4.0, "FLOP/B", 80 / 50, 125 / 20)


WRONG = [
    (lambda: place(quantity(1, "FLOP"), quantity(0, "B"), quantity(1.0, "s"), PEAKS), "`moved` is 0 B"),
    (lambda: place(quantity(1, "FLOP"), quantity(1, "B"), quantity(0.0, "s"), PEAKS), "`seconds` is 0.0"),
    (lambda: roof(-1.0, PEAKS), "`intensity` is -1.0; it is operations per byte"),
    (lambda: roof(math.nan, PEAKS), "`intensity` is nan"),
    (lambda: peaks("meta"), "`device` is 'meta'; roofs are measured on cpu and cuda"),
    (lambda: peaks(dtype=torch.int32), "`dtype` is torch.int32; roofs are those of floating-point products"),
    (lambda: peaks(sizes=()), "`sizes` is (), `copy_bytes` 268435456; there is at least one"),
    (lambda: peaks(copy_bytes=0), "`copy_bytes` 0; there is at least one, all positive"),
]


@pytest.mark.parametrize(("call", "words"), WRONG, ids=[w[1][:20] for w in WRONG])
def test_what_cannot_be_placed_is_refused_in_one_sentence(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_peaks_are_rates_with_intervals():
    got = peaks(threads=1, **TINY)
    assert [got[name]["unit"] for name in ("flops", "bandwidth")] == ["FLOP/s", "B/s"]
    assert all(one["low"] <= one["value"] <= one["high"] for one in got.values())
    assert all(one["value"] > 1e6 for one in got.values())


@pytest.fixture
def times(monkeypatch):
    """Pretend times instead of a clock's."""
    timed = {"2": quantity(4e-6, "s"), "3": quantity(9e-6, "s"), "4": quantity(64e-6, "s")}
    compared = Mock(return_value={"times": {name: {"median": one} for name, one in timed.items()}})
    measured = Mock(return_value={"median": quantity(1e-3, "s", 0.5e-3, 2e-3)})
    monkeypatch.setattr(roofline, "compare", compared)
    monkeypatch.setattr(roofline, "measure", measured)
    roofline._peaks.cache_clear()
    yield compared, measured
    roofline._peaks.cache_clear()


def test_the_best_size_makes_the_peak_and_a_copy_counts_twice(times):
    got = peaks(sizes=(2, 3, 4), copy_bytes=1000)
    assert got["flops"]["value"] == pytest.approx(2 * 3**3 / 9e-6)
    assert got["bandwidth"] == quantity(2e6, "B/s", 1e6, 4e6)


def test_peaks_are_measured_once_for_each_device_dtype_and_number_of_threads(times):
    compared, measured = times
    options = {"sizes": (2, 3, 4), "copy_bytes": 8}
    peaks(**options)["flops"]["value"] = 0.0  # the caller's own
    assert peaks(torch.device("cpu"), **options)["flops"]["value"] > 0
    assert peaks(threads=torch.get_num_threads(), **options)["flops"]["value"] > 0
    assert compared.call_count == measured.call_count == 1
    peaks(dtype=torch.bfloat16, **options)
    peaks(threads=torch.get_num_threads() + 1, **options)
    assert compared.call_count == measured.call_count == 3
    assert compared.call_args.kwargs["threads"] == torch.get_num_threads() + 1


def test_the_products_have_the_dtype_and_the_copy_copies(times):
    compared, measured = times
    peaks(dtype=torch.bfloat16, sizes=(2, 3, 4), copy_bytes=10)
    products = compared.call_args.args[0]
    assert {name: (tuple(call().shape), call().dtype) for name, call in products.items()} == {
        str(n): ((n, n), torch.bfloat16) for n in (2, 3, 4)
    }
    copied = measured.call_args.args[0]()
    assert copied.nbytes == 10
    copied.zero_()
    assert measured.call_args.args[0]().all(), "it copied to itself"


def test_a_run_stands_under_the_roofs_of_its_own_machine():
    here, there = run("cpu-here-2t"), run("cuda-there")
    assert of_same_machine(run("cuda-there", "operations"), [here, there]) is there


@pytest.mark.parametrize(("others", "found"), [(["cpu-b", "cpu-c"], "cpu-b, cpu-c"), ([], "no machine")])
def test_the_roofs_of_another_machine_are_refused(others, found):
    with pytest.raises(ValueError) as error:
        of_same_machine(run("cpu-a", "operations"), [run(slug) for slug in others])
    assert str(error.value) == (
        f"measuring/plot_roofline:operations ran on cpu-a and its roofs were measured on {found}; "
        "a point stands under the roofs of its own machine"
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_the_gpu_has_roofs():
    got = peaks("cuda", sizes=(256,), copy_bytes=10**7, max_seconds=0.1)
    assert got["flops"]["value"] > 1e9
