"""The source writes what its table says, and knows how likely it was."""

import math
import re

import pytest
import torch

from seqdocs.tasks.markov import draw, log_probability, next_tokens, transitions

orders = pytest.mark.parametrize("order", [0, 1, 2, 3])


@orders
def test_every_context_allows_as_many_tokens_as_were_asked_for(order):
    P = transitions(5, order, 3, seed=0, fall=0.5)
    assert P.shape == (5,) * (order + 1)
    assert P.gt(0).sum(-1).eq(3).all()
    torch.testing.assert_close(P.sum(-1), torch.ones_like(P.sum(-1)))
    falling = P.sort(-1, descending=True).values[..., :3]
    torch.testing.assert_close(falling[..., 1:] / falling[..., :-1], torch.full_like(falling[..., 1:], 0.5))


def test_contexts_differ_and_a_seed_decides():
    P = transitions(6, 2, 2, seed=0)
    assert len(P.flatten(0, 1).unique(dim=0)) > 10
    assert torch.equal(P, transitions(6, 2, 2, seed=0))
    assert not torch.equal(P, transitions(6, 2, 2, seed=1))
    assert torch.equal(draw(P, 3, 9, seed=4), draw(P, 3, 9, seed=4))


@orders
def test_what_is_drawn_is_possible_and_as_frequent_as_the_table_says(order):
    P = transitions(3, order, 2, seed=0, fall=0.5)
    x = draw(P, 2000, order + 3, seed=1)
    logs = log_probability(P, x)
    assert logs.shape == (2000, 3) and logs.isfinite().all()
    share = logs.isclose(torch.tensor(2 / 3, dtype=torch.float64).log()).double().mean()
    assert abs(share - 2 / 3) < 0.03  # six standard errors of 6000 draws, at most two of them of one text


def test_a_text_goes_on_from_its_start():
    P = transitions(4, 2, 1, seed=0)  # no choice: the start decides
    start = draw(P, 5, 4, seed=1)
    x = draw(P, 5, 9, seed=2, start=start)
    assert torch.equal(x[:, :4], start) and log_probability(P, x).eq(0).all()


def test_a_text_is_as_likely_as_the_product_of_its_entries():
    P = transitions(4, 2, 3, seed=0)
    x = draw(P, 1, 6, seed=2)[0].tolist()
    right = [math.log(P[x[t - 2], x[t - 1], x[t]]) for t in range(2, 6)]
    torch.testing.assert_close(log_probability(P, torch.tensor([x]))[0], torch.tensor(right).double())


def test_an_impossible_token_says_so():
    P = transitions(4, 1, 1, seed=0)
    only = int(P[2].argmax())
    assert log_probability(P, torch.tensor([[2, only]])).item() == 0
    assert log_probability(P, torch.tensor([[2, (only + 1) % 4]])).item() == -math.inf


def test_the_task_is_the_next_token():
    P = transitions(4, 2, 2, seed=0)
    x, y, scored = next_tokens(P, 3, 5, seed=1)
    assert torch.equal(x[:, 1:], y[:, :-1]) and torch.equal(x, draw(P, 3, 6, seed=1)[:, :-1])
    assert scored.int().tolist() == [[0, 1, 1, 1, 1]] * 3  # the token after the first has no whole context
    assert next_tokens(transitions(4, 0, 2, seed=0), 3, 5, seed=1).scored.all()


REFUSED = [
    (lambda: transitions(3, 1, 4, seed=0),
     "`choices` is 4 and `order` is 1; there are 3 tokens, and no order is negative"),
    (lambda: transitions(3, -1, 2, seed=0),
     "`order` is -1; it is at least 0"),
    (lambda: transitions(3, 1, 2, seed=0, fall=0), "`fall` is 0; it is more than 0 and at most 1"),
    (lambda: transitions(0, 1, 2, seed=0), "`vocabulary` is 0; it is at least 1"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
