"""Stale gradients: plain descent without delay, and the edge of stability where the formula says."""

import pytest
import torch

from seqdocs.models.stale_gradient import descend, largest_stable_rate


def quadratic(w):
    return w * torch.tensor([1.0, 0.25], dtype=torch.float64)


START = torch.tensor([1.0, -2.0], dtype=torch.float64)


def test_without_delay_it_is_torchs_sgd():
    weights = START.clone().requires_grad_()
    optimiser = torch.optim.SGD([weights], lr=0.3)
    for _ in range(7):
        optimiser.zero_grad()
        (0.5 * (weights * quadratic(weights)).sum()).backward()
        optimiser.step()
    torch.testing.assert_close(descend(quadratic, START, 0.3, [0] * 7)[-1], weights.detach())


def test_a_delay_reads_older_weights():
    path = descend(lambda w: w, torch.tensor([1.0]), 0.5, [2, 2, 2, 2]).flatten().tolist()
    assert path == [1.0, 0.5, 0.0, -0.5, -0.75]  # the first three read the start, the fourth what came after


@pytest.mark.parametrize("delay", [0, 1, 2, 5, 11])
@pytest.mark.parametrize("curvature", [1.0, 4.0])
def test_the_largest_rate_is_the_edge(delay, curvature):
    def end(factor):
        rate = factor * largest_stable_rate(delay, curvature)
        path = descend(lambda w: curvature * w, START[:1], rate, [delay] * 4000)
        return float(path[-50:].abs().max())

    assert end(0.98) < 1e-2 < 1e2 < end(1.02)


def test_a_negative_delay_is_named():
    with pytest.raises(ValueError, match=r"^`delays\[1\]` is -1; it is at least 0$"):
        descend(quadratic, START, 0.1, [0, -1])


@pytest.mark.parametrize(("delay", "curvature"), [(-1, 1.0), (0, 0.0)])
def test_a_rate_needs_a_delay_and_a_curvature(delay, curvature):
    with pytest.raises(ValueError, match=r"^`(delay|curvature)` is"):
        largest_stable_rate(delay, curvature)
