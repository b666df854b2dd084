"""The lean walk is the loop: every option, large products too; what it cannot do it says."""

import pytest
import torch
from torch import Tensor, nn

from seqdocs.models import lean
from seqdocs.models.gru import GRU
from seqdocs.models.lstm import LSTM
from seqdocs.models.recurrent import Recurrent
from seqdocs.models.rnn import RNN
from tests.models.agreement import BATCHES, LENGTHS, assert_batch_permutes, assert_repeats, assert_same, flat

D, H = 3, 4
KINDS = {
    "tanh": RNN,
    "relu": lambda *sizes, **k: RNN(*sizes, nonlinearity="relu", **k),
    "gru": GRU,
    "gru before": lambda *sizes, **k: GRU(*sizes, reset="before", **k),
    "lstm": LSTM,
}
each_kind = pytest.mark.parametrize("kind", KINDS)


def test_a_weight_gradient_multiplies_dense_rows(monkeypatch):
    given = []
    monkeypatch.setattr(lean, "product", lambda rows, W: given.append(W.mT) or rows @ W.mT)
    part, rows = torch.randn(6, 5)[:, :3], torch.randn(6, 2)
    torch.testing.assert_close(lean.weight_gradient(part, rows), part.mT @ rows)
    assert given[0].is_contiguous()  # of a part of wider rows oneDNN takes a thousand times as long


def fresh(kind: str, layers: int = 1, **options: bool) -> Recurrent:
    torch.manual_seed(0)
    return KINDS[kind](D, H, layers, **options).double()


def states(kind: str, rows: int, B: int) -> list[Tensor]:
    return [torch.randn(rows, B, H, dtype=torch.float64) for _ in range(2 if kind == "lstm" else 1)]


def read(net: Recurrent, method: str, lengths: list[int] | None = None):
    """A form of x and the states, with every output and state in its answer."""

    def form(x: Tensor, *state: Tensor):
        return tuple(flat(net(x, state if len(state) == 2 else state[0], method, lengths)))

    return form


@each_kind
@pytest.mark.parametrize("many", [1, lean.MANY])
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
def test_lean_is_the_loop_from_any_state(
    kind: str, many: int, B: int, T: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lean, "MANY", many)
    net = fresh(kind, 2)
    leaves = [torch.randn(B, T, D, dtype=torch.float64), *states(kind, 2, B)]
    assert_same(read(net, "lean"), read(net, "loop"), leaves, net.parameters())


@each_kind
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("lengths", [(3, 7, 0, 5, 7), (0, 0, 0, 0, 0), (1, 2, 6, 4, 3)])
def test_lean_is_the_loop_over_padded_batches(kind: str, both: bool, lengths: tuple[int, ...]) -> None:
    net = fresh(kind, 2, bidirectional=both)
    leaves = [torch.randn(5, 7, D, dtype=torch.float64), *states(kind, 4 if both else 2, 5)]
    own = list(lengths)
    assert_same(read(net, "lean", own), read(net, "loop", own), leaves, net.parameters())


@each_kind
def test_gradients_are_those_of_differences(kind: str) -> None:
    net = fresh(kind)
    x = torch.randn(3, 4, D, dtype=torch.float64)
    leaves = [leaf.requires_grad_() for leaf in (x, *states(kind, 1, 3))]
    assert torch.autograd.gradcheck(read(net, "lean", [2, 4, 0]), leaves)


@pytest.mark.parametrize("n", [0, 1, lean.MANY - 1, lean.MANY, 3 * lean.MANY + 1])
@pytest.mark.parametrize(
    ("dtype", "digits"), [(torch.float64, 1e-15), (torch.float32, 3e-7), (torch.bfloat16, 0)]
)
def test_the_tanh_of_many_numbers_is_torchs(n: int, dtype: torch.dtype, digits: float) -> None:
    x = torch.linspace(-20, 20, n, dtype=dtype)
    right = torch.tanh(x)
    assert lean.tanh_for(x)(x) is x
    torch.testing.assert_close(x, right, rtol=0, atol=digits)


@pytest.mark.parametrize("kind", ["tanh", "gru", "lstm"])
def test_the_oneDNN_product_gives_torchs_answer(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean, "LARGE", 1)
    mine = {"tanh": RNN, "gru": GRU, "lstm": LSTM}[kind](16, 32)
    theirs = {"tanh": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[kind](16, 32, batch_first=True)
    theirs.load_state_dict(mine.state_dict())
    used = []
    product = torch.ops.mkldnn._linear_pointwise
    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", lambda *a: used.append(1) or product(*a))

    def gradients(net: nn.Module, **method: str) -> list[Tensor]:
        own = x.clone().requires_grad_()
        return list(torch.autograd.grad(net(own, **method)[0].square().sum(), [own, *net.parameters()]))

    x = torch.randn(4, 63, 16)
    pairs = zip(gradients(mine, method="lean"), gradients(theirs), strict=True)
    for own, right in pairs:
        torch.testing.assert_close(own, right, rtol=2e-4, atol=2e-4)
    assert used


def test_without_oneDNN_torch_multiplies(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, W, b = torch.randn(8, 4), torch.randn(5, 4), torch.randn(5)
    monkeypatch.setattr(lean, "LARGE", 1)
    monkeypatch.delattr(torch.ops.mkldnn, "_linear_pointwise", raising=False)
    torch.testing.assert_close(lean.product(rows, W, b), rows @ W.mT + b)


@each_kind
def test_what_needs_no_gradient_gets_none_and_the_rest_keeps_its_own(kind: str) -> None:
    net = fresh(kind)
    x = torch.randn(2, 7, D, dtype=torch.float64)
    whole = torch.autograd.grad(net(x)[0].sum(), list(net.parameters()))
    mine = torch.autograd.grad(net(x, method="lean")[0].sum(), list(net.parameters()))
    for own, right in zip(mine, whole, strict=True):
        torch.testing.assert_close(own, right, rtol=1e-10, atol=1e-10)


@each_kind
def test_the_inputs_and_the_weights_are_left_as_they_are(kind: str) -> None:
    net, x = fresh(kind), torch.randn(2, 7, D, dtype=torch.float64)
    before = [tensor.clone() for tensor in (x, *net.parameters())]
    y, _ = net(x, method="lean")
    kept = y.detach().clone()
    (y * y).sum().backward()
    assert all(torch.equal(a, b) for a, b in zip((x, *net.parameters()), before, strict=True))
    assert torch.equal(y, kept)


@each_kind
def test_the_two_biases_do_not_share_their_gradient(kind: str) -> None:
    net = fresh(kind)
    y, _ = net(torch.randn(2, 7, D, dtype=torch.float64), method="lean")
    first, second = torch.autograd.grad(y.sum(), [net.bias_ih_l0, net.bias_hh_l0])
    kept = second.clone()
    first.zero_()
    assert torch.equal(second, kept)


@each_kind
def test_going_back_twice_over_a_kept_graph_gives_the_same(kind: str) -> None:
    net = fresh(kind)
    y, _ = net(torch.randn(2, 7, D, dtype=torch.float64), method="lean")
    first, second = (
        torch.autograd.grad(y.sum(), list(net.parameters()), retain_graph=True) for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@each_kind
def test_sequences_do_not_mix_and_runs_repeat(kind: str) -> None:
    net, x = fresh(kind, 2, bidirectional=True), torch.randn(5, 7, D, dtype=torch.float64)
    assert_batch_permutes(lambda x: net(x, None, "lean")[0], x)
    assert_repeats(lambda: net(x, None, "lean", [3, 7, 0, 5, 7])[0])


@each_kind
def test_a_second_derivative_is_refused(kind: str) -> None:
    net = fresh(kind)
    x = torch.randn(2, 3, D, dtype=torch.float64, requires_grad=True)
    y, _ = net(x, method="lean")
    with pytest.raises(
        RuntimeError, match=r"^`method` is .lean., whose gradient has no derivative; for a second"
    ):
        torch.autograd.grad(y.sum(), x, create_graph=True)


@each_kind
def test_the_graph_does_not_grow_with_time(kind: str) -> None:
    def nodes(T: int) -> int:
        y, _ = fresh(kind)(torch.randn(2, T, D, dtype=torch.float64), method="lean")
        seen, todo = set(), [y.grad_fn]
        while todo:
            node = todo.pop()
            if node is not None and node not in seen:
                seen.add(node)
                todo += [parent for parent, _ in node.next_functions]
        return len(seen)

    assert nodes(3) == nodes(50)


@each_kind
@pytest.mark.parametrize("lengths", [None, [3, 7, 0, 5, 7]])
def test_without_gradients_the_answer_is_the_same(kind: str, lengths: list[int] | None) -> None:
    net, x = fresh(kind, 2, bidirectional=True), torch.randn(5, 7, D, dtype=torch.float64)
    with torch.no_grad():
        found = flat(net(x, None, "lean", lengths))
    for own, right in zip(found, flat(net(x, None, "lean", lengths)), strict=True):
        torch.testing.assert_close(own, right, rtol=0, atol=1e-14)
