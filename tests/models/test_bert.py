"""The encoder is torch's with embeddings in front, and reads Hugging Face's names."""

from __future__ import annotations

import re
from functools import partial

import pytest
import torch

from seqdocs.models.bert import Bert, load_bert, mean_pool
from seqdocs.models.normalisation import LayerNorm
from tests.models.agreement import assert_batch_permutes, assert_repeats, assert_same

V, D, n, H, CONTEXT = 13, 8, 4, 12, 64


def theirs(layers: int = 2) -> dict[str, torch.Tensor]:
    """Weights under the names that ``transformers.BertModel.state_dict()`` has."""
    torch.manual_seed(0)
    sizes = {
        "embeddings.word_embeddings.weight": (V, D),
        "embeddings.position_embeddings.weight": (CONTEXT, D),
        "embeddings.token_type_embeddings.weight": (2, D),
    }
    pairs = {"embeddings.LayerNorm": (D,), "pooler.dense": (D, D)}
    for i in range(layers):
        layer = f"encoder.layer.{i}."
        for name in ("query", "key", "value"):
            pairs[f"{layer}attention.self.{name}"] = (D, D)
        pairs |= {
            f"{layer}attention.output.dense": (D, D),
            f"{layer}attention.output.LayerNorm": (D,),
            f"{layer}intermediate.dense": (H, D),
            f"{layer}output.dense": (D, H),
            f"{layer}output.LayerNorm": (D,),
        }
    for name, shape in pairs.items():
        sizes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return {name: torch.randn(shape, dtype=torch.float64) for name, shape in sizes.items()} | {
        "embeddings.position_ids": torch.arange(CONTEXT)[None]
    }


def formula(weights: dict[str, torch.Tensor], tokens, lengths, segments):
    """The model written out from its published description, one sequence and one head at a time."""

    def linear(x, name):
        return x @ weights[f"{name}.weight"].mT + weights[f"{name}.bias"]

    def norm(x, name):
        x = x - x.mean(-1, keepdim=True)
        x = x / (x.square().mean(-1, keepdim=True) + 1e-12).sqrt()
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    rows = []
    for b, length in enumerate(lengths):
        x = weights["embeddings.word_embeddings.weight"][tokens[b, :length]]
        x = x + weights["embeddings.position_embeddings.weight"][:length]
        x = x + weights["embeddings.token_type_embeddings.weight"][segments[b, :length]]
        x = norm(x, "embeddings.LayerNorm")
        for i in range(2):
            layer = f"encoder.layer.{i}."
            q, k, v = (linear(x, f"{layer}attention.self.{name}") for name in ("query", "key", "value"))
            heads = []
            for part in torch.arange(D).split(D // n):
                scores = q[:, part] @ k[:, part].mT / (D // n) ** 0.5
                heads.append(scores.softmax(-1) @ v[:, part])
            x = norm(x + linear(torch.cat(heads, 1), f"{layer}attention.output.dense"),
                     f"{layer}attention.output.LayerNorm")  # fmt: skip
            h = linear(x, f"{layer}intermediate.dense")
            h = h * (1 + torch.erf(h / 2**0.5)) / 2
            x = norm(x + linear(h, f"{layer}output.dense"), f"{layer}output.LayerNorm")
        rows.append(x)
    return rows


def batch(B: int, T: int):
    torch.manual_seed(1)
    lengths = torch.tensor([T, 1, T // 2, 2, T][:B]).clamp(max=T)
    return torch.randint(V, (B, T)), lengths, torch.randint(2, (B, T))


@pytest.mark.parametrize("method", ["loop", "matrix", "fused"])
@pytest.mark.parametrize("T", [0, 1, 2, 7])
@pytest.mark.parametrize("B", [1, 5])
def test_a_padded_batch_is_the_published_formula_one_by_one(B, T, method):
    weights = theirs()
    net = load_bert(weights, n)
    tokens, lengths, segments = batch(B, T)
    hidden = net(tokens, lengths, segments, method=method)
    for mine, right, length in zip(
        hidden, formula(weights, tokens, lengths, segments), lengths.tolist(), strict=True
    ):
        torch.testing.assert_close(mine[:length], right, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("T", [7, 63])
def test_gradients_are_those_of_torchs_encoder(T):
    net = load_bert(theirs(), n)
    torch.manual_seed(2)
    layer = torch.nn.TransformerEncoderLayer(
        D, n, H, dropout=0, activation="gelu", layer_norm_eps=1e-12, batch_first=True, dtype=torch.float64
    )
    reference = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    names, weights = zip(*net.encoder.state_dict().items(), strict=True)

    def run(encoder, x, *weights):
        return torch.func.functional_call(encoder, dict(zip(names, weights, strict=True)), x)

    x = torch.randn(5, T, D, dtype=torch.float64)
    assert_same(partial(run, net.encoder), partial(run, reference), [x, *weights])


def test_padding_changes_nothing_whatever_it_holds():
    net = load_bert(theirs(), n).requires_grad_(False)
    tokens, lengths, _ = batch(5, 7)
    filled = torch.cat((tokens, torch.randint(V, (5, 4))), 1)
    for b, length in enumerate(lengths.tolist()):
        filled[b, length:] = torch.randint(V, (11 - length,))
    together = mean_pool(net(filled, lengths), lengths)
    alone = [net(tokens[b : b + 1, :length]).mean(1) for b, length in enumerate(lengths.tolist())]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-12, atol=1e-12)


def test_a_sequence_without_tokens_has_a_finite_gradient_and_the_mean_zero():
    net = load_bert(theirs(), n)
    lengths = torch.tensor([0, 3])
    pooled = mean_pool(net(batch(2, 3)[0], lengths), lengths)
    assert pooled[0].eq(0).all()
    pooled.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in net.parameters() if p.grad is not None)


def test_every_token_sees_every_other_and_the_order_matters():
    net = load_bert(theirs(), n).requires_grad_(False)
    sentence = torch.tensor([[1, 2, 3, 4]])
    for place in range(4):
        other = sentence.clone()
        other[0, place] = 9
        assert (net(other) != net(sentence)).any(-1).all()
    assert not torch.allclose(net(sentence.flip(1)).flip(1), net(sentence))


def test_a_segment_changes_the_vectors():
    net = load_bert(theirs(), n).requires_grad_(False)
    tokens = batch(2, 4)[0]
    assert torch.equal(net(tokens), net(tokens, segments=torch.zeros_like(tokens)))
    assert not torch.allclose(net(tokens), net(tokens, segments=torch.ones_like(tokens)))


def test_names_may_begin_with_bert_and_the_dtype_is_that_of_the_weights():
    plain = load_bert(theirs(), n)
    prefixed = load_bert({f"bert.{k}": v for k, v in theirs().items()} | {"cls.bias": torch.zeros(1)}, n)
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), prefixed.parameters(), strict=True))
    assert load_bert({k: v.float() for k, v in theirs().items()}, n).tokens.weight.dtype == torch.float32


def test_epsilon_is_berts_and_not_torchs():
    assert {module.eps for module in NET.modules() if isinstance(module, LayerNorm)} == {1e-12}


def test_all_weights_but_the_poolers_are_taken():
    taken = sum(p.numel() for p in load_bert(theirs(), n).parameters())
    given = sum(
        w.numel()
        for name, w in theirs().items()
        if not name.startswith(("pooler", "embeddings.position_ids"))
    )
    assert taken == given


def test_sequences_of_a_batch_do_not_meet_and_runs_repeat():
    net = load_bert(theirs(), n).requires_grad_(False)
    tokens, lengths, _ = batch(5, 7)
    assert_batch_permutes(net, tokens)
    assert_repeats(lambda: net(tokens, lengths))


NET = Bert(vocabulary=V, context=4, width=D, layers=1, heads=2, hidden=H)
TOKENS = torch.zeros(2, 3, dtype=torch.long)
REFUSED = [
    (lambda: NET(TOKENS[0]), "`tokens` is torch.int64 of shape (3,); it is integers, (B, T)"),
    (lambda: NET(TOKENS.float()), "`tokens` is torch.float32 of shape (2, 3); it is integers, (B, T)"),
    (
        lambda: NET(TOKENS, segments=TOKENS[:1]),
        "`segments` has shape (1, 3); it is (B, T) = (2, 3)",
    ),
    (lambda: NET(TOKENS.repeat(1, 2)), "`tokens` has 6 positions; the context is 4 positions"),
    (lambda: NET(TOKENS, torch.tensor([1])), "`lengths` has 1 numbers; there are 2 sequences"),
    (lambda: NET(TOKENS, torch.tensor([1, 4])), "`lengths` reaches from 1 to 4; there are 3 positions"),
    (lambda: mean_pool(torch.zeros(2, 3)), "`hidden` has shape (2, 3); it is (B, T, D)"),
    (
        lambda: load_bert({"embeddings.word_embeddings.weight": torch.zeros(3, 4)}, 2),
        "`state_dict` has no 'embeddings.position_embeddings.weight'; it holds the parameters of a BertModel",
    ),
    (lambda: load_bert(theirs(), 3), "`width` is 8 and `heads` is 3; heads must divide width"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
