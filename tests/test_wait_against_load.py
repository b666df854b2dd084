"""The example's runs come out at the loads it asks for, on a machine whose speed nobody knows before."""

from __future__ import annotations

import pytest
import torch

from seqdocs.queues.trace import Trace, fifo
from tests.fabricated import Nobody, experiment, run

EXAMPLE = "serving/plot_wait_against_load:loads"


def loads_that_come_out(alone: float, *under_load: float) -> list[dict[str, float]]:
    """The example's points: a service takes so many seconds alone and in each run after the other."""
    left = list(under_load)

    def population(engine: object, requests: list[object], clients: int) -> Trace:
        return run(alone * torch.arange(float(len(requests)), dtype=torch.float64), 0.0, alone)

    def open_loop(engine: object, requests: list[object], times: torch.Tensor) -> Trace:
        seconds = left.pop(0) if len(left) > 1 else left[0]
        return fifo(times, torch.full_like(times, seconds))

    fakes = {"SerialEngine": Nobody, "server": lambda device: None}
    loads = experiment(EXAMPLE, population=population, open_loop=open_loop, **fakes)
    points: list[dict[str, float]] = loads("cpu", seconds_each=0.5, long=1000)["points"]
    return points


def test_a_guess_that_is_far_off_moves_no_load() -> None:
    points = loads_that_come_out(0.02, 0.0108)
    assert [point["load"] for point in points] == pytest.approx([0.4, 0.6, 0.8, 0.9])
    assert [point["asked"] for point in points] == [0.4, 0.6, 0.8, 0.9]
    assert [point["service"] for point in points] == pytest.approx([0.0108] * 4)


def test_a_machine_that_changes_its_speed_between_two_runs_is_followed() -> None:
    # The first run of each load is served otherwise than the one before it.
    points = loads_that_come_out(0.011, 0.0134, 0.0134, 0.012, 0.0121, 0.01105, 0.0112, 0.0131, 0.0129)
    off = [abs(point["load"] / point["asked"] - 1) for point in points]
    assert max(off) <= 0.05


def test_the_table_says_what_was_asked_and_what_came() -> None:
    def population(engine: object, requests: list[object], clients: int) -> Trace:
        return run(torch.arange(float(len(requests)), dtype=torch.float64), 0.0, 0.01)

    swaying = iter([0.01, 0.02] * 30)  # never settles: nothing comes out as it was meant

    def open_loop(engine: object, requests: list[object], times: torch.Tensor) -> Trace:
        return fifo(times, torch.full_like(times, next(swaying)))

    fakes = {"SerialEngine": Nobody, "server": lambda device: None}
    found = experiment(EXAMPLE, population=population, open_loop=open_loop, **fakes)(
        "cpu", loads=(0.3, 0.4), seconds_each=0.5, long=1000
    )
    first, second, *_ = found["table"]["columns"]
    assert [first["name"], second["name"]] == ["load asked for", "load"]
    asked, came = zip(*[(row[0], row[1]["value"]) for row in found["table"]["rows"]], strict=True)
    assert asked == (0.3, 0.4)
    off = [100 * abs(load / wanted - 1) for wanted, load in zip(asked, came, strict=True)]
    assert found["missed"]["value"] == pytest.approx(max(off))
    assert max(off) > 5
