"""What a call costs is counted as one would by hand: products in FLOP, inputs and outputs in bytes."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from seqdocs.bench.cost import _LEFT_OUT, arithmetic_intensity, bytes_moved, flops
from seqdocs.bench.quantity import quantity
from seqdocs.bench.timing import with_backward
from seqdocs.models.lean import LARGE, product

aten = torch.ops.aten
M, K, N = 3, 5, 7
A, B, C = torch.randn(M, K), torch.randn(K, N), torch.randn(M, N)
x, y, z = torch.randn(K), torch.randn(K), torch.randn(M)
Q = torch.randn(2, 4, 6, 8)  # batch, heads, time, width
ATTENTION = 2 * 4 * (2 * 6 * 6 * 8) * 2  # scores, and what they weigh

PRODUCTS = [
    ("matrix times matrix", lambda: A @ B, 2 * M * K * N),
    ("what is added is free", lambda: torch.addmm(C, A, B), 2 * M * K * N),
    ("batched", lambda: A.expand(4, M, K) @ B.expand(4, K, N), 4 * 2 * M * K * N),
    ("matrix times vector", lambda: A @ x, 2 * M * K),
    ("added to a vector", lambda: torch.addmv(z, A, x), 2 * M * K),
    ("vector times vector", lambda: x @ y, 2 * K),
    ("bfloat16", lambda: A.bfloat16() @ B.bfloat16(), 2 * M * K * N),
    ("complex as if real", lambda: A.to(torch.complex64) @ B.to(torch.complex64), 2 * M * K * N),
    ("a sum is none", lambda: (A + A).exp().sum(), 0),
    ("nothing", lambda: torch.empty(0, K) @ B, 0),
    ("nothing between", lambda: torch.empty(M, 0) @ torch.empty(0, N), 0),
    ("convolution", lambda: F.conv1d(torch.randn(1, 2, 10), torch.randn(3, 2, 4)), 2 * 7 * 3 * 2 * 4),
    ("attention", lambda: F.scaled_dot_product_attention(Q, Q, Q), ATTENTION),
    ("causal attention as full", lambda: F.scaled_dot_product_attention(Q, Q, Q, is_causal=True), ATTENTION),
    ("attention written out", lambda: (Q @ Q.mT).softmax(-1) @ Q, ATTENTION),
]

# floats read and written, by hand
TRAFFIC = [
    ("sum of two", lambda: A + A.clone(), 2 * M * K + 3 * M * K),
    ("one tensor given twice is read once", lambda: A * A, 2 * M * K),
    ("a number costs nothing", lambda: A + 1, 2 * M * K),
    ("matrix product", lambda: A @ B, M * K + K * N + M * N),
    ("a view", lambda: A.t()[1:].reshape(-1, 1).detach().view(4, M), 4 * M * 2),  # reshape copies
    ("views alone", lambda: A.t()[1:].unsqueeze(0).expand(4, 4, M), 0),
    ("split", lambda: A.split(2, dim=1), 0),
    ("in place", lambda: A.clone().add_(1), 2 * M * K + 2 * M * K),
    ("in place with another", lambda: A.clone().mul_(z[:, None]), 2 * M * K + 2 * M * K + M),
    ("in-place views", lambda: A.clone().t_(), 2 * M * K),
    ("overwritten, not read", lambda: A.clone().zero_(), 2 * M * K + M * K),
    ("copied into a slice", lambda: torch.empty(9, K)[2:5].copy_(A), 2 * M * K),
    ("out is written, not read", lambda: torch.add(A, 1, out=torch.empty(M, K)), 2 * M * K),
    ("out that is an input too", lambda: torch.add(a := torch.zeros(K), 1, out=a), K + 2 * K),
    ("reserved", lambda: torch.empty(100), 0),
    ("made", lambda: torch.ones(100), 100),
    ("made alike", lambda: torch.zeros_like(A), M * K),
    ("expanded rows are stored once", lambda: x.expand(4, K) + 1, K + 4 * K),
    ("a part of a tensor", lambda: B[:2] + 1, 2 * 2 * N),
    ("an expanded part of a tensor", lambda: B[0].expand(4, N) + 1, N + 4 * N),
    ("the same part given twice is read once", lambda: B[:2] * B[:2], 2 * 2 * N),
    ("parts that overlap are no more than the whole", lambda: B[:3] + B[2:], 5 * N + 3 * N),
    ("two outputs", lambda: A.max(dim=0), M * K + K + 2 * K),  # positions take 8 bytes
    ("a sum", A.sum, M * K + 1),
    ("a number taken out", lambda: A.equal(A), M * K),
    ("nothing", lambda: torch.empty(0, K) + 1, 0),
    ("rows picked, not the table", lambda: B.index_select(0, PICKED), 2 * 2 * N + 4),
    ("rows picked by indexing", lambda: B[PICKED], 2 * 2 * N + 4),
    ("embedding", lambda: F.embedding(PICKED, B), 2 * 2 * N + 4),
]
PICKED = torch.tensor([1, 3])
BYTES = [
    ("bfloat16", torch.bfloat16, 2),
    ("double", torch.float64, 8),
    ("complex", torch.complex64, 8),
    ("integers", torch.int8, 1),
]


@pytest.mark.parametrize(("call", "count"), [c[1:] for c in PRODUCTS], ids=[c[0] for c in PRODUCTS])
def test_products_count_two_operations_for_each_pair(call, count):
    assert flops(call) == quantity(count, "FLOP")


def test_a_large_product_counts_alike_by_whatever_library():
    rows, weights = torch.rand(64, 256), torch.rand(256, 256)
    assert flops(lambda: product(rows, weights)) == flops(lambda: rows @ weights.T)
    assert rows.numel() * len(weights) >= LARGE  # else it would not go another way


@pytest.mark.parametrize(("call", "floats"), [c[1:] for c in TRAFFIC], ids=[c[0] for c in TRAFFIC])
def test_each_operation_reads_its_inputs_and_writes_its_outputs_once(call, floats):
    assert bytes_moved(call) == quantity(4 * floats, "B")


@pytest.mark.parametrize(("dtype", "size"), [c[1:] for c in BYTES], ids=[c[0] for c in BYTES])
def test_a_number_counts_as_many_bytes_as_it_has(dtype, size):
    a, b = torch.ones(6, dtype=dtype), torch.ones(6, dtype=dtype)
    assert bytes_moved(lambda: a + b)["value"] == 3 * 6 * size


def test_the_backward_pass_counts():
    a, b = A.clone().requires_grad_(), B.clone().requires_grad_()
    both = with_backward(lambda: a @ b, [a, b])
    assert flops(both)["value"] == 3 * 2 * M * K * N
    product, total = M * K + K * N + M * N, M * N + 1
    one = 1  # the gradient of a sum is a one, expanded: it is stored once, and each product reads it there
    of_a, of_b = one + K * N + M * K, M * K + one + K * N
    assert bytes_moved(both)["value"] == 4 * (product + total + one + of_a + of_b)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_recurrent_layer_multiplies_every_position_with_every_weight(kind, bidirectional):
    net = getattr(torch.nn, kind)(4, 6, num_layers=2, bidirectional=bidirectional)
    inputs = torch.randn(5, 3, 4, requires_grad=True)
    weights = sum(w.numel() for w in net.parameters() if w.ndim == 2)
    assert flops(lambda: net(inputs))["value"] == 2 * 15 * weights
    with torch.no_grad():
        assert flops(lambda: net(inputs))["value"] == 2 * 15 * weights


def test_a_recurrent_layer_costs_twice_as_much_backward():
    net = torch.nn.LSTM(4, 6)
    inputs = torch.randn(5, 3, 4, requires_grad=True)
    forward = flops(lambda: net(inputs))["value"]
    both = with_backward(lambda: net(inputs)[0], [inputs, *net.parameters()])
    assert flops(both)["value"] == 3 * forward


def test_cudnn_is_counted_by_its_weights():
    """Its formula alone, on shapes: there is no cuDNN on a CPU."""
    inputs, weights = torch.Size((5, 3, 4)), [torch.Size(s) for s in ((24, 4), (24, 6), (24,), (24,))]
    assert _LEFT_OUT[aten._cudnn_rnn](inputs, weights, 4, out_shape=None) == 2 * 15 * 24 * 10
    assert _LEFT_OUT[aten._cudnn_rnn_backward](inputs, weights, 4, out_shape=None) == 4 * 15 * 24 * 10


def test_attention_costs_more_backward():
    q = Q.clone().requires_grad_()
    both = with_backward(lambda: F.scaled_dot_product_attention(q, q, q, is_causal=True), [q])
    assert flops(both)["value"] == ATTENTION + ATTENTION // 2 * 5  # five products; torch's count says so too


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_counts_do_not_depend_on_how_gradients_are_switched_off(mode):
    net, rows = torch.nn.Linear(K, N), torch.randn(2, M, K)

    def call():
        with mode():
            return net(rows)

    assert bytes_moved(call)["value"] == 4 * (2 * M * K + K * N + N + 2 * M * N)
    assert flops(call)["value"] == 2 * 2 * M * K * N


def test_the_call_runs_once_and_what_comes_after_is_not_counted():
    runs = []
    counted = bytes_moved(lambda: runs.append(A + 1))
    _ = A + 1
    assert len(runs) == 1
    assert counted["value"] == 4 * 2 * M * K
    assert flops(lambda: runs.append(A @ B))["value"] == 2 * M * K * N
    assert len(runs) == 2


def test_an_error_of_the_call_comes_through():
    for count in (flops, bytes_moved):
        with pytest.raises(ZeroDivisionError):
            count(lambda: 1 / 0)


def test_sparse_tensors_are_refused_in_one_sentence():
    sparse = torch.eye(3).to_sparse()
    with pytest.raises(ValueError, match=r"layout torch\.sparse_coo; bytes are counted of dense ones$"):
        bytes_moved(lambda: sparse @ torch.ones(3, 3))


def test_intensity_is_operations_per_byte():
    work, moved = flops(lambda: A @ B), bytes_moved(lambda: A @ B)
    per_byte = arithmetic_intensity(work, moved)
    assert per_byte == quantity(2 * M * K * N / (4 * (M * K + K * N + M * N)), "FLOP/B")


def test_intensity_needs_bytes():
    with pytest.raises(ValueError, match="`moved` is 0 B; an intensity is per byte"):
        arithmetic_intensity(quantity(1, "FLOP"), quantity(0, "B"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_the_gpu_counts_alike():
    net, inputs = torch.nn.LSTM(4, 6).cuda(), torch.randn(5, 3, 4, device="cuda")
    weights = sum(w.numel() for w in net.parameters() if w.ndim == 2)
    assert flops(lambda: net(inputs))["value"] == 2 * 15 * weights
    a = torch.ones(100, device="cuda")
    assert bytes_moved(lambda: a + 1)["value"] == 800
