"""Bad input to scans and what is built on them: linear recurrences, matrix memories, convolutions."""

import math

import torch

from seqdocs.models.causal_convolution import causal_convolution
from seqdocs.models.delta_rule import delta_rule
from seqdocs.models.gated_linear_attention import gated_linear_attention
from seqdocs.models.linear_attention import features, linear_attention
from seqdocs.models.linear_rnn import LinearRNN
from seqdocs.models.lru import LRU
from seqdocs.models.mamba import Mamba
from seqdocs.models.minimal import MinGRU, MinLSTM
from seqdocs.models.mlstm import mlstm
from seqdocs.models.qrnn import QRNN
from seqdocs.models.retention import decay, retention
from seqdocs.models.s4d import S4D
from seqdocs.models.selective_scan import selective_scan
from seqdocs.models.tcn import TCN
from seqdocs.scan import associative_scan, scan
from tests.refusals.row import AWAY, META, Row

D, H = 3, 4
X = torch.zeros(2, 5, D)
h = torch.zeros(2, H)
Q = torch.zeros(2, 1, 5, 3)  # (B, n, T, K)
G, S = Q[..., 0], torch.zeros(2, 1, 3, 3)
KERNEL = torch.zeros(H, D, 2)
A, B = torch.zeros(D, 2), torch.zeros(2, 5, 2)


ROWS: list[Row] = [
    (scan, lambda: scan(X, X.to(META)), "`a` is on cpu but `b` is on meta; move one of them"),
    (
        scan,
        lambda: scan(X, X, X[:, 0].double()),
        "`h0` is torch.float64 but `b` is torch.float32; convert one of them",
    ),
    (
        associative_scan,
        lambda: associative_scan(max, (X,), 7),
        "`dim` is 7; it is one of the 3 dimensions of `elements[0]`",
    ),
    (
        associative_scan,
        lambda: associative_scan(max, (torch.ones(()),), 0),
        "`dim` is 0; it is one of the 0 dimensions of `elements[0]`",
    ),
    (
        associative_scan,
        lambda: associative_scan(max, (), 0),
        "`elements` have lengths [] along dim 0; they need one length, and one tensor",
    ),
    (LinearRNN, lambda: LinearRNN(D, 4.5), "`state_size` is 4.5; it is a whole number, at least 1"),
    (LinearRNN, lambda: LinearRNN(D, H)(X.to(META)), AWAY),
    (
        LinearRNN,
        lambda: LinearRNN(D, H)(X, h.double()),
        "`state` is torch.float64 but `x` is torch.float32; convert one of them",
    ),
    (LRU, lambda: LRU(D, math.nan), "`state_size` is nan; it is a whole number, at least 1"),
    (LRU, lambda: LRU(D, H)(X.to(META)), AWAY),
    (MinGRU, lambda: MinGRU(D, math.nan), "`hidden_size` is nan; it is a whole number, at least 1"),
    (MinGRU, lambda: MinGRU(D, H)(X.to(META)), AWAY),
    (
        MinGRU,
        lambda: MinGRU(D, H)(X, h.double()),
        "`state` is torch.float64 but `x` is torch.float32; convert one of them",
    ),
    (MinLSTM, lambda: MinLSTM(D, H)(X.to(META)), AWAY),
    (QRNN, lambda: QRNN(D, H, 2.5), "`kernel_size` is 2.5; it is a whole number, at least 1"),
    (QRNN, lambda: QRNN(D, H)(X.to(META)), AWAY),
    (
        QRNN,
        lambda: QRNN(D, H)(X, (X[:, :1], h.double())),
        "`state[1]` is torch.float64 but `x` is torch.float32; convert one of them",
    ),
    (S4D, lambda: S4D(D, 4.5), "`state_size` is 4.5; it is a whole number, at least 1"),
    (S4D, lambda: S4D(D, H)(X.to(META)), AWAY),
    (S4D, lambda: S4D(D, H).kernel(math.nan), "`T` is nan; it is a whole number, at least 0"),
    (Mamba, lambda: Mamba(D, rank=0), "`rank` is 0; it is at least 1"),
    (Mamba, lambda: Mamba(math.nan), "`width` is nan; it is a whole number, at least 1"),
    (Mamba, lambda: Mamba(D)(X.to(META)), AWAY),
    (
        Mamba,
        lambda: Mamba(D)(X, (torch.zeros(2, 3, 6).double(), torch.zeros(2, 6, 16))),
        "`state[0]` is torch.float64 but `x` is torch.float32; convert one of them",
    ),
    (TCN, lambda: TCN(D, [4, 4.5]), "`channels[1]` is 4.5; it is a whole number, at least 1"),
    (TCN, lambda: TCN(D, [4])(X.to(META)), AWAY),
    (
        TCN,
        lambda: TCN(D, [4], 2)(X, (X[:, :1], torch.zeros(2, 1, 4).double())),
        "`state[1]` is torch.float64 but `x` is torch.float32; convert one of them",
    ),
    (
        causal_convolution,
        lambda: causal_convolution(X.long(), KERNEL.long()),
        "`x` has dtype torch.int64; it is real or complex floating point",
    ),
    (
        causal_convolution,
        lambda: causal_convolution(X, KERNEL, torch.zeros(3)),
        "`bias` has shape (3,); it is (O,) = (4,)",
    ),
    (
        causal_convolution,
        lambda: causal_convolution(X, KERNEL, torch.zeros(H).double()),
        "`bias` is torch.float64 but `weight` is torch.float32; convert one of them",
    ),
    (
        causal_convolution,
        lambda: causal_convolution(X, KERNEL, None, X[:, :1].double()),
        "`window` is torch.float64 but `x` is torch.float32; convert one of them",
    ),
    (
        causal_convolution,
        lambda: causal_convolution(X, KERNEL, dilation=1.5),
        "`dilation` is 1.5; it is a whole number, at least 1",
    ),
    (
        selective_scan,
        lambda: selective_scan(X.long(), X, A, B, B, A[:, 0]),
        "`x` has dtype torch.int64; it is floating point",
    ),
    (
        selective_scan,
        lambda: selective_scan(X, X, A.to(META), B, B, A[:, 0]),
        "`A` is on meta but `x` is on cpu; move one of them",
    ),
    (
        gated_linear_attention,
        lambda: gated_linear_attention(Q.long(), Q.long(), Q.long()),
        "`q` has dtype torch.int64; it is floating point",
    ),
    (
        gated_linear_attention,
        lambda: gated_linear_attention(Q, Q.to(META), Q),
        "`k` is on meta but `q` is on cpu; move one of them",
    ),
    (
        gated_linear_attention,
        lambda: gated_linear_attention(Q, Q, Q, None, S.double()),
        "`state` is torch.float64 but `q` is torch.float32; convert one of them",
    ),
    (
        gated_linear_attention,
        lambda: gated_linear_attention(Q, Q, Q, torch.zeros(2)),
        "`log_gate` has shape (2,); it broadcasts to (B, n, T, K) = (2, 1, 5, 3)",
    ),
    (
        linear_attention,
        lambda: linear_attention(Q.long(), Q, Q),
        "`q` has dtype torch.int64; it is floating point",
    ),
    (
        linear_attention,
        lambda: linear_attention(Q, Q.to(META), Q),
        "`k` is on meta but `q` is on cpu; move one of them",
    ),
    (features, lambda: features(Q.long()), "`x` has dtype torch.int64; it is floating point"),
    (retention, lambda: retention(Q.long(), Q, Q), "`q` has dtype torch.int64; it is floating point"),
    (retention, lambda: retention(Q, Q.to(META), Q), "`k` is on meta but `q` is on cpu; move one of them"),
    (decay, lambda: decay(math.nan), "`heads` is nan; it is a whole number, at least 1"),
    (
        delta_rule,
        lambda: delta_rule(Q.long(), Q.long(), Q.long(), G.long()),
        "`q` has dtype torch.int64; it is floating point",
    ),
    (
        delta_rule,
        lambda: delta_rule(Q, Q, Q, G.to(META)),
        "`beta` is on meta but `q` is on cpu; move one of them",
    ),
    (mlstm, lambda: mlstm(Q.long(), Q, Q, G, G), "`q` has dtype torch.int64; it is floating point"),
    (mlstm, lambda: mlstm(Q, Q, Q.to(META), G, G), "`v` is on meta but `q` is on cpu; move one of them"),
    (
        mlstm,
        lambda: mlstm(Q, Q, Q, G, G, (S, S[:, :, 0].double(), S[:, :, 0, 0])),
        "`state[1]` is torch.float64 but `q` is torch.float32; convert one of them",
    ),
]
