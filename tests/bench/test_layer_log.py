"""The log of layers says what happened in which order, and leaves no hook behind."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from seqdocs.bench.layer_log import Event, in_turn, layer_log


def network(depth: int = 3) -> nn.Sequential:
    return nn.Sequential(*(nn.Linear(4, 4) for _ in range(depth)))


def said(*words: str) -> list[Event]:
    """Events from words such as "forward begins 0", a second apart."""
    parts = (word.rsplit(" ", 1) for word in words)
    return [Event(what, int(layer), float(second)) for second, (what, layer) in enumerate(parts)]


def test_a_training_step_goes_up_through_the_layers_and_down_again() -> None:
    net, x = network(), torch.randn(2, 4, requires_grad=True)
    with layer_log(net) as events:
        net(x).sum().backward()
    up = [(f"forward {what}", layer) for layer in (0, 1, 2) for what in ("begins", "ends")]
    down = [(f"backward {what}", layer) for layer in (2, 1, 0) for what in ("begins", "ends")]
    assert [(event.what, event.layer) for event in events] == up + down
    assert all(earlier.moment <= later.moment for earlier, later in pairwise(events))
    assert in_turn(events, "forward", [0, 1, 2])
    assert in_turn(events, "backward", [2, 1, 0])


def test_another_order_is_not_in_turn() -> None:
    net, x = network(), torch.randn(2, 4, requires_grad=True)
    with layer_log(net) as events:
        net(x).sum().backward()
    assert not in_turn(events, "forward", [2, 1, 0])
    assert not in_turn(events, "backward", [0, 1, 2])
    assert not in_turn(events, "forward", [0, 1])


def test_a_layer_that_begins_before_the_one_ahead_has_ended_is_not_in_turn() -> None:
    in_line = said("forward begins 0", "forward ends 0", "forward begins 1", "forward ends 1")
    overlapping = said("forward begins 0", "forward begins 1", "forward ends 0", "forward ends 1")
    assert in_turn(in_line, "forward", [0, 1])
    assert not in_turn(overlapping, "forward", [0, 1])


def test_no_hook_stays_behind_even_after_an_error() -> None:
    net, x = network(), torch.randn(2, 4, requires_grad=True)
    with pytest.raises(RuntimeError, match="stop"), layer_log(net) as events:
        net(x)
        raise RuntimeError("stop")
    before = len(events)
    net(x).sum().backward()
    assert before == len(events) == 6
