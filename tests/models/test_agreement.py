"""The checks that every model is held to can fail."""

from __future__ import annotations

import pytest
import torch

from tests.models.agreement import (
    assert_batch_permutes,
    assert_causal,
    assert_causal_in_parts,
    assert_chunks_join,
    assert_repeats,
    assert_same,
)

X = torch.rand(3, 4, 2, dtype=torch.float64)


def running_sum(x, state=None):
    start = 0 if state is None else state[:, None]
    y = start + x.cumsum(1)
    return y, y[:, -1]


def test_equal_forms_pass_and_a_wrong_value_fails():
    assert_same(lambda x: x * 2, lambda x: x + x, [X])
    with pytest.raises(AssertionError, match="tensor 0"):
        assert_same(lambda x: x * 2, lambda x: x + x + 1e-6, [X])


def test_a_wrong_gradient_fails_although_the_values_agree():
    with pytest.raises(AssertionError, match="tensor 1"):
        assert_same(lambda x: x * x, lambda x: x * x.detach(), [X])


def test_a_parameter_that_is_left_out_fails():
    w = torch.ones(2, dtype=torch.float64, requires_grad=True)
    with pytest.raises(AssertionError, match="tensor 2"):
        assert_same(lambda x: x * w, lambda x: x * w.detach(), [X], [w])


def test_a_look_ahead_fails_and_so_does_one_that_looks_back_too_little():
    assert_causal(lambda x: x.cumsum(1), 4, 2)
    for wrong in (lambda x: x + x.roll(-1, 1), lambda x: x):
        with pytest.raises(AssertionError):
            assert_causal(wrong, 4, 2)
    assert_causal(lambda x: x, 4, 2, reach=1)


def test_a_look_ahead_within_a_part_and_a_state_that_is_not_handed_on_fail():
    x = X[:1]
    assert_causal_in_parts(running_sum, x, (1, 3))
    assert_causal_in_parts(lambda x, state: (x, state), x, (1, 3), reach=1)
    for wrong in (
        lambda x, state: (running_sum(x, state)[0] + x.sum(1, keepdim=True), running_sum(x, state)[1]),
        lambda x, state: running_sum(x),
        lambda x, state: running_sum(x, None if state is None else state.detach()),
    ):
        with pytest.raises(AssertionError):
            assert_causal_in_parts(wrong, x, (2, 2))


def test_a_forgotten_state_fails():
    assert_chunks_join(running_sum, X, (1, 3))
    with pytest.raises(AssertionError):
        assert_chunks_join(lambda x, state: running_sum(x), X, (1, 3))


def test_a_sequence_that_sees_its_neighbour_fails():
    assert_batch_permutes(lambda x: x * 2, X)
    with pytest.raises(AssertionError):
        assert_batch_permutes(lambda x: x + x[:1], X)


def test_a_random_form_fails():
    assert_repeats(lambda: X * 2)
    with pytest.raises(AssertionError):
        assert_repeats(lambda: torch.rand(3))
