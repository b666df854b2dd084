"""Synthetic clocks have the ratio they claim, under every disturbance, and the same seed gives the same."""

from __future__ import annotations

import numpy as np
import pytest

from seqdocs.bench.synthetic import KINDS, World


@pytest.mark.parametrize("kind", KINDS)
def test_the_median_ratio_of_many_pairs_is_the_true_one(kind):
    world = World(kind, ratio=1.3, seed=5)
    found = np.median([world.second() / world.first() for _ in range(4000)])
    assert found == pytest.approx(1.3, rel=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_time_moves_by_what_was_sampled(kind):
    world = World(kind, 2.0, seed=1)
    assert world.now() == 0.0
    spent = world.first() + world.second()
    assert world.now() == pytest.approx(spent)


def test_the_same_seed_gives_the_same_samples_and_another_gives_others():
    def drawn(seed):
        world = World("bursts", 1.5, seed)
        return [world.first() for _ in range(50)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_drift_and_bursts_really_disturb():
    drift, bursts, steady = (
        World(kind, 1.0, seed=3, noise=0.01) for kind in ("drift", "bursts", "lognormal")
    )
    width = {
        world.kind: np.ptp(np.log([world.first() for _ in range(600)])) for world in (drift, bursts, steady)
    }
    assert width["lognormal"] < 0.1 < min(width["drift"], width["bursts"])


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="`kind` is 'calm'; it must be one of lognormal, drift, bursts"):
        World("calm", 1.0, 0)
