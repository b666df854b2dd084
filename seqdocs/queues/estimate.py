"""A figure that was estimated from samples, with the interval it lies in; and the refusal to make one up."""

from __future__ import annotations

from typing import NamedTuple


class TooFewSamplesError(ValueError):
    """The samples do not hold the figure that was asked for; more of them would."""


class Estimate(NamedTuple):
    """A figure and the ends of its interval, in the unit of the samples.

    >>> wait = Estimate(2.0, 1.5, 2.75)
    >>> wait.value, wait.interval
    (2.0, (1.5, 2.75))
    """

    value: float
    low: float
    high: float

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends, the way ``quantity(wait.value, "s", *wait.interval)`` takes them."""
        return self.low, self.high


def between(name: str, value: float) -> float:
    """``value`` as a float if it lies between 0 and 1, both left out; one clear ValueError otherwise."""
    if not 0 < value < 1:
        raise ValueError(f"`{name}` is {value} but must lie between 0 and 1, such as 0.95")
    return float(value)
