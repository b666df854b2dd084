"""torch's own module samples on our models: the same weights and inputs, the same outputs and gradients.

``torch.testing._internal.common_modules.module_db`` is what torch tests its modules with. Its samples have no
batch, so they get one of one sequence. What our models do not have is left out and counted under its name.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from seqdocs.models.gru import GRU, gru_step
from seqdocs.models.lstm import LSTM, lstm_step
from seqdocs.models.multi_head import MultiHeadAttention
from seqdocs.models.rnn import RNN, rnn_step
from seqdocs.models.scaled_dot_product import attention, attention_weights

with warnings.catch_warnings():  # torch's testing code is not ours
    warnings.simplefilter("ignore")
    pytest.importorskip("expecttest", reason="torch's testing code imports expecttest")
    from torch.testing._internal.common_modules import module_db

TOLERANCE = 1e-10
RECURRENT: dict[type[nn.Module], type[RNN | GRU | LSTM]] = {nn.RNN: RNN, nn.GRU: GRU, nn.LSTM: LSTM}
STEPS: dict[type[nn.Module], Callable[..., Any]] = {
    nn.RNNCell: rnn_step,
    nn.GRUCell: gru_step,
    nn.LSTMCell: lstm_step,
}
MODULES = (*RECURRENT, *STEPS, nn.MultiheadAttention)


class Sample(NamedTuple):
    """How torch builds a module and what it calls it with."""

    module: type[nn.Module]
    options: dict[str, Any]
    positional: tuple[Any, ...]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def lacking(self) -> str | None:
        """What we do not have, or None."""
        if self.options.get("proj_size"):
            return "LSTM: outputs projected to another width"
        if self.options.get("add_bias_kv"):
            return "attention: learned extra key and value"
        if self.options.get("add_zero_attn"):
            return "attention: extra key and value of zero"
        if self.options.get("kdim") or self.options.get("vdim"):
            return "attention: keys or values of another width"
        return None

    def build(self) -> nn.Module:
        torch.manual_seed(0)
        return self.module(*self.positional, **self.options, dtype=torch.float64)


def samples() -> Iterator[Sample]:
    for info in module_db:
        if info.module_cls in MODULES:
            torch.manual_seed(0)  # the samples are drawn
            drawn = info.module_inputs_func(
                info, device="cpu", dtype=torch.float64, requires_grad=False, training=True
            )
            for one in drawn:
                made, called = one.constructor_input, one.forward_input
                options = {k: v for k, v in made.kwargs.items() if k not in ("device", "dtype")}
                yield Sample(info.module_cls, options, made.args, called.args, called.kwargs)


SAMPLES = list(samples())
RUN = [one for one in SAMPLES if one.lacking is None]


def named(one: Sample) -> str:
    told = [f"{k}={v}" for k, v in one.options.items()]
    return "-".join([one.module.__name__, *map(str, one.positional), *told])


def of(*modules: type[nn.Module]) -> pytest.MarkDecorator:
    mine = [one for one in RUN if one.module in modules]
    return pytest.mark.parametrize("sample", mine, ids=named)


def agree(mine: list[Tensor], theirs: list[Tensor], leaves: dict[Tensor, Tensor]) -> None:
    """Outputs agree, and the gradients of a random weighted sum of them; leaves: ours and torch's."""
    draw = torch.Generator().manual_seed(1)
    sums = []
    for own, right in zip(mine, theirs, strict=True):
        torch.testing.assert_close(own, right, rtol=TOLERANCE, atol=TOLERANCE)
        weights = torch.randn(right.shape, generator=draw, dtype=right.dtype)
        sums.append(((own * weights).sum(), (right * weights).sum()))
    ours = torch.autograd.grad(sum(own for own, _ in sums), list(leaves))
    right_ones = torch.autograd.grad(sum(right for _, right in sums), list(leaves.values()))
    for own, right in zip(ours, right_ones, strict=True):
        torch.testing.assert_close(own.view(right.shape), right, rtol=TOLERANCE, atol=TOLERANCE)


def twice(x: Tensor) -> tuple[Tensor, Tensor]:
    """Ours with a batch of one, and torch's without."""
    return x[None].clone().requires_grad_(), x.clone().requires_grad_()


def as_state(state: tuple[Tensor, ...]) -> Any:
    return state if len(state) > 1 else state[0]


def flat(answer: Any) -> list[Tensor]:
    return [answer] if isinstance(answer, Tensor) else [x for part in answer for x in flat(part)]


@pytest.mark.parametrize("method", ["loop", "hoisted", "lean"])
@of(*RECURRENT)
def test_a_recurrent_layer_gives_what_torch_gives(sample: Sample, method: str) -> None:
    theirs = sample.build()
    skipped = ("bias", "batch_first", "proj_size", "dropout")
    options = {k: v for k, v in sample.options.items() if k not in skipped}
    net = RECURRENT[sample.module](*sample.positional, **options).double()
    nothing = {name: torch.zeros_like(own) for name, own in net.named_parameters()}  # where there is no bias
    net.load_state_dict(nothing | theirs.state_dict())

    x, *states = sample.args
    mine, right = twice(x)
    own_states, their_states = [], []
    for state in flat(states):
        own_states.append(state.unsqueeze(1).clone().requires_grad_())
        their_states.append(state.clone().requires_grad_())
    started = (as_state(tuple(own_states)),) if own_states else ()
    y, state = net(mine, *started, method=method)
    answer = theirs(right, *((as_state(tuple(their_states)),) if their_states else ()))
    leaves = {mine: right, **dict(zip(own_states, their_states, strict=True))}
    leaves |= {net.get_parameter(name): p for name, p in theirs.named_parameters()}
    agree([y[0], *(one[:, 0] for one in flat(state))], flat(answer), leaves)


@of(*STEPS)
def test_a_step_gives_what_a_cell_of_torch_gives(sample: Sample) -> None:
    theirs = sample.build()
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    weights = tuple(theirs.get_parameter(name).detach().clone().requires_grad_() for name in names)
    pairs = [twice(x) for x in flat(sample.args)]
    more = [sample.options["nonlinearity"]] if "nonlinearity" in sample.options else []
    mine = STEPS[sample.module](*(own for own, _ in pairs), weights, *more)
    right = [r for _, r in pairs]
    answer = theirs(right[0], as_state(tuple(right[1:])))
    leaves = dict(pairs) | dict(zip(weights, map(theirs.get_parameter, names), strict=True))
    agree([one[0] for one in flat(mine)], flat(answer), leaves)


@pytest.mark.parametrize("method", ["loop", "matrix", "fused"])
@of(nn.MultiheadAttention)
def test_multi_head_attention_gives_what_torch_gives(sample: Sample, method: str) -> None:
    theirs = sample.build()
    width, n = sample.options["embed_dim"], sample.options["num_heads"]
    net = MultiHeadAttention(width, n, bias=sample.options["bias"]).double()
    net.load_state_dict(theirs.state_dict())
    q, k, v = sample.args
    hidden, padding = sample.kwargs["attn_mask"], sample.kwargs["key_padding_mask"]
    seen = None if hidden is None else ~hidden.bool().view(1, n, *hidden.shape[-2:])
    if padding is not None:
        told = ~padding.bool().view(1, 1, 1, -1)
        seen = told if seen is None else seen & told
    told_twice = {"attn_mask": hidden, "key_padding_mask": padding}
    (x, x_right), (key, key_right), (value, value_right) = map(twice, (q, k, v))
    y_right, weights_right = theirs(x_right, key_right, value_right, **told_twice)
    asked, keys, _ = net.project(x, key)
    _, _, values = net.project(x, value)  # one memory for both is what `forward` takes
    y = net.join(attention(asked, keys, values, seen, method=method))
    leaves = {x: x_right, key: key_right, value: value_right}
    leaves |= {net.get_parameter(name): p for name, p in theirs.named_parameters()}
    agree([y[0]], [y_right], leaves)
    weights = attention_weights(asked, keys, seen).mean(1)[0]
    torch.testing.assert_close(weights, weights_right, rtol=TOLERANCE, atol=TOLERANCE)
    whole, from_one = (
        net(x, key, seen, method=method)[0],
        theirs(key=key_right, query=x_right, value=key_right, **told_twice),
    )
    torch.testing.assert_close(whole, from_one[0], rtol=TOLERANCE, atol=TOLERANCE)


def test_every_sample_is_run_or_left_out_for_a_reason(counted: dict[str, Counter[str]]) -> None:
    assert {one.module for one in RUN} == set(MODULES)
    counted["torch's samples"] = Counter(one.lacking or "run" for one in SAMPLES)
