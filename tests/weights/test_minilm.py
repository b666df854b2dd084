"""Our encoder with real weights gives the vectors that another implementation of it gives."""

from __future__ import annotations

import json
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch

from seqdocs.weights.data_package import WeightsError
from seqdocs.weights.minilm import (
    DISTRIBUTION,
    MiniLM,
    layer_vectors,
    load_minilm,
    sentence_vectors,
    token_vectors,
    word_vector,
)

REFERENCE = json.loads(Path(__file__).with_name("minilm_reference.json").read_text("utf8"))
SENTENCES = [row["text"] for row in REFERENCE["sentences"]]
VECTORS = torch.tensor([row["vector"] for row in REFERENCE["sentences"]], dtype=torch.float64)


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    for extra in ("safetensors", "tokenizers"):
        pytest.importorskip(extra, reason="the extra `weights` is not installed")
    try:
        metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        pytest.skip(f"the data package {DISTRIBUTION} is not installed")
    return load_minilm()


@pytest.fixture(scope="module")
def exact(minilm) -> MiniLM:
    net = load_minilm().net.double()
    return MiniLM(net, minilm.tokenizer)


def test_sentences_are_cut_into_the_same_tokens(minilm):
    for row in REFERENCE["sentences"]:
        assert minilm.tokenizer.encode(row["text"]).ids == row["tokens"]


def test_sentence_vectors_are_those_of_transformers(minilm, exact):
    torch.testing.assert_close(sentence_vectors(exact, SENTENCES), VECTORS, rtol=0, atol=1e-11)
    torch.testing.assert_close(sentence_vectors(minilm, SENTENCES).double(), VECTORS, rtol=0, atol=1e-6)


def test_company_in_a_batch_changes_no_vector(exact):
    alone = torch.cat([sentence_vectors(exact, [text]) for text in SENTENCES])
    torch.testing.assert_close(sentence_vectors(exact, SENTENCES), alone, rtol=0, atol=1e-12)


def test_sentence_vectors_have_length_one_and_no_sentence_has_none(minilm):
    torch.testing.assert_close(sentence_vectors(minilm, SENTENCES).norm(dim=1), torch.ones(5))
    assert sentence_vectors(minilm, []).shape == (0, 384)


def test_a_long_text_is_cut_at_256_tokens(minilm):
    pieces, vectors = token_vectors(minilm, "queue " * 1000)
    assert (len(pieces), pieces[0], pieces[-1]) == (256, "[CLS]", "[SEP]")
    assert vectors.shape == (256, 384)


SENSES = [
    (
        "bank",
        ["She sat on the bank of the river.", "The river bank was covered in grass."],
        ["The bank raised its interest rates.", "He opened an account at the bank."],
    ),
    (
        "trophy",
        ["The trophy stood on the shelf after the final.", "The team lifted the trophy after the match."],
        [
            "The hunter hung a trophy of antlers on the wall.",
            "The stuffed head of the deer was his hunting trophy.",
            "The antlers were a hunter's trophy.",
            "The lion's skin hung there as a trophy of the hunt.",
            "The hunters took the lion's head as a trophy.",
        ],
    ),
]


@pytest.mark.parametrize(("word", "one", "other"), SENSES)
def test_two_senses_of_a_word_are_further_apart_than_one_sense_twice(exact, word, one, other):
    vectors = torch.stack([word_vector(exact, text, word) for text in one + other])
    cosine = torch.nn.functional.cosine_similarity(vectors[:, None], vectors[None], dim=-1)
    k = len(one)
    assert min(cosine[:k, :k].min(), cosine[k:, k:].min()) > cosine[:k, k:].max() + 0.01


def test_without_a_context_a_word_has_one_vector(exact):
    """What tells the senses apart is the encoder: the embedding below it is the same in each sentence."""
    _, one, other = SENSES[0]
    rows = []
    for text in (one[0], other[0]):
        pieces = exact.tokenizer.encode(text)
        rows.append(exact.net.tokens.weight[pieces.ids[pieces.tokens.index("bank")]])
    assert torch.equal(*rows)


def test_the_vectors_after_the_last_layer_are_those_of_the_encoder(exact):
    text = SENTENCES[0]
    pieces, layers = layer_vectors(exact, text)
    whole, vectors = token_vectors(exact, text)
    assert pieces == whole and layers.shape == (7, len(pieces), 384)
    torch.testing.assert_close(layers[-1], vectors, rtol=0, atol=1e-12)


def test_a_causal_reading_knows_nothing_of_what_comes(exact):
    """The two sentences differ in their last word; the pronoun before it feels that only from the right."""
    texts = [
        f"The trophy does not fit into the suitcase because it is too {size}." for size in ("big", "small")
    ]
    place = layer_vectors(exact, texts[0])[0].index("it")
    for causal in (True, False):
        one, other = (layer_vectors(exact, text, causal=causal)[1][:, : place + 1] for text in texts)
        assert torch.equal(one[0], other[0])  # below the layers there is no context
        assert torch.equal(one, other) == causal
    later = [layer_vectors(exact, text, causal=True)[1][-1, -1] for text in texts]
    assert not torch.allclose(*later)  # it does read what came before


def test_a_word_of_several_pieces_is_their_mean_and_part_of_a_word_is_no_word(minilm):
    text = "Tokenization of tokens"
    pieces, vectors = token_vectors(minilm, text)
    assert pieces[1:3] == ["token", "##ization"]
    torch.testing.assert_close(word_vector(minilm, text, "tokenization"), vectors[1:3].mean(0))
    with pytest.raises(ValueError, match="^" + re.escape(f"`sentence` is {text!r}; it does not hold the")):
        word_vector(minilm, text, "token")


def test_other_weights_are_refused_in_one_sentence(minilm, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    words = "model.safetensors has the SHA-256 5eb9ad4ba8c2…; the known weights have 53aa51172d14…"
    with pytest.raises(WeightsError) as refused:
        load_minilm(tmp_path)
    assert re.fullmatch(words.replace("5eb9ad4ba8c2", "[0-9a-f]{12}"), str(refused.value))


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    words = "reading text needs tokenizers, which is not installed: pip install 'seqdocs[weights]'"
    with pytest.raises(WeightsError, match="^" + re.escape(words) + "$"):
        load_minilm()
