"""Layers and stacks are torch's, whose parameters they take."""

from __future__ import annotations

import re

import pytest
import torch
from torch.func import functional_call

from seqdocs.models.masks import causal, padding
from seqdocs.models.transformer import Decoder, DecoderLayer, Encoder, EncoderLayer, Transformer
from tests.models.agreement import (
    LENGTHS,
    assert_batch_permutes,
    assert_causal,
    assert_repeats,
    assert_same,
)

D, n, H = 6, 3, 10
SOME_LENGTHS = [T for T in LENGTHS if T]
STYLES = [(first, activation) for first in (False, True) for activation in ("relu", "gelu")]
each_style = pytest.mark.parametrize(("norm_first", "activation"), STYLES)


def draw(*shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def shaken(net):
    """No parameter is zero or one, so that a forgotten one shows."""
    torch.manual_seed(0)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, 0.1, 0.6)
    return net


def theirs(kind, norm_first, activation, eps=0.03):
    """A layer of torch's with an epsilon that matters."""
    layer = kind(
        D, n, H, dropout=0, activation=activation, layer_norm_eps=eps, batch_first=True,
        norm_first=norm_first, dtype=torch.float64,
    )  # fmt: skip
    return shaken(layer)


def compare(ours, reference, run_ours, run_reference, leaves):
    """As functions of the inputs and of every parameter."""
    ours.load_state_dict(reference.state_dict())
    names, weights = zip(*reference.state_dict().items(), strict=True)

    def form(net, run):
        return lambda *all_: run(
            lambda *a, **kw: functional_call(net, dict(zip(names, all_[len(leaves) :], strict=True)), a, kw),
            *all_[: len(leaves)],
        )

    assert_same(form(ours, run_ours), form(reference, run_reference), [*leaves, *weights])


@each_style
@pytest.mark.parametrize("T", SOME_LENGTHS)
@pytest.mark.parametrize("B", [1, 5])
def test_an_encoder_layer_is_torchs(B, T, norm_first, activation):
    ours = EncoderLayer(D, n, H, norm_first=norm_first, activation=activation, eps=0.03).double()
    reference = theirs(torch.nn.TransformerEncoderLayer, norm_first, activation)
    compare(ours, reference, lambda net, x: net(x), lambda net, x: net(x), [draw(B, T, D)])
    lengths = torch.tensor([T, 1, (T + 1) // 2, T, 1][:B])
    seen = padding(lengths, T)
    compare(
        ours,
        reference,
        lambda net, x: net(x, seen, causal=True),
        lambda net, x: net(x, ~causal(T), src_key_padding_mask=~seen[:, 0, 0]),
        [draw(B, T, D)],
    )


@each_style
@pytest.mark.parametrize(("T", "S"), [(1, 1), (2, 7), (7, 2), (63, 7)])
@pytest.mark.parametrize("B", [1, 5])
def test_a_decoder_layer_is_torchs(B, T, S, norm_first, activation):
    ours = DecoderLayer(D, n, H, norm_first=norm_first, activation=activation, eps=0.03).double()
    reference = theirs(torch.nn.TransformerDecoderLayer, norm_first, activation)
    target_seen = padding(torch.tensor([T, T, 1, T, 1][:B]), T)
    seen = padding(torch.tensor([S, 1, (S + 1) // 2, S, 1][:B]), S)
    compare(
        ours,
        reference,
        lambda net, x, memory: net(x, memory, target_seen, seen),
        lambda net, x, memory: net(
            x,
            memory,
            ~causal(T),
            tgt_key_padding_mask=~target_seen[:, 0, 0],
            memory_key_padding_mask=~seen[:, 0, 0],
        ),
        [draw(B, T, D), draw(B, S, D)],
    )


@each_style
def test_stacks_are_torchs_and_pre_norm_ends_with_a_norm(norm_first, activation):
    last = (lambda: torch.nn.LayerNorm(D, 0.03, dtype=torch.float64)) if norm_first else lambda: None
    layer = theirs(torch.nn.TransformerEncoderLayer, norm_first, activation)
    encoder = shaken(torch.nn.TransformerEncoder(layer, 3, last(), enable_nested_tensor=False))
    layer = theirs(torch.nn.TransformerDecoderLayer, norm_first, activation)
    decoder = shaken(torch.nn.TransformerDecoder(layer, 2, last()))
    options = {"norm_first": norm_first, "activation": activation, "eps": 0.03}
    seen = padding(torch.tensor([7, 1, 3, 2, 6]), 7)
    hidden = ~seen[:, 0, 0]
    compare(
        Encoder(D, n, H, 3, **options).double(), encoder,
        lambda net, x: net(x), lambda net, x: net(x), [draw(5, 7, D)],
    )  # fmt: skip
    compare(
        Decoder(D, n, H, 2, **options).double(), decoder,
        lambda net, x, memory: net(x, memory, seen[:, :, :, :7], seen[:, :, :, :3]),
        lambda net, x, memory: net(
            x, memory, ~causal(7), tgt_key_padding_mask=hidden, memory_key_padding_mask=hidden[:, :3]
        ),
        [draw(5, 7, D), draw(5, 3, D)],
    )  # fmt: skip


@pytest.mark.parametrize("norm_first", [False, True])
def test_encoder_and_decoder_together_are_torchs(norm_first):
    ours = Transformer(D, n, H, encoder_layers=2, decoder_layers=2, norm_first=norm_first).double()
    layers = [
        theirs(kind, norm_first, "relu", 1e-5)
        for kind in (torch.nn.TransformerEncoderLayer, torch.nn.TransformerDecoderLayer)
    ]
    # Built from parts, for torch's own choice ends with a norm either way; the paper's post-norm does not.
    last = [torch.nn.LayerNorm(D, dtype=torch.float64) if norm_first else None for _ in layers]
    encoder = torch.nn.TransformerEncoder(layers[0], 2, last[0], enable_nested_tensor=False)
    decoder = torch.nn.TransformerDecoder(layers[1], 2, last[1])
    reference = torch.nn.Transformer(D, n, custom_encoder=encoder, custom_decoder=decoder, batch_first=True)
    seen = padding(torch.tensor([7, 2, 1, 7, 5]), 7)
    hidden = ~seen[:, 0, 0]
    compare(
        ours,
        shaken(reference),
        lambda net, x, y: net(x, y, seen),
        lambda net, x, y: net(
            x, y, tgt_mask=~causal(4), src_key_padding_mask=hidden, memory_key_padding_mask=hidden
        ),
        [draw(5, 7, D), draw(5, 4, D)],
    )


@pytest.mark.parametrize("method", ["loop", "matrix", "fused"])
@pytest.mark.parametrize(("T", "S"), [(0, 0), (0, 3), (3, 0), (1, 1), (7, 3)])
def test_methods_agree_also_where_there_is_nothing(T, S, method):
    net = shaken(Transformer(D, n, H, encoder_layers=1, decoder_layers=2).double())
    assert_same(lambda x, y: net(x, y, method=method), net, [draw(5, S, D), draw(5, T, D)], net.parameters())


def test_single_precision_agrees_as_closely_as_it_can():
    net = shaken(EncoderLayer(D, n, H))
    reference = torch.nn.TransformerEncoderLayer(D, n, H, dropout=0, batch_first=True)
    reference.load_state_dict(net.state_dict())
    assert_same(net, reference, [draw(5, 7, D).float()])


def test_gradients_pass_torchs_own_check():
    net = shaken(DecoderLayer(D, n, H, activation="gelu").double())
    assert torch.autograd.gradcheck(net, (draw(1, 3, D).requires_grad_(), draw(1, 2, D).requires_grad_()))


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_decoder_writes_without_knowing_what_comes(norm_first):
    net = shaken(Decoder(D, n, H, 2, norm_first=norm_first).double())
    memory = draw(1, 3, D)
    assert_causal(lambda x: net(x, memory), 9, D)
    encoder = shaken(Encoder(D, n, H, 2, norm_first=norm_first).double())
    assert_causal(lambda x: encoder(x, causal=True), 9, D)


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_padded_batch_is_its_sequences_one_by_one(norm_first):
    net = shaken(Transformer(D, n, H, encoder_layers=2, decoder_layers=1, norm_first=norm_first).double())
    source, target, lengths = draw(5, 7, D), draw(5, 4, D), [7, 1, 3, 2, 6]
    together = net(source, target, padding(torch.tensor(lengths), 7))
    for b, length in enumerate(lengths):
        alone = net(source[b : b + 1, :length], target[b : b + 1])
        torch.testing.assert_close(together[b], alone[0], rtol=1e-11, atol=1e-11)


def test_a_sequence_of_padding_alone_has_no_nan_in_value_or_gradient():
    net = shaken(Transformer(D, n, H, encoder_layers=2, decoder_layers=1).double())
    source = draw(2, 3, D).requires_grad_()
    written = net(source, draw(2, 4, D), padding(torch.tensor([0, 3]), 3))
    gradients = torch.autograd.grad(written.square().sum(), [source, *net.parameters()])
    assert written.isfinite().all() and all(g.isfinite().all() for g in gradients)


def test_an_encoder_without_positions_returns_the_order_it_got():
    net = shaken(Encoder(D, n, H, 2).double())
    x, order = draw(2, 7, D), torch.tensor([3, 1, 6, 0, 2, 5, 4])
    torch.testing.assert_close(net(x[:, order]), net(x)[:, order])


def test_pre_norm_leaves_the_stream_as_it_is_when_its_layers_say_nothing():
    layer = EncoderLayer(D, n, H, norm_first=True).double()
    for linear in (layer.self_attn.out_proj, layer.linear2):
        torch.nn.init.zeros_(linear.weight)
        torch.nn.init.zeros_(linear.bias)
    x = draw(2, 3, D)
    assert torch.equal(layer(x), x)
    layer.norm_first = False
    assert not torch.allclose(layer(x), x)


def test_sequences_of_a_batch_do_not_meet_and_runs_repeat():
    net = shaken(Transformer(D, n, H, encoder_layers=1, decoder_layers=1).double()).requires_grad_(False)
    assert_batch_permutes(lambda x: net(x, x[:, :3]), draw(5, 7, D))
    assert_repeats(lambda: net(draw(5, 7, D), draw(5, 3, D)))


X = torch.zeros(2, 3, D)
REFUSED = [
    (
        lambda: EncoderLayer(D, n, H, activation="swish"),
        '`activation` is \'swish\'; it is "relu" or "gelu"',
    ),
    (lambda: DecoderLayer(D, 4, H), "`width` is 6 and `heads` is 4; heads must divide width"),
    (lambda: EncoderLayer(D, n, H)(X[0]), "`x` has shape (3, 6); it is (B, T, 6)"),
    (lambda: DecoderLayer(D, n, H)(X, X[:1]), "`memory` has 1 sequences and `x` 2; both have B"),
    (
        lambda: EncoderLayer(D, n, H)(X, torch.ones(2, 3, dtype=torch.bool)),
        "`mask` has shape (2, 3); it broadcasts to (B, n, T, S) = (2, 3, 3, 3)",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
