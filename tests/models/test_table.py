"""The table of all models leaves none out, and what it counts is what the rows compute."""

from __future__ import annotations

import pytest
import torch

from seqdocs.models import catalogue, table
from seqdocs.models.cost import path_length, sequential_steps
from seqdocs.models.kv_cache import KVCache
from seqdocs.models.ngram import NGram
from seqdocs.models.table import (
    OTHERS,
    OURS,
    ROWS,
    STOCK,
    Row,
    decode,
    first,
    numbers_in,
    read,
    sample,
    traced,
    way,
)
from tests.models.test_catalogue import modules_of_the_room

D = 8
NEW = OTHERS | STOCK
GOING_ON = [name for name, row in NEW.items() if not row.no_state and "seq2seq" not in name]
READERS = [name for name, row in NEW.items() if row.reads == "tokens" and not row.no_way]
WITHOUT_A_ROW = {
    "RMSNorm": "treats each step for itself, and no row uses it",
    "SinusoidalPositions": "is added to the inputs of a model",
    "Recurrent": "is what the recurrent models share",
    "TokenClassifier": "is a frame for any model; the model has the row",
    "Layer": "is what both layers of the Transformer share",
}
each_new_row = pytest.mark.parametrize("name", NEW)


def made(name: str) -> tuple[Row, torch.nn.Module]:
    torch.manual_seed(0)
    return ROWS[name], ROWS[name].make(D).double()


def drawn(row: Row, B: int, T: int) -> torch.Tensor:
    x = sample(row, B, T, D)
    return x.double() if x.is_floating_point() else x


def left_out(rows: dict[str, Row]) -> set[str]:
    """The classes of the room that no row is made of."""
    parts = [part for row in rows.values() for part in row.make(D).modules()]
    used = {type(part) for part in parts} | {type(getattr(part, "net", None)) for part in parts}
    return {name for name, kind in (modules_of_the_room() | {"NGram": NGram}).items() if kind not in used}


def test_every_model_has_a_row_or_a_reason() -> None:
    assert left_out(ROWS) == set(WITHOUT_A_ROW)


def test_a_model_without_a_row_is_found() -> None:
    assert {"NGram", "SpeechDetector", "Bert"} <= left_out(catalogue.CATALOGUE)  # type: ignore[arg-type]


def test_the_catalogue_comes_first_and_torch_last() -> None:
    assert list(ROWS) == [*catalogue.CATALOGUE, *OTHERS, *STOCK]
    assert set(ROWS) - set(OURS) == set(STOCK)


@each_new_row
def test_a_row_answers_every_step(name: str) -> None:
    row, net = made(name)
    assert net(drawn(row, 3, 7))[0].shape[:2] == (3, 7)


@each_new_row
@pytest.mark.parametrize("form", ["fast", "counted"])
def test_every_form_says_the_same(name: str, form: str) -> None:
    row, net = made(name)
    x = drawn(row, 2, 9)
    torch.testing.assert_close(net(x, **getattr(row, form))[0], net(x)[0], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", GOING_ON)
def test_one_step_more_says_what_the_whole_says(name: str) -> None:
    row, net = made(name)
    x = drawn(row, 1, 9)
    cut = x.shape[1] // 9 * 8
    state = read(net, x if "attention" in name and "query" not in name else x[:, :cut])
    again = [decode(net, x[:, cut:], state, 8) for _ in range(2)]
    torch.testing.assert_close(again[0], net(x)[0][:, -1:].view(again[0].shape), rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(again[1], again[0], rtol=0, atol=0)


@pytest.mark.parametrize("name", ["seq2seq", "seq2seq with attention"])
def test_a_translation_begins_with_what_was_read(name: str) -> None:
    row, net = made(name)
    tokens = drawn(row, 1, 9)
    begun = decode(net, torch.zeros(1, 1, dtype=torch.long), read(net, tokens), 9)
    torch.testing.assert_close(begun, net(tokens)[0][:, 0], rtol=1e-8, atol=1e-8)
    assert numbers_in(read(net, tokens)) == D * (1 if name == "seq2seq" else 10)


@pytest.mark.parametrize("name", READERS)
def test_a_vector_stands_in_for_its_token(name: str) -> None:
    row, net = made(name)
    function, x = traced(row, net, D, D)
    embedding = next(weights for weight, weights in net.named_parameters() if "tokens" in weight)
    assert x.shape == (1, D, D)
    torch.testing.assert_close(
        function(embedding[None])[0], net(torch.arange(D)[None])[0], rtol=1e-8, atol=1e-8
    )


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if not row.no_steps])
def test_the_steps_counted_grow_as_the_steps_said(name: str) -> None:
    torch.manual_seed(0)
    row = ROWS[name]
    net = row.make(D)
    few, many = (sequential_steps(*traced(row, net, D, T)) for T in (64, 192))
    if row.steps in {"T", "S + T", "T / L"}:
        assert 2 < many / few < 3.2
    else:
        assert many / few < 1.5


@pytest.mark.parametrize("name", ["window", "TCN", "n-gram, n = 3", "window attention"])
def test_beyond_its_reach_there_is_no_way(name: str) -> None:
    row = ROWS[name]
    net = row.make(D)
    assert way(row, net, D, 64) == "no way"
    assert way(row, net, D, 5) == "no way" if "n-gram" in name else isinstance(way(row, net, D, 5), int)


@each_new_row
def test_a_way_is_traced_or_a_reason_given(name: str) -> None:
    row = ROWS[name]
    if not row.no_way:
        assert isinstance(way(row, row.make(D), D, 16), int)
    elif row.no_way == table.IN_PLACE:
        with pytest.raises(ValueError, match="writes in place"):
            path_length(*traced(row, row.make(D), D, 16))


def test_a_state_is_counted_number_by_number() -> None:
    assert numbers_in(torch.zeros(2, 3)) == 6
    assert numbers_in(torch.zeros(2, 3, dtype=torch.complex64)) == 12
    cache = KVCache(torch.zeros(1, 2, 10, 4), torch.zeros(1, 2, 10, 4))
    cache.length = 3
    assert numbers_in([cache, cache]) == 2 * 2 * 2 * 3 * 4


def test_an_n_gram_keeps_what_it_looks_at_beside_the_next_token() -> None:
    row, net = made("n-gram, n = 3")
    assert numbers_in(read(net, drawn(row, 1, 9))) == 1


def test_sound_has_a_chunk_for_a_step() -> None:
    row = ROWS["speech detector"]
    assert first(row, sample(row, 2, 3, D)).shape == (2, 512)
    assert first(ROWS["GRU"], torch.zeros(2, 3, D)).shape == (2, 1, D)
