"""ONNX's node test vectors on our models: every base case of an operator is run, or left out for a reason.

The expected numbers come from ONNX's own NumPy code. What they cannot show, since many of them have constant
weights (a wrong order of gates, say), the mutants of ``tests/proofs/model_mutants.toml`` show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from seqdocs.models import masks
from seqdocs.models.causal_convolution import causal_convolution
from seqdocs.models.delta_rule import delta_rule
from seqdocs.models.gated_linear_attention import gated_linear_attention
from seqdocs.models.gru import GRU
from seqdocs.models.kv_cache import KVCache
from seqdocs.models.lstm import LSTM
from seqdocs.models.lstm_variants import PeepholeLSTM
from seqdocs.models.normalisation import layer_norm, rms_norm
from seqdocs.models.recurrent import Recurrent
from seqdocs.models.rnn import RNN
from seqdocs.models.rotary import rotate
from seqdocs.models.scaled_dot_product import attention, attention_weights
from tests.conformance.vectors import Vector, folder, load, names

pytestmark = pytest.mark.skipif(folder() is None, reason="the wheel onnx, up to 1.22.0, has the vectors")

SOFTCAP = "attention: scores squashed by a soft cap"
MODIFIED = "attention: probabilities multiplied before they are used"

# operator: (how its cases begin, the forms of ours that run them)
OPERATORS = {
    "RNN": (("rnn_", "simple_rnn_"), ("loop", "hoisted", "lean")),
    "GRU": (("gru_",), ("loop", "hoisted", "lean")),
    "LSTM": (("lstm_",), ("loop", "hoisted", "lean")),
    "Attention": (("attention_",), ("loop", "matrix", "fused")),
    "FlexAttention": (("flexattention",), ("loop", "matrix", "fused")),
    "RotaryEmbedding": (("rotary_embedding",), ("formula",)),
    "RMSNormalization": (("rms_normalization",), ("formula", "fused")),
    "LayerNormalization": (("layer_normalization",), ("formula", "fused")),
    "LinearAttention": (("linear_attention",), ("loop", "chunked")),
    "CausalConvWithState": (("causal_conv_with_state",), ("loop", "convolution")),
}
LEFT_OUT = {
    "attention_3d_softcap": SOFTCAP,
    "attention_3d_gqa_softcap": SOFTCAP,
    "attention_3d_diff_heads_sizes_softcap": SOFTCAP,
    "attention_3d_with_past_and_present_qk_matmul_softcap": SOFTCAP,
    "attention_4d_softcap": SOFTCAP,
    "attention_4d_gqa_softcap": SOFTCAP,
    "attention_4d_diff_heads_sizes_softcap": SOFTCAP,
    "attention_4d_softcap_neginf_mask": SOFTCAP,
    "attention_4d_softcap_neginf_mask_poison": SOFTCAP,
    "attention_4d_with_qk_matmul_softcap": SOFTCAP,
    "flexattention_soft_cap": SOFTCAP,
    "flexattention_prob_mod": MODIFIED,
}
NO_FORM = {
    ("lstm_with_peepholes", "lean"),  # there is none
    ("linear_attention_fp16", "chunked"),  # torch solves no triangular system in half precision on a CPU
}
TOLERANCE = {torch.float64: 1e-7, torch.float32: 1e-5, torch.float16: 2e-3}
Answer = dict[int, Tensor]


def gates(W: Tensor, order: list[int]) -> Tensor:
    """The rows of the gates, (1, G H, …), in another order, without the axis of the directions."""
    return torch.cat([W[0].chunk(len(order))[gate] for gate in order])


def recurrent(net: Recurrent, vector: Vector, method: str, order: list[int]) -> Answer:
    """X, W, R, B, lengths, h, c, peepholes i, o, f; W and R have the gates in ONNX's order."""
    x, W, R = vector.given(0, 1, 2)
    b = vector.input(3)
    H = net.hidden_size
    own = {"weight_ih_l0": gates(W, order), "weight_hh_l0": gates(R, order)}
    for name, part in zip(
        ("bias_ih_l0", "bias_hh_l0"), (None, None) if b is None else b.chunk(2, 1), strict=True
    ):
        own[name] = torch.zeros(len(order) * H) if part is None else gates(part, order)
    if vector.input(7) is not None:
        own["peephole_l0"] = gates(vector.given(7)[0], [0, 2, 1]).view(3, H)
    net.load_state_dict(own)
    batch_first = vector.attributes.get("layout", 0) == 1
    before = [one for one in (vector.input(5), vector.input(6)) if one is not None]
    started = None if not before else tuple(before) if len(before) > 1 else before[0]
    lengths = vector.input(4)
    y, state = net(x if batch_first else x.transpose(0, 1), started, method, lengths)
    h = state[0] if isinstance(state, tuple) else state
    if batch_first:  # (B, T, directions, H), (B, directions, H)
        return {0: y[:, :, None], 1: h.transpose(0, 1)}
    return {0: y.transpose(0, 1)[:, None], 1: h}


def rnn(vector: Vector, method: str) -> Answer:
    x = vector.given(0)[0]
    return recurrent(RNN(x.shape[2], vector.attributes["hidden_size"]), vector, method, [0])


def gru(vector: Vector, method: str) -> Answer:
    """ONNX's rows are z, r, n; the reset acts before the product unless ``linear_before_reset``."""
    x = vector.given(0)[0]
    reset = "after" if vector.attributes.get("linear_before_reset") else "before"
    return recurrent(
        GRU(x.shape[2], vector.attributes["hidden_size"], reset=reset), vector, method, [1, 0, 2]
    )


def lstm(vector: Vector, method: str) -> Answer:
    """ONNX's rows are i, o, f, g."""
    x = vector.given(0)[0]
    kind = LSTM if vector.input(7) is None else PeepholeLSTM
    return recurrent(kind(x.shape[2], vector.attributes["hidden_size"]), vector, method, [0, 2, 3, 1])


def heads(x: Tensor, n: int | None) -> Tensor:
    """(B, T, n d) to (B, n, T, d); what has heads already stays."""
    return x if x.ndim == 4 else x.view(*x.shape[:2], n, -1).transpose(1, 2)


def scaled(q: Tensor, vector: Vector) -> Tensor:
    """Queries that make up for another scale than one over the root of the width."""
    scale = vector.attributes.get("scale")
    return q if scale is None else q * (scale * q.shape[-1] ** 0.5)


def attended(vector: Vector, method: str) -> Answer:
    """Q, K, V, mask, past keys, past values, lengths; ONNX's causal mask is aligned at the top left."""
    q, k, v = vector.given(0, 1, 2)
    flat = q.ndim == 3
    q = scaled(heads(q, vector.attributes.get("q_num_heads")), vector)
    k, v = (heads(x, vector.attributes.get("kv_num_heads")) for x in (k, v))
    mask, past_k, past_v, lengths = (vector.input(number) for number in (3, 4, 5, 6))
    read = 0
    if past_k is not None and past_v is not None:
        read = past_k.shape[2]
        room = [x.new_empty(*x.shape[:2], read + k.shape[2], x.shape[3]) for x in (past_k, past_v)]
        cache = KVCache(room[0], room[1])
        cache.extend(past_k, past_v)
        k, v = cache.extend(k, v)
    answer = {1: k, 2: v}
    causal = bool(vector.attributes.get("is_causal"))
    if causal:  # the keys after the last query's own are seen by none
        end = read + q.shape[2]
        k, v, mask = k[:, :, :end], v[:, :, :end], None if mask is None else mask[..., :end]
    if lengths is not None:
        assert mask is not None
        S = k.shape[2]
        filled = torch.nn.functional.pad(mask, (0, S - mask.shape[-1]), value=-torch.inf)
        mask = filled.masked_fill(~masks.padding(lengths, S), -torch.inf)
    y = attention(q, k, v, mask, causal=causal, method=method)
    answer[0] = y.transpose(1, 2).flatten(2) if flat else y
    if vector.attributes.get("qk_matmul_output_mode", 0) == 3:  # the scores before the softmax stay inside
        answer[3] = attention_weights(q, k, mask, causal=causal)
    return answer


def flexible(vector: Vector, method: str, name: str = "") -> Answer:
    """Q, K, V, and a graph that changes the scores, which here is told by the case's name."""
    q, k, v = vector.given(0, 1, 2)
    T, S = q.shape[2], k.shape[2]
    mask = None
    if name == "flexattention_score_mod":
        mask = torch.full((T, S), 0.5)  # it changes nothing
    elif name == "flexattention_relative_positional":
        mask = (torch.arange(T)[:, None] - torch.arange(S)).to(q)
    causal = name == "flexattention_causal_mask"
    return {0: attention(scaled(q, vector), k, v, mask, causal=causal, method=method)}


def rotated(vector: Vector, method: str) -> Answer:
    """x, cosines, sines, positions: the first ``rotary_embedding_dim`` numbers of each head are turned."""
    x, cos, sin = vector.given(0, 1, 2)
    positions = vector.input(3)
    flat = x.ndim == 3
    x = heads(x, vector.attributes.get("num_heads"))
    if positions is not None:
        cos, sin = cos[positions], sin[positions]
    r = vector.attributes.get("rotary_embedding_dim") or x.shape[-1]
    layout = "interleaved" if vector.attributes.get("interleaved") else "half"
    turned = rotate(x[..., :r], cos[:, None], sin[:, None], layout=layout)
    y = torch.cat((turned, x[..., r:]), -1)
    return {0: y.transpose(1, 2).flatten(2) if flat else y}


def normalised(vector: Vector, method: str) -> Answer:
    """x, weight, bias: all dimensions from ``axis`` on are one."""
    x, *parameters = (one for one in vector.inputs if one is not None)
    axis = vector.attributes.get("axis", -1) % x.ndim
    norm = layer_norm if len(parameters) == 2 else rms_norm
    flat = [one.flatten() for one in parameters]
    y = norm(x.flatten(axis), *flat, vector.attributes.get("epsilon", 1e-5), method=method)
    return {0: y.view(x.shape)}


def linear(vector: Vector, method: str) -> Answer:
    """Q, K, V, state, log of the gate, beta."""
    n, m = (vector.attributes[name] for name in ("q_num_heads", "kv_num_heads"))
    q, k, v = (heads(x, h) for x, h in zip(vector.given(0, 1, 2), (n, m, m), strict=True))
    state, gate, beta = (vector.input(number) for number in (3, 4, 5))
    q = q * vector.attributes.get("scale", q.shape[-1] ** -0.5)
    gate = None if gate is None else heads(gate, m)
    beta = None if beta is None else beta.transpose(1, 2).expand(-1, m, -1)
    k, v, gate, beta, state = (  # a memory for each head of queries, which in ONNX may share one
        None if x is None else x.repeat_interleave(n // m, 1) for x in (k, v, gate, beta, state)
    )
    if beta is not None:
        y, state = delta_rule(q, k, v, beta, state, log_gate=gate, method=method)
    else:
        y, state = gated_linear_attention(q, k, v, gate, state, method=method)
    return {0: y.transpose(1, 2).flatten(2), 1: state[:, :: n // m]}


def convolved(vector: Vector, method: str) -> Answer:
    """x, weight, bias, state, all (…, channels, T)."""
    x, weight = vector.given(0, 1)
    past = vector.input(3)
    window = None if past is None else past.mT
    y, window = causal_convolution(x.mT, weight, vector.input(2), window, method=method)
    squash = (
        torch.nn.functional.silu if vector.attributes.get("activation", "none") != "none" else torch.clone
    )
    return {0: squash(y.mT), 1: window.mT}


RUNNERS: dict[str, Callable[..., Answer]] = {
    "RNN": rnn,
    "GRU": gru,
    "LSTM": lstm,
    "Attention": attended,
    "FlexAttention": flexible,
    "RotaryEmbedding": rotated,
    "RMSNormalization": normalised,
    "LayerNormalization": normalised,
    "LinearAttention": linear,
    "CausalConvWithState": convolved,
}
CASES = {operator: names(*begins) for operator, (begins, _) in OPERATORS.items()}
RUN = [
    (operator, name, form)
    for operator, found in CASES.items()
    for name in found
    if name not in LEFT_OUT
    for form in OPERATORS[operator][1]
    if (name, form) not in NO_FORM
]


@pytest.mark.parametrize(("operator", "name", "form"), RUN, ids=lambda part: part)
def test_the_vector_comes_out(operator: str, name: str, form: str) -> None:
    vector = load(name)
    more = {"name": name} if operator == "FlexAttention" else {}
    answer = RUNNERS[operator](vector, form, **more)
    assert 0 in answer or 1 in answer
    compared = 0
    for number, wanted in vector.outputs.items():
        if number in answer:
            close = TOLERANCE[wanted.dtype]
            torch.testing.assert_close(answer[number], wanted, rtol=close, atol=close)
            compared += 1
    assert compared


def test_every_vector_is_run_or_left_out_for_a_reason(counted: dict[str, Counter[str]]) -> None:
    found = [name for cases in CASES.values() for name in cases]
    assert set(LEFT_OUT) <= set(found)
    assert all(CASES.values())
    counted["ONNX's vectors"] = Counter(LEFT_OUT.get(name, "run") for name in found)
