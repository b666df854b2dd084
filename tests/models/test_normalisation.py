"""The written-out norms are torch's."""

import re

import pytest
import torch

from seqdocs.models.normalisation import LayerNorm, RMSNorm, layer_norm, rms_norm
from tests.models.agreement import assert_same

each_method = pytest.mark.parametrize("method", ["formula", "fused"])
SHAPES = [(5,), (0, 5), (2, 7, 5), (1, 0, 5)]


def leaves(shape, dtype=torch.float64):
    torch.manual_seed(0)
    return [3 + torch.randn(shape, dtype=dtype), *torch.randn(2, 5, dtype=dtype).unbind()]


@each_method
@pytest.mark.parametrize("eps", [1e-5, 0.5])
@pytest.mark.parametrize("shape", SHAPES)
def test_layer_norm_is_torchs(shape, eps, method):
    assert_same(
        lambda x, g, b: layer_norm(x, g, b, eps, method=method),
        lambda x, g, b: torch.nn.functional.layer_norm(x, (5,), g, b, eps),
        leaves(shape),
    )


@each_method
@pytest.mark.parametrize("eps", [1e-5, 0.5])
@pytest.mark.parametrize("shape", SHAPES)
def test_rms_norm_is_torchs(shape, eps, method):
    assert_same(
        lambda x, g: rms_norm(x, g, eps, method=method),
        lambda x, g: torch.nn.functional.rms_norm(x, (5,), g, eps),
        leaves(shape)[:2],
    )


@each_method
def test_gradients_pass_torchs_own_check_and_single_precision_agrees(method):
    x, g, b = (leaf.requires_grad_() for leaf in leaves((2, 5)))
    assert torch.autograd.gradcheck(lambda x, g, b: layer_norm(x, g, b, method=method), (x, g, b))
    assert torch.autograd.gradcheck(lambda x, g: rms_norm(x, g, method=method), (x, g))
    single = [leaf.float() for leaf in (x, g, b)]
    torch.testing.assert_close(layer_norm(*single, method=method), layer_norm(x, g, b).float())
    torch.testing.assert_close(rms_norm(*single[:2], method=method), rms_norm(x, g).float())


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(LayerNorm(5, 0.1), torch.nn.LayerNorm(5, 0.1)), (RMSNorm(5, 0.1), torch.nn.RMSNorm(5, 0.1))],
)
def test_modules_take_torchs_parameters_and_epsilon(ours, theirs):
    theirs.load_state_dict({k: torch.randn(5) for k in ours.state_dict()})
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 5)
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours(x, method="formula"), theirs(x))


def test_scale_and_for_layer_norm_shift_of_the_input_do_not_matter():
    x, g, b = leaves((2, 5))
    torch.testing.assert_close(layer_norm(7 * x - 2, g, b, 0.0), layer_norm(x, g, b, 0.0))
    torch.testing.assert_close(rms_norm(7 * x, g, 0.0), rms_norm(x, g, 0.0))
    assert not torch.allclose(rms_norm(x - 2, g), rms_norm(x, g))


def test_constant_numbers_give_the_bias():
    assert torch.equal(
        layer_norm(torch.full((2, 5), 3.0), torch.ones(5), torch.arange(5.0))[0], torch.arange(5.0)
    )


X = torch.zeros(2, 5)
REFUSED = [
    (
        lambda: layer_norm(X, X[0, :4], X[0]),
        "`x` has shape (2, 5) and `weight` (4,); they are (…, D) and (D,)",
    ),
    (lambda: layer_norm(X, X[0], X), "`x` has shape (2, 5) and `bias` (2, 5); they are (…, D) and (D,)"),
    (lambda: RMSNorm(4)(X), "`x` has shape (2, 5) and `weight` (4,); they are (…, D) and (D,)"),
    (
        lambda: LayerNorm(5)(X.double()),
        "`x` is torch.float64 but the parameters are torch.float32; convert one of them",
    ),
    (lambda: RMSNorm(5)(X, method="fast"), '`method` is \'fast\'; it is "formula" or "fused"'),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
