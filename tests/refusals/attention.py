"""Bad input to attention, its masks and positions, and the models of tokens that are built of it."""

import math

import torch

from seqdocs.models.additive_attention import AdditiveAttention, additive_scores, check_pairs, read
from seqdocs.models.alibi import alibi_bias, alibi_slopes
from seqdocs.models.attention import CausalSelfAttention, causal_attention
from seqdocs.models.kv_cache import KVCache, WindowCache
from seqdocs.models.masks import causal, masked_softmax, padding, sliding_window
from seqdocs.models.multi_head import MultiHeadAttention
from seqdocs.models.multiplicative_attention import MultiplicativeAttention, multiplicative_scores
from seqdocs.models.normalisation import LayerNorm, RMSNorm, layer_norm, rms_norm
from seqdocs.models.positional import LearnedPositions, SinusoidalPositions, places, sinusoidal, sinusoids
from seqdocs.models.rotary import rotary, rotary_angles, rotate
from seqdocs.models.scaled_dot_product import attention, attention_weights
from seqdocs.models.transformer import Decoder, DecoderLayer, Encoder, EncoderLayer, Layer, Transformer
from tests.refusals.row import AWAY, META, Row

X = torch.zeros(2, 5, 4)
Q = torch.zeros(2, 1, 5, 4)  # (B, n, T, d)
W = torch.zeros(3, 4)


def cache() -> KVCache:
    return KVCache(Q.clone(), Q.clone())


ROWS: list[Row] = [
    (
        attention,
        lambda: attention(Q.long(), Q.long(), Q.long()),
        "`q` has dtype torch.int64; it is floating point",
    ),
    (attention, lambda: attention(Q, Q.to(META), Q), "`k` is on meta but `q` is on cpu; move one of them"),
    (
        attention,
        lambda: attention(Q, Q, Q, torch.ones(5, 5, dtype=torch.bool, device=META)),
        "`mask` is on meta but `q` is on cpu; move one of them",
    ),
    (
        attention_weights,
        lambda: attention_weights(Q.long(), Q.long()),
        "`q` has dtype torch.int64; it is floating point",
    ),
    (
        causal_attention,
        lambda: causal_attention(Q.long(), Q.long(), Q.long()),
        "`q` has dtype torch.int64; it is floating point",
    ),
    (
        MultiHeadAttention,
        lambda: MultiHeadAttention(4, 2.5),
        "`heads` is 2.5; it is a whole number, at least 1",
    ),
    (MultiHeadAttention, lambda: MultiHeadAttention(4, 2)(X.to(META)), AWAY),
    (
        MultiHeadAttention,
        lambda: MultiHeadAttention(4, 2)(X, X.to(META)),
        "`memory` is on meta but the parameters are on cpu; move one of them",
    ),
    (
        CausalSelfAttention,
        lambda: CausalSelfAttention(4, 2, window=2.5),
        "`window` is 2.5; it is a whole number, at least 1",
    ),
    (CausalSelfAttention, lambda: CausalSelfAttention(4, 2)(X.to(META)), AWAY),
    (
        CausalSelfAttention,
        lambda: CausalSelfAttention(4, 2).new_cache(2, math.nan),
        "`capacity` is nan; it is a whole number, at least 0",
    ),
    (KVCache, lambda: KVCache(X, X), "`keys` has shape (2, 5, 4); it is (B, m, T, d)"),
    (
        KVCache,
        lambda: cache().extend(Q.double(), Q),
        "`k` is torch.float64 but the cache is torch.float32; convert one of them",
    ),
    (
        KVCache,
        lambda: cache().extend(Q, Q[:, :, :1]),
        "`v` has shape (2, 1, 1, 4); it is (B, m, T, e) = (2, 1, 5, 4)",
    ),
    (
        KVCache,
        lambda: cache().extend(Q, Q.to(META)),
        "`v` is on meta but the cache is on cpu; move one of them",
    ),
    (WindowCache, lambda: WindowCache.empty(X, (2, 1, 4), 0), "`window` is 0; it is at least 1"),
    (
        WindowCache,
        lambda: WindowCache.empty(X, (2, 1, 4), 3).extend(Q, Q[:, :, :1]),
        "`v` has shape (2, 1, 1, 4); it is (B, m, T, e) = (2, 1, 5, 4)",
    ),
    (
        WindowCache,
        lambda: WindowCache.empty(X, (2, 1, 4), 3).extend(Q.double(), Q.double()),
        "`k` is torch.float64 but the cache is torch.float32; convert one of them",
    ),
    (Layer, lambda: Layer(4, 2, 2.5), "`hidden` is 2.5; it is a whole number, at least 0"),
    (EncoderLayer, lambda: EncoderLayer(4, 2, 8)(X.to(META)), AWAY),
    (
        DecoderLayer,
        lambda: DecoderLayer(4, 2, 8)(X, X.to(META)),
        "`memory` is on meta but the parameters are on cpu; move one of them",
    ),
    (Encoder, lambda: Encoder(4, 2, 8, -1), "`layers` is -1; it is at least 0"),
    (Encoder, lambda: Encoder(4, 2, 8, 1)(X.to(META)), AWAY),
    (Decoder, lambda: Decoder(4, 2, 8, math.nan), "`layers` is nan; it is a whole number, at least 0"),
    (
        Transformer,
        lambda: Transformer(4, 2, 8, encoder_layers=1, decoder_layers=-1),
        "`layers` is -1; it is at least 0",
    ),
    (
        check_pairs,
        lambda: check_pairs(X, X.double(), "loop"),
        "`k` is torch.float64 but `q` is torch.float32; convert one of them",
    ),
    (
        additive_scores,
        lambda: additive_scores(X.double(), X.double(), W, W, W[:, 0]),
        "`W` is torch.float32 but `q` is torch.float64; convert one of them",
    ),
    (
        additive_scores,
        lambda: additive_scores(X.long(), X.long(), W, W, W[:, 0]),
        "`q` has dtype torch.int64; it is floating point",
    ),
    (additive_scores, lambda: additive_scores(X, X, W, W, W), "`v` has shape (3, 4); it is (H,)"),
    (
        AdditiveAttention,
        lambda: AdditiveAttention(4, 4, 3)(X.to(META), X),
        "`k` is on cpu but `q` is on meta; move one of them",
    ),
    (
        AdditiveAttention,
        lambda: AdditiveAttention(4, 4, 3)(X, X, torch.ones(3, 3, dtype=torch.bool)),
        "`mask` has shape (3, 3); it broadcasts to (B, T, S) = (2, 5, 5)",
    ),
    (
        AdditiveAttention,
        lambda: AdditiveAttention(4, 4, 3)(X, X, torch.ones(5, 5)),
        "`mask` is torch.float32; it is boolean",
    ),
    (read, lambda: read(X, X, torch.ones(2, 5, 4)), "`mask` is torch.float32; it is boolean"),
    (
        multiplicative_scores,
        lambda: multiplicative_scores(X, X, torch.zeros(4, 4).double()),
        "`W` is torch.float64 but `q` is torch.float32; convert one of them",
    ),
    (
        multiplicative_scores,
        lambda: multiplicative_scores(X, X.double()),
        "`k` is torch.float64 but `q` is torch.float32; convert one of them",
    ),
    (
        MultiplicativeAttention,
        lambda: MultiplicativeAttention("general", 4, 4)(X.double(), X.double()),
        "`W` is torch.float32 but `q` is torch.float64; convert one of them",
    ),
    (
        MultiplicativeAttention,
        lambda: MultiplicativeAttention("dot", 4, 4)(X.long(), X.long()),
        "`q` has dtype torch.int64; it is floating point",
    ),
    (
        MultiplicativeAttention,
        lambda: MultiplicativeAttention("general", 4.5, 4),
        "`query_size` is 4.5; it is a whole number, at least 1",
    ),
    (causal, lambda: causal(-1), "`T` is -1; it is at least 0"),
    (causal, lambda: causal(2.5), "`T` is 2.5; it is a whole number, at least 0"),
    (sliding_window, lambda: sliding_window(-1, 2), "`T` is -1; it is at least 0"),
    (
        sliding_window,
        lambda: sliding_window(3, math.nan),
        "`window` is nan; it is a whole number, at least 1",
    ),
    (
        padding,
        lambda: padding(torch.tensor([math.nan]), 3),
        "`lengths` is torch.float32 of shape (1,); it is integers, (B,)",
    ),
    (padding, lambda: padding(torch.tensor([1]), 2.5), "`S` is 2.5; it is a whole number, at least 0"),
    (
        masked_softmax,
        lambda: masked_softmax(X, torch.ones(5, 3, dtype=torch.bool)),
        "`seen` has shape (5, 3); it broadcasts to the shape of `scores` = (2, 5, 4)",
    ),
    (masked_softmax, lambda: masked_softmax(X, torch.ones(5, 4)), "`seen` is torch.float32; it is boolean"),
    (
        masked_softmax,
        lambda: masked_softmax(X.long(), torch.ones(5, 4, dtype=torch.bool)),
        "`scores` has dtype torch.int64; it is floating point",
    ),
    (alibi_slopes, lambda: alibi_slopes(2.5), "`n` is 2.5; it is a whole number, at least 1"),
    (alibi_bias, lambda: alibi_bias(torch.ones(2), -1), "`T` is -1; it is at least 0"),
    (
        alibi_bias,
        lambda: alibi_bias(torch.ones(2).long(), 3),
        "`slopes` has dtype torch.int64; it is floating point",
    ),
    (sinusoidal, lambda: sinusoidal(math.nan, 4), "`T` is nan; it is a whole number, at least 0"),
    (sinusoidal, lambda: sinusoidal(3, 4, base=math.nan), "`base` is nan; it is finite and above 0"),
    (sinusoids, lambda: sinusoids(torch.arange(3), 5), "`D` is 5; it is even: half are sines, half cosines"),
    (places, lambda: places(-1), "`T` is -1; it is at least 0"),
    (
        places,
        lambda: places(3, 0, torch.zeros(2)),
        "`filler` is torch.float32 of shape (2,); it is integers, (B,)",
    ),
    (
        SinusoidalPositions,
        lambda: SinusoidalPositions()(torch.zeros(2, 5, 3)),
        "`D` is 3; it is even: half are sines, half cosines",
    ),
    (
        SinusoidalPositions,
        lambda: SinusoidalPositions()(torch.zeros(4)),
        "`x` has shape (4,); it is (B, T, D)",
    ),
    (LearnedPositions, lambda: LearnedPositions(0, 4), "`context` is 0; it is at least 1"),
    (LearnedPositions, lambda: LearnedPositions(8, 3)(X), "`x` has shape (2, 5, 4); it is (B, T, 3)"),
    (LearnedPositions, lambda: LearnedPositions(8, 4)(X, -1), "`start` is -1; it is at least 0"),
    (
        LearnedPositions,
        lambda: LearnedPositions(8, 4)(X, 0, torch.zeros(3).long()),
        "`filler` has shape (3,); it is (B,) = (2,)",
    ),
    (rotary, lambda: rotary(Q.long()), "`x` has dtype torch.int64; it is floating point"),
    (rotary, lambda: rotary(Q, -1), "`start` is -1; it is at least 0"),
    (rotary_angles, lambda: rotary_angles(torch.arange(3), 5), "`d` is 5; it is even, for pairs are turned"),
    (
        rotate,
        lambda: rotate(Q, torch.zeros(5, 2).double(), torch.zeros(5, 2).double()),
        "`cos` is torch.float64 but `x` is torch.float32; convert one of them",
    ),
    (
        rotate,
        lambda: rotate(Q, torch.zeros(5, 2), torch.zeros(5, 2, device=META)),
        "`sin` is on meta but `x` is on cpu; move one of them",
    ),
    (
        layer_norm,
        lambda: layer_norm(X.long(), W[0].long(), W[0].long()),
        "`x` has dtype torch.int64; it is floating point",
    ),
    (layer_norm, lambda: layer_norm(X.to(META), W[0], W[0]), AWAY),
    (rms_norm, lambda: rms_norm(X.long(), W[0].long()), "`x` has dtype torch.int64; it is floating point"),
    (LayerNorm, lambda: LayerNorm(2.5), "`width` is 2.5; it is a whole number, at least 0"),
    (LayerNorm, lambda: LayerNorm(4, math.nan), "`eps` is nan; it is at least 0"),
    (RMSNorm, lambda: RMSNorm(-1), "`width` is -1; it is at least 0"),
    (RMSNorm, lambda: RMSNorm(4)(X.to(META)), AWAY),
]
