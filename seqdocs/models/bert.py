r"""BERT-style encoder: a vector for each token that depends on all tokens around it, before and after.

Letters: B batch · T tokens · D width · n heads · H hidden units · V vocabulary.

::

    x = norm(E[token] + P[position] + S[segment]);   x = encoder(x), every token seeing every token

The same word gets another vector in another sentence: E[token] is the meaning without a context, the last
layer the meaning in it. The mean over a sentence's tokens is a vector for the sentence.

Conventions: post-norm layers, GELU with the error function, ε = 1e-12. Filling is on the right and hidden by
``lengths``. There is no pooler and no head: what is left is what sentence encoders use.
:func:`load_bert` reads the parameter names of Hugging Face's ``BertModel``.

>>> import torch
>>> net = Bert(vocabulary=50, context=16, width=8, layers=2, heads=2, hidden=32)
>>> tokens, lengths = torch.tensor([[7, 8, 9], [7, 0, 0]]), torch.tensor([3, 1])
>>> hidden = net(tokens, lengths)
>>> hidden.shape, mean_pool(hidden, lengths).shape
(torch.Size([2, 3, 8]), torch.Size([2, 8]))

Sources: Devlin et al., "BERT: pre-training of deep bidirectional transformers for language understanding",
NAACL 2019, section 3, https://arxiv.org/abs/1810.04805; Reimers & Gurevych, "Sentence-BERT", EMNLP 2019,
section 3 (the mean of the tokens), https://arxiv.org/abs/1908.10084
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from seqdocs import checks
from seqdocs.models import masks
from seqdocs.models.normalisation import LayerNorm
from seqdocs.models.scaled_dot_product import Method
from seqdocs.models.transformer import Encoder

# Hugging Face's name: ours. In the layers, after "encoder.layer.<i>." and "encoder.layers.<i>.".
EMBEDDINGS = {
    "embeddings.word_embeddings": "tokens",
    "embeddings.position_embeddings": "positions",
    "embeddings.token_type_embeddings": "segments",
    "embeddings.LayerNorm": "norm",
}
LAYER = {
    "attention.output.dense": "self_attn.out_proj",
    "attention.output.LayerNorm": "norm1",
    "intermediate.dense": "linear1",
    "output.dense": "linear2",
    "output.LayerNorm": "norm2",
}
JOINED = ("query", "key", "value")  # of "attention.self": three matrices there, one below the other here


class Bert(nn.Module):
    """An encoder of any size, randomly initialised.

    Args:
        vocabulary: V.
        context: most tokens it can read.
        width: D; divisible by ``heads``.
        layers: how many.
        heads: n.
        hidden: H, of the network on each position.
        segments: kinds of tokens ("token types"): first and second sentence.
        eps: of the norms.

    Raises:
        ValueError: if a size is not positive, or ``heads`` does not divide ``width``.
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        context: int,
        width: int,
        layers: int,
        heads: int,
        hidden: int,
        segments: int = 2,
        eps: float = 1e-12,
    ) -> None:
        super().__init__()
        checks.whole(1, vocabulary=vocabulary, context=context, width=width, segments=segments)
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.segments = nn.Embedding(segments, width)
        self.norm = LayerNorm(width, eps)
        self.encoder = Encoder(width, heads, hidden, layers, activation="gelu", eps=eps)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)

    def forward(
        self,
        tokens: Tensor,
        lengths: Tensor | None = None,
        segments: Tensor | None = None,
        *,
        method: Method = "fused",
    ) -> Tensor:
        """A vector for each token.

        Args:
            tokens: integers below V, (B, T), filled up on the right.
            lengths: tokens of each sequence, (B,), 0 … T; all T if omitted.
            segments: which kind each token is, (B, T); 0 if omitted.
            method: of attention, as in :func:`~seqdocs.models.scaled_dot_product.attention`.

        Returns:
            (B, T, D); what stands where there is no token has no meaning.

        Raises:
            ValueError: if ``tokens`` or ``segments`` are not integers (B, T), or longer than the context, or
                ``lengths`` does not fit.
        """
        checks.tokens("tokens", tokens)
        if segments is not None:
            checks.tokens("segments", segments)
            checks.shape("segments", segments, "(B, T)", tokens.shape)
        B, T = tokens.shape
        if len(self.positions.weight) < T:
            context = len(self.positions.weight)
            raise ValueError(f"`tokens` has {T} positions; the context is {context} positions")
        seen = None if lengths is None else _seen(lengths, B, T)
        kinds = torch.zeros_like(tokens) if segments is None else segments
        word = checks.looked_up("tokens", tokens, self.tokens.weight)
        kind = checks.looked_up("segments", kinds, self.segments.weight)
        x = self.norm(word + self.positions.weight[:T] + kind)
        contextual: Tensor = self.encoder(x, seen, method=method)
        return contextual


def mean_pool(hidden: Tensor, lengths: Tensor | None = None) -> Tensor:
    """One vector for each sequence: the mean over its tokens.

    Args:
        hidden: (B, T, D).
        lengths: (B,), 0 … T; all T if omitted.

    Returns:
        (B, D); zeros for a sequence without tokens.

    Raises:
        ValueError: if ``lengths`` does not fit.
    """
    checks.dimensions("hidden", hidden, "(B, T, D)")
    checks.floating("hidden", hidden)
    B, T, _ = hidden.shape
    lengths = torch.full((B,), T, device=hidden.device) if lengths is None else lengths
    told = _seen(lengths, B, T)[:, 0, 0, :, None]  # (B, T, 1)
    return hidden.masked_fill(~told, 0).sum(1) / lengths.clamp(min=1)[:, None]


def load_bert(state_dict: Mapping[str, Tensor], heads: int, eps: float = 1e-12) -> Bert:
    """An encoder with the weights of a Hugging Face ``BertModel``.

    Args:
        state_dict: its parameters, by name, with or without "bert." in front. The pooler, heads on top, and
            buffers are left out.
        heads: n, which the shapes do not tell.
        eps: of the norms.

    Returns:
        The encoder; its sizes are those of the weights, its dtype theirs.

    Raises:
        ValueError: if a weight is missing, or ``heads`` does not divide the width.
    """
    theirs = {name.removeprefix("bert."): weight for name, weight in state_dict.items()}

    def take(name: str) -> Tensor:
        if name not in theirs:
            raise ValueError(f"`state_dict` has no {name!r}; it holds the parameters of a BertModel")
        return theirs[name]

    numbers = [re.match(r"encoder\.layer\.(\d+)\.", name) for name in theirs]
    layers = 1 + max((int(number[1]) for number in numbers if number), default=-1)
    ours = {}
    for name, own in EMBEDDINGS.items():
        for part in ("weight", "bias") if own == "norm" else ("weight",):
            ours[f"{own}.{part}"] = take(f"{name}.{part}")
    for i in range(layers):
        for part in ("weight", "bias"):
            for name, own in LAYER.items():
                ours[f"encoder.layers.{i}.{own}.{part}"] = take(f"encoder.layer.{i}.{name}.{part}")
            rows = [take(f"encoder.layer.{i}.attention.self.{name}.{part}") for name in JOINED]
            ours[f"encoder.layers.{i}.self_attn.in_proj_{part}"] = torch.cat(rows)
    vocabulary, width = ours["tokens.weight"].shape
    hidden = len(ours["encoder.layers.0.linear1.bias"]) if layers else 0
    net = Bert(
        vocabulary=vocabulary,
        context=len(ours["positions.weight"]),
        width=width,
        layers=layers,
        heads=heads,
        hidden=hidden,
        segments=len(ours["segments.weight"]),
        eps=eps,
    ).to(ours["tokens.weight"].dtype)
    net.load_state_dict(ours)
    return net


def _seen(lengths: Tensor, B: int, T: int) -> Tensor:
    if len(lengths) != B:
        raise ValueError(f"`lengths` has {len(lengths)} numbers; there are {B} sequences")
    return masks.padding(lengths, T)
