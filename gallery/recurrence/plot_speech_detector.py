"""
An LSTM that listens
====================

Real weights in our LSTM: the speech detector of Silero hears noise, a tone and something like speech, all
made by a formula here. Then we take its memory away between any two chunks.
"""

# %%
# Three sounds
# ------------
# The same time of each: noise; a tone, the A above middle C; a voice. The voice is a buzz at the pitch of a
# man's, shaped by the resonances, or *formants*, of five vowels, in syllables with pauses between. Before and
# after each there is near silence. Nobody speaks here: what is speech-like about it is enough, or it is not.
#
# The weights come from the package ``silero-vad`` (``pip install silero-vad safetensors``); where it is
# missing, this page says so and shows no probability.

import math

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.weights.data_package import WeightsError
from seqdocs.weights.silero import load_silero

RATE = 16000
CHUNK = 512  # samples that the detector hears at once
VOWELS = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240))


def resonance(sound, frequency, bandwidth=90.0):
    """The sound through one formant: a filter of second order, by its impulse response."""
    n = torch.arange(2048, dtype=sound.dtype)
    rung = torch.exp(-math.pi * bandwidth * n / RATE) * torch.sin(2 * math.pi * frequency * n / RATE)
    size = len(sound) + len(n)
    return torch.fft.irfft(torch.fft.rfft(sound, size) * torch.fft.rfft(rung, size), size)[: len(sound)]


def voice(seconds, draw):
    """A buzz in syllables, each with the formants of a vowel."""
    count = int(seconds * RATE)
    time = torch.arange(count, dtype=torch.float64) / RATE
    pitch = 130 + 20 * torch.sin(2 * math.pi * 0.9 * time) + 3 * torch.sin(2 * math.pi * 5 * time)
    phase = torch.cumsum(pitch, 0) / RATE
    pulses = torch.diff(phase.floor(), prepend=torch.zeros(1, dtype=torch.float64))
    breath = 0.02 * torch.randn(count, generator=draw, dtype=torch.float64)
    sound = torch.zeros_like(time)
    for number, formants in enumerate(VOWELS):
        begin, length = seconds * number / len(VOWELS), seconds / len(VOWELS)
        within = ((time - begin) / (0.8 * length)).clamp(0, 1)
        syllable = (pulses + breath) * torch.sin(math.pi * within).square()
        for loudness, frequency in zip((1.0, 0.6, 0.3), formants, strict=True):
            sound = sound + loudness * resonance(syllable, frequency)
    return 0.3 * sound / sound.abs().max()


def scene(seconds):
    """The sounds one after the other, and near silence around; where each begins and ends, in seconds."""
    draw = torch.Generator().manual_seed(0)
    count = int(seconds * RATE)
    time = torch.arange(count, dtype=torch.float64) / RATE
    sounds = {
        "noise": 0.1 * torch.randn(count, generator=draw, dtype=torch.float64),
        "tone": 0.3 * torch.sin(2 * math.pi * 440 * time),
        "voice": voice(seconds, draw),
    }
    pause = torch.zeros(RATE // 4, dtype=torch.float64)
    parts, spans, at = [pause], {}, len(pause)
    for name, sound in sounds.items():
        spans[name] = at / RATE, (at + count) / RATE
        parts += [sound, pause]
        at += count + len(pause)
    whole = torch.cat(parts)
    whole = whole + 0.001 * torch.randn(len(whole), generator=draw, dtype=torch.float64)
    return whole[: len(whole) // CHUNK * CHUNK].float(), spans


@experiment(small={"seconds": 0.5}, seconds=60, packages=("silero-vad", "safetensors"))
def listening(device, *, seconds=2.0):
    """Probability of speech over time, with the LSTM's memory and with it cleared before every chunk."""
    sound, spans = scene(seconds)
    heard = {"time": [(n + 0.5) * CHUNK / RATE for n in range(len(sound) // CHUNK)], "spans": spans}
    heard["sound"] = sound.view(-1, CHUNK).abs().amax(1).tolist()
    try:
        net = load_silero().to(device)
    except WeightsError as error:
        return heard | {"missing": str(error), "table": table(["sound", "heard as"], [])}
    x = sound[None].to(device)
    p, _ = net(x, method="hoisted")
    before = torch.cat((torch.zeros_like(x[:, :CHUNK]), x[:, :-CHUNK]), 1)[0].view(-1, CHUNK)[:, -64:]
    zeros = before.new_zeros(len(before), 128)
    alone, _ = net(x[0].view(-1, CHUNK), (before, zeros, zeros.clone()))
    curves = {"with memory": p[0].tolist(), "memory cleared": alone[:, 0].tolist()}
    rows, most = [], {}
    for name, (begin, end) in spans.items():
        inside = [n for n, at in enumerate(heard["time"]) if begin <= at <= end]
        shares = [100 * sum(curve[n] > 0.5 for n in inside) / len(inside) for curve in curves.values()]
        rows.append([name, *(quantity(share, "%") for share in shares)])
        most[name] = quantity(max(curves["with memory"][n] for n in inside), "")
    return heard | {
        "curves": curves,
        "most": most,
        "weights": quantity(sum(parameter.numel() for parameter in net.parameters()), "weights"),
        "chunk": quantity(CHUNK / RATE, "s"),
        "table": table(["sound", "called speech, with memory", "called speech, memory cleared"], rows),
    }


for run in listening():
    result = run.record["result"]
    missing = result.get("missing")
    told = missing or "; ".join(
        f"{row[0]}: {row[1]['value']:.0f} % of the chunks are called speech, without memory "
        f"{row[2]['value']:.0f} %"
        for row in run["table"]["rows"]
    )
    fig, (top, bottom) = figures.figure(
        alt="Above, the loudness of noise, a tone and a voice over time. Below, the probability of speech. "
        f"{told}.",
        caption=f"Sounds made by a formula, and what the detector makes of them. {missing or ''}",
        run=run,
        rows=2,
        height=4.2,
        sharex=True,
    )
    top.fill_between(run["time"], run["sound"], color=figures.GREY, linewidth=0)
    top.set(ylabel="amplitude", ylim=(0, 0.5))
    for name, (begin, end) in run["spans"].items():
        top.text((begin + end) / 2, 0.45, name, ha="center")
        bottom.axvspan(begin, end, color=figures.GREY, alpha=0.1, linewidth=0)
    for (name, curve), colour in zip(
        result.get("curves", {}).items(), (figures.BLUE, figures.VERMILION), strict=False
    ):
        bottom.plot(run["time"], curve, color=colour, label=name)
    bottom.set(xlabel="seconds", ylabel="probability of speech", ylim=(-0.03, 1.03))
    if missing:
        bottom.text(run["time"][0], 0.5, missing, fontsize=8)
    else:
        bottom.legend(loc="center left")

# %%
# What to take away
# -----------------
# The state of one LSTM is all the memory this detector has. A chunk alone already sounds like a voice or not;
# with what came before it the detector is surer of it and wavers less. The network before the LSTM sees one
# chunk at a time and can be computed for all of them at once; the LSTM takes its steps one by one.
# Next to read: :term:`LSTM`, :term:`recurrent neural network`.

if __name__ == "__main__":
    figures.show()
