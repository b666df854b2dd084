"""When each layer works in a training step, noted by hooks while it runs.

The moments are of the host's clock. On a GPU they say when a layer's work was handed over, not when it was
done; the order is the same.

>>> from torch import nn
>>> net = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
>>> with layer_log(net) as events:
...     net(torch.ones(1, 2, requires_grad=True)).sum().backward()
>>> in_turn(events, "forward", [0, 1]), in_turn(events, "backward", [1, 0])
(True, True)

Source: the hooks of ``torch.nn.Module``, https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any, NamedTuple

import torch


class Event(NamedTuple):
    """What happened ("forward begins", "forward ends", "backward begins" or "… ends"), to which layer, when.

    The moment is in seconds; only differences mean something.
    """

    what: str
    layer: int
    moment: float


@contextmanager
def layer_log(layers: Iterable[torch.nn.Module]) -> Iterator[list[Event]]:
    """Note when each layer begins and ends, forwards and backwards, until the ``with`` block is left.

    Args:
        layers: in the order in which they are numbered, from 0; each is called with tensors by position. The
            input of the first must need a gradient, or torch never says that its backward pass has ended.

    Yields:
        the events so far, oldest first.
    """
    events: list[Event] = []

    def noting(what: str, layer: int) -> Any:
        return lambda *_: events.append(Event(what, layer, perf_counter()))

    hooks = []
    for number, layer in enumerate(layers):
        hooks += [
            layer.register_forward_pre_hook(noting("forward begins", number)),
            layer.register_forward_hook(noting("forward ends", number)),
            layer.register_full_backward_pre_hook(noting("backward begins", number)),
            layer.register_full_backward_hook(noting("backward ends", number)),
        ]
    try:
        yield events
    finally:
        for hook in hooks:
            hook.remove()


def in_turn(events: Sequence[Event], part: str, order: Iterable[int]) -> bool:
    """Say whether the layers did one part in this order, each beginning when the one before it had ended.

    Args:
        events: as :func:`layer_log` notes them.
        part: "forward" or "backward".
        order: the layers' numbers.
    """
    wanted = [(f"{part} {what}", layer) for layer in order for what in ("begins", "ends")]
    return [(event.what, event.layer) for event in events if event.what.startswith(part)] == wanted
