r"""A speech detector: short Fourier transforms, four convolutions, one LSTM step for every 32 ms of sound.

Letters: B batch · T samples · N chunks of 512 samples (T = 512 N) · F frequencies, 129.

::

    spectrum[n] = |STFT of chunk n and the 64 samples before it|          (B, F, 4 frames)
    e[n] = ReLU conv, four times; strides 1, 2, 2, 1                      (B, 128, 1)
    h[n], c[n] = LSTM step(e[n], h[n-1], c[n-1]),   p[n] = σ(w · ReLU(h[n]) + b)

A chunk alone cannot tell speech from a hum: the LSTM remembers what was heard before. All that stands before
the LSTM needs no memory, so it can be computed for all chunks at once; the LSTM cannot.

Conventions: sound at 16 kHz in -1 … 1. A chunk is read with the last 64 samples of the chunk before it (zeros
before the first) and mirrored at its end, so that the transform has four frames of 256 samples, 128 apart.
Parameters are named and shaped as in ``silero_vad_16k.safetensors``; :mod:`seqdocs.weights.silero` loads it.

>>> import torch
>>> net = SpeechDetector()
>>> p, state = net(torch.zeros(1, 3 * 512))
>>> p.shape, [tuple(part.shape) for part in state]
(torch.Size([1, 3]), [(1, 64), (1, 128), (1, 128)])

Source: Silero Team, "Silero VAD: pre-trained enterprise-grade voice activity detector", version 6.2, file
``silero_vad/tinygrad_model.py`` (the network), https://github.com/snakers4/silero-vad
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqdocs import checks
from seqdocs.models.lstm import lstm_step

CHUNK, CONTEXT, FRAME, HOP = 512, 64, 256, 128  # samples
HIDDEN = 128
Method = Literal["loop", "hoisted"]
State = tuple[Tensor, Tensor, Tensor]


def fourier_basis(dtype: torch.dtype = torch.float32) -> Tensor:
    """A short-time Fourier transform as the kernel of a convolution: cosines, then sines, under a window.

    Args:
        dtype: of the result.

    Returns:
        (2 F, 1, 256): row k is w[s] cos(2π k s / 256), row F + k is -w[s] sin(2π k s / 256), where
        w[s] = sin²(π s / 256) is the periodic Hann window.
    """
    s = torch.arange(FRAME, dtype=torch.float64)
    angle = 2 * math.pi / FRAME * (torch.arange(FRAME // 2 + 1)[:, None] * s).remainder(FRAME)
    window = torch.sin(math.pi * s / FRAME).square()
    return (torch.cat((angle.cos(), -angle.sin())) * window)[:, None].to(dtype)


class SpeechDetector(nn.Module):
    """The network, randomly initialised but for the Fourier transform."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, FRAME + 2, FRAME, stride=HOP, bias=False)
        self.conv1 = nn.Conv1d(FRAME // 2 + 1, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, HIDDEN, 3, padding=1)
        self.lstm_cell = nn.LSTMCell(HIDDEN, HIDDEN)  # holds the parameters; the step is our own
        self.final_conv = nn.Conv1d(HIDDEN, 1, 1)
        with torch.no_grad():
            self.stft_conv.weight.copy_(fourier_basis())

    def forward(self, x: Tensor, state: State | None = None, method: Method = "loop") -> tuple[Tensor, State]:
        """Listen.

        Args:
            x: samples at 16 kHz, (B, T), T a multiple of 512.
            state: the last 64 samples before ``x``, (B, 64), and the LSTM's h and c, (B, 128) each; zeros if
                omitted.
            method: "loop" over the chunks, or "hoisted": the convolutions of all chunks at once, then the
                loop over the LSTM's steps.

        Returns:
            Probability that each chunk holds speech, (B, N), and the state after the last.

        Raises:
            ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        """
        heard, h, c = self._check(x, state, method)
        known = torch.cat((heard, x), 1)
        starts = range(0, x.shape[1], CHUNK)
        chunks = [known[:, start : start + CONTEXT + CHUNK] for start in starts]  # (B, 576), overlapping
        if method == "hoisted" and chunks:
            encoded = self.encode(torch.cat(chunks)).chunk(len(chunks))
        else:
            encoded = tuple(self.encode(chunk) for chunk in chunks)
        cell = self.lstm_cell
        weights = (cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)
        outputs = []
        for e in encoded:
            h, c = lstm_step(e, h, c, weights)
            outputs.append(torch.sigmoid(self.final_conv(F.relu(h)[:, :, None]))[:, :, 0])
        p = torch.cat(outputs, 1) if outputs else x.new_zeros(len(x), 0)
        return p, (known[:, -CONTEXT:], h, c)

    def encode(self, chunks: Tensor) -> Tensor:
        """What one chunk sounds like, whatever came before: (rows, 576) to (rows, 128)."""
        mirrored = F.pad(chunks, (0, CONTEXT), "reflect")
        re, im = self.stft_conv(mirrored[:, None]).chunk(2, dim=1)
        y = torch.complex(re, im).abs()  # (rows, F, 4); its gradient at silence is 0, a root's would be nan
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            y = F.relu(conv(y))
        return y[:, :, 0]

    def _check(self, x: Tensor, state: State | None, method: str) -> State:
        checks.one_of("method", method, "loop", "hoisted")
        if x.ndim != 2 or x.shape[1] % CHUNK:
            raise ValueError(f"`x` has shape {tuple(x.shape)}; it is (B, T), T a multiple of {CHUNK} samples")
        checks.alike("x", x, self.conv1.weight)
        shapes = [(len(x), size) for size in (CONTEXT, HIDDEN, HIDDEN)]
        heard, h, c = checks.begin_all(state, "(B, 64), (B, H) and (B, H)", shapes, x)
        return heard, h, c
