"""Every model that maps a sequence to a sequence, behind one interface.

Letters: B batch · T time · D width · k window · N state per channel · L chunk.

::

    y, state = net(x, state, **options)        x, y (B, T, D)

One row of :data:`CATALOGUE` is one model: how to make it for a width, what its paper says it costs, and which
options compute it fast or in a form that can be counted. A table or a test of all models walks these rows, so
that a model which joins the library joins those too.

What has no state of its own gets one here, which is what decoding token by token hands on: a window keeps its
last inputs, attention the keys and values of all positions.

>>> import torch
>>> net = CATALOGUE["GRU"].make(8)
>>> y, state = net(torch.randn(2, 5, 8))
>>> y.shape, len(CATALOGUE)
(torch.Size([2, 5, 8]), 26)

Sources: each model's own module names its paper.
"""

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqdocs.models.attention import CausalSelfAttention
from seqdocs.models.delta_rule import delta_rule
from seqdocs.models.feedforward import WindowFeedforward
from seqdocs.models.gated_linear_attention import gated_linear_attention
from seqdocs.models.gru import GRU
from seqdocs.models.jordan import Jordan
from seqdocs.models.kv_cache import Cache
from seqdocs.models.language_model import Block
from seqdocs.models.linear_attention import linear_attention
from seqdocs.models.linear_rnn import LinearRNN
from seqdocs.models.lru import LRU
from seqdocs.models.lstm import LSTM
from seqdocs.models.lstm_variants import LSTM1997, PeepholeLSTM
from seqdocs.models.mamba import Mamba
from seqdocs.models.minimal import MinGRU, MinLSTM
from seqdocs.models.mlstm import mlstm
from seqdocs.models.normalisation import LayerNorm
from seqdocs.models.orthogonal import OrthogonalRNN
from seqdocs.models.qrnn import QRNN
from seqdocs.models.reservoir import EchoState
from seqdocs.models.retention import retention
from seqdocs.models.rnn import RNN
from seqdocs.models.s4d import S4D
from seqdocs.models.tcn import TCN

Family = Literal["feedforward", "rnn", "lstm", "gru", "linear", "attention"]
HEADS = 4  # of whatever has heads; they divide D
NOTHING: Mapping[str, Any] = MappingProxyType({})
LOOP = MappingProxyType({"method": "loop"})
PARALLEL = MappingProxyType({"method": "parallel"})


class Model(NamedTuple):
    """A row. Work and steps are what the papers say of T tokens; ``T`` in steps means one after the other."""

    make: Callable[[int], nn.Module]  # of the width D
    family: Family
    work: str
    steps: str
    fast: Mapping[str, Any] = NOTHING  # options of its fast form
    counted: Mapping[str, Any] = NOTHING  # options of a form that a path can be traced through


class Mixer(nn.Module):
    """A memory of keys and values with the layer that makes its queries, keys, values and gates.

    Args:
        width: D, which ``HEADS`` divides.
        rule: ``rule(q, k, v, gates, state, **options)``, all of (B, n, T, …); returns y and the state.
        gates: numbers per head and step that the rule wants besides.
    """

    def __init__(self, width: int, rule: Callable[..., tuple[Tensor, Any]], gates: int) -> None:
        super().__init__()
        self.rule, self.head, self.gates = rule, width // HEADS, gates
        self.project = nn.Linear(width, HEADS * (3 * self.head + gates))

    def forward(self, x: Tensor, state: Any = None, **options: Any) -> tuple[Tensor, Any]:
        """(B, T, D) to (B, T, D), and the state after the last step."""
        made = self.project(x).unflatten(2, (HEADS, -1)).transpose(1, 2)
        q, k, v, gates = made.split([*[self.head] * 3, self.gates], dim=3)
        y, state = self.rule(q, k, v, gates, state, **options)
        return y.transpose(1, 2).flatten(2), state


class Windowed(nn.Module):
    """A window network that decodes: its state is the inputs it will see again, (B, k - 1, D)."""

    def __init__(self, width: int, window: int) -> None:
        super().__init__()
        self.net = WindowFeedforward(window, width, width)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(B, T, D) to (B, T, D), and the last inputs; fewer than k - 1 where fewer were read."""
        whole = x if state is None else torch.cat((state, x), dim=1)
        y: Tensor = self.net(whole)[:, whole.shape[1] - x.shape[1] :]
        return y, whole[:, max(0, whole.shape[1] - self.net.window + 1) :]


class Cached(nn.Module):
    """Attention, or a block of it, whose state is its cache.

    Args:
        net: called with x and the cache.
        attention: the one in ``net``, which makes the cache.
    """

    def __init__(self, net: nn.Module, attention: CausalSelfAttention) -> None:
        super().__init__()
        self.net, self.attention = net, attention

    def forward(self, x: Tensor, state: Cache | None = None, room: int = 0) -> tuple[Tensor, Cache | None]:
        """(B, T, D) to (B, T, D); a first call with ``room`` makes a cache of so many positions."""
        if state is None and room:
            state = self.attention.new_cache(x.shape[0], room)
        return self.net(x, state), state


def _gated(q: Tensor, k: Tensor, v: Tensor, g: Tensor, state: Any, **how: Any) -> tuple[Tensor, Any]:
    return gated_linear_attention(q, k, v, F.logsigmoid(g), state, **how)


def _delta(q: Tensor, k: Tensor, v: Tensor, g: Tensor, state: Any, **how: Any) -> tuple[Tensor, Any]:
    return delta_rule(q, F.normalize(k, dim=3), v, g[..., 0].sigmoid(), state, **how)


def _mlstm(q: Tensor, k: Tensor, v: Tensor, g: Tensor, state: Any, **how: Any) -> tuple[Tensor, Any]:
    return mlstm(q, k, v, g[..., 0], F.logsigmoid(g[..., 1]), state, **how)


RULES: dict[str, tuple[Callable[..., tuple[Tensor, Any]], int]] = {
    "linear attention": (lambda q, k, v, g, state, **how: linear_attention(q, k, v, state, **how), 0),
    "retention": (lambda q, k, v, g, state, **how: retention(q, k, v, state, **how), 0),
    "gated linear attention": (_gated, 1),
    "delta rule": (_delta, 1),
    "mLSTM": (_mlstm, 2),
}
"""Memories of matrix form: the rule, and how many gates it wants per head and step.

:meta hide-value:
"""


def _attention(width: int, **options: Any) -> Cached:
    made = CausalSelfAttention(width, HEADS, **options)
    return Cached(made, made)


def _block(width: int) -> Cached:
    made = CausalSelfAttention(width, HEADS)
    return Cached(Block(width, made, LayerNorm), made)


def _memory(name: str) -> Model:
    rule, gates = RULES[name]
    return Model(lambda width: Mixer(width, rule, gates), "linear", "T D²", "log T", NOTHING, PARALLEL)


def _recurrent(make: Callable[[int], nn.Module], family: Family, method: str = "") -> Model:
    forms = ({"method": method}, LOOP) if method else (NOTHING, NOTHING)
    return Model(make, family, "T D²", "T", *forms)


def _scanned(make: Callable[[int], nn.Module]) -> Model:
    return Model(make, "linear", "T D²", "log T", NOTHING, PARALLEL)


CATALOGUE: dict[str, Model] = {
    "window": Model(lambda width: Windowed(width, 8), "feedforward", "T k D²", "1"),
    "TCN": Model(lambda width: TCN(width, [width] * 3), "feedforward", "T k D²", "1"),
    "Elman RNN": _recurrent(lambda width: RNN(width, width), "rnn", "lean"),
    "Jordan RNN": _recurrent(lambda width: Jordan(width, width, width), "rnn", "hoisted"),
    "orthogonal RNN": _recurrent(lambda width: OrthogonalRNN(width, width), "rnn", "hoisted"),
    "echo state": _recurrent(lambda width: EchoState(width, width), "rnn"),
    "LSTM": _recurrent(lambda width: LSTM(width, width), "lstm", "lean"),
    "LSTM, 1997": _recurrent(lambda width: LSTM1997(width, width), "lstm", "hoisted"),
    "LSTM, peepholes": _recurrent(lambda width: PeepholeLSTM(width, width), "lstm", "hoisted"),
    "GRU": _recurrent(lambda width: GRU(width, width), "gru", "lean"),
    "linear RNN": _scanned(lambda width: LinearRNN(width, width)),
    "LRU": _scanned(lambda width: LRU(width, width)),
    "minGRU": _scanned(lambda width: MinGRU(width, width)),
    "minLSTM": _scanned(lambda width: MinLSTM(width, width)),
    "QRNN": _scanned(lambda width: QRNN(width, width)),
    "S4D": _scanned(lambda width: S4D(width, 16))._replace(work="T log T N D"),
    "Mamba": Model(Mamba, "linear", "T D² + T N D", "log T", NOTHING, PARALLEL),
    **{name: _memory(name) for name in RULES},
    "delta rule": _memory("delta rule")._replace(steps="T / L", counted=NOTHING),
    "self-attention": Model(_attention, "attention", "T² D + T D²", "1"),
    "multi-query attention": Model(
        functools.partial(_attention, key_value_heads=1), "attention", "T² D + T D²", "1"
    ),
    "window attention": Model(functools.partial(_attention, window=32), "attention", "T k D + T D²", "1"),
    "Transformer block": Model(_block, "attention", "T² D + T D²", "1"),
}
"""Name: the model. The order is the one of tables.

:meta hide-value:
"""
