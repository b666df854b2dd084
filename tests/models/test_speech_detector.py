"""The speech detector: loop = hoisted, its transform = torch.stft, its LSTM = torch's, chunks join."""

from __future__ import annotations

import re
from functools import partial

import pytest
import torch

from seqdocs.models.speech_detector import SpeechDetector, fourier_basis
from tests.models.agreement import (
    BATCHES,
    LENGTHS,
    assert_batch_permutes,
    assert_chunks_join,
    assert_repeats,
    assert_same,
    with_gradients,
)


def network() -> SpeechDetector:
    """Weights large enough that all parts count."""
    torch.manual_seed(0)
    net = SpeechDetector().double()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.startswith(("lstm", "final")):
                parameter.mul_(3)
    return net


def sound(B: int, N: int) -> torch.Tensor:
    return torch.randn(B, N * 512, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def by_torch(net: SpeechDetector, x: torch.Tensor):
    """The published description with torch's own Fourier transform and LSTM."""
    rows = torch.nn.functional.pad(x, (64, 0)).unfold(1, 576, 512)
    B, N, _ = rows.shape
    rows = torch.nn.functional.pad(rows.flatten(0, 1), (0, 64), mode="reflect")
    window = torch.hann_window(256, dtype=x.dtype)
    y = torch.stft(rows, 256, 128, window=window, center=False, return_complex=True).abs()
    for conv in (net.conv1, net.conv2, net.conv3, net.conv4):
        y = conv(y).relu()
    lstm = torch.nn.LSTM(128, 128, batch_first=True).double()
    weights = {f"{name}_l0": value for name, value in net.lstm_cell.named_parameters()}
    h, _ = torch.func.functional_call(lstm, weights, (y.view(B, N, 128),))
    return torch.sigmoid(h.relu() @ net.final_conv.weight[0, :, 0] + net.final_conv.bias)


@pytest.mark.parametrize("N", LENGTHS)
@pytest.mark.parametrize("B", BATCHES)
def test_the_loop_is_the_hoisted_form(B, N):
    net = network()
    state = [torch.randn(B, size, dtype=torch.float64) for size in (64, 128, 128)]

    def run(method, x, *state):
        return net(x, state, method)

    assert_same(partial(run, "hoisted"), partial(run, "loop"), [sound(B, N), *state], net.parameters())


def test_it_is_the_description_with_torchs_own_parts():
    net, x = network(), sound(3, 7)
    with torch.no_grad():
        net.stft_conv.weight.copy_(fourier_basis(torch.float64))
    for mine, right in zip(
        with_gradients(lambda x: net(x)[0], [x], [net.conv1.weight, net.lstm_cell.weight_hh]),
        with_gradients(lambda x: by_torch(net, x), [x], [net.conv1.weight, net.lstm_cell.weight_hh]),
        strict=True,
    ):
        torch.testing.assert_close(mine, right, rtol=1e-9, atol=1e-10)


def test_the_basis_is_the_fourier_transform_of_a_frame_under_the_window():
    frame = torch.randn(256, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    right = torch.fft.rfft(frame * torch.hann_window(256, dtype=torch.float64))
    found = (fourier_basis(torch.float64)[:, 0] @ frame).chunk(2)
    torch.testing.assert_close(torch.complex(*found), right, rtol=1e-10, atol=1e-10)


def test_parts_of_a_sound_give_what_the_whole_gives():
    assert_chunks_join(network().requires_grad_(False), sound(2, 5), [512, 0, 1024, 512, 512])


def test_no_chunk_hears_the_future_and_every_chunk_the_past():
    x = sound(1, 4).requires_grad_()
    p, _ = network()(x)
    for n in range(4):
        (gradient,) = torch.autograd.grad(p[0, n], x, retain_graph=True)
        per_chunk = gradient.view(4, 512).abs().sum(1)
        assert per_chunk[n + 1 :].eq(0).all()
        assert per_chunk[: n + 1].gt(0).all()


def test_silence_has_a_gradient():
    silence = torch.zeros(1, 1024, dtype=torch.float64, requires_grad=True)
    network()(silence)[0].sum().backward()
    assert silence.grad.isfinite().all()


def test_rows_do_not_hear_each_other_and_runs_repeat():
    net = network().requires_grad_(False)
    assert_batch_permutes(lambda x: net(x)[0], sound(3, 2))
    assert_repeats(lambda: net(sound(2, 3)))


NET = SpeechDetector()
REFUSED = [
    (lambda: NET(torch.zeros(1, 500)), "`x` has shape (1, 500); it is (B, T), T a multiple of 512 samples"),
    (lambda: NET(torch.zeros(512)), "`x` has shape (512,); it is (B, T), T a multiple of 512 samples"),
    (
        lambda: NET(torch.zeros(1, 512).double()),
        "`x` is torch.float64 but the parameters are torch.float32; convert one of them",
    ),
    (lambda: NET(torch.zeros(1, 512), method="fast"), '`method` is \'fast\'; it is "loop" or "hoisted"'),
    (
        lambda: NET(torch.zeros(2, 512), (torch.zeros(1, 64), torch.zeros(2, 128), torch.zeros(2, 128))),
        "`state` has shapes ((1, 64), (2, 128), (2, 128)); they are (B, 64), (B, H) and (B, H) = "
        "((2, 64), (2, 128), (2, 128))",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
