"""Student's t: how far the mean of a few normal values strays from the truth, in its own standard errors.

ν degrees of freedom, one less than there are values · θ = arctan(t / √ν)

Sources: Student 1908, *Biometrika* 6(1). The sums for a whole ν are formulas 26.7.3 and 26.7.4 of Abramowitz
and Stegun 1964, *Handbook of Mathematical Functions*. Neither was checked against the original; the tests
compare with values from printed tables.
"""

from __future__ import annotations

from math import cos, pi, sin, sqrt, tan

from seqdocs.queues.estimate import between


def student_t(freedom: int, level: float = 0.95) -> float:
    """The t that T, whatever its sign, stays within with probability ``level``.

    Args:
        freedom: degrees of freedom, ν.
        level: probability, between 0 and 1.

    Returns:
        t, in standard errors.

    Raises:
        ValueError: if ``freedom`` is below 1 or ``level`` does not lie between 0 and 1.

    >>> round(student_t(9), 3)
    2.262
    """
    between("level", level)
    if freedom < 1:
        raise ValueError(f"`freedom` is {freedom} degrees but must be at least 1")
    low, high = 0.0, pi / 2
    for _ in range(60):  # halving: fp64 holds no more than 53 binary digits
        middle = (low + high) / 2
        low, high = (middle, high) if _stays_below(middle, freedom) < level else (low, middle)
    return sqrt(freedom) * tan(low)


def _stays_below(angle: float, freedom: int) -> float:
    """P(|T| ≤ √ν tan θ), a finite sum of powers of cos θ."""
    odd = freedom % 2
    term = total = 0.0 if freedom == 1 else cos(angle) if odd else 1.0
    for power in range(2 + odd, freedom, 2):
        term *= (power - 1) / power * cos(angle) ** 2
        total += term
    return (angle + sin(angle) * total) * 2 / pi if odd else sin(angle) * total
