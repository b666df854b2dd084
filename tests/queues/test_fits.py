"""A fit finds the curve that made the points, and says how much it explains."""

import pytest
import torch

from seqdocs.queues.fits import exponential_fit, line_fit

X = torch.arange(1.0, 41.0, dtype=torch.float64)
NOISE = torch.randn(40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_the_line_is_that_of_least_squares():
    y = 3 + 0.5 * X + NOISE
    design = torch.stack([torch.ones_like(X), X], 1)
    wanted = torch.linalg.lstsq(design, y[:, None]).solution[:, 0]
    fit = line_fit(X, y)
    assert (fit.intercept, fit.slope) == pytest.approx(tuple(wanted.tolist()))
    left = (y - design @ wanted).square().sum() / (y - y.mean()).square().sum()
    assert fit.r2 == pytest.approx(1 - float(left))


@pytest.mark.parametrize("rate", [-0.03, 0.0125, 0.04])
def test_the_exponential_that_made_the_points_is_found(rate):
    fit = exponential_fit(X, 2.5 * torch.exp(rate * X))
    assert (fit.amplitude, fit.rate) == pytest.approx((2.5, rate), rel=0.01)
    assert fit.r2 > 0.9999


def test_each_curve_wins_on_its_own_points():
    grown = 0.5 * torch.exp(0.045 * X)
    assert line_fit(X, X).r2 > exponential_fit(X, X).r2 + 0.01
    assert exponential_fit(X, grown).r2 > line_fit(X, grown).r2 + 0.01


def test_a_curve_that_explains_nothing_has_no_r2():
    assert abs(line_fit(X, NOISE - NOISE.mean()).r2) < 0.2


def test_points_that_hold_no_curve_are_refused():
    with pytest.raises(ValueError, match=r"^`x` has 40 points but `y` has 2; each x needs its y$"):
        line_fit(X, X[:2])
    with pytest.raises(ValueError, match=r"^`x` has 2 values, all alike; a fit needs two that differ$"):
        exponential_fit(torch.ones(2), X[:2])
    with pytest.raises(ValueError, match=r"^`y` has 40 values, all alike"):
        line_fit(X, torch.ones(40))
    with pytest.raises(ValueError, match=r"^`x` has 0 values, all alike"):
        line_fit(X[:0], X[:0])
