"""Chains and ways are counted as one counts them by hand."""

import re
from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from seqdocs.models.attention import CausalSelfAttention
from seqdocs.models.cost import path_length, sequential_steps
from seqdocs.models.feedforward import WindowFeedforward
from seqdocs.models.gru import GRU
from seqdocs.models.linear_rnn import LinearRNN
from seqdocs.models.lstm import LSTM
from seqdocs.models.rnn import RNN
from seqdocs.scan import scan

D = 4

# Operations per step on the longest chain and on the shortest way through one layer.
PER_STEP = {
    "rnn": (RNN, 3, 3),  # product, sum, tanh
    "lstm": (LSTM, 7, 2),  # product, sum, sigmoid, times, plus, tanh, times; by the cell: times f, plus
    "gru": (GRU, 8, 2),  # product, plus, sigmoid, times, plus, tanh, times, plus; by the mean: times z, plus
}


@pytest.mark.parametrize("method", ["loop", "hoisted"])
@pytest.mark.parametrize("name", PER_STEP)
def test_a_recurrence_waits_at_every_step(name: str, method: str) -> None:
    make, chain, way = PER_STEP[name]
    net = make(D, D)
    for count, per_step in ((sequential_steps, chain), (path_length, way)):
        short, long = (count(partial(net, method=method), torch.randn(2, T, D)) for T in (7, 31))
        assert long - short == per_step * (31 - 7)


@pytest.mark.parametrize("count", [sequential_steps, path_length])
def test_a_parallel_scan_adds_a_constant_when_time_doubles(count) -> None:
    a = torch.rand(1, 1024, 1)
    counts = [
        count(lambda b: scan(a[:, : b.shape[1]], b, method="parallel"), a[:, :T])
        for T in (128, 256, 512, 1024)
    ]
    steps = {late - early for early, late in pairwise(counts)}
    assert len(steps) == 1
    assert 2 <= steps.pop() <= 4
    assert counts[-1] < 64


def test_a_scan_by_loop_multiplies_and_adds_at_every_step() -> None:
    a, b = torch.rand(2, 1, 63, 1)
    assert sequential_steps(scan, a, b) == 1 + 2 * 63 + 1  # zeros shaped like b; × and +; stack
    assert path_length(lambda b: scan(a, b), b) == 2 * 63  # + at the first; × and + at 62; stack


def test_a_chunked_scan_walks_three_roots() -> None:
    a, b = torch.rand(2, 1, 1024, 1)
    assert 3 * 32 - 3 <= sequential_steps(partial(scan, method="chunked"), a, b) <= 3 * 32 + 10


@pytest.mark.parametrize("count", [sequential_steps, path_length])
@pytest.mark.parametrize("method", ["loop", "matrix", "fused"])
def test_attention_does_not_care_about_length(count, method: str) -> None:
    net = CausalSelfAttention(D, 2)
    counts = {count(partial(net, method=method), torch.randn(2, T, D)) for T in (7, 63)}
    assert len(counts) == 1
    assert 3 <= counts.pop() <= 9


@pytest.mark.parametrize("method", ["loop", "unfold"])
def test_a_window_never_reaches_beyond_itself(method: str) -> None:
    net = partial(WindowFeedforward(5, D, D), method=method)
    assert path_length(net, torch.randn(1, 5, D)) is not None
    assert path_length(net, torch.randn(1, 6, D)) is None


def test_two_windows_reach_twice_as_far() -> None:
    one, two = WindowFeedforward(5, D, D), WindowFeedforward(5, D, D)
    assert path_length(lambda x: two(one(x)), torch.randn(1, 9, D)) is not None
    assert path_length(lambda x: two(one(x)), torch.randn(1, 10, D)) is None


def test_a_way_around_the_mixing_is_not_a_way_across_time() -> None:
    """x + f(x) lets an input pass to its own position only."""
    net = CausalSelfAttention(D, 2)
    x = torch.randn(1, 7, D)
    inside = path_length(net, x)
    assert inside is not None
    assert path_length(lambda x: x + net(x), x) == inside + 1


def test_no_way_leads_from_the_first_input_back_in_time() -> None:
    assert path_length(lambda x: x.flip(1).cumsum(1).flip(1), torch.randn(1, 7, D)) is None


def test_a_change_that_vanishes_still_has_a_way() -> None:
    net = LinearRNN(D, D)
    torch.nn.init.constant_(net.log_rate, 6.0)  # a is 0 in floating point
    assert path_length(partial(net, method="loop"), torch.randn(1, 63, D)) is not None


def test_views_are_free_and_operations_side_by_side_count_once() -> None:
    x = torch.randn(1, 7, D)
    assert sequential_steps(lambda x: x.mT[:, 1:].unsqueeze(0), x) == 0
    assert sequential_steps(lambda x: [x + i for i in range(9)], x) == 1
    assert sequential_steps(lambda x: torch.stack([x + i for i in range(9)]), x) == 2
    assert path_length(lambda x: x.mT.mT, x[:, :1]) == 0


def test_what_does_not_lead_to_the_result_is_not_counted() -> None:
    def busy(x: Tensor) -> Tensor:
        y = x
        for _ in range(9):
            y = y + 1
        return x * 2

    assert sequential_steps(busy, torch.randn(1, 7, D)) == 1


def test_writing_in_place_is_a_step_and_is_seen_through_views() -> None:
    def fill(x: Tensor) -> Tensor:
        y = x.clone()
        for t in range(1, x.shape[1]):
            y[:, t].add_(y[:, t - 1])
        return y

    def out(x: Tensor) -> Tensor:
        y = torch.empty_like(x)
        torch.add(x, 1, out=y)
        return y

    def late_then_early(x: Tensor) -> Tensor:
        y = torch.empty_like(x)
        torch.add(x[:, 0].exp().exp(), 1, out=y[:, 0])
        torch.add(x[:, 1], 1, out=y[:, 1])
        return y

    x = torch.randn(1, 7, D)
    assert sequential_steps(fill, x) == 7
    assert sequential_steps(out, x) == 1
    assert sequential_steps(late_then_early, x) == 3


def test_constants_wait_for_nothing() -> None:
    assert sequential_steps(lambda x: x + torch.ones(D), torch.randn(1, 7, D)) == 1


def test_counting_leaves_the_input_and_the_gradients_alone() -> None:
    net, x = RNN(D, D), torch.randn(1, 7, D)
    before = x.clone()
    path_length(net, x)
    sequential_steps(net, x)
    assert torch.equal(x, before)
    assert all(p.grad is None and not p.isnan().any() for p in net.parameters())


X = torch.zeros(1, 7, D)
WANTED = "it is floating point, (B, T, …) with T ≥ 1"
REFUSED = [
    (lambda: path_length(torch.tanh, X[0, 0]), f"`x` is torch.float32 of shape (4,); {WANTED}"),
    (lambda: path_length(torch.tanh, X[:, :0]), f"`x` is torch.float32 of shape (1, 0, 4); {WANTED}"),
    (lambda: path_length(torch.neg, X.long()), f"`x` is torch.int64 of shape (1, 7, 4); {WANTED}"),
    (
        lambda: path_length(lambda x: x.clone().add_(1), X),
        "`function` writes in place (aten.add_.Tensor), which a path cannot be traced through",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
