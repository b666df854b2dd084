"""Bad input to what walks through time: cells, layers, gradients by hand, and their helpers."""

import math

import torch
from torch import nn

from seqdocs.models.bidirectional import both_ways
from seqdocs.models.bptt import bptt, states, truncated_bptt
from seqdocs.models.clipping import clip_by_norm, clip_by_value
from seqdocs.models.deer import deer, newton_iteration
from seqdocs.models.feedforward import WindowFeedforward
from seqdocs.models.gru import GRU, gru_step
from seqdocs.models.jacobian import set_spectral_radius, state_jacobian_norms
from seqdocs.models.jordan import Jordan
from seqdocs.models.lstm import LSTM, lstm_step, set_forget_bias
from seqdocs.models.lstm_variants import LSTM1997, PeepholeLSTM
from seqdocs.models.orthogonal import OrthogonalRNN, modrelu, rotation
from seqdocs.models.packed import check_lengths, pack
from seqdocs.models.recurrent import Recurrent, check_step
from seqdocs.models.reservoir import EchoState, ridge_readout
from seqdocs.models.rnn import RNN, rnn_step
from seqdocs.models.rtrl import rtrl, rtrl_step
from seqdocs.models.speech_detector import SpeechDetector
from seqdocs.models.stale_gradient import descend, largest_stable_rate
from tests.refusals.row import AWAY, META, Row

D, H = 3, 4
X = torch.zeros(2, 5, D)
x, h = X[:, 0], torch.zeros(2, H)
W1, W3, W4 = (
    (torch.zeros(g * H, D), torch.zeros(g * H, H), torch.zeros(g * H), torch.zeros(g * H)) for g in (1, 3, 4)
)


ROWS: list[Row] = [
    (RNN, lambda: RNN(3, 4.5), "`hidden_size` is 4.5; it is a whole number, at least 1"),
    (RNN, lambda: RNN(3, 4, num_layers=math.nan), "`num_layers` is nan; it is a whole number, at least 1"),
    (RNN, lambda: RNN(3, True), "`hidden_size` is True; it is a whole number, at least 1"),
    (RNN, lambda: RNN(D, H)(X.to(META)), AWAY),
    (
        RNN,
        lambda: RNN(D, H)(X, torch.zeros(1, 2, H, device=META)),
        "`state` is on meta but `x` is on cpu; move one of them",
    ),
    (GRU, lambda: GRU(D, H)(X.to(META)), AWAY),
    (LSTM, lambda: LSTM(D, H)(X.to(META)), AWAY),
    (
        LSTM,
        lambda: LSTM(D, H)(X, lengths=[math.nan, 5.0]),
        "`lengths` are torch.float32 and hold nan; they are whole numbers from 0 to T = 5",
    ),
    (LSTM1997, lambda: LSTM1997(D, H)(X.to(META)), AWAY),
    (PeepholeLSTM, lambda: PeepholeLSTM(D, H)(X.to(META)), AWAY),
    (Recurrent, lambda: Recurrent(-1, H), "`input_size` is -1; it is at least 0"),
    (
        check_step,
        lambda: check_step(1, x, h, W1[:3]),
        "`weights` holds 3 tensors; it holds W_ih, W_hh, b_ih and b_hh",
    ),
    (rnn_step, lambda: rnn_step(x, h, W1, "gelu"), '`nonlinearity` is \'gelu\'; it is "tanh" or "relu"'),
    (rnn_step, lambda: rnn_step(x.to(META), h, W1), "`x` is on meta but `W_ih` is on cpu; move one of them"),
    (
        rnn_step,
        lambda: rnn_step(x.double(), h, W1),
        "`x` is torch.float64 but `W_ih` is torch.float32; convert one of them",
    ),
    (gru_step, lambda: gru_step(x, h, W3, "never"), '`reset` is \'never\'; it is "after" or "before"'),
    (gru_step, lambda: gru_step(x, h.to(META), W3), "`h` is on meta but `W_ih` is on cpu; move one of them"),
    (
        gru_step,
        lambda: gru_step(x, h.double(), W3),
        "`h` is torch.float64 but `W_ih` is torch.float32; convert one of them",
    ),
    (
        lstm_step,
        lambda: lstm_step(x, h, h.to(META), W4),
        "`c` is on meta but `h` is on cpu; move one of them",
    ),
    (
        lstm_step,
        lambda: lstm_step(x, h, h.double(), W4),
        "`c` is torch.float64 but `h` is torch.float32; convert one of them",
    ),
    (
        set_forget_bias,
        lambda: set_forget_bias(LSTM1997(D, H), 1.0),
        "`lstm` is LSTM1997; it is an LSTM with a forget gate and biases",
    ),
    (
        set_forget_bias,
        lambda: set_forget_bias(GRU(D, H), 1.0),
        "`lstm` is GRU; it is an LSTM with a forget gate and biases",
    ),
    (set_forget_bias, lambda: set_forget_bias(LSTM(D, H), math.nan), "`bias` is nan; it is finite"),
    (
        set_forget_bias,
        lambda: set_forget_bias(nn.LSTM(D, H, bias=False), 1.0),
        "`lstm` is LSTM; it is an LSTM with a forget gate and biases",
    ),
    (Jordan, lambda: Jordan(3, 4.5, 2), "`hidden_size` is 4.5; it is a whole number, at least 1"),
    (Jordan, lambda: Jordan(D, H, 2)(X.to(META)), AWAY),
    (
        Jordan,
        lambda: Jordan(D, H, 2)(X, torch.zeros(2, 2).double()),
        "`state` is torch.float64 but `x` is torch.float32; convert one of them",
    ),
    (
        OrthogonalRNN,
        lambda: OrthogonalRNN(D, math.nan),
        "`hidden_size` is nan; it is a whole number, at least 1",
    ),
    (OrthogonalRNN, lambda: OrthogonalRNN(D, H)(X.to(META)), AWAY),
    (
        OrthogonalRNN,
        lambda: OrthogonalRNN(D, H)(X, h.double()),
        "`state` is torch.float64 but `x` is torch.float32; convert one of them",
    ),
    (
        rotation,
        lambda: rotation(torch.eye(3).long()),
        "`A` has dtype torch.int64; it is real or complex floating point",
    ),
    (
        modrelu,
        lambda: modrelu(h, torch.zeros(3)),
        "`b` has shape (3,); it broadcasts to the shape of `z` = (2, 4)",
    ),
    (
        modrelu,
        lambda: modrelu(h, torch.zeros(H).double()),
        "`b` is torch.float64 but `z` is torch.float32; convert one of them",
    ),
    (EchoState, lambda: EchoState(D, H, input_scale=math.nan), "`input_scale` is nan; it is finite"),
    (EchoState, lambda: EchoState(D, H)(X.to(META)), AWAY),
    (
        EchoState,
        lambda: EchoState(D, H)(X, h.double()),
        "`state` is torch.float64 but `x` is torch.float32; convert one of them",
    ),
    (
        ridge_readout,
        lambda: ridge_readout(X.long(), X, 1.0),
        "`h` has dtype torch.int64; it is floating point",
    ),
    (
        ridge_readout,
        lambda: ridge_readout(X, X.double(), 1.0),
        "`y` is torch.float64 but `h` is torch.float32; convert one of them",
    ),
    (
        WindowFeedforward,
        lambda: WindowFeedforward(2.5, D, H),
        "`window` is 2.5; it is a whole number, at least 1",
    ),
    (WindowFeedforward, lambda: WindowFeedforward(2, D, H)(X.to(META)), AWAY),
    (SpeechDetector, lambda: SpeechDetector()(torch.zeros(1, 512, device=META)), AWAY),
    (
        bptt,
        lambda: bptt(X.double(), h, W1, torch.zeros_like),
        "`x` is torch.float64 but `W_ih` is torch.float32; convert one of them",
    ),
    (
        bptt,
        lambda: bptt(X, h, W1[:3], torch.zeros_like),
        "`weights` holds 3 tensors; it holds W_ih, W_hh, b_ih and b_hh",
    ),
    (
        truncated_bptt,
        lambda: truncated_bptt(X, h, W1, torch.zeros_like, k1=1, k2=math.nan),
        "`k2` is nan; it is a whole number, at least 1",
    ),
    (states, lambda: states(X, h.to(META), W1), "`h` is on meta but `W_ih` is on cpu; move one of them"),
    (
        rtrl,
        lambda: rtrl(X.double(), h, W1, torch.zeros_like),
        "`x` is torch.float64 but `W_ih` is torch.float32; convert one of them",
    ),
    (
        rtrl_step,
        lambda: rtrl_step(x, h, torch.zeros(2, H, H * (D + H + 1)).double(), W1),
        "`S` is torch.float64 but `h` is torch.float32; convert one of them",
    ),
    (
        deer,
        lambda: deer(lambda x, h: h[:, :2], X, h),
        "`step` returned (10, 2); for states of width 4 it is (10, 4)",
    ),
    (
        deer,
        lambda: deer(lambda x, h: h, X, h.to(META)),
        "`h0` is on meta but `x` is on cpu; move one of them",
    ),
    (
        deer,
        lambda: deer(lambda x, h: h, X, h, max_iterations=2.5),
        "`max_iterations` is 2.5; it is a whole number, at least 0",
    ),
    (
        newton_iteration,
        lambda: newton_iteration(lambda x, h: h, X, h, X),
        "`guess` has shape (2, 5, 3); it is (B, T, H) = (2, 5, 4)",
    ),
    (
        newton_iteration,
        lambda: newton_iteration(lambda x, h: h, X[0], h, X),
        "`x` has shape (5, 3); it is (B, T, D)",
    ),
    (
        clip_by_norm,
        lambda: clip_by_norm([h.long()], 1.0),
        "`gradients[0]` has dtype torch.int64; it is real or complex floating point",
    ),
    (clip_by_norm, lambda: clip_by_norm([h], math.nan), "`max_norm` is nan; it is above zero"),
    (
        clip_by_value,
        lambda: clip_by_value([h, h.to(META)], 1.0),
        "`gradients[1]` is on meta but `gradients[0]` is on cpu; move one of them",
    ),
    (
        state_jacobian_norms,
        lambda: state_jacobian_norms(lambda x: x, X[:1].long(), [0]),
        "`x` has dtype torch.int64; it is floating point",
    ),
    (
        state_jacobian_norms,
        lambda: state_jacobian_norms(lambda x: x, X[:1], [0.5]),
        "`lags[0]` is 0.5; it is a whole number, at least 0",
    ),
    (
        set_spectral_radius,
        lambda: set_spectral_radius(torch.eye(3).long(), 0.9),
        "`weight` has dtype torch.int64; it is floating point",
    ),
    (
        set_spectral_radius,
        lambda: set_spectral_radius(torch.eye(3), math.nan),
        "`radius` is nan; it is finite and not negative",
    ),
    (pack, lambda: pack(x), "`x` has shape (2, 3); it is (B, T, D)"),
    (
        check_lengths,
        lambda: check_lengths([math.nan, 1.0], 2, 5),
        "`lengths` are torch.float32 and hold nan; they are whole numbers from 0 to T = 5",
    ),
    (both_ways, lambda: both_ways(x, [], None), "`walks` holds 0; it holds one or two"),
    (descend, lambda: descend(lambda w: w, torch.ones(1), math.nan, [0]), "`rate` is nan; it is finite"),
    (
        descend,
        lambda: descend(lambda w: w, torch.ones(1), 0.1, [0.5]),
        "`delays[0]` is 0.5; it is a whole number, at least 0",
    ),
    (
        largest_stable_rate,
        lambda: largest_stable_rate(math.nan),
        "`delay` is nan; it is a whole number, at least 0",
    ),
]
