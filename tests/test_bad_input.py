"""Bad input gets one sentence that names the argument, what it got and what it wanted: every public name."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re

import pytest
import torch

import seqdocs.generation
import seqdocs.models
import seqdocs.tasks
from seqdocs import checks, scan
from seqdocs.models.language_model import CausalLM
from tests.refusals import attention, language, parallel, recurrent, tasks

ROWS = [*recurrent.ROWS, *parallel.ROWS, *attention.ROWS, *language.ROWS, *tasks.ROWS]
INNER = "called with what a caller has checked, in a loop over steps"
CHOICE = "takes models and tensors of one's own making, and looks at none"
HOLDS = "holds what it is given"
TABLE = "makes tables of all models, and passes what it is given on to them, which check"
EXEMPT_MODULES = {
    "models.lean.": INNER,
    "models.adapters.": TABLE,
    "models.catalogue.": TABLE,
    "models.table.": TABLE,
}
EXEMPT = {
    "models.bptt.Gradients": HOLDS,
    "models.packed.Packed": HOLDS,
    "models.seq2seq.Source": HOLDS,
    "models.transformer.Options": HOLDS,
    "generation.beam.Hypothesis": HOLDS,
    "generation.model.Model": "says what a model offers",
    "models.deer.NotConvergedError": "is what is raised",
    "models.language_model.Block": "passes all on to attention and norm, which check",
    "models.language_model_lean.fits": "answers whether input fits",
    "models.language_model_lean.Reader": "reads only what `fits` has taken",
    "models.gru_lean.gru_walk": INNER,
    "models.lstm_lean.lstm_walk": INNER,
    "models.rnn_lean.rnn_walk": INNER,
    "models.recurrent.walk_through": INNER,
    "models.gated_linear_attention.fading_scores": INNER,
    **dict.fromkeys(
        (f"models.packed.{n}" for n in ("unpack", "reversal", "ends", "last_states", "going_on")), INNER
    ),
    "models.cost.sequential_steps": CHOICE,
    "models.memory.weight_bytes": CHOICE,
    "models.speech_detector.fourier_basis": "takes a dtype alone",
    "generation.beam.no_penalty": "takes a length that the search counts",
    "generation.beam.mean_penalty": "takes a length that the search counts",
    "tasks.batch.Batch": HOLDS,
    "tasks.characters.prose": "takes any text",
}


def public() -> dict[str, object]:
    """Every function and class that a module of the four rooms defines, by its name after ``seqdocs.``."""
    modules = [scan]
    for room in (seqdocs.models, seqdocs.generation, seqdocs.tasks):
        modules += [
            importlib.import_module(f"{room.__name__}.{m.name}") for m in pkgutil.iter_modules(room.__path__)
        ]
    return {
        f"{module.__name__.removeprefix('seqdocs.')}.{name}": thing
        for module in modules
        for name, thing in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(thing) or inspect.isclass(thing))
        and thing.__module__ == module.__name__
    }


def exempt(name: str) -> bool:
    return name in EXEMPT or name.startswith(tuple(EXEMPT_MODULES))


@pytest.mark.parametrize(("thing", "call", "words"), ROWS)
def test_bad_input_gets_one_sentence(thing, call, words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()


def test_every_public_name_is_in_the_tables_or_has_a_reason() -> None:
    shown = {id(thing) for thing, _, _ in ROWS}
    missing = [name for name, thing in public().items() if id(thing) not in shown and not exempt(name)]
    assert missing == []


def test_every_reason_is_of_a_name_that_needs_one() -> None:
    shown, names = {id(thing) for thing, _, _ in ROWS}, public()
    assert [name for name in EXEMPT if name not in names or id(names[name]) in shown] == []


def test_a_public_name_without_a_row_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def unguarded(x: torch.Tensor) -> torch.Tensor:
        return x

    unguarded.__module__ = scan.__name__
    monkeypatch.setattr(scan, "unguarded", unguarded, raising=False)
    with pytest.raises(AssertionError, match=r"scan\.unguarded"):
        test_every_public_name_is_in_the_tables_or_has_a_reason()


def test_a_wrong_token_leaves_the_cache_as_it_was() -> None:
    net = CausalLM(vocabulary=5, context=8, width=4, layers=2, heads=2)
    _, cache = net.prefill(torch.tensor([[0, 1]]))
    with pytest.raises(ValueError, match=r"^`token` holds 5"):
        net.decode(torch.tensor([5]), cache)
    assert [layer.length for layer in cache] == [2, 2]


def test_checks_look_at_no_number_of_a_tensor() -> None:
    x = torch.zeros(2, 3, 4, device="meta")  # which has none
    checks.sequence("x", x, 4, x)
    checks.begin(x, "(B, T, D)", x.shape, x)
    checks.broadcasts("x", x[:1], "(B, T, D)", x.shape)
    checks.logits(x)
    checks.tokens("x", x.long(), "(B, T, D)")
    assert checks.looked_up("x", x.long(), torch.zeros(9, 2, device="meta")).shape == (2, 3, 4, 2)
