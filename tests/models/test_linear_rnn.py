"""The linear recurrence is its formula, by every method of the scan."""

import re

import pytest
import torch

from seqdocs.models.linear_rnn import LinearRNN

METHODS = ("loop", "parallel", "chunked")
LENGTHS = (0, 1, 2, 7, 63)
D, N, O = 3, 5, 2  # noqa: E741  # the letters of the module


def random_net(dtype: torch.dtype = torch.float64) -> LinearRNN:
    torch.manual_seed(0)
    return LinearRNN(D, N, O).to(dtype)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", [1, 5])
def test_values_and_gradients_are_those_of_the_formula(B: int, T: int, method: str) -> None:
    """The formula, written with a full recurrent matrix diag(a) and one step at a time."""
    net = random_net()
    x, state, weight_y, weight_h = (
        torch.randn(shape, dtype=torch.float64) for shape in ((B, T, D), (B, N), (B, T, O), (B, N))
    )

    def formula(x, h):
        transition = torch.diag(torch.exp(-torch.exp(net.log_rate)))
        ys = []
        for t in range(T):
            h = h @ transition.T + x[:, t] @ net.W_in.T
            ys.append(h @ net.W_out.T)
        return (torch.stack(ys, 1) if ys else x.new_zeros(B, 0, O)), h

    results = []
    for run in (lambda x, h: net(x, h, method), formula):
        leaves = [x.clone().requires_grad_(), state.clone().requires_grad_()]
        y, h = run(*leaves)
        total = (weight_y * y).sum() + (weight_h * h).sum()
        grads = torch.autograd.grad(
            total, [*leaves, *net.parameters()], allow_unused=True, materialize_grads=True
        )
        results.append((y, h, *grads))
    for ours, reference in zip(*results, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("sizes", [(0, 7), (1, 6), (2, 2, 3)])
def test_state_carries_across_chunks(sizes: tuple[int, ...], method: str) -> None:
    net, x = random_net(), torch.randn(5, 7, D, dtype=torch.float64)
    y, last = net(x, method=method)
    state, outputs = None, []
    for part in x.split(list(sizes), dim=1):
        output, state = net(part, state, method)
        outputs.append(output)
    torch.testing.assert_close(torch.cat(outputs, 1), y, rtol=0, atol=1e-12)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_the_future_does_not_reach_the_past(method: str) -> None:
    net = random_net()
    jacobian = torch.autograd.functional.jacobian(
        lambda x: net(x, method=method)[0], torch.zeros(1, 7, D).double()
    )
    reached = jacobian[0, :, :, 0].abs().amax((1, 3))  # (output time, input time)
    assert torch.equal(reached > 0, torch.ones(7, 7, dtype=torch.bool).tril())


@pytest.mark.parametrize("rate", [-8.0, 0.0, 3.0])
def test_the_decay_lies_between_zero_and_one(rate: float) -> None:
    net = random_net()
    with torch.no_grad():
        net.log_rate.fill_(rate)
    assert torch.all((net.decay() > 0) & (net.decay() < 1))


def test_fresh_states_halve_in_one_to_a_thousand_steps() -> None:
    a = random_net().decay().detach()
    assert abs(float(a[0]) - 0.5) < 1e-6
    assert abs(float(a[-1]) ** 1000 - 0.5) < 1e-3


REFUSED = [
    (lambda: random_net()(torch.zeros(2, 3)), "`x` has shape (2, 3); it is (B, T, 3)"),
    (
        lambda: random_net()(torch.zeros(2, 4, 3)),
        "`x` is torch.float32 but the parameters are torch.float64; convert one of them",
    ),
    (
        lambda: random_net()(torch.zeros(2, 4, 3).double(), torch.zeros(2, 3).double()),
        "`state` has shape (2, 3); it is (B, N) = (2, 5)",
    ),
    (
        lambda: random_net()(torch.zeros(2, 4, 3).double(), method="tree"),
        '`method` is \'tree\'; it is "loop", "parallel" or "chunked"',
    ),
    (lambda: LinearRNN(3, 0), "`state_size` is 0; it is at least 1"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
