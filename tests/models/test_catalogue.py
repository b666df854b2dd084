"""Every sequence model of the library stands in the catalogue, and all rows keep to one interface."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

import seqdocs.models
from seqdocs.models import adapters, catalogue
from seqdocs.models.catalogue import CATALOGUE, RULES

MODULES = [
    importlib.import_module(f"seqdocs.models.{module.name}")
    for module in pkgutil.iter_modules(seqdocs.models.__path__)
]
WITHOUT_A_ROW = {
    "AdditiveAttention": "answers queries from keys that something else has read",
    "MultiplicativeAttention": "answers queries from keys that something else has read",
    "MultiHeadAttention": "sees what comes; its causal form has the row",
    "LayerNorm": "treats each step for itself",
    "RMSNorm": "treats each step for itself",
    "SinusoidalPositions": "is added to the inputs of a model",
    "LearnedPositions": "is added to the inputs of a model",
    "Recurrent": "is what the recurrent models share",
    "Layer": "is what both layers of the Transformer share",
    "EncoderLayer": "is the first Transformer's; a block of today's has the row",
    "DecoderLayer": "reads a second sequence",
    "Encoder": "is a stack of layers",
    "Decoder": "is a stack of layers, and reads a second sequence",
    "Transformer": "reads tokens and a second sequence",
    "Seq2Seq": "reads tokens and a second sequence",
    "Bert": "reads tokens",
    "TokenClassifier": "reads tokens; its core has the row",
    "CausalLM": "reads tokens; its block has the row",
    "SpeechDetector": "reads sound",
}
WRAPPING = {adapters.__name__, catalogue.__name__}
NO_RULE = {
    "attention": "is a model of its own",
    "causal_attention": "likewise",
    "additive_scores": "likewise",
}


def public(kind: object) -> Iterator[tuple[str, object]]:
    """What the modules of the room define themselves, but for the wrappers for tables."""
    for module in MODULES:
        for name, value in vars(module).items():
            own = getattr(value, "__module__", "") == module.__name__ not in WRAPPING
            if own and not name.startswith("_") and kind(value):  # type: ignore[operator]
                yield name, value


def without_a_row(classes: dict[str, object], excused: set[str]) -> set[str]:
    """The classes that no row is made of, though no reason says why."""
    used = {type(part) for model in CATALOGUE.values() for part in model.make(8).modules()}
    return {name for name, made in classes.items() if made not in used} - excused


def modules_of_the_room() -> dict[str, object]:
    return dict(public(lambda value: inspect.isclass(value) and issubclass(value, nn.Module)))


def test_every_model_has_a_row_or_a_reason() -> None:
    classes = modules_of_the_room()
    assert len(classes) > 30
    assert without_a_row(classes, set(WITHOUT_A_ROW)) == set()


def test_a_model_without_a_row_is_found() -> None:
    assert "Bert" in without_a_row(modules_of_the_room(), set(WITHOUT_A_ROW) - {"Bert"})


def test_every_reason_is_for_a_model_that_exists() -> None:
    assert set(WITHOUT_A_ROW) <= set(modules_of_the_room())


def test_every_memory_of_keys_and_values_has_a_rule() -> None:
    memories = {
        name
        for name, value in public(inspect.isfunction)
        if {"q", "k", "v"} <= set(inspect.signature(value).parameters)  # type: ignore[arg-type]
    }
    named = {name.replace(" ", "_").lower() for name in RULES}
    assert memories - named - set(NO_RULE) == set()
    assert named <= memories


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("length", [1, 7])
def test_a_model_keeps_shape_and_width(name: str, length: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, length, 8)
    assert CATALOGUE[name].make(8)(x)[0].shape == x.shape


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("form", ["fast", "counted"])
def test_every_form_says_the_same(name: str, form: str) -> None:
    torch.manual_seed(0)
    model = CATALOGUE[name]
    net, x = model.make(8).double(), torch.randn(2, 9, 8, dtype=torch.float64)
    torch.testing.assert_close(net(x, **getattr(model, form))[0], net(x)[0], rtol=1e-8, atol=1e-8)


@torch.no_grad()
def in_two_parts(net: nn.Module, x: Tensor, cut: int) -> Tensor:
    """A sequence read in two parts, the state handed over."""
    room = {"room": x.shape[1]} if isinstance(net, catalogue.Cached) else {}
    first, state = net(x[:, :cut], **room)
    return torch.cat((first, net(x[:, cut:], state)[0]), dim=1)


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("cut", [1, 8])  # less than a window, more than one
def test_the_state_is_all_that_the_rest_needs(name: str, cut: int) -> None:
    torch.manual_seed(0)
    net, x = CATALOGUE[name].make(8).double(), torch.randn(2, 10, 8, dtype=torch.float64)
    torch.testing.assert_close(in_two_parts(net, x, cut), net(x)[0], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("window", [1, 2, 8])
def test_a_window_keeps_what_it_will_see_again(window: int) -> None:
    torch.manual_seed(0)
    net = catalogue.Windowed(4, window)
    assert net(torch.randn(2, 12, 4))[1].shape == (2, window - 1, 4)
