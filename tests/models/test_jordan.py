"""The Jordan network feeds its output back, fading as its decay says."""

import re

import pytest
import torch
from torch import Tensor, nn

from seqdocs.models.jordan import Jordan
from tests.models.agreement import (
    BATCHES,
    LENGTHS,
    assert_batch_permutes,
    assert_causal,
    assert_chunks_join,
    assert_repeats,
    assert_same,
)

D, H, O = 3, 6, 2  # noqa: E741
each_method = pytest.mark.parametrize("method", ["loop", "hoisted"])


def fresh(decay: float = 0.4) -> Jordan:
    torch.manual_seed(0)
    return Jordan(D, H, O, decay).double()


def written_out(net: Jordan):
    """The context as what it is, a sum over all outputs so far, each faded by its age; no step carries it."""

    def form(x: Tensor, s: Tensor) -> Tensor:
        past: list[Tensor] = []
        for t in range(x.shape[1]):
            ages = range(len(past) - 1, -1, -1)
            context = sum((net.decay**k * y for k, y in zip(ages, past, strict=True)), net.decay**t * s)
            a = torch.einsum("bd,hd->bh", x[:, t], net.input.weight) + net.input.bias
            h = torch.tanh(a + torch.einsum("bo,ho->bh", context, net.context.weight))
            past.append(torch.tanh(torch.einsum("bh,oh->bo", h, net.output.weight) + net.output.bias))
        return torch.stack(past, 1) if past else x.new_zeros(x.shape[0], 0, O)

    return form


@each_method
@pytest.mark.parametrize("decay", [0.0, 0.4])
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
def test_it_is_the_formula_written_out(B: int, T: int, decay: float, method: str) -> None:
    net = fresh(decay)
    leaves = [torch.randn(B, T, D, dtype=torch.float64), torch.randn(B, O, dtype=torch.float64)]
    assert_same(lambda x, s: net(x, s, method)[0], written_out(net), leaves, net.parameters())


def test_without_memory_of_the_output_it_is_torchs_layers() -> None:
    net = fresh()
    nn.init.zeros_(net.context.weight)
    x = torch.randn(5, 7, D, dtype=torch.float64)
    torch.testing.assert_close(net(x)[0], torch.tanh(net.output(torch.tanh(net.input(x)))))


@each_method
def test_state_carries_the_future_does_not_sequences_do_not_mix_and_runs_repeat(method: str) -> None:
    net, x = fresh(), torch.randn(5, 7, D, dtype=torch.float64)
    for sizes in ((0, 7), (1, 6), (2, 2, 3)):
        assert_chunks_join(lambda x, state: net(x, state, method), x, sizes)
    assert_causal(lambda x: net(x, None, method)[0], 7, D)
    assert_batch_permutes(lambda x: net(x, None, method), x)
    assert_repeats(lambda: net(x, None, method))


def test_gradients_are_those_of_differences() -> None:
    net = fresh()
    x = torch.randn(2, 3, D, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: net(x)[0], x)


X = torch.zeros(2, 5, D, dtype=torch.float64)
REFUSED = [
    (lambda: Jordan(3, 0, 2), "`hidden_size` is 0; it is at least 1"),
    (lambda: Jordan(3, 4, 2, decay=1.0), "`decay` is 1.0; it is at least 0 and below 1"),
    (lambda: fresh()(X[0]), "`x` has shape (5, 3); it is (B, T, 3)"),
    (
        lambda: fresh()(X.float()),
        "`x` is torch.float32 but the parameters are torch.float64; convert one of them",
    ),
    (lambda: fresh()(X, X[:, 0]), "`state` has shape (2, 3); it is (B, O) = (2, 2)"),
    (lambda: fresh()(X, None, "lean"), '`method` is \'lean\'; it is "loop" or "hoisted"'),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
