"""Teacher forcing is one pass, free running is greedy decoding, and between them lies scheduled sampling."""

from __future__ import annotations

import math
import re

import pytest
import torch

from seqdocs.generation.decoding import generate
from seqdocs.generation.exposure_bias import drift
from seqdocs.generation.scheduled_sampling import exponential, inverse_sigmoid, linear, truth
from seqdocs.generation.teacher_forcing import unroll
from tests.generation.tiny import Elman, prompt

ALL, NONE = (
    (lambda x: torch.ones_like(x, dtype=torch.bool)),
    (lambda x: torch.zeros_like(x, dtype=torch.bool)),
)


@pytest.mark.parametrize("T", [0, 1, 2, 7])
@pytest.mark.parametrize("B", [1, 5])
def test_all_true_is_the_model_on_the_true_sequence(B, T):
    model, x = Elman(), prompt(B, T)
    logits, states = unroll(model.step, x, None, ALL(x))
    assert len(states) == T
    for t in range(T):
        whole, cache = model.prefill(x[:, : t + 1])
        torch.testing.assert_close(logits[:, t], whole, rtol=0, atol=1e-13)
        torch.testing.assert_close(states[t], cache["h"], rtol=0, atol=1e-13)


@pytest.mark.parametrize("T", [1, 2, 7])
def test_none_true_is_greedy_decoding_from_the_first_token(T):
    model, x = Elman(), prompt(5, T)
    logits, _ = unroll(model.step, x, None, NONE(x))
    assert torch.equal(logits.argmax(-1), generate(model, x[:, :1], T))


def test_each_input_is_the_true_one_where_it_is_said():
    model, x = Elman(), prompt(5, 7)
    true = truth((5, 7), 0.5, torch.Generator().manual_seed(0))
    read = []
    logits, _ = unroll(lambda token, h: (read.append(token), model.step(token, h))[1], x, None, true)
    given = torch.stack(read, 1)
    own = logits.argmax(-1)
    assert torch.equal(given[:, 0], x[:, 0])
    for t in range(1, 7):
        assert torch.equal(given[:, t], torch.where(true[:, t], x[:, t], own[:, t - 1]))
    assert (given != x).any()


def test_the_gradient_reaches_the_first_step_through_the_states():
    model, x = Elman(), prompt(2, 5)
    h = torch.zeros(2, 6, dtype=torch.float64, requires_grad=True)
    logits, _ = unroll(model.step, x, h, NONE(x))
    logits[:, -1].square().sum().backward()
    assert (h.grad.abs().sum(1) > 0).all()


def test_probability_one_is_all_true_and_zero_none_and_between_as_often():
    draw = torch.Generator().manual_seed(0)
    assert truth((5, 7), 1.0, draw).all()
    assert not truth((5, 7), 0.0, draw).any()
    assert abs(truth((100, 1000), 0.3, draw).double().mean() - 0.3) < 5 * math.sqrt(0.3 * 0.7 / 1e5)
    one, two = (truth((5, 7), 0.5, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(one, two)


def test_schedules_are_those_of_the_paper():
    assert [linear(1.0, 0.25, 0.1, i) for i in (0, 1, 4)] == [1.0, 0.75, 0.1]
    assert [exponential(0.5, i) for i in (0, 1, 3)] == [1.0, 0.5, 0.125]
    for k in (1.0, 10.0):
        for i in (0, 1, 30):
            assert math.isclose(inverse_sigmoid(k, i), k / (k + math.exp(i / k)))
        assert math.isclose(1 / inverse_sigmoid(k, 0), 1 + 1 / k)
    assert inverse_sigmoid(10.0, 10**6) == 0.0


def test_drift_is_zero_while_the_model_writes_what_is_true_and_then_not():
    model, x = Elman(), prompt(1, 1)
    x = torch.cat((x, generate(model, x, 7)), 1)  # the model is right at every step
    states = [torch.stack(unroll(model.step, x, None, true)[1], 1) for true in (ALL(x), NONE(x))]
    assert drift(*states).eq(0).all()
    x[0, 4] = (x[0, 4] + 1) % 5  # now the truth is another at 4, so the model is wrong there
    forced, free = (torch.stack(unroll(model.step, x, None, true)[1], 1) for true in (ALL(x), NONE(x)))
    assert drift(forced, free)[:4].eq(0).all()
    assert drift(forced, free)[4:].gt(0).all()


def test_drift_is_the_relative_distance_over_the_batch():
    forced, free = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for t, mine in enumerate(drift(forced, free).tolist()):
        apart = torch.linalg.norm(free[:, t] - forced[:, t]) / torch.linalg.norm(forced[:, t])
        assert math.isclose(mine, apart, rel_tol=1e-12)
    assert drift(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3)).eq(0).all()


X = prompt(2, 3)
REFUSED = [
    (
        lambda: unroll(Elman().step, X, None, ALL(X)[:1]),
        "`tokens` has shape (2, 3) and `true` is torch.bool of shape (1, 3); both are (B, T), and `true` is "
        "boolean",
    ),
    (lambda: truth((1, 1), 1.5, torch.Generator()), "`probability` is 1.5; it is in 0 … 1"),
    (
        lambda: drift(torch.zeros(1, 2, 3), torch.zeros(1, 3, 3)),
        "`forced` has shape (1, 2, 3) and `free` (1, 3, 3); both are (B, T, H)",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
