"""The training loop lowers the loss, is decided by its seeds, and refuses what it cannot train."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from seqdocs.tasks.adding import adding
from seqdocs.tasks.batch import Batch
from seqdocs.tasks.parity import parity
from seqdocs.tasks.training import accuracy, answers, cross_entropy, squared_error, train


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The matrices are small: a second thread only waits, and may add in another order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Reader(nn.Module):
    """A GRU with a readout; ``tuple_out`` returns as recurrent modules do."""

    def __init__(self, outputs: int = 2, tuple_out: bool = False) -> None:
        super().__init__()
        self.gru, self.out = nn.GRU(2, 8, batch_first=True), nn.Linear(8, outputs)
        self.tuple_out = tuple_out

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = x if x.is_floating_point() else nn.functional.one_hot(x, 2).float()
        h, state = self.gru(x)
        return (self.out(h), state) if self.tuple_out else self.out(h)


def fresh(**options: int) -> Reader:
    torch.manual_seed(0)
    return Reader(**options)


def small_parity(seed: torch.Generator) -> Batch:
    return parity(16, 3, seed)


def test_a_recurrent_network_learns_parity() -> None:
    net = fresh()
    losses = train(net, small_parity, 250, rate=0.02)
    assert len(losses) == 250
    assert losses[0] > 0.6
    assert losses[-1] < 0.05
    assert accuracy(net, parity(100, 3, seed=9)) == 1.0


def test_a_recurrent_network_lowers_the_squared_error_of_sums() -> None:
    net = fresh(outputs=1)
    losses = train(net, lambda seed: adding(16, 3, seed), 150, loss=squared_error, rate=0.02)
    assert losses[-1] < 1 / 6 / 4  # a quarter of what a constant reaches


def test_the_same_seed_gives_the_same_weights_bit_by_bit() -> None:
    nets = [fresh() for _ in range(3)]
    for net, seed in zip(nets, (3, 3, 4), strict=True):
        train(net, small_parity, 5, seed=seed)
    first, again, other = (torch.cat([p.flatten() for p in net.parameters()]) for net in nets)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_only_where_answers_count_is_looked_at() -> None:
    net = fresh()
    batch = parity(4, 6, seed=0)
    half = batch._replace(scored=torch.arange(6).expand(4, 6) < 3)
    spoilt = half._replace(y=torch.where(half.scored, half.y, 1 - half.y))
    assert cross_entropy(net, half).item() == cross_entropy(net, spoilt).item()
    assert accuracy(net, half) == accuracy(net, spoilt)
    assert answers(net, half).shape == (12, 2)


def test_a_model_that_also_returns_a_state_is_read_the_same() -> None:
    plain, both = fresh(), fresh(tuple_out=True)
    batch = parity(4, 6, seed=0)
    assert torch.equal(answers(plain, batch), answers(both, batch))


def test_the_rate_falls_to_zero() -> None:
    """The last step of a long half cosine moves the weights hardly at all."""
    net = fresh()
    moved = []

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        moved.append(net.out.weight.detach().clone())
        return cross_entropy(model, batch)

    train(net, small_parity, 100, loss=loss)
    first, last = (moved[1] - moved[0]).abs().max(), (moved[-1] - moved[-2]).abs().max()
    assert last < first / 100


def test_a_step_is_adams_along_a_clipped_gradient_of_its_own_batch() -> None:
    net, other = fresh().double(), fresh().double()

    def task(seed: torch.Generator) -> Batch:
        batch = small_parity(seed)
        return batch._replace(x=nn.functional.one_hot(batch.x, 2).double())

    train(net, task, 4, rate=0.02, max_norm=0.01, seed=3)
    draw, weights = torch.Generator().manual_seed(3), list(other.parameters())
    mean, square = ([torch.zeros_like(w) for w in weights] for _ in range(2))
    for t in range(4):
        gradients = torch.autograd.grad(cross_entropy(other, task(draw)), weights)
        norm = torch.cat([g.flatten() for g in gradients]).norm()
        assert norm > 0.01  # so that it is clipped
        rate = 0.02 * (1 + math.cos(math.pi * t / 4)) / 2
        for w, g, m, v in zip(weights, gradients, mean, square, strict=True):
            clipped = g * 0.01 / norm
            m.lerp_(clipped, 0.1)
            v.lerp_(clipped.square(), 0.001)
            step = m / (1 - 0.9 ** (t + 1)) / ((v / (1 - 0.999 ** (t + 1))).sqrt() + 1e-8)
            w.data -= rate * step
    for mine, right in zip(net.parameters(), weights, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-5, atol=1e-6)  # torch adds 1e-6 to the norm


def test_no_steps_leave_the_model_as_it_was() -> None:
    net, same = fresh(), fresh()
    assert train(net, small_parity, 0) == []
    assert torch.equal(net.out.weight, same.out.weight)


def test_what_cannot_be_trained_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^`steps` is -1; it is at least 0$"):
        train(fresh(), small_parity, -1)
    net = nn.Sequential(nn.Flatten(1), nn.LazyLinear(2))
    words = r"^`model` returned \(16, 2\) for a batch of \(16, 3\) steps; it returns \(B, T, …\)$"
    with pytest.raises(ValueError, match=words):
        train(net, lambda seed: (b := small_parity(seed))._replace(x=b.x.float()), 1)
    words = "^the loss is nan at step 0; try a smaller `rate` than 0.5$"
    with pytest.raises(RuntimeError, match=words):
        train(fresh(), small_parity, 1, rate=0.5, loss=lambda model, batch: torch.tensor(float("nan")))
