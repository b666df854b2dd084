"""What holds for every model of a sequence, by every method: one test for a rule, one case for a model."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from seqdocs.models import selective_scan
from seqdocs.models.catalogue import CATALOGUE, RULES
from tests.models.agreement import (
    BATCHES,
    LENGTHS,
    assert_batch_permutes,
    assert_causal_in_parts,
    assert_repeats,
    with_gradients,
)
from tests.models.every_model import FORMS, fresh, inputs

each_form = pytest.mark.parametrize("name", FORMS)
each_causal = pytest.mark.parametrize("name", [name for name, form in FORMS.items() if form.causal])
each_handed_on = pytest.mark.parametrize(
    "name", [name for name, form in FORMS.items() if form.causal and form.handed_on]
)

# How many times torch's tolerance (1.3e-6 relative, 1e-5 absolute) single precision may be off, and why.
# Everything else keeps to it, in values and in gradients of a sum over 63 steps: the largest error of eight
# draws was 0.6 of it. A number here is two to three times its largest, for processors that round otherwise.
LOOSER: dict[str, tuple[float, str]] = {
    "orthogonal": (
        200,
        "nothing fades, so the rounding of Q acts 63 times: off by a part of 7e-6 (77 times)",
    ),
    "linear RNN": (
        3,
        "half-lives up to 1000 steps: gradients to 140, off by 6e-7 of the largest (1.2 times)",
    ),
    "LRU": (
        3,
        "the rates are two exponentials deep: gradients to 90, off by 2e-7 of the largest (1.1 times)",
    ),
    "S4D": (6, "the step size is in every exponent: gradients off by 1.3e-6 of the largest (2.6 times)"),
    "retention": (
        3,
        "memories of 32 steps and more: gradients to 120, off by 4e-7 of the largest (0.95 times)",
    ),
    "gated linear attention": (10, "gates are differences of sums: gradient off by 1.1e-5 of it (4.7 times)"),
    "mLSTM": (4, "gates are differences of sums, and a division: off by 2e-6 of the largest (1.6 times)"),
    "DEER RNN, quasi": (8, "ends where states change by less than 1e-5 of the largest (3.2 times)"),
}


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A selective scan's chunk is as short as it gets, so that a sequence has several."""
    monkeypatch.setattr(selective_scan, "CACHED", 1)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def outputs_and_gradients(net: torch.nn.Module, x: Tensor) -> list[Tensor]:
    return with_gradients(lambda x: net(x)[0], [x], [p for p in net.parameters() if p.requires_grad])


def test_every_model_of_the_catalogue_is_here() -> None:
    here = {type(part) for name in FORMS for part in fresh(name).modules()}
    there = {type(part) for model in CATALOGUE.values() for part in model.make(8).modules()}
    missing = {part.__name__ for part in there - here if part.__module__.startswith("seqdocs.")}
    assert missing <= {"Cached", "Mixer", "Windowed"}  # the catalogue's own wrappers
    assert set(RULES) <= {name.partition(",")[0] for name in FORMS}


@each_form
def test_single_precision_is_double_precision_within_torchs_tolerance(name: str) -> None:
    net, x = fresh(name), inputs(name, 1, 20 if FORMS[name].width == 512 else 63)
    single = copy.deepcopy(net).float()
    times, _ = LOOSER.get(name, LOOSER.get(name.partition(",")[0], (1, "")))
    found = outputs_and_gradients(single, x.float()), outputs_and_gradients(net, x)
    for own, right in zip(*found, strict=True):
        assert own.dtype == torch.float32
        torch.testing.assert_close(own, right.float(), rtol=1.3e-6 * times, atol=1e-5 * times)


def test_no_exception_is_for_nobody() -> None:
    known = {*FORMS, *(name.partition(",")[0] for name in FORMS)}
    assert set(LOOSER) <= known
    assert all(times > 1 and reason for times, reason in LOOSER.values())


@each_form
@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
def test_any_length_and_batch_has_an_output_for_each_step(name: str, B: int, T: int) -> None:
    y, _ = fresh(name).requires_grad_(False)(inputs(name, B, T))
    assert y.shape[:2] == (B, T) and y.dtype == torch.float64
    assert y.isfinite().all()


@each_handed_on
def test_step_by_step_is_at_once(name: str) -> None:
    net, x = fresh(name).requires_grad_(False), inputs(name, 5, sum(FORMS[name].parts))
    steps, state = [], None
    for x_t in x.split(1, dim=1):
        y, state = net(x_t, state)
        steps.append(y)
    torch.testing.assert_close(torch.cat(steps, 1), net(x)[0], rtol=1e-10, atol=1e-10)


@each_causal
def test_an_output_sees_all_of_the_past_and_nothing_of_the_future_through_the_state(name: str) -> None:
    form = FORMS[name]
    sizes = form.parts if form.handed_on else (sum(form.parts),)
    rounding = 1e-13 if name == "S4D, convolution" else 0.0
    x = inputs(name, 1, sum(sizes))
    assert_causal_in_parts(fresh(name), x, sizes, reach=form.reach, rounding=rounding, in_place=form.in_place)


@each_causal
def test_what_follows_a_sequence_leaves_its_outputs_alone(name: str) -> None:
    """Filling on the right: other numbers there change no bit before; none at all, nothing but rounding."""
    net, T, lengths = fresh(name).requires_grad_(False), 20, (20, 1, 7, 13, 19)
    x = inputs(name, 5, T)
    filled = x.clone()
    for row, length in zip(filled, lengths, strict=True):
        row[length:] = 3 - row[length:]
    mine, other = net(x)[0], net(filled)[0]
    for b, length in enumerate(lengths):
        alone = net(x[b : b + 1, :length])[0][0]
        torch.testing.assert_close(other[b, :length], alone, rtol=1e-12, atol=1e-12)
        if name != "S4D, convolution" and not name.startswith("DEER"):  # all steps mixed; iterations of all
            assert torch.equal(other[b, :length], mine[b, :length])


@each_form
def test_sequences_of_a_batch_do_not_meet(name: str) -> None:
    net = fresh(name).requires_grad_(False)
    assert_batch_permutes(lambda x: net(x)[0], inputs(name, 5, 9))


@each_form
def test_twenty_runs_are_equal_bit_by_bit(name: str) -> None:
    net, x = fresh(name), inputs(name, 5, 9)
    assert_repeats(lambda: outputs_and_gradients(net, x))


@each_form
def test_gradients_are_those_of_differences(name: str) -> None:
    net = fresh(name)
    names, parameters = [name for name, _ in net.named_parameters()], list(net.parameters())
    x = inputs(name, 2, 3).requires_grad_()

    def form(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(net, dict(zip(names, values, strict=True)), (x,))[0]

    assert torch.autograd.gradcheck(form, (x, *parameters), fast_mode=True)
