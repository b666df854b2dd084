"""The recursions find every wait that two independent simulators find, far sooner, in linear memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from seqdocs.queues import arrivals, lindley, multiserver

pytestmark = pytest.mark.timeout(3600)

TOLERANCE = {"rtol": 0.0, "atol": 1e-9}  # seconds, fp64; mean service times are 1 s
KINDS = {  # services of mean one second, (count, seed)
    "M": lambda count, seed: arrivals.exponential(1.0, count, seed),
    "D": lambda count, seed: torch.ones(count, dtype=torch.float64),
    "E2": lambda count, seed: arrivals.erlang(1.0, 2, count, seed),
    "H2": lambda count, seed: arrivals.hyperexponential(1.0, 2.0, count, seed),
}


def by_simpy(when: Tensor, work: Tensor, servers: int) -> Tensor:
    """Waits by SimPy's own resource, as its manual would write it: nothing of ours but the trace."""
    simpy = pytest.importorskip("simpy")
    clock, waits = simpy.Environment(), [0.0] * len(when)
    desk = simpy.Resource(clock, servers)

    def request(k, arrival, service):
        with desk.request() as turn:
            yield turn
            waits[k] = clock.now - arrival
            yield clock.timeout(service)

    def source():
        for k, (arrival, service) in enumerate(zip(when.tolist(), work.tolist(), strict=True)):
            yield clock.timeout(max(0.0, arrival - clock.now))
            clock.process(request(k, arrival, service))

    clock.process(source())
    clock.run()
    return torch.tensor(waits, dtype=torch.float64)


def by_ciw(when: Tensor, work: Tensor, servers: int) -> Tensor:
    """Waits by ciw, from the gaps and service times."""
    ciw = pytest.importorskip("ciw")
    gaps = [float(when[0]), *when.diff().tolist()]
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*gaps, float("inf")])],
        service_distributions=[ciw.dists.Sequential(work.tolist())],
        number_of_servers=[servers],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(len(when), method="Finish")
    records = sorted(simulation.get_all_records(), key=lambda record: record.id_number)
    return torch.tensor([record.waiting_time for record in records], dtype=torch.float64)


ARRIVALS = {  # of so many a second, (rate, count, seed)
    "Poisson": arrivals.poisson,
    "gamma, steady": lambda rate, count, seed: arrivals.bursty(rate, 0.25, count, seed),
    "gamma, bursty": lambda rate, count, seed: arrivals.bursty(rate, 4.0, count, seed),
}


def drawn(
    kind: str, servers: int, count: int, load: float = 0.9, coming: str = "Poisson"
) -> tuple[Tensor, Tensor]:
    """One trace."""
    work = KINDS[kind](count, 77 + servers)
    return ARRIVALS[coming](load * servers, count, 78 + servers), work


@pytest.mark.parametrize("simulator", [by_simpy, by_ciw])
@pytest.mark.parametrize("servers", [1, 2, 4, 8])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("load", "coming"), [(0.5, "Poisson"), (0.9, "Poisson"), (0.95, "Poisson"),
                                              (0.9, "gamma, steady"), (0.5, "gamma, bursty"),
                                              (0.95, "gamma, bursty")])  # fmt: skip
def test_every_wait_is_the_one_that_an_independent_simulator_finds(
    simulator, servers, kind, load, coming, full
):
    when, work = drawn(kind, servers, 100_000 if full else 2_000, load, coming)
    found = simulator(when, work, servers)
    for method in ("loop", "heap"):
        torch.testing.assert_close(multiserver.waits(when, work, servers, method), found, **TOLERANCE)
    if servers == 1:
        for method in ("loop", "scan", "cumulative"):
            torch.testing.assert_close(lindley.waits(when, work, method), found, **TOLERANCE)
    assert float((found > 1e-3).double().mean()) > 0.01  # or nobody waited, and all were equal for nothing


@pytest.mark.parametrize("load", [0.5, 0.95, 1.0, 1.05])
def test_both_scans_are_the_loop_to_the_ninth_digit(load, full, proven):
    """Absolutely up to load 1. Beyond, waits grow to 5·10⁵ s, and the loop's own roundings to 4·10⁻⁸ s.

    Those of the scan are a hundred times smaller, as a sum in more digits shows; so there it is the share of
    the wait that must agree.
    """
    count = 10_000_000 if full else 200_000
    when, work = arrivals.poisson(load, count, 5), arrivals.exponential(1.0, count, 6)
    reference = lindley.waits(when, work, "loop")
    for method in ("scan", "cumulative"):
        found = lindley.waits(when, work, method)
        gap = float((found - reference).abs().max())
        proven(f"{method} at load {load}, {count:,} customers: within {gap:.1e} s of the loop")
        torch.testing.assert_close(found, reference, rtol=0.0 if load <= 1 else 1e-12, atol=1e-9)


# -- how fast, and in how much memory


def best(call: Callable[[], object], tries: int) -> float:
    """Shortest of a few times, seconds: others on the machine only ever add to it."""
    times = []
    for _ in range(tries):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return min(times)


@pytest.mark.skipif(os.environ.get("SEQDOCS_PROOFS") != "full", reason="looks at the clock: `nox -s prove`")
def test_ten_million_waits_take_two_seconds_and_far_less_than_events(proven):
    count, few = 10_000_000, 50_000
    when, work = drawn("M", 1, count)
    took = {
        method: best(lambda m=method: lindley.waits(when, work, m), 5) for method in ("cumulative", "scan")
    }
    rates = {method: count / seconds for method, seconds in took.items()}
    rates["simpy"] = few / best(lambda: by_simpy(when[:few], work[:few], 1), 3)
    rates["ciw"] = few / best(lambda: by_ciw(when[:few], work[:few], 1), 3)
    rates["loop"] = few / best(lambda: lindley.waits(when[:few], work[:few], "loop"), 5)
    rates["heap"] = few / best(lambda: multiserver.waits(when[:few], work[:few], 8, "heap"), 5)
    proven("customers per second: " + ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items()))
    for name, seconds in took.items():
        ratios = [f"{rates[name] / rates[other]:.0f} times {other}'s rate" for other in ("ciw", "simpy")]
        proven(f"{name}: 10⁷ customers in {seconds:.2f} s, " + ", ".join(ratios))
        assert seconds <= 2
        assert rates[name] >= 200 * rates["ciw"]
        assert rates[name] >= 50 * rates["simpy"]


MEMORY = """
import re, sys, torch
from pathlib import Path
from seqdocs.queues import arrivals, lindley

def kilobytes(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

count = int(sys.argv[1])
when, work = arrivals.poisson(0.9, count, 1), arrivals.exponential(1.0, count, 2)
Path("/proc/self/clear_refs").write_text("5")  # forget the peak of making the inputs
before = kilobytes("VmRSS")
lindley.waits(when, work, sys.argv[2])
print(1024 * (kilobytes("VmHWM") - before) / count)
"""


@pytest.mark.skipif(os.environ.get("SEQDOCS_PROOFS") != "full", reason="starts a process of gigabytes")
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads the peak as Linux tells it")
@pytest.mark.parametrize("method", ["cumulative", "scan"])
def test_memory_is_linear_in_the_customers(method, proven):
    sizes = (10_000_000, 20_000_000, 40_000_000)
    each = [
        float(subprocess.run([sys.executable, "-c", MEMORY, str(size), method], check=True, text=True,
                             capture_output=True).stdout)
        for size in sizes
    ]  # fmt: skip
    told = ", ".join(f"{one:.1f} of {size:,}" for one, size in zip(each, sizes, strict=True))
    proven(f"{method}: bytes per customer above its inputs {told}")
    assert min(each) > 7.9  # the waits themselves, or nothing was measured
    assert max(each) < 1.2 * min(each)
