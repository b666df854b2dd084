"""The window network is a causal convolution followed by a layer on each position."""

import re

import pytest
import torch
from torch.nn import functional as F

from seqdocs.models.feedforward import WindowFeedforward

METHODS = ("loop", "unfold")
LENGTHS = (0, 1, 2, 7, 63)
D, H, O = 3, 6, 2  # noqa: E741  # the letters of the module


def random_net(window: int, dtype: torch.dtype = torch.float64) -> WindowFeedforward:
    torch.manual_seed(0)
    return WindowFeedforward(window, D, H, O).to(dtype)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("window", [1, 2, 5])
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", [1, 5])
def test_values_and_gradients_are_those_of_a_convolution(B: int, T: int, window: int, method: str) -> None:
    net = random_net(window)
    x, weight = torch.randn(B, T, D, dtype=torch.float64), torch.randn(B, T, O, dtype=torch.float64)

    def convolution(x):
        if T == 0:
            return x.new_zeros(B, 0, O)
        kernel = net.hidden.weight.view(H, window, D).mT  # (H, D, k)
        hidden = torch.tanh(F.conv1d(F.pad(x.mT, (window - 1, 0)), kernel, net.hidden.bias))
        return F.linear(hidden.mT, net.output.weight, net.output.bias)

    results = []
    for run in (lambda x: net(x, method), convolution):
        leaf = x.clone().requires_grad_()
        y = run(leaf)
        grads = [torch.zeros(())]
        if T:
            grads = torch.autograd.grad((weight * y).sum(), [leaf, *net.parameters()])
        results.append((y, *grads))
    for ours, reference in zip(*results, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("window", [1, 2, 5, 9])
def test_an_output_sees_its_window_and_nothing_else(window: int, method: str) -> None:
    net = random_net(window)
    jacobian = torch.autograd.functional.jacobian(lambda x: net(x, method), torch.randn(1, 7, D).double())
    reached = jacobian[0, :, :, 0].abs().amax((1, 3))  # (output time, input time)
    assert torch.equal(reached > 0, torch.ones(7, 7, dtype=torch.bool).tril().triu(1 - window))


REFUSED = [
    (lambda: random_net(2)(torch.zeros(2, 3)), "`x` has shape (2, 3); it is (B, T, 3)"),
    (
        lambda: random_net(2)(torch.zeros(2, 4, 3), method="conv"),
        '`method` is \'conv\'; it is "loop" or "unfold"',
    ),
    (
        lambda: random_net(2)(torch.zeros(2, 4, 3)),
        "`x` is torch.float32 but the parameters are torch.float64; convert one of them",
    ),
    (
        lambda: WindowFeedforward(0, 3, 4),
        "`window` is 0; it is at least 1",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
