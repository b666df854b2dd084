"""Sound to try a speech detector on: something like vowels in syllables, and pauses, in a little noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor

RATE = 16_000


def voice(B: int, T: int) -> Tensor:
    """(B, T) samples at 16 kHz, fp32; each row has a pitch of its own; every third half second is a pause."""
    t = torch.arange(T) / RATE
    draw = torch.Generator().manual_seed(0)

    def wave(hertz: float) -> Tensor:
        return torch.sin(2 * math.pi * hertz * t)

    formants = ((600 + 200 * wave(2.3), 120), (1500 + 400 * wave(1.7), 200), (2500 + 0 * t, 250))
    syllable = (wave(4) > -0.3) & ((2 * t).floor() % 3 != 2)
    rows = []
    for b in range(B):
        pitch = 110 * (1 + 0.2 * b) * (1 + 0.15 * wave(3))
        phase = 2 * math.pi * pitch.cumsum(0) / RATE
        sound = torch.zeros(T)
        for k in range(1, 30):
            loud = sum(torch.exp(-(((k * pitch - centre) / width) ** 2)) for centre, width in formants)
            sound += loud * torch.sin(k * phase)
        rows.append(0.2 * sound * syllable + 0.003 * torch.randn(T, generator=draw))
    return torch.stack(rows) if rows else torch.zeros(0, T)
