"""Synthetic clocks of known ratio, to find out how often an interval holds the truth.

A world has a time of its own that only sampling moves. Two competitors live in it; the second truly takes
``ratio`` times as long. What disturbs both is drawn from a seed: noise of every sample, a speed that drifts,
bursts in which a neighbour slows everything for a while.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

KINDS = ("lognormal", "drift", "bursts")
SAMPLE = 5e-3  # seconds that an undisturbed sample of the first competitor takes


class World:
    """Two samplers, ``first`` and ``second``, under one kind of disturbance.

    Args:
        kind: one of ``KINDS``; noise of single samples is in all of them.
        ratio: time of the second over time of the first.
        seed: of everything random.
        noise: standard deviation of the logarithm of a sample.

    Raises:
        ValueError: if ``kind`` is none of ``KINDS``.
    """

    def __init__(self, kind: str, ratio: float, seed: int, noise: float = 0.03) -> None:
        if kind not in KINDS:
            raise ValueError(f"`kind` is {kind!r}; it must be one of {', '.join(KINDS)}")
        self.kind, self.ratio, self.noise = kind, ratio, noise
        self.random = random.Random(seed)
        self.time = 0.0
        self.slope = self.random.uniform(-0.3, 0.3)  # of the drift, per second
        self.calm_until, self.slow_until, self.slowness = self.random.expovariate(4.0), 0.0, 1.0

    def now(self) -> float:
        """Return the world's time in seconds."""
        return self.time

    def first(self) -> float:
        """Return a sample of the first competitor, in seconds."""
        return self._sample(SAMPLE)

    def second(self) -> float:
        """Return a sample of the second."""
        return self._sample(SAMPLE * self.ratio)

    def samplers(self) -> dict[str, Callable[[], float]]:
        """Return both by name."""
        return {"first": self.first, "second": self.second}

    def _sample(self, seconds: float) -> float:
        seconds *= self.random.lognormvariate(0.0, self.noise) * self._load()
        self.time += seconds
        return seconds

    def _load(self) -> float:
        """Return by how much everything is slower now."""
        if self.kind == "drift":
            return math.exp(self.slope * min(self.time, 5.0))
        if self.kind == "bursts":
            return self._burst()
        return 1.0

    def _burst(self) -> float:
        """Return the slowness of the burst that is on, if one is; bursts and calm last random times."""
        if self.time > self.calm_until and self.time > self.slow_until:
            self.slow_until = self.time + self.random.expovariate(10.0)
            self.calm_until = self.slow_until + self.random.expovariate(4.0)
            self.slowness = self.random.uniform(1.2, 3.0)
        return self.slowness if self.time < self.slow_until else 1.0
