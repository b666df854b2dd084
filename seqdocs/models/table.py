r"""The rows of a table of all models: those of the catalogue, and those that its one interface leaves out.

Letters: B batch · T time · D width · S keys · i iterations of DEER.

A row here may also read tokens or sound, see what comes, hold several layers, or be another library's; it is
still called as ``y, state = net(x, state, **options)``, see :mod:`seqdocs.models.adapters`. Where a question
makes no sense it says why not.

- :func:`sample` draws what a row reads, :func:`read` the state after it, :func:`decode` one step more.
- :func:`numbers_in` counts what a state holds.
- :func:`way` is the path from the first step to the last; :func:`traced` is the row as a function of vectors,
  for :mod:`seqdocs.models.cost`: a token's vector stands in for the token.

Conventions: there are as many tokens as channels, D. What translates reads T vectors or tokens and writes as
many; its second sequence is all begin tokens, so that a way leads through the source alone.

>>> row = ROWS["GPT of two blocks"]
>>> net, x = row.make(8), sample(row, 1, 5, 8)
>>> net(x)[0].shape, numbers_in(read(net, x))  # keys and values of 5 tokens, in two blocks
(torch.Size([1, 5, 8]), 160)

Sources: each model's own module names its paper.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from seqdocs.models.adapters import (
    Answering,
    Counting,
    Crossing,
    Generating,
    Looking,
    Solving,
    StockBlock,
    Translating,
)
from seqdocs.models.additive_attention import AdditiveAttention
from seqdocs.models.attention import CausalSelfAttention
from seqdocs.models.bert import Bert
from seqdocs.models.catalogue import CATALOGUE, HEADS, LOOP, NOTHING, Cached, Family
from seqdocs.models.cost import path_length
from seqdocs.models.gru import GRU
from seqdocs.models.kv_cache import KVCache, WindowCache
from seqdocs.models.language_model import CausalLM
from seqdocs.models.multiplicative_attention import MultiplicativeAttention
from seqdocs.models.seq2seq import Seq2Seq
from seqdocs.models.speech_detector import CHUNK, SpeechDetector
from seqdocs.models.transformer import Encoder, Transformer

CONTEXT = 512  # most tokens that a model with learned positions reads


class Row(NamedTuple):
    """A model, as :class:`seqdocs.models.catalogue.Model`, and what else a table must know of it."""

    make: Callable[[int], nn.Module]
    family: Family
    work: str
    steps: str
    fast: Mapping[str, Any] = NOTHING
    counted: Mapping[str, Any] = NOTHING
    reads: Literal["vectors", "tokens", "sound"] = "vectors"
    no_state: str = ""  # why it cannot go on from a state
    reach: int = 0  # how many steps an output sees, its own included; all if 0
    no_way: str = ""  # why no way from the first input is traced
    no_steps: str = ""  # why no steps are counted
    no_time: str = ""  # why reading a sequence is not timed beside the others


def _grouped(width: int) -> Cached:
    made = CausalSelfAttention(width, HEADS, HEADS // 2)
    return Cached(made, made)


def _gpt(width: int) -> Generating:
    sizes: dict[str, Any] = {"vocabulary": width, "width": width, "context": CONTEXT, "heads": HEADS}
    return Generating(CausalLM(**sizes, layers=2, tied=False))


def _bert(width: int) -> Answering:
    sizes: dict[str, Any] = {"vocabulary": width, "width": width, "context": CONTEXT, "heads": HEADS}
    return Answering(Bert(**sizes, layers=2, hidden=4 * width))


def _cell(kind: Callable[..., nn.Module], width: int) -> nn.Module:
    return kind(width, width, batch_first=True)


LEAN = {"method": "lean"}
HOISTED = {"method": "hoisted"}
BOTH_WAYS = "reads both ways"
REREADS = "keeps no cache here"
ONE_KERNEL = "one kernel"
IN_PLACE = "writes in place"
NO_WAY = "no way"
PAIRS, ALL_PAIRS = "T S D", "T² D + T D²"
OTHERS: dict[str, Row] = {
    "n-gram, n = 3": Row(
        Counting, "feedforward", "T n V", "1", reads="tokens", reach=2, no_way="counts"
    ),
    "GRU, reset before": Row(
        lambda width: GRU(width, width, reset="before"), "gru", "T D²", "T", LEAN, LOOP
    ),
    "GRU, two layers": Row(lambda width: GRU(width, width, 2), "gru", "T D²", "T", LEAN, LOOP),
    "GRU, both directions": Row(
        lambda width: GRU(width, width // 2, bidirectional=True), "gru", "T D²", "T", LEAN, LOOP,
        no_state=BOTH_WAYS,
    ),
    "GRU by DEER": Row(lambda width: Solving(width, width), "gru", "i T D³", "i log T", no_way=IN_PLACE,
                       no_time="on DEER's page"),
    "speech detector": Row(
        lambda width: SpeechDetector(), "lstm", "T D²", "T", HOISTED, HOISTED, "sound"
    ),
    "additive attention": Row(
        lambda width: Looking(AdditiveAttention(width, width, width)), "attention", PAIRS, "1"
    ),
    "multiplicative attention": Row(
        lambda width: Looking(MultiplicativeAttention("general", width, width)), "attention", PAIRS, "1"
    ),
    "seq2seq": Row(
        lambda width: Translating(width, "none"), "gru", "T D² + S D²", "S + T", HOISTED,
        reads="tokens",
    ),
    "seq2seq with attention": Row(
        lambda width: Translating(width, "additive"), "attention", "T S D + T D² + S D²", "S + T",
        reads="tokens",
    ),
    "grouped-query attention": Row(_grouped, "attention", ALL_PAIRS, "1"),
    "Transformer encoder": Row(
        lambda width: Answering(Encoder(width, HEADS, 4 * width, 2)), "attention", ALL_PAIRS, "1",
        no_state=BOTH_WAYS,
    ),
    "Transformer, encoder and decoder": Row(
        lambda width: Crossing(Transformer(width, HEADS, 4 * width, encoder_layers=1, decoder_layers=1)),
        "attention", "(T² + S² + T S) D + T D²", "1", no_state=REREADS,
    ),
    "BERT of two layers": Row(_bert, "attention", ALL_PAIRS, "1", reads="tokens", no_state=BOTH_WAYS),
    "GPT of two blocks": Row(_gpt, "attention", ALL_PAIRS, "1", reads="tokens"),
}  # fmt: skip
"""What the catalogue leaves out.

:meta hide-value:
"""

STOCK: dict[str, Row] = {
    "torch.nn.RNN": Row(functools.partial(_cell, nn.RNN), "rnn", "T D²", "T", no_way=IN_PLACE),
    "torch.nn.LSTM": Row(
        functools.partial(_cell, nn.LSTM), "lstm", "T D²", "T", no_way=ONE_KERNEL, no_steps=ONE_KERNEL
    ),
    "torch.nn.GRU": Row(functools.partial(_cell, nn.GRU), "gru", "T D²", "T", no_way=IN_PLACE),
    "torch.nn.TransformerEncoderLayer": Row(StockBlock, "attention", ALL_PAIRS, "1", no_state=REREADS),
}
"""torch's own, to compare with.

:meta hide-value:
"""

OURS: dict[str, Row] = {name: Row(*model) for name, model in CATALOGUE.items()} | OTHERS
OURS["window attention"] = OURS["window attention"]._replace(reach=32)
ROWS: dict[str, Row] = OURS | STOCK
"""Name: the row. The order is the one of tables.

:meta hide-value:
"""


def sample(row: Row, B: int, T: int, D: int) -> Tensor:
    """Random input of T steps: vectors (B, T, D), tokens (B, T) or sound (B, 512 T)."""
    if row.reads == "tokens":
        return torch.randint(D, (B, T))
    return torch.randn(B, T * CHUNK) if row.reads == "sound" else torch.randn(B, T, D)


def first(row: Row, x: Tensor) -> Tensor:
    """The first step of what a row reads."""
    return x[:, : CHUNK if row.reads == "sound" else 1]


@torch.no_grad()
def read(net: nn.Module, x: Tensor) -> Any:
    """The state after reading x, with room for one step more; None if it carries none."""
    room = {"room": x.shape[1] + 1} if isinstance(net, Cached | Generating | Translating) else {}
    return net(x, **room)[1]


@torch.no_grad()
def decode(net: nn.Module, token: Tensor, state: Any, seen: int) -> Tensor:
    """One step more after ``seen``; a cache that grew is set back, so that every call does the same."""
    for cache in state if isinstance(state, list) else [state]:
        if isinstance(cache, KVCache):
            cache.length = seen
    y: Tensor = net(token, state)[0]
    return y


def numbers_in(state: Any) -> int:
    """Numbers that a state holds; a complex number is two."""
    if isinstance(state, KVCache):
        return numbers_in((state.keys[:, :, : state.length], state.values[:, :, : state.length]))
    if isinstance(state, WindowCache):
        return numbers_in((state.keys, state.values))
    if isinstance(state, tuple | list):
        return sum(map(numbers_in, state))
    held: Tensor = state
    return held.numel() * (1 + held.is_complex())


def traced(row: Row, net: nn.Module, D: int, T: int) -> tuple[Callable[[Tensor], Any], Tensor]:
    """A row as a function of floating-point numbers, and T random steps of them.

    Every token's vector is a row of the embedding, so that an embedding of T rows is a sequence of T vectors.

    Returns:
        The function, and x: (1, T, D), or sound.
    """
    if row.reads != "tokens" or row.no_way:
        return functools.partial(net, **row.counted), sample(row, 1, T, D)
    inner: Any = net.net
    name = "source_tokens.weight" if isinstance(inner, Seq2Seq) else "tokens.weight"
    tokens = torch.arange(T)[None]

    def function(x: Tensor) -> Any:
        return functional_call(net, {f"net.{name}": x[0]}, (tokens,), dict(row.counted))

    return function, torch.randn(1, T, D)


def way(row: Row, net: nn.Module, D: int, T: int) -> int | str:
    """Operations on the shortest way from the first of T steps to the last; "no way", or why none is traced.

    A mask multiplies by zero, which counts as a way: how far a window sees, the row itself says.
    """
    if row.reach and row.reach < T:
        return NO_WAY
    return row.no_way or path_length(*traced(row, net, D, T)) or NO_WAY
