"""An n-gram's predictions are those of counting in plain Python."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch

from seqdocs.models.ngram import NGram


def text(length: int, vocabulary: int, seed: int = 0) -> torch.Tensor:
    """Random tokens, some of them much more often than others."""
    draw = torch.Generator().manual_seed(seed)
    return (torch.rand(length, generator=draw) ** 3 * vocabulary).long()


def brute_force(
    train: list[int], context: list[int], order: int, vocabulary: int, strength: float
) -> list[float]:
    """Probabilities of the next token, by scanning the text for each context."""
    p = [1 / vocabulary] * vocabulary
    for m in range(order):
        if m > len(context):
            break
        last = context[len(context) - m :]
        counts = [0] * vocabulary
        for start in range(len(train) - m):
            if train[start : start + m] == last:
                counts[train[start + m]] += 1
        p = [
            (count + strength * prior) / (sum(counts) + strength)
            for count, prior in zip(counts, p, strict=True)
        ]
    return p


@pytest.mark.parametrize("strength", [0.1, 5.0])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("T", [0, 1, 2, 7, 63])
@pytest.mark.parametrize("trained", [0, 1, 2, 7, 200])
def test_predictions_are_those_of_counting(trained: int, T: int, order: int, strength: float) -> None:
    train, asked = text(trained, 4), text(T, 4, seed=1)
    p = NGram(order, 4, strength).fit(train)(asked)
    assert p.shape == (T, 4)
    for t in range(T):
        right = brute_force(train.tolist(), asked[: t + 1].tolist(), order, 4, strength)
        assert p[t].tolist() == pytest.approx(right, abs=1e-12)


def test_rows_sum_to_one() -> None:
    p = NGram(4, 9).fit(text(500, 9))(text(100, 9, seed=1))
    torch.testing.assert_close(p.sum(1), torch.ones(100, dtype=torch.float64))


def test_what_is_older_than_its_order_does_not_matter() -> None:
    net = NGram(3, 5).fit(text(300, 5))
    asked = text(20, 5, seed=1)
    other = torch.cat(((asked[:-2] + 1) % 5, asked[-2:]))
    assert torch.equal(net(asked)[-1], net(other)[-1])


def test_fitting_again_forgets_the_first_text() -> None:
    first, second = text(50, 4), text(50, 4, seed=2)
    asked = text(9, 4, seed=1)
    assert torch.equal(NGram(3, 4).fit(first).fit(second)(asked), NGram(3, 4).fit(second)(asked))


def test_before_any_text_all_tokens_are_equally_likely() -> None:
    assert torch.equal(NGram(3, 4)(text(5, 4)), torch.full((5, 4), 0.25, dtype=torch.float64))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: NGram(0, 3), "`order` is 0; it is at least 1"),
        (lambda: NGram(2, 0), "`vocabulary` is 0; it is at least 1"),
        (lambda: NGram(2, 3, 0.0), "`strength` is 0.0; it is above zero"),
        (lambda: NGram(13, 33), "`order` 13 of 33 tokens has more sequences than 63 bits number"),
        (
            lambda: NGram(2, 3)(torch.zeros(2, 3).long()),
            "`tokens` is torch.int64 of shape (2, 3); it is int64, (T,)",
        ),
        (
            lambda: NGram(2, 3).fit(torch.zeros(3)),
            "`tokens` is torch.float32 of shape (3,); it is int64, (T,)",
        ),
        (lambda: NGram(2, 3).fit(torch.tensor([0, 3])), "`tokens` holds 3; tokens are 0 … 2"),
        (lambda: NGram(2, 3)(torch.tensor([-1, 0])), "`tokens` holds -1; tokens are 0 … 2"),
    ],
)
def test_a_refusal_names_the_argument(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
