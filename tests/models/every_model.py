"""Every model of a sequence, small, in fp64, behind one call: one test can hold all of them to a rule.

Letters: B batch · T time · D width of the input · n heads.

``FORMS`` names them, with the method where a model has several; :func:`fresh` draws one. Each is a module
that is called with (B, T, D) and a state, or None, and returns outputs, (B, T, anything), and the state after
them; a model without a state returns None for it. A model of tokens reads vectors in the place of its
embedding's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqdocs.models.attention import CausalSelfAttention
from seqdocs.models.bert import Bert
from seqdocs.models.causal_convolution import causal_convolution
from seqdocs.models.deer import deer
from seqdocs.models.delta_rule import delta_rule
from seqdocs.models.feedforward import WindowFeedforward
from seqdocs.models.gated_linear_attention import gated_linear_attention
from seqdocs.models.gru import GRU, gru_step
from seqdocs.models.jordan import Jordan
from seqdocs.models.kv_cache import Cache
from seqdocs.models.language_model import CausalLM
from seqdocs.models.linear_attention import linear_attention
from seqdocs.models.linear_rnn import LinearRNN
from seqdocs.models.lru import LRU
from seqdocs.models.lstm import LSTM
from seqdocs.models.lstm_variants import LSTM1997, PeepholeLSTM
from seqdocs.models.mamba import Mamba
from seqdocs.models.minimal import MinGRU, MinLSTM
from seqdocs.models.mlstm import mlstm
from seqdocs.models.multi_head import MultiHeadAttention
from seqdocs.models.orthogonal import OrthogonalRNN
from seqdocs.models.qrnn import QRNN
from seqdocs.models.reservoir import EchoState
from seqdocs.models.retention import retention
from seqdocs.models.rnn import RNN, rnn_step
from seqdocs.models.s4d import S4D
from seqdocs.models.seq2seq import Seq2Seq
from seqdocs.models.speech_detector import SpeechDetector
from seqdocs.models.tcn import TCN
from seqdocs.models.transformer import EncoderLayer
from seqdocs.scan import scan

D, H, n = 3, 4, 2
Call = Callable[[Any, Tensor, Any], tuple[Tensor, Any]]


@dataclass(frozen=True)
class Form:
    """How a model is made, how it is called, and what a test has to know of it.

    Attributes:
        make: a net with random parameters.
        call: net, input, state → outputs, state.
        width: D.
        parts: lengths of parts of a sequence, long enough for several of the model's own chunks.
        reach: how many steps back an output sees; all if None.
        causal: whether it sees the past alone.
        handed_on: whether it has a state.
        open: parameters above zero, with which (and inputs above zero) no rectifier is shut.
        in_place: the state is written in place.
    """

    make: Callable[[], nn.Module]
    call: Call
    width: int = D
    parts: tuple[int, ...] = (5, 0, 4, 3)
    reach: int | None = None
    causal: bool = True
    handed_on: bool = True
    open: bool = False
    in_place: bool = False


class Called(nn.Module):
    """A net and how it is called."""

    def __init__(self, net: nn.Module, call: Call) -> None:
        super().__init__()
        self.net, self.call = net, call

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return self.call(self.net, x, state)


class Heads(nn.Module):
    """What a function of heads reads, from one input: parts of the widths given, (B, n, T, width)."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList(nn.Linear(D, n * width) for width in widths)

    def forward(self, x: Tensor) -> list[Tensor]:
        return [part(x).unflatten(-1, (n, -1)).transpose(1, 2) for part in self.parts]


class Lookup(nn.Module):
    """In the place of an embedding: token number i is the i-th of the vectors that were handed over."""

    vectors: Tensor

    @property
    def weight(self) -> Tensor:
        return self.vectors.flatten(0, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.weight[tokens]


def numbers(x: Tensor) -> Tensor:
    """A different token for each vector of (B, T, D)."""
    return torch.arange(x.shape[0] * x.shape[1]).view(x.shape[:2])


def plainly(method: str) -> Call:
    return lambda net, x, state: net(x, state, method)


def stateless(method: str) -> Call:
    return lambda net, x, state: (net(x, method), state)


def by_heads(y: Tensor, state: Any) -> tuple[Tensor, Any]:
    """Heads side by side, time in dimension 1."""
    return y.transpose(1, 2).flatten(2), state


def scanned(method: str) -> Call:
    def call(net: nn.Module, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        a, b = net(x).chunk(2, -1)
        h = scan(torch.tanh(a), b, state, method=method)
        return h, h[:, -1] if x.shape[1] else state

    return call


def convolved(method: str) -> Call:
    return lambda net, x, state: causal_convolution(x, net.weight, net.bias, state, method=method)


def linear(method: str) -> Call:
    return lambda net, x, state: by_heads(*linear_attention(*net(x), state, method=method))


def retained(method: str) -> Call:
    return lambda net, x, state: by_heads(*retention(*net(x), state, method=method))


def gated(method: str) -> Call:
    def call(net: Heads, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        q, k, v, gate = net(x)
        return by_heads(*gated_linear_attention(q, k, v, F.logsigmoid(gate), state, method=method))

    return call


def corrected(method: str) -> Call:
    def call(net: Heads, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        q, k, v, beta, *gate = net(x)
        beta, faded = torch.sigmoid(beta).squeeze(-1), F.logsigmoid(gate[0]) if gate else None
        return by_heads(*delta_rule(q, F.normalize(k, dim=-1), v, beta, state, log_gate=faded, method=method))

    return call


def exponential(method: str) -> Call:
    def call(net: Heads, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        q, k, v, write, keep = net(x)
        gates = write.squeeze(-1), F.logsigmoid(keep).squeeze(-1)
        return by_heads(*mlstm(q, k, v, *gates, state, method=method))

    return call


def by_newton(step: Callable[..., Tensor], method: str) -> Call:
    def call(net: Any, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        h0 = x.new_zeros(len(x), H) if state is None else state
        h, _ = deer(lambda x, h: step(x, h, net.weights(0)), x, h0, method=method)
        return h, h[:, -1] if x.shape[1] else h0

    return call


def cache_of(net: CausalSelfAttention, x: Tensor) -> Cache:
    """An empty cache that autograd can follow: its keys and values do not share their memory."""
    cache = net.new_cache(len(x), 64)
    cache.keys, cache.values = cache.keys.clone(), cache.values.clone()
    return cache


def with_cache(net: CausalSelfAttention, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    cache = cache_of(net, x) if state is None else state
    return net(x, cache), cache


def blocks_with_cache(net: CausalLM, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    """The language model's blocks, which read what :meth:`prefill` and :meth:`decode` embed."""
    blocks = net.each_block()
    caches = [cache_of(block.attention, x) for block in blocks] if state is None else state
    for block, cache in zip(blocks, caches, strict=True):
        x = block(x, cache)
    return net.head(net.norm(x)), caches


def read_tokens(net: Any, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    net.tokens.vectors = x
    return net(numbers(x)), state


def translated(method: str) -> Call:
    def call(net: Seq2Seq, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        net.target_tokens.vectors = x  # type: ignore[assignment]
        source = torch.arange(6).remainder(5).expand(len(x), 6)
        return net(source, numbers(x), method=method)[0], state

    return call


def heard(method: str) -> Call:
    def call(net: SpeechDetector, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        p, state = net(x.flatten(1), state, method)
        return p[..., None], state

    return call


def gpt(**options: Any) -> CausalLM:
    net = CausalLM(vocabulary=5, context=64, width=8, layers=2, heads=2, tied=False, **options)
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.4)
    net.tokens = Lookup()  # type: ignore[assignment]
    return net


def bert() -> Bert:
    net = Bert(vocabulary=5, context=64, width=8, layers=2, heads=2, hidden=12)
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.4)
    net.tokens = Lookup()  # type: ignore[assignment]
    return net


def seq2seq(kind: Any) -> Seq2Seq:
    net = Seq2Seq(source_vocabulary=5, target_vocabulary=7, width=D, hidden_size=H, attention=kind)
    net.target_tokens = Lookup()  # type: ignore[assignment]
    return net


def mamba() -> Mamba:
    net = Mamba(D, state_size=5, rank=2)
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.5)
    return net


def s4d() -> S4D:
    net = S4D(D, H)
    with torch.no_grad():
        net.log_step.add_(2.0)  # faster than fresh, so that short sequences show all of it
    return net


def loud() -> SpeechDetector:
    net = SpeechDetector()
    with torch.no_grad():
        for parameter in (*net.lstm_cell.parameters(), *net.final_conv.parameters()):
            parameter.mul_(3)
    return net


FORMS: dict[str, Form] = {}


def add(name: str, make: Callable[[], nn.Module], way: Callable[[str], Call], *methods: str, **known: Any):
    """One form for each method. A loop has no chunks, so its parts may be short."""
    for method in methods:
        own = {key: value for key, value in known.items() if method != "loop" or key != "parts"}
        FORMS[f"{name}, {method}"] = Form(make, way(method), **own)


LEAN = ("loop", "hoisted", "lean")
SCAN = ("loop", "parallel", "chunked")
add("RNN", lambda: RNN(D, H, 2), plainly, *LEAN)
add("RNN relu", lambda: RNN(D, H, 2, nonlinearity="relu"), plainly, *LEAN, open=True)
add("LSTM", lambda: LSTM(D, H, 2), plainly, *LEAN)
add("GRU", lambda: GRU(D, H, 2), plainly, *LEAN)
add("GRU reset before", lambda: GRU(D, H, 2, reset="before"), plainly, *LEAN)
add("GRU both ways", lambda: GRU(D, H, bidirectional=True), plainly, *LEAN, causal=False)
add("LSTM of 1997", lambda: LSTM1997(D, H), plainly, "loop", "hoisted")
add("peephole LSTM", lambda: PeepholeLSTM(D, H), plainly, "loop", "hoisted")
add("Jordan", lambda: Jordan(D, 6, 2, 0.4), plainly, "loop", "hoisted")
add("orthogonal", lambda: OrthogonalRNN(D, H), plainly, "loop", "hoisted")
FORMS["echo state"] = Form(lambda: EchoState(D, 9), lambda net, x, state: net(x, state))
add("window feedforward", lambda: WindowFeedforward(3, D, H), stateless, "loop", "unfold",
    reach=3, handed_on=False)  # fmt: skip
add("scan", lambda: nn.Linear(D, 2 * H), scanned, *SCAN)
add("linear RNN", lambda: LinearRNN(D, H), plainly, *SCAN)
add("LRU", lambda: LRU(D, H, ring=(0.3, 0.9)), plainly, *SCAN)
add("minGRU", lambda: MinGRU(D, H), plainly, *SCAN)
add("minGRU positive", lambda: MinGRU(D, H, candidate="positive"), plainly, "chunked")
add("minLSTM", lambda: MinLSTM(D, H), plainly, *SCAN)
add("QRNN", lambda: QRNN(D, H), plainly, *SCAN)
add("S4D", s4d, plainly, *SCAN, "convolution")
add("Mamba", mamba, plainly, *SCAN, parts=(17, 0, 3, 20))
add("causal convolution", lambda: nn.Conv1d(D, H, 3), convolved, "loop", "convolution", reach=3)
add("TCN", lambda: TCN(D, [4, 2], 2), plainly, "loop", "convolution", reach=7, open=True)
add("linear attention", lambda: Heads(4, 4, 3), linear, *SCAN, parts=(17, 0, 5, 18))
add("retention", lambda: Heads(4, 4, 3), retained, *SCAN, parts=(17, 0, 5, 18))
add("gated linear attention", lambda: Heads(4, 4, 3, 4), gated, *SCAN, parts=(17, 0, 5, 18))
add("delta rule", lambda: Heads(4, 4, 3, 1), corrected, "loop", "chunked", parts=(33, 0, 5, 2))
add("gated delta rule", lambda: Heads(4, 4, 3, 1, 4), corrected, "loop", "chunked", parts=(33, 0, 5, 2))
add("mLSTM", lambda: Heads(4, 4, 3, 1, 1), exponential, *SCAN, parts=(65, 0, 3, 2))
for kind, cell, step in (("RNN", RNN, rnn_step), ("GRU", GRU, gru_step)):
    add(f"DEER {kind}", lambda cell=cell: cell(D, H), lambda method, step=step: by_newton(step, method),
        "newton", "quasi")  # fmt: skip
add("speech detector", loud, heard, "loop", "hoisted", width=512)
FORMS["self-attention with a cache"] = Form(lambda: CausalSelfAttention(8, 2), with_cache, 8, in_place=True)
FORMS["self-attention with a window"] = Form(
    lambda: CausalSelfAttention(8, 2, 1, distance="rotary", window=4), with_cache, 8, reach=4
)
FORMS["language model with a cache"] = Form(gpt, blocks_with_cache, 8, in_place=True)
FORMS["language model"] = Form(gpt, read_tokens, 8, handed_on=False)
FORMS["language model like Llama"] = Form(
    lambda: gpt(positions="rotary", norm="rms", key_value_heads=1), read_tokens, 8, handed_on=False
)
FORMS["language model with ALiBi"] = Form(lambda: gpt(positions="alibi"), read_tokens, 8, handed_on=False)
add("seq2seq", lambda: seq2seq("none"), translated, "loop", "hoisted", handed_on=False)
add("seq2seq additive", lambda: seq2seq("additive"), translated, "loop", handed_on=False)
add("seq2seq dot", lambda: seq2seq("dot"), translated, "loop", "hoisted", handed_on=False)
BOTH_WAYS = {"causal": False, "handed_on": False}
for method in ("loop", "matrix", "fused"):
    FORMS[f"multi-head, {method}"] = Form(
        lambda: MultiHeadAttention(8, 2), lambda net, x, s, m=method: (net(x, method=m), s), 8, **BOTH_WAYS
    )
FORMS["encoder layer"] = Form(
    lambda: EncoderLayer(8, 2, 12), lambda net, x, state: (net(x), state), 8, **BOTH_WAYS
)
FORMS["BERT"] = Form(bert, read_tokens, 8, **BOTH_WAYS)


def fresh(name: str) -> Called:
    """One of ``FORMS``, always with the same parameters, in fp64."""
    form = FORMS[name]
    torch.manual_seed(0)
    net = form.make()
    if form.open:
        for parameter in net.parameters():
            nn.init.uniform_(parameter, 0.05, 0.2)
    return Called(net, form.call).double()


def inputs(name: str, B: int, T: int, seed: int = 1) -> Tensor:
    """Random inputs, (B, T, D), that single precision can hold."""
    form, draw = FORMS[name], torch.Generator().manual_seed(seed)
    x = torch.randn(B, T, form.width, generator=draw)
    return (x.abs() if form.open else x).double()
